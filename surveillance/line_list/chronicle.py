"""What was known of merged records when: each record's current version and the record it survived as.

A merge takes effect when both the merging version and its target are known, so a record's past can change
at times when only another record changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from surveillance.line_list.merges import merge_target, survivors
from surveillance.line_list.record import RecordKey, RecordVersion
from surveillance.line_list.versions import known_at


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which a record had one current version and one survivor; until now where that is None."""

    version: RecordVersion
    survivor: RecordKey
    known_from: datetime
    known_until: datetime | None


def chronicle(
    records: Mapping[RecordKey, Sequence[RecordVersion]],
) -> dict[RecordKey, tuple[Spell, ...]]:
    """The spells of records that merges connect, the oldest first; `records` holds all their versions.

    A function of the set of versions: order of arrival and repetition change nothing. A record without
    merges may be given alone: its spells are its `history`, each surviving as itself.
    """
    if len(records) == 1:
        ((key, versions),) = records.items()
        if len(versions) == 1:  # as nearly always: alone and never revised, it survives as itself
            return {key: (Spell(versions[0], key, versions[0].received_at, None),)}
    spells: dict[RecordKey, list[Spell]] = {key: [] for key in records}
    for at in sorted({version.received_at for versions in records.values() for version in versions}):
        current = {key: v for key, versions in records.items() if (v := known_at(versions, at)) is not None}
        edges = {key: target for key, v in current.items() if (target := merge_target(v)) is not None}
        survivor = survivors(edges, current.keys())
        for key, version in current.items():
            _continue(spells[key], Spell(version, survivor[key], at, None))
    return {key: tuple(of_record) for key, of_record in spells.items()}


def _continue(spells: list[Spell], now: Spell) -> None:
    """Add a spell, unless the last one just goes on."""
    if not spells:
        spells.append(now)
        return
    last = spells[-1]
    if (last.version.rank, last.survivor) != (now.version.rank, now.survivor):
        spells[-1:] = [replace(last, known_until=now.known_from), now]
