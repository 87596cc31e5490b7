"""Which version of a record is current, and which one was known when.

A record's versions form a set, and every answer is a function of that set: any order of arrival and
any repetition end in the same state.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from surveillance.line_list.record import RecordVersion


class Outcome(StrEnum):
    """What became of one received version."""

    STORED = "stored"  # it is current now
    REPEATED = "repeated"  # the same payload again: nothing changes but, perhaps, when it was first known
    SUPERSEDED = "superseded"  # kept, but a higher version is known already
    CONFLICT = "conflict"  # another payload of the same version is known: the larger hash wins


@dataclass(frozen=True, slots=True)
class Revision:
    """A record's versions in the order in which they win, the current one last, and what happened."""

    versions: tuple[RecordVersion, ...]
    outcome: Outcome

    @property
    def current(self) -> RecordVersion:
        return self.versions[-1]


@dataclass(frozen=True, slots=True)
class Known:
    """A version that was current from `known_from` until `known_until`; until now where that is None."""

    version: RecordVersion
    known_from: datetime
    known_until: datetime | None


def revise(existing: Sequence[RecordVersion], incoming: RecordVersion) -> Revision:
    """Take one more version of a record; `existing` holds every version of it so far, in any order.

    The versions of the result are the ones to store, keyed by record, version and content hash. An exact
    repeat keeps the earlier of the two times of receipt. Raises ValueError for another record's version.
    """
    if any(version.key != incoming.key for version in existing):
        raise ValueError(f"versions of another record than {incoming.key}")
    by_rank = {version.rank: version for version in existing}
    outcome = _outcome(by_rank, incoming)
    known = by_rank.get(incoming.rank, incoming)
    if incoming.received_at < known.received_at:
        known = replace(known, received_at=incoming.received_at)
    by_rank[incoming.rank] = known
    return Revision(tuple(by_rank[rank] for rank in sorted(by_rank)), outcome)


def _outcome(by_rank: dict[tuple[int, str], RecordVersion], incoming: RecordVersion) -> Outcome:
    if incoming.rank in by_rank:
        return Outcome.REPEATED
    if any(number == incoming.version for number, _ in by_rank):
        return Outcome.CONFLICT
    if any(rank > incoming.rank for rank in by_rank):
        return Outcome.SUPERSEDED
    return Outcome.STORED


def history(versions: Iterable[RecordVersion]) -> tuple[Known, ...]:
    """What was known when: the versions that were current at some time, the oldest first.

    A version that arrived after a higher one was never current and is left out.
    """
    steps: list[RecordVersion] = []
    for version in sorted(versions, key=lambda v: (v.received_at, v.rank)):
        if steps and version.rank <= steps[-1].rank:
            continue
        if steps and steps[-1].received_at == version.received_at:
            steps.pop()  # received at the same instant: it was never current
        steps.append(version)
    ends = [version.received_at for version in steps[1:]]
    return tuple(
        Known(version, version.received_at, until)
        for version, until in zip(steps, [*ends, None], strict=False)
    )


def known_at(versions: Iterable[RecordVersion], at: datetime) -> RecordVersion | None:
    """The current version of a record among those received by `at`, or None."""
    received = (version for version in versions if version.received_at <= at)
    return max(received, key=lambda version: version.rank, default=None)
