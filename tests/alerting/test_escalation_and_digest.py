"""Who is called next while nobody acknowledges, and what a receiver's day says."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from told_alerts import NOON, alert, receiver, use_case

from surveillance.alerting.alert import Change, State
from surveillance.alerting.digest import digest
from surveillance.alerting.escalation import next_step

HOUR = timedelta(hours=1)
LATE = alert(acknowledge_due=NOON, assess_due=NOON + 20 * HOUR)
DEPUTY, DIRECTOR = receiver("deputy"), receiver("director")


def step(alert=LATE, done=(), ladder=(DEPUTY, DIRECTOR), at=NOON + HOUR / 2):
    return next_step(alert, done, ladder, HOUR, at)


def test_an_alert_that_nobody_acknowledged_goes_to_the_first_on_the_ladder_as_a_told_change():
    change, to = step()
    assert (change.change, change.told, to) == (Change.ESCALATED, True, DEPUTY)
    assert change.reason == "not acknowledged by 2024-05-01T12:00+00:00: step 1, to deputy"
    assert change.alert == replace(LATE, revision=4, changed_at=NOON + HOUR / 2)


@pytest.mark.parametrize("state", [s for s in State if s is not State.OPEN])
def test_only_an_open_alert_is_escalated(state):
    assert step(replace(LATE, state=state)) is None


def test_it_goes_on_each_hour_and_never_to_the_same_one_twice():
    done, called = [], []
    at = NOON
    for _ in range(60):
        at += HOUR / 4
        if (found := step(done=done, at=at)) is not None:
            called.append((found[1].id, at))
            done.append((found[0].reason, at))
    assert called == [("deputy", NOON + HOUR / 4), ("director", NOON + HOUR * 1.5)]


def test_after_a_long_stop_one_is_called_at_a_time():
    change, _ = step(at=NOON + 9 * HOUR)
    assert step(done=[(change.reason, NOON + 9 * HOUR)], at=NOON + 9 * HOUR) is None


def test_a_ladder_that_changed_meanwhile_calls_who_was_not_called_yet():
    change, _ = step()
    other = receiver("another")
    found = step(done=[(change.reason, NOON)], ladder=(DEPUTY, other), at=NOON + 2 * HOUR)
    assert found is not None
    assert found[1] == other


def test_a_reopened_alert_begins_anew():
    change, _ = step()
    again = replace(LATE, acknowledge_due=NOON + 9 * HOUR)
    found = step(again, done=[(change.reason, NOON)], at=NOON + 10 * HOUR)
    assert found is not None
    assert found[1] == DEPUTY


# --- digest


def day(alerts, of=None, cases=None):
    cases = cases or {"invented": use_case("team")}
    return digest(alerts, of or receiver(), cases, date(2024, 5, 1), NOON + HOUR)


def test_a_digest_counts_alerts_by_use_case_and_severity_and_says_nothing_else():
    alerts = [
        LATE,
        replace(LATE, id="a2", severity="severe", state=State.ACKNOWLEDGED),
        replace(LATE, id="a3", state=State.CANDIDATE),
        replace(LATE, id="a4", state=State.CLOSED),
        replace(LATE, id="a5", state=State.MERGED),
        replace(LATE, id="a6", severity="of-old"),
    ]
    found = day(alerts)
    counted = [tuple(line.values())[1:] for line in found.pop("counts")]
    assert counted == [("severe", 1, 0, 0), ("raised", 2, 2, 1), ("of-old", 1, 1, 1)]
    assert found == {"digest": "2024-05-01", "link": "/"}
    text = json.dumps(day(alerts))
    assert not any(word in text for word in ("a1", "somewhere", "E1", "police", "members"))


@pytest.mark.parametrize(
    "entry", [{"scopes": ["elsewhere"]}, {"minimum_severity": "severe"}, {"use_cases": ["another"]}]
)
def test_a_digest_counts_only_what_its_receiver_takes(entry):
    assert day([LATE], receiver(**entry))["counts"] == []


def test_a_digest_leaves_out_shadow_mode_and_use_cases_of_others():
    assert day([LATE], cases={"invented": use_case("team", shadow=True)})["counts"] == []
    assert day([LATE], receiver("stranger"))["counts"] == []
    assert day([LATE], receiver("called", use_cases=["invented"]))["counts"] != []
