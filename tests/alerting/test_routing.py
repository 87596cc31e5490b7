"""Who hears of a change, and from when on."""

from datetime import UTC, date, datetime, timedelta

import pytest
from told_alerts import NIGHT, NOON, WEEKDAYS, change, receiver, use_case

from surveillance.alerting.hours import away_until, on_call, quiet_until, zone_of
from surveillance.alerting.routing import Route, ladder, route
from surveillance.alerting.suppression import Suppressed
from surveillance.use_case.model import UseCase
from surveillance.use_case.receiver import Receiver

DEPUTY, DIRECTOR = receiver("deputy"), receiver("director")
TEAM = receiver(
    working_hours=WEEKDAYS,
    on_call=[
        {"days": ["saturday"], "receivers": ["director"]},
        {"first": "2024-12-24", "last": "2024-12-26", "receivers": ["director"]},
        {"receivers": ["deputy", "director"]},
    ],
)


def known(*receivers: Receiver) -> dict[str, Receiver]:
    return {one.id: one for one in (*receivers, DEPUTY, DIRECTOR)}


def names(found: Route) -> list[str]:
    return [told.receiver.id for told in found.told]


@pytest.mark.parametrize(
    ("shadow", "told", "reason"),
    [
        (False, True, None),
        (False, False, Suppressed.UNCHANGED),
        (True, True, Suppressed.SHADOW),
        (True, False, Suppressed.SHADOW),
    ],
)
def test_a_change_reaches_each_receiver_once_or_has_a_reason_not_to(shadow, told, reason):
    chosen = use_case("team", "deputy", "team", shadow=shadow)
    found = route(change(told=told), chosen, known(receiver()))
    assert (names(found), found.suppressed) == (["team", "deputy"], reason)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({}, True),
        ({"use_cases": ["invented"]}, True),
        ({"use_cases": ["another"]}, False),
        ({"scopes": ["somewhere"]}, True),
        ({"scopes": ["elsewhere"]}, False),
        ({"minimum_severity": "watch"}, True),
        ({"minimum_severity": "raised"}, True),
        ({"minimum_severity": "severe"}, False),
    ],
)
def test_a_receiver_takes_the_use_cases_scopes_and_severities_of_its_entry(entry, told):
    assert bool(route(change(severity="raised"), use_case(), known(receiver(**entry))).told) is told


def test_in_its_working_hours_a_receiver_is_told_at_once_and_nobody_else_is():
    (told,) = route(change(NOON), use_case(), known(TEAM)).told
    assert (told.receiver, told.not_before, told.reason) == (TEAM, None, None)


def test_outside_them_who_is_on_call_is_told_at_once_and_the_receiver_when_they_begin():
    team, called = route(change(NIGHT), use_case(), known(TEAM)).told
    assert (called.receiver, called.not_before) == (DEPUTY, None)
    assert team.receiver == TEAM
    assert team.not_before == datetime(2024, 5, 2, 8, tzinfo=UTC)  # 9:00 in London
    assert team.reason is Suppressed.OUTSIDE_HOURS


def test_who_is_on_call_but_does_not_take_the_alert_is_passed_over():
    deputy = receiver("deputy", minimum_severity="severe")
    found = route(change(NIGHT), use_case(), known(TEAM) | {"deputy": deputy})
    assert names(found) == ["team", "director"]


def test_one_who_is_told_at_once_for_another_is_not_told_again_later():
    away = receiver("deputy", working_hours=WEEKDAYS, on_call=[{"receivers": ["director"]}])
    found = route(change(NIGHT), use_case("deputy", "director"), known() | {"deputy": away})
    assert [(t.receiver.id, t.not_before is None) for t in found.told] == [
        ("deputy", False),
        ("director", True),
    ]


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2024-05-01T09:00+01:00", None),
        ("2024-05-01T16:59+01:00", None),
        ("2024-05-01T17:00+01:00", "2024-05-02T09:00+01:00"),
        ("2024-05-01T08:59+01:00", "2024-05-01T09:00+01:00"),
        ("2024-05-03T18:00+01:00", "2024-05-07T09:00+01:00"),  # a weekend, and a bank holiday on Monday
        ("2024-03-30T12:00+00:00", "2024-04-01T09:00+01:00"),  # the clocks went forward meanwhile
    ],
)
def test_working_hours_are_those_of_the_wall_clock_without_weekends_and_bank_holidays(at, until):
    holidays = frozenset({date(2024, 5, 6)})
    found = away_until(TEAM, datetime.fromisoformat(at), holidays)
    assert found == (None if until is None else datetime.fromisoformat(until))


@pytest.mark.parametrize(
    ("at", "called"),
    [
        ("2024-05-03T23:30+01:00", ("deputy", "director")),  # still Friday in London
        ("2024-05-04T00:30+01:00", ("director",)),
        ("2024-12-25T12:00+00:00", ("director",)),
        ("2024-12-27T12:00+00:00", ("deputy", "director")),
    ],
)
def test_the_first_entry_for_the_day_says_who_is_on_call(at, called):
    assert on_call(TEAM, datetime.fromisoformat(at)) == called


@pytest.mark.parametrize(
    ("begins", "ends", "at", "until"),
    [
        ("22:00", "07:00", "2024-05-01T21:59+01:00", None),
        ("22:00", "07:00", "2024-05-01T22:00+01:00", "2024-05-02T07:00+01:00"),
        ("22:00", "07:00", "2024-05-02T06:59+01:00", "2024-05-02T07:00+01:00"),
        ("22:00", "07:00", "2024-05-02T07:00+01:00", None),
        ("22:00", "07:00", "2024-10-26T23:00+01:00", "2024-10-27T07:00+00:00"),  # a night of 10 hours
        ("12:00", "14:00", "2024-05-01T13:00+01:00", "2024-05-01T14:00+01:00"),
    ],
)
def test_quiet_hours_are_those_of_the_wall_clock_over_midnight(begins, ends, at, until):
    quiet = receiver(quiet_hours={"begins": begins, "ends": ends})
    found = quiet_until(quiet.quiet_hours, zone_of(quiet), datetime.fromisoformat(at))
    assert found == (None if until is None else datetime.fromisoformat(until))


def test_a_time_that_yaml_reads_as_a_number_is_the_time_that_was_written():
    assert receiver(digest_at=17 * 60).digest_at == receiver(digest_at="17:00").digest_at


def test_the_ladder_is_who_is_on_call_for_the_use_cases_receivers_in_order():
    chosen: UseCase = use_case("team", "other")
    other = receiver("other", on_call=[{"receivers": ["director", "third"]}])
    third = receiver("third", minimum_severity="severe")
    everybody = known(TEAM, other, third)
    at = NOON + timedelta(hours=1)
    assert [one.id for one in ladder(change().alert, chosen, everybody, at)] == ["deputy", "director"]
    severe = change(severity="severe").alert
    assert [one.id for one in ladder(severe, chosen, everybody, at)] == ["deputy", "director", "third"]
