"""The current cases around one alert, without reading the whole line list."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from surveillance.line_list.duplicates import Pair
from surveillance.line_list.record import Case, Exclusion, RecordKey
from surveillance.store.database import Transaction
from surveillance.store.line_list import current_entries, current_in_areas
from surveillance.store.statements import chunks
from surveillance.store.tables import person_records, records


@dataclass(frozen=True, slots=True)
class Near:
    """Where and when: areas of a use case's places, from the first day to the last, both included."""

    use_case: str
    places: tuple[str, ...]
    areas: tuple[str, ...]
    first: date
    last: date


def cases_around(
    tx: Transaction, near: Near, members: Collection[RecordKey], confirmed: Collection[Pair]
) -> list[Case]:
    """The current cases near, those of the members, and every other record of the same persons.

    The last so that each person is counted as in the whole line list, where a record elsewhere counts too:
    over their keys, and over the pairs that people confirmed. In no order.
    """
    days = near.first, near.last
    found = _kept(current_entries(tx, members), near)
    for place in near.places:
        found |= _kept(current_in_areas(tx, near.use_case, place, near.areas, days), near)
    looked: set[RecordKey] = set()
    while new := {key for key, _ in found} - looked:
        looked |= new
        persons = {person for (key, _), case in found.items() if key in new for person in case.person_keys}
        others = (
            _of_several(tx, persons) | {key for p in confirmed if not new.isdisjoint(p) for key in p}
        ) - looked
        found |= _kept(current_entries(tx, others), near)
    return list(found.values())


def _of_several(tx: Transaction, persons: Collection[str]) -> set[RecordKey]:
    """The records of those persons who have more than one: of most there is nothing to read."""
    found: set[RecordKey] = set()
    person_key = person_records.c.person_key
    for some in chunks(sorted(persons)):
        several = select(person_key).where(person_key.in_(some)).group_by(person_key).having(func.count() > 1)
        rows = tx.execute(
            select(records.c.partner, records.c.kind, records.c.record_id)
            .join(person_records, person_records.c.record == records.c.record)
            .where(person_key.in_(several))
        )
        found.update(RecordKey(*row) for row in rows.all())
    return found


def _kept(entries: Iterable[Case | Exclusion], near: Near) -> dict[tuple[RecordKey, str], Case]:
    return {
        (case.key, case.place): case
        for case in entries
        if isinstance(case, Case) and case.use_case == near.use_case and near.first <= case.day <= near.last
    }
