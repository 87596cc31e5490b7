"""The events of a schedule: the same each time, and what they must leave behind."""

from collections import Counter
from dataclasses import replace

import pytest

from chaos import ROOT
from chaos.events import Sent, make_events, owed
from chaos.schedule import FEEDS, Fault, Schedule
from surveillance.configuration import Configuration, load_configuration

KEY = b"a key for tests only"
PLAIN = Schedule(1, 2, "postgresql", 1, 300, (), ())


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return load_configuration(ROOT / "config")


def notes(sent: list[Sent]) -> Counter[str]:
    return Counter(one.published.note.partition(":")[0] for one in sent)


def keys(sent: list[Sent]) -> list[str]:
    return [one.published.key for one in sent]


def records_owed(sent: list[Sent]) -> set[tuple[str, str, str]]:
    return {(partner, kind, record) for partner, kind, record, _ in owed(sent, KEY).accepted}


def test_a_schedule_has_the_same_events_each_time(configuration: Configuration) -> None:
    for feeds in ((), FEEDS):
        schedule = replace(PLAIN, feeds=feeds)
        assert keys(make_events(schedule, configuration)) == keys(make_events(schedule, configuration))
    assert keys(make_events(PLAIN, configuration)) != keys(
        make_events(replace(PLAIN, number=3), configuration)
    )


def test_every_event_is_owed_as_accepted_or_refused(configuration: Configuration) -> None:
    sent = make_events(PLAIN, configuration)
    due = owed(sent, KEY)
    assert len(sent) == PLAIN.events
    assert notes(sent)["refused"] == len(due.refused) > 0
    assert len(due.accepted) == PLAIN.events - notes(sent)["refused"] - notes(sent)["repeat"]


def test_repeating_and_reordering_owe_nothing_else(configuration: Configuration) -> None:
    plain = make_events(PLAIN, configuration)
    repeated = make_events(replace(PLAIN, feeds=("repeated",)), configuration)
    reordered = make_events(replace(PLAIN, feeds=("reordered",)), configuration)
    assert len(repeated) > len(plain)
    assert any(one.backfill for one in repeated), "some are on the topic for history as well"
    assert keys(reordered) != keys(plain)
    assert sorted(keys(reordered)) == sorted(keys(plain))
    for other in (repeated, reordered):
        assert {one[:3] for one in owed(other, KEY).accepted} == {
            one[:3] for one in owed(plain, KEY).accepted
        }


def test_poison_is_owed_as_refusals_and_nothing_else(configuration: Configuration) -> None:
    plain = owed(make_events(PLAIN, configuration), KEY)
    poisoned = owed(make_events(replace(PLAIN, feeds=("poison",)), configuration), KEY)
    assert len(poisoned.accepted) == len(plain.accepted)
    assert len(poisoned.refused) > len(plain.refused)


def test_the_gateway_gets_nothing_that_it_would_refuse(configuration: Configuration) -> None:
    faulty = replace(PLAIN, feeds=FEEDS, faults=(Fault(1.0, "gateway killed", 1.0),))
    handed_in = [one for one in make_events(faulty, configuration) if one.by_gateway]
    assert handed_in
    assert not any(one.refused or one.backfill for one in handed_in)
    assert not any(one.by_gateway for one in make_events(PLAIN, configuration))
