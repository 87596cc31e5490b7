"""Cases of the days before a bench begins, written straight into the line list: what a look looks back on."""

from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import insert

from benchmarks.england import ZONE, Drawn, England, attendances_of
from surveillance.redefining import fingerprints
from surveillance.store import tables
from surveillance.store.database import Store, Transaction
from surveillance.store.listed import save_definitions

RECEIVED = time(20)


def store_past(store: Store, england: England, since: date, days: int) -> int:
    """The cases of so many days as a look loads them, without persons or versions; returns how many records.

    Only attendances that a use case counts are written. A worker has nothing to count anew.
    """
    records = 0
    for day in (since + timedelta(days=n) for n in range(days)):
        drawn = england.draw(attendances_of(day, england.a_year))
        with store.transaction() as tx:
            records += _store_day(tx, england, day, drawn)
    with store.transaction() as tx:
        save_definitions(tx, fingerprints(england.configuration))
    return records


def _store_day(tx: Transaction, england: England, day: date, drawn: Drawn) -> int:
    counted = {use_case: drawn.counted(use_case).tolist() for use_case in england.configuration.use_cases}
    wanted = sorted({at for of_use_case in counted.values() for at in of_use_case})
    numbers = _add_records(tx, england, day, [(at, int(drawn.area[at])) for at in wanted])
    rows = [
        _row(england, drawn, use_case, day, at, numbers[f"past-{day}-{at}"])
        for use_case, of_use_case in counted.items()
        for at in of_use_case
    ]
    if rows:
        tx.execute(insert(tables.line_list), rows)
    return len(wanted)


def _add_records(
    tx: Transaction, england: England, day: date, cases: list[tuple[int, int]]
) -> dict[str, int]:
    """The numbers of new records, by their ids."""
    rows = [
        {"partner": england.partner_of[area].id, "kind": "admission", "record_id": f"past-{day}-{at}"}
        for at, area in cases
    ]
    if not rows:
        return {}
    row = tables.records.c
    added = tx.execute(insert(tables.records).returning(row.record_id, row.record), rows)
    return {one.record_id: one.record for one in added}


def _row(england: England, drawn: Drawn, use_case: str, day: date, at: int, record: int) -> dict[str, Any]:
    received_at = datetime.combine(day, RECEIVED, ZONE)
    return {
        "record": record,
        "use_case": use_case,
        "place": england.configuration.use_cases[use_case].places[0].name,
        "version": 1,
        "known_from": received_at,
        "known_until": None,
        "reason": None,
        "area": england.world.areas.codes[int(drawn.area[at])],
        "day": day,
        "received_at": received_at,
        "person_keys": (),
        "age": int(drawn.age[at]),
        "sex": "unknown",
        "tokens": (),
    }
