"""Why a notice is not sent now: ordered stages, each with its reason and, where it holds, its end."""

from dataclasses import replace
from datetime import timedelta

import pytest
from told_alerts import NIGHT, NOON, alert, receiver

from surveillance.alerting.alert import Change, State
from surveillance.alerting.silences import Silence
from surveillance.alerting.suppression import HOLDS, Occasion, Suppressed, Verdict, judge
from surveillance.alerting.workflow import NotAllowed

HOUR = timedelta(hours=1)
BANDS = ("severe", "raised", "watch")
QUIET = {"begins": "22:00", "ends": "07:00"}


def occasion(at=NOON, **changes) -> Occasion:
    values = {
        "change": Change.STRENGTHENED,
        "severity": "raised",
        "alert": alert(acknowledge_due=NOON - HOUR, assess_due=NOON + 20 * HOUR),
        "receiver": receiver(),
        "severities": BANDS,
    }
    return Occasion(at=at, **values | changes)


def silence(**changes) -> Silence:
    values = {
        "use_case": "invented",
        "scope": None,
        "alert_id": None,
        "reason": "an exercise",
        "starts_at": NOON - HOUR,
        "ends_at": NOON + HOUR,
        "by": "lead",
    }
    return Silence(**values | changes)


def test_nothing_holds_what_no_stage_has_a_reason_for():
    assert judge(occasion()) is None


@pytest.mark.parametrize(
    ("matcher", "holds"),
    [
        ({}, True),
        ({"use_case": None, "scope": "somewhere"}, True),
        ({"use_case": None, "alert_id": "a1"}, True),
        ({"scope": "elsewhere"}, False),
        ({"use_case": "another"}, False),
        ({"alert_id": "a2"}, False),
        ({"ends_at": NOON}, False),
        ({"starts_at": NOON + timedelta(minutes=1)}, False),
        ({"ended_at": NOON, "ended_by": "lead"}, False),
    ],
)
def test_a_silence_holds_what_matches_all_of_it_while_it_lasts(matcher, holds):
    verdict = judge(occasion(severity="severe", silences=[silence(**matcher)]))
    assert (verdict is not None and verdict.reason is Suppressed.SILENCED) is holds


def test_of_several_silences_the_longest_says_until_when():
    both = [silence(), silence(ends_at=NOON + 5 * HOUR)]
    assert judge(occasion(silences=both)) == Verdict(Suppressed.SILENCED, NOON + 5 * HOUR)


@pytest.mark.parametrize("wrong", [{"use_case": None}, {"reason": " "}, {"by": ""}, {"ends_at": NOON - HOUR}])
def test_a_silence_needs_something_to_match_a_reason_a_person_and_an_end(wrong):
    with pytest.raises(NotAllowed):
        silence(**wrong)


@pytest.mark.parametrize(
    ("told", "severity", "change", "held"),
    [
        ("raised", "raised", Change.STRENGTHENED, True),
        ("raised", "watch", Change.WEAKENED, True),
        ("raised", "severe", Change.STRENGTHENED, False),  # worse: told at once
        ("raised", "raised", Change.OVERDUE, False),
    ],
)
def test_a_receiver_that_heard_of_the_alert_just_now_waits_unless_it_became_worse(
    told, severity, change, held
):
    heard = occasion(
        change=change,
        severity=severity,
        receiver=receiver(repeat_minutes=60),
        last_told_at=NOON - HOUR / 2,
        last_severity=told,
    )
    verdict = Verdict(Suppressed.REPEATED, NOON + HOUR / 2) if held else None
    assert judge(heard) == verdict
    assert judge(replace(heard, at=NOON + HOUR / 2)) is None


def test_quiet_hours_hold_all_but_what_a_receiver_is_woken_for():
    asleep = receiver(quiet_hours=QUIET)
    verdict = judge(occasion(NIGHT, receiver=asleep))
    assert verdict == Verdict(Suppressed.QUIET_HOURS, NIGHT + 7 * HOUR)
    assert judge(occasion(NIGHT, receiver=asleep, severity="severe")) is None
    woken = receiver(quiet_hours=QUIET | {"but_for": ["raised"]})
    assert judge(occasion(NIGHT, receiver=woken)) is None


@pytest.mark.parametrize(
    ("change", "state", "dropped"),
    [
        (Change.ESCALATED, State.OPEN, False),
        (Change.ESCALATED, State.ACKNOWLEDGED, True),
        (Change.OVERDUE, State.OPEN, False),
        (Change.OVERDUE, State.ACKNOWLEDGED, True),
        (Change.STRENGTHENED, State.CLOSED, False),
    ],
)
def test_nobody_is_pressed_for_what_has_been_done_but_news_are_always_told(change, state, dropped):
    standing = replace(occasion().alert, state=state)
    verdict = judge(occasion(change=change, alert=standing))
    assert verdict == (Verdict(Suppressed.SETTLED) if dropped else None)


def test_a_reminder_that_superseded_news_is_told_for_their_sake():
    done = replace(occasion().alert, state=State.ACKNOWLEDGED)
    assert judge(occasion(change=Change.OVERDUE, alert=done, owes_news=True)) is None


def test_the_first_stage_that_has_a_reason_counts():
    all_at_once = occasion(
        NIGHT,
        change=Change.OVERDUE,
        alert=replace(occasion().alert, state=State.CLOSED),
        receiver=receiver(quiet_hours=QUIET),
        silences=[silence(ends_at=NIGHT + HOUR)],
    )
    found = []
    for first in range(len(HOLDS)):
        verdict = judge(all_at_once, HOLDS[first:])
        found.append(verdict.reason if verdict else None)
    assert found == [
        Suppressed.SETTLED,
        Suppressed.SILENCED,
        Suppressed.QUIET_HOURS,  # the repeat interval has nothing against a reminder
        Suppressed.QUIET_HOURS,
    ]
