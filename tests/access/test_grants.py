"""What a role may do, and where."""

import pytest

from surveillance.access.person import Grant, Person
from surveillance.access.role import PERMISSIONS, Permission, Role

SMALL_NUMBERS = {Permission.READ_CASES, Permission.DECIDE, Permission.ACT, Permission.ERASE}


def test_every_role_has_its_row() -> None:
    assert set(PERMISSIONS) == set(Role)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.PARTNER, Role.OPERATOR])
def test_only_leads_and_analysts_come_near_small_numbers(role: Role) -> None:
    assert not PERMISSIONS[role] & SMALL_NUMBERS


def test_nobody_may_do_everything() -> None:
    assert all(PERMISSIONS[role] < set(Permission) for role in Role)


def test_a_grant_ends_at_its_scope_and_use_case() -> None:
    lead = Person("lead", (Grant(Role.LEAD, frozenset({"north"}), frozenset({"falls"})),))
    assert lead.may(Permission.ACT, "north", "falls")
    assert not lead.may(Permission.ACT, "south", "falls")
    assert not lead.may(Permission.ACT, "north", "overdose")
    assert lead.may(Permission.ACT)


def test_grants_do_not_lend_each_other_places() -> None:
    person = Person(
        "two-hats", (Grant(Role.LEAD, frozenset({"north"})), Grant(Role.VIEWER, frozenset({"south"})))
    )
    assert person.may(Permission.READ_ALERTS, "south")
    assert not person.may(Permission.READ_CASES, "south")


def test_nobody_without_a_grant_may_anything() -> None:
    assert not any(Person("nobody").may(permission) for permission in Permission)


def test_the_reach_of_a_person_is_every_pair_that_one_of_the_grants_covers() -> None:
    person = Person(
        "two-hats",
        (
            Grant(Role.LEAD, frozenset({"north"}), frozenset({"falls"})),
            Grant(Role.VIEWER, frozenset({"south"})),
        ),
    )
    use_cases, scopes = ("falls", "overdose"), ("north", "south")
    assert person.reach(Permission.READ_CASES, use_cases, scopes) == {("falls", "north")}
    assert person.reach(Permission.READ_ALERTS, use_cases, scopes) == {
        ("falls", "north"),
        ("falls", "south"),
        ("overdose", "south"),
    }
