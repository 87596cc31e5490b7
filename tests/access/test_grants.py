"""What a role may do, and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.access.person import Grant, Person, deputy_grants
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


IDS = st.none() | st.frozensets(st.sampled_from(["north", "south", "falls"]), min_size=1)
PARTNERS = st.none() | st.frozensets(st.sampled_from(["alpha", "beta"]), min_size=1)
GRANTS = st.builds(Grant, st.sampled_from(Role), IDS, IDS) | st.builds(
    Grant, st.just(Role.PARTNER), IDS, IDS, PARTNERS
)


@given(GRANTS)
def test_a_grant_is_read_as_it_is_written(grant: Grant) -> None:
    assert Grant.parse(str(grant)) == grant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chief",
        "lead:",
        "lead:a,",
        "lead:*,a",
        "lead:a:b:c",
        "lead:a:",
        "lead:*:*:alpha",
        "partner:*:*:*",
        "partner:*:*:",
        "partner:*:*:alpha:beta",
    ],
)
def test_what_is_no_grant_is_refused_with_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match="a grant is ROLE"):
        Grant.parse(text)


@given(st.lists(GRANTS, max_size=3), st.lists(GRANTS, max_size=3))
def test_a_deputy_may_what_both_may_and_never_more(own: list[Grant], wanted: list[Grant]) -> None:
    deputy = Person("deputy", deputy_grants(own, wanted))
    for permission in Permission:
        for scope in ("north", "south", "elsewhere"):
            for use_case in ("falls", "else"):
                if deputy.may(permission, scope, use_case):
                    assert Person("own", tuple(own)).may(permission, scope, use_case)
                    assert Person("wanted", tuple(wanted)).may(permission, scope, use_case)
                for partner in ("alpha", "beta", "gamma"):
                    if deputy.may_for_partner(permission, partner, scope, use_case):
                        asked = permission, partner, scope, use_case
                        assert Person("own", tuple(own)).may_for_partner(*asked)
                        assert Person("wanted", tuple(wanted)).may_for_partner(*asked)
    assert set(own) <= set(deputy_grants(own, own)), "a deputy of the same grants may the same"


PARTNER_ONLY = (Permission.READ_PARTNERS, Permission.SUBMIT)


def test_a_partner_does_and_reads_what_is_its_own_and_nothing_of_another() -> None:
    alpha = Person("alpha-program", (Grant.parse("partner:*:*:alpha"),))
    for permission in PARTNER_ONLY:
        assert alpha.may(permission)
        assert alpha.may_for_partner(permission, "alpha")
        assert not alpha.may_for_partner(permission, "beta")
        assert not alpha.may_everywhere(permission)
    assert alpha.may_everywhere(Permission.READ_AGGREGATES)


def test_a_partner_that_is_not_named_reads_published_counts_and_nothing_else() -> None:
    person = Person("somebody", (Grant.parse("partner"),))
    assert [p for p in Permission if person.may(p)] == [Permission.READ_AGGREGATES]
    assert not any(person.may_for_partner(p, "alpha") for p in PARTNER_ONLY)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PARTNER])
def test_nobody_but_a_partner_sends_records(role: Role) -> None:
    person = Person("somebody", (Grant(role),))
    assert not person.may(Permission.SUBMIT)
    may_read = Permission.READ_PARTNERS in PERMISSIONS[role]
    assert person.may_for_partner(Permission.READ_PARTNERS, "alpha") is may_read


def test_only_the_role_partner_names_partners() -> None:
    with pytest.raises(ValueError, match="a lead is no partner's"):
        Grant(Role.LEAD, partners=frozenset({"alpha"}))


def test_everywhere_is_more_than_every_place_by_name() -> None:
    named = Person("named", (Grant(Role.OPERATOR, frozenset({"north"})),))
    every = Person("every", (Grant(Role.OPERATOR),))
    assert named.may(Permission.MANAGE_ACCOUNTS)
    assert not named.may_everywhere(Permission.MANAGE_ACCOUNTS)
    assert every.may_everywhere(Permission.MANAGE_ACCOUNTS)
    assert not every.may_everywhere(Permission.READ_CASES)


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
