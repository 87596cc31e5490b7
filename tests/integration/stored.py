"""Years of cases, written straight into a database: what a worker finds when it starts."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from feed import make_world
from sqlalchemy import insert, select

from surveillance.configuration import Configuration
from surveillance.redefining import fingerprints
from surveillance.store import tables
from surveillance.store.database import Store, Transaction
from surveillance.store.listed import save_definitions

USE_CASE = "suspected-suicide"
PARTNER, KIND = "example-police", "incident"
_CHUNK = 10_000


def store_cases(store: Store, configuration: Configuration, count: int, days: int, until: date) -> None:
    """`count` cases of a use case, by population, evenly over the `days` that end with `until`.

    They bear no person key, and the same rows as those that their messages would have made. The use cases
    are those under which they were counted: a worker has nothing to count anew.
    """
    world = make_world(configuration)
    rng = np.random.default_rng(7)
    areas = [world.areas.codes[i] for i in world.draw_areas(rng, count)]
    ages = rng.integers(0, days, count).tolist()
    places = [place.name for place in configuration.use_cases[USE_CASE].places]
    for first in range(0, count, _CHUNK):
        some = range(first, min(count, first + _CHUNK))
        with store.transaction() as tx:
            records = _add_records(tx, [f"old-{i:06d}" for i in some])
            versions = [
                _version(record, record_id, areas[i], until - timedelta(days=ages[i]))
                for i, (record, record_id) in zip(some, records, strict=True)
            ]
            tx.execute(insert(tables.record_versions), versions)
            tx.execute(insert(tables.line_list), [_row(v, place) for v in versions for place in places])
    with store.transaction() as tx:
        save_definitions(tx, fingerprints(configuration))


def _add_records(tx: Transaction, ids: list[str]) -> list[tuple[int, str]]:
    """Their numbers and ids, in the order of the ids."""
    record = tables.records.c
    tx.execute(insert(tables.records), [{"partner": PARTNER, "kind": KIND, "record_id": i} for i in ids])
    added = record.record_id.in_(ids)
    found = tx.execute(select(record.record, record.record_id).where(added).order_by(record.record_id))
    return [(row.record, row.record_id) for row in found]


def _version(record: int, record_id: str, area: str, day: date) -> dict[str, Any]:
    occurred = datetime.combine(day, time(3), UTC)
    content = {
        "record_id": record_id,
        "version": 1,
        "action": "reported",
        "status": "suspected",
        "category": "suspected_suicide",
        "occurred_from": occurred.isoformat(),
        "occurred_to": occurred.isoformat(),
        "occurred_precision": "exact",
        "reported_at": (occurred + timedelta(days=1)).isoformat(),
        "residence_area": {"code": area},
        "incident_area": {"code": area},
        "age": 20 + record % 60,
        "sex": "unknown",
    }
    return {
        "record": record,
        "version": 1,
        "content_hash": f"{record:064x}",
        "received_at": occurred + timedelta(days=1),
        "content": content,
    }


def _row(version: dict[str, Any], place: str) -> dict[str, Any]:
    content = version["content"]
    return {
        "record": version["record"],
        "use_case": USE_CASE,
        "place": place,
        "version": 1,
        "known_from": version["received_at"],
        "known_until": None,
        "reason": None,
        "area": content[f"{place}_area"]["code"],
        "day": datetime.fromisoformat(content["occurred_from"]).date(),
        "received_at": version["received_at"],
        "person_keys": (),
        "age": content["age"],
        "sex": content["sex"],
        "tokens": (),
    }
