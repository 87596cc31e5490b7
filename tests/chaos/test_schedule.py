"""Schedules are drawn from a seed and a number, and from nothing else."""

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chaos.playing import FAULTS
from chaos.schedule import FEEDS, GAP_SECONDS, KINDS, LOAD_SECONDS, THEMES, Schedule, draw

seeds = st.integers(0, 2**63)
numbers = st.integers(0, 10_000)
LATEST_SECONDS = 30.0


def told(schedules: list[Schedule]) -> set[str]:
    return {fault.kind for one in schedules for fault in one.faults} | {
        f for one in schedules for f in one.feeds
    }


@given(seed=seeds, number=numbers)
def test_the_same_seed_and_number_give_the_same_schedule(seed: int, number: int) -> None:
    assert draw(seed, number) == draw(seed, number)
    assert str(draw(seed, number)).startswith(f"seed {seed}, schedule {number}: ")


@given(seed=seeds, block=st.integers(0, 100))
def test_ten_schedules_in_a_row_have_every_kind_of_fault(seed: int, block: int) -> None:
    ten = [draw(seed, len(THEMES) * block + place) for place in range(len(THEMES))]
    assert told(ten) >= {*KINDS, *FEEDS}


def test_seeds_and_numbers_give_different_schedules() -> None:
    assert len({str(draw(seed, number).faults) for seed in range(10) for number in range(10)}) == 100


def test_every_kind_can_be_brought_about() -> None:
    assert FAULTS.keys() == KINDS.keys()


@given(seed=seeds, number=numbers)
def test_a_schedule_asks_for_nothing_that_its_database_cannot_have(seed: int, number: int) -> None:
    schedule = draw(seed, number)
    assert {KINDS[fault.kind].needs for fault in schedule.faults} <= {None, schedule.database}


@given(seed=seeds, number=numbers)
def test_two_faults_of_one_target_never_meet_and_all_end_soon(seed: int, number: int) -> None:
    by_target = defaultdict(list)
    for fault in draw(seed, number).faults:
        by_target[KINDS[fault.kind].target].append(fault)
        assert 0 <= fault.at <= LATEST_SECONDS
        assert KINDS[fault.kind].shortest <= fault.seconds <= KINDS[fault.kind].longest
    for target, faults in by_target.items():
        for one, other in pairwise(faults):
            assert target == "worker" or other.at >= one.at + one.seconds + GAP_SECONDS - 0.11


@given(seed=seeds, number=numbers)
def test_most_of_a_schedule_happens_while_events_arrive(seed: int, number: int) -> None:
    faults = draw(seed, number).faults
    assert faults
    assert faults[0].at < LOAD_SECONDS
