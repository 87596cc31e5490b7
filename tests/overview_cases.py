"""Many invented cases in a store, written at once. Nobody in them exists."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from surveillance.configuration import Configuration
from surveillance.store.database import Store
from surveillance.store.statements import chunks, insert_into
from surveillance.store.tables import line_list, person_records, persons, records

REPORTED_AFTER = timedelta(days=3)


def store_cases(
    store: Store,
    configuration: Configuration,
    use_case: str,
    until: date,
    *,
    days: int,
    number: int,
    twice: float = 0.2,
    seed: int = 1,
    area: str | None = None,
) -> None:
    """`number` cases at the use case's first place over the `days` up to `until`, by population, more in
    deprived areas (or all in one `area`); a share of them are reported twice, under one person key."""
    rng = np.random.default_rng(seed)
    areas = configuration.regions[configuration.use_cases[use_case].scopes[0]].inside
    weight = np.ones(len(areas)) if areas.population is None else areas.population.copy()
    if "imd_decile" in areas.measures:
        weight *= 1.5 - 0.08 * areas.measures["imd_decile"]
    if area is not None:
        weight = np.array([code == area for code in areas.codes], float)
    where = rng.choice(len(areas), number, p=weight / weight.sum())
    back = rng.integers(0, days, number)
    ages = np.clip(rng.normal(48, 19, number), 6, 99).astype(int)
    male = rng.random(number) < 0.7
    first = _first_free(store)
    entries = []
    for i in range(number):
        again = 2 if rng.random() < twice else 1
        entries += [(first + i, where[i], back[i], ages[i], male[i])] * again
    of = configuration.use_cases[use_case]
    with store.transaction() as tx:
        for some in chunks(list(enumerate(entries)), 5_000):
            tx.execute(
                insert_into(tx, records),
                [
                    {
                        "record": first + n,
                        "partner": "example-police",
                        "kind": of.records,
                        "record_id": f"invented-{first + n}",
                    }
                    for n, _ in some
                ],
            )
            tx.execute(
                insert_into(tx, line_list),
                [
                    {
                        "record": first + n,
                        "use_case": use_case,
                        "place": of.places[0].name,
                        "version": 1,
                        "known_from": _at(until - timedelta(days=int(days_back)) + REPORTED_AFTER),
                        "known_until": None,
                        "reason": None,
                        "area": areas.codes[area],
                        "day": until - timedelta(days=int(days_back)),
                        "received_at": _at(until - timedelta(days=int(days_back)) + REPORTED_AFTER),
                        "person_keys": (f"{use_case}:{person}",),
                        "age": int(age),
                        "sex": "male" if is_male else "female",
                        "tokens": (),
                    }
                    for n, (person, area, days_back, age, is_male) in some
                ],
            )
        keys = sorted({person for person, *_ in entries})
        for chunk in chunks(keys, 5_000):
            tx.execute(insert_into(tx, persons), [{"person_key": f"{use_case}:{p}"} for p in chunk])
        for pairs in chunks(list(enumerate(entries)), 5_000):
            tx.execute(
                insert_into(tx, person_records),
                [{"person_key": f"{use_case}:{e[0]}", "record": first + n} for n, e in pairs],
            )


def _first_free(store: Store) -> int:
    from sqlalchemy import func, select

    with store.reading() as tx:
        return int(tx.execute(select(func.coalesce(func.max(records.c.record), 0))).scalar_one()) + 1


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
