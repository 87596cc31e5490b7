"""From record versions to the line list, within one transaction: what every event can revise.

A record's rows are a function of the set of its versions and of the merges that touch it, and are written
anew whenever one of the two changes. That is why order and repetition do not matter.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from surveillance.configuration import Configuration
from surveillance.line_list.chronicle import chronicle
from surveillance.line_list.classify import Reason, classify_at, first_known, ruled_out
from surveillance.line_list.duplicates import crowd, propose
from surveillance.line_list.merges import merge_targets
from surveillance.line_list.quality import quality_of
from surveillance.line_list.record import Case, Exclusion, RecordKey, RecordVersion
from surveillance.line_list.versions import Outcome, revise
from surveillance.store import line_list, quality, records
from surveillance.store.database import Transaction
from surveillance.store.line_list import ListedRow, Locked

_NEARLY_CASES = (Reason.NO_AREA, Reason.ELSEWHERE, Reason.NO_DAY)

Versions = Mapping[RecordKey, Sequence[RecordVersion]]


@dataclass(frozen=True)
class Revised:
    """What a batch changed. `touched`: per record, the (use case, scope) whose cases may differ now."""

    outcomes: tuple[Outcome, ...]
    touched: Mapping[RecordKey, frozenset[tuple[str, str]]]

    def touched_by(self, keys: Collection[RecordKey]) -> set[tuple[str, str]]:
        """The (use case, scope) that a change of these records touched."""
        return {pair for key in keys for pair in self.touched.get(key, ())}


def revise_line_list(
    tx: Transaction, incoming: Sequence[RecordVersion], configuration: Configuration, now: datetime
) -> Revised:
    """Adds versions to their records and rewrites every row that they change."""
    keys = {version.key for version in incoming}
    locked = line_list.enter(tx, keys)
    before = line_list.versions_of(tx, locked.old(keys))
    after, outcomes = _add(before, incoming)
    changed = {key for key in keys if after[key] != tuple(before.get(key, ()))}
    new = [v for key in changed for v in after[key] if v not in before.get(key, ())]
    line_list.save_versions(tx, new, locked)
    quality.save(tx, {key: quality_of(after[key]) for key in changed}, locked.numbers)
    line_list.save_merges(tx, {key: merge_targets(after[key]) for key in changed}, locked)
    return Revised(outcomes, _rewrite(tx, changed, after, locked, configuration, now))


def relist(tx: Transaction, keys: Collection[RecordKey], configuration: Configuration, now: datetime) -> None:
    """Rewrites all that follows from stored records but their merges, as a configuration that has changed, or
    a content that forgot another record, needs. Idempotent."""
    locked = line_list.enter(tx, keys)
    known = line_list.versions_of(tx, keys)
    quality.save(tx, {key: quality_of(versions) for key, versions in known.items()}, locked.numbers)
    _rewrite(tx, known.keys(), known, locked, configuration, now)


@dataclass(frozen=True)
class Following:
    """What follows from the stored versions of some records, by the code and the definitions of now."""

    rows: tuple[ListedRow, ...]
    versions: Versions


def following(tx: Transaction, keys: Collection[RecordKey], configuration: Configuration) -> Following:
    """What the line list should hold of these records and all that merges connect with them. Reads only."""
    groups = records.groups_of(tx, keys)
    known = line_list.versions_of(tx, {key for group in groups for key in group})
    split = [{key: known[key] for key in group if key in known} for group in groups]
    return Following(tuple(row for group in split for row in _rows(group, configuration)), known)


def _rewrite(
    tx: Transaction,
    changed: Collection[RecordKey],
    after: Versions,
    locked: Locked,
    configuration: Configuration,
    now: datetime,
) -> dict[RecordKey, frozenset[tuple[str, str]]]:
    """Writes anew what follows from these records' versions; returns where their cases are looked at."""
    groups = _merged_with(tx, changed, after)
    affected = {key for group in groups for key in group}
    locked = locked.joined(line_list.enter(tx, affected - locked.numbers.keys()))
    was = line_list.current_entries(tx, locked.old(affected))
    rows = [row for group in groups for row in _rows(group, configuration)]
    line_list.replace_rows(tx, affected, rows, locked)
    _propose_duplicates(tx, configuration, affected, locked, rows, now)
    current = [row.entry for row in rows if row.known_until is None]
    return _touched(configuration, groups, [*was, *current])


def _add(
    before: Versions, incoming: Iterable[RecordVersion]
) -> tuple[dict[RecordKey, tuple[RecordVersion, ...]], tuple[Outcome, ...]]:
    after = {key: tuple(versions) for key, versions in before.items()}
    outcomes = []
    for version in incoming:
        revision = revise(after.get(version.key, ()), version)
        after[version.key] = revision.versions
        outcomes.append(revision.outcome)
    return after, tuple(outcomes)


def _merged_with(tx: Transaction, changed: Collection[RecordKey], after: Versions) -> list[Versions]:
    """The changed records with all versions, each group of records that merges ever connected by itself."""
    groups = line_list.merged_groups(tx, changed)
    others = line_list.versions_of(tx, {key for group in groups for key in group} - set(changed))
    known = {**others, **{key: after[key] for key in changed}}
    return [{key: known[key] for key in group if key in known} for group in groups]


def _rows(group: Versions, configuration: Configuration) -> Iterator[ListedRow]:
    """One row per record, use case, place and spell, for records that merges connect.

    A record that a use case never counted has no row: it is not a case, and needs no explanation.
    """
    for key, spells in chronicle(group).items():
        for use_case in configuration.use_cases_of(key.kind):
            against = [ruled_out(spell.version, use_case, spell.survivor) for spell in spells]
            if all(against):
                continue
            zone = configuration.zone_of(use_case)
            for place in use_case.places:
                entries = first_known(
                    [
                        classify_at(place, spell.version, use_case, zone, said)
                        for spell, said in zip(spells, against, strict=True)
                    ]
                )
                if any(_is_told_apart(entry) for entry in entries):
                    for entry, spell in zip(entries, spells, strict=True):
                        yield ListedRow(entry, spell.known_from, spell.known_until)


def _is_told_apart(entry: Case | Exclusion) -> bool:
    """Whether an entry is a case, or one but for its place or day: another record's end is no news here."""
    return isinstance(entry, Case) or entry.reason in _NEARLY_CASES


def _propose_duplicates(
    tx: Transaction,
    configuration: Configuration,
    affected: Collection[RecordKey],
    locked: Locked,
    rows: Iterable[ListedRow],
    now: datetime,
) -> None:
    """Proposes the pairs that these records form now, and withdraws what they formed before."""
    current = [r.entry for r in rows if r.known_until is None and isinstance(r.entry, Case)]
    with_person = [case for case in current if case.person_keys]
    persons = {key for case in with_person for key in case.person_keys}
    own = {locked.numbers[key] for key in affected}
    sharing = [*with_person, *line_list.records_sharing(tx, persons, besides=own)]
    # Where a key has become too common to be one person's, every pair that it made is withdrawn.
    about = {*affected, *crowd(sharing)}
    by_place: dict[tuple[str, str], list[Case]] = {}
    for case in sharing:
        by_place.setdefault((case.use_case, case.place), []).append(case)
    pairs = {
        pair
        for (use_case, _), cases in by_place.items()
        for pair in propose(cases, configuration.use_cases[use_case].count, about)
    }
    line_list.withdraw_duplicates(tx, locked.old(about), pairs)
    line_list.propose_duplicates(tx, pairs, now)


def _touched(
    configuration: Configuration, groups: Iterable[Versions], entries: Iterable[Case | Exclusion]
) -> dict[RecordKey, frozenset[tuple[str, str]]]:
    """Per record, where its cases and those of all records merged with it are looked at."""
    touched: dict[RecordKey, set[tuple[str, str]]] = {}
    for case in entries:
        if isinstance(case, Case):
            scopes = configuration.scopes_reading(configuration.use_cases[case.use_case], case.area)
            touched.setdefault(case.key, set()).update((case.use_case, scope) for scope in scopes)
    return {
        key: frozenset[tuple[str, str]]().union(*(touched.get(one, ()) for one in group))
        for group in groups
        for key in group
    }
