"""Who handed in what reaches the audit chain, whatever dies or is away on the way there."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from surveillance.submitting.taken import MOST_AT_ONCE, Taken, TakenLog

AT = datetime(2024, 3, 1, 9, 30, tzinfo=UTC)


def taken(number: int, at: datetime = AT) -> Taken:
    return Taken(f"{number:016x}-0000000000000000", at, "somebody/t1", "alpha", "incident", 1, ("c-1@1",))


def test_each_submission_is_handed_over_once_and_as_it_was(tmp_path: Path) -> None:
    log, chain = TakenLog(tmp_path), list[Taken]()
    log.add(taken(1))
    assert log.hand_over(chain.extend, AT) == 1
    log.add(taken(2))
    assert log.hand_over(chain.extend, AT) == 1
    assert log.hand_over(chain.extend, AT) == 0
    assert chain == [taken(1), taken(2)]
    assert TakenLog(tmp_path).hand_over(chain.extend, AT) == 0, "another process knows it too"


def test_while_the_chain_is_away_nothing_is_forgotten(tmp_path: Path) -> None:
    def away(submissions: Sequence[Taken]) -> None:
        raise OSError(f"{len(submissions)} cannot be entered")

    log, chain = TakenLog(tmp_path), list[Taken]()
    log.add(taken(1))
    with pytest.raises(OSError, match="cannot be entered"):
        log.hand_over(away, AT)
    assert log.hand_over(chain.extend, AT) == 1
    assert chain == [taken(1)]


def test_a_line_that_is_being_written_waits_for_its_end(tmp_path: Path) -> None:
    log, chain = TakenLog(tmp_path), list[Taken]()
    log.add(taken(1))
    (path,) = tmp_path.glob("*.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    log.hand_over(chain.extend, AT)
    path.write_bytes(whole + whole)
    log.hand_over(chain.extend, AT)
    assert chain == [taken(1), taken(1)]


def test_many_are_handed_over_in_parts_and_old_files_go(tmp_path: Path) -> None:
    log, parts = TakenLog(tmp_path), list[int]()
    for number in range(MOST_AT_ONCE + 1):
        log.add(taken(number))
    log.add(taken(0, AT + timedelta(hours=3)))
    log.hand_over(lambda some: parts.append(len(some)), AT + timedelta(hours=3))
    assert parts == [MOST_AT_ONCE, 1, 1]
    assert [path.stem for path in tmp_path.glob("*.jsonl")] == ["2024-03-01T12"]
