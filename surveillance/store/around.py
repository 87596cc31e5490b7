"""The current cases around one alert, without reading the whole line list."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select

from surveillance.line_list.record import Case, Exclusion, RecordKey
from surveillance.store.database import Transaction
from surveillance.store.line_list import current_entries, current_in_areas
from surveillance.store.statements import chunks
from surveillance.store.tables import duplicates, person_records, records


@dataclass(frozen=True, slots=True)
class Near:
    """Where and when: areas of a use case's places, from the first day to the last, both included."""

    use_case: str
    places: tuple[str, ...]
    areas: tuple[str, ...]
    first: date
    last: date


def cases_around(tx: Transaction, near: Near, members: Collection[RecordKey]) -> list[Case]:
    """The current cases near, those of the members, and every other record of the same persons.

    The last so that each person is counted as in the whole line list, where a record elsewhere counts too.
    """
    days = near.first, near.last
    found = _kept(current_entries(tx, members), near)
    for place in near.places:
        found |= _kept(current_in_areas(tx, near.use_case, place, near.areas, days), near)
    looked: set[RecordKey] = set()
    while new := {key for key, _ in found} - looked:
        looked |= new
        persons = {person for (key, _), case in found.items() if key in new for person in case.person_keys}
        others = (_bearing(tx, persons) | _confirmed_with(tx, new)) - looked
        found |= _kept(current_entries(tx, others), near)
    return sorted(found.values(), key=lambda case: (case.key, case.place))


def _bearing(tx: Transaction, persons: Collection[str]) -> set[RecordKey]:
    """The records that bear one of these person keys."""
    found: set[RecordKey] = set()
    for some in chunks(sorted(persons)):
        rows = tx.execute(
            select(records.c.partner, records.c.kind, records.c.record_id)
            .join(person_records, person_records.c.record == records.c.record)
            .where(person_records.c.person_key.in_(some))
        )
        found.update(RecordKey(*row) for row in rows)
    return found


def _kept(entries: Iterable[Case | Exclusion], near: Near) -> dict[tuple[RecordKey, str], Case]:
    return {
        (case.key, case.place): case
        for case in entries
        if isinstance(case, Case) and case.use_case == near.use_case and near.first <= case.day <= near.last
    }


def _confirmed_with(tx: Transaction, keys: Collection[RecordKey]) -> set[RecordKey]:
    """Records that a person said are one person's with one of these, and these."""
    first, second = duplicates.c.record_a, duplicates.c.record_b
    found: set[RecordKey] = set()
    for some in chunks(sorted(map(str, keys)), 5_000):
        about = or_(first.in_(some), second.in_(some))
        pairs = tx.execute(select(first, second).where(duplicates.c.state == "confirmed", about))
        found.update(RecordKey.parse(text) for both in pairs for text in both)
    return found
