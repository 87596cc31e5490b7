"""Counts are published once, when they are complete, and nothing that comes later changes them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Executable, delete, update

from small_house import TODAY, USE_CASE, House, incident, load_house, message
from surveillance.configuration import Configuration
from surveillance.disclosure.protection import bounds, total
from surveillance.releasing import release_due, release_history, series_of, verify_releases
from surveillance.settings import Settings
from surveillance.store import audit, releases
from surveillance.store.database import Store
from surveillance.store.tables_releases import release_blocks
from surveillance.store.tables_releases import releases as releases_table
from surveillance.use_case.model import Publication

KEY = b"a key of thirty-two bytes or more"
QUARTERLY = Publication(period="month", block_periods=3, delay_days=7)
APRIL = date(2250, 4, 1)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    publication = QUARTERLY.model_dump()
    return load_house(tmp_path_factory.mktemp("planet"), publication=publication)


@pytest.fixture
def planet(configuration: Configuration, store: Store) -> House:
    return House(configuration, store)


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def cases(*numbers: tuple[date, str, int], name: str = "c") -> list[dict[str, Any]]:
    """So many cases on a day in an area."""
    return [
        incident(f"{name}-{day}-{area}-{i}", days_ago=(TODAY - day).days, area=area, sex=sex, age=40)
        for day, area, number in numbers
        for i in range(number)
        for sex in [("female", "male")[i % 2]]
    ]


def released(house: House, scope: str = "north") -> list[releases.Release]:
    with house.store.reading() as tx:
        return releases.published(tx, USE_CASE, scope)


def blocks(house: House, scope: str = "north") -> list[releases.Block]:
    with house.store.reading() as tx:
        return releases.published_blocks(tx, USE_CASE, scope)


def everything(house: House) -> list[Any]:
    return [(released(house, scope), blocks(house, scope)) for scope in ("north", "south")]


def publish_history(house: House, on: date = date(2250, 7, 1)) -> int:
    return release_history(house.store, house.configuration, date(2250, 1, 1), at(on), KEY)


def test_a_period_is_published_on_the_first_monday_after_its_reports_had_time(planet: House) -> None:
    made: list[tuple[date, str]] = []
    for day in range(45):
        now = at(date(2250, 7, 1) + timedelta(days=day))
        release_due(planet.store, planet.configuration, now, KEY)
        made += [(now.date(), f"{r.first_day:%B}") for r in released(planet)[len(made) :]]
    # 30 June and seven days: complete on 8 July, a Monday; 31 July: on 12 August.
    assert [name for _, name in made] == ["June", "July"]
    assert [day.weekday() for day, _ in made] == [0, 0]
    assert made[0][0] == date(2250, 7, 8)


def test_the_clock_leaves_periods_from_before_it_began_to_the_operator(planet: House) -> None:
    planet.report(*cases((date(2250, 2, 3), "n1", 9)))
    release_due(planet.store, planet.configuration, at(date(2250, 7, 1)), KEY)
    assert released(planet) == []
    assert publish_history(planet) == 10  # January to May, in two scopes
    assert [r.cases for r in released(planet)] == [None, 10, None, None, None]


def test_done_twice_nothing_changes(planet: House) -> None:
    planet.report(*cases((APRIL, "n1", 12)))
    publish_history(planet)
    before = everything(planet)
    assert publish_history(planet) == 0
    assert release_due(planet.store, planet.configuration, at(date(2250, 7, 1)), KEY) == 0
    assert everything(planet) == before


def test_small_counts_are_stored_as_small_and_others_to_the_nearest_five(planet: House) -> None:
    planet.report(
        *cases((date(2250, 1, 5), "n1", 7), (date(2250, 2, 5), "n1", 8), (date(2250, 3, 5), "n1", 13))
    )
    publish_history(planet)
    assert [r.cases for r in released(planet)[:3]] == [None, 10, 15]


def test_a_block_is_published_whole_where_every_cell_has_eight(planet: House) -> None:
    planet.report(
        *cases(*[(date(2250, month, 5), area, 8) for month in (1, 2, 3) for area in ("n1", "n2", "n3", "n4")])
    )
    publish_history(planet)
    (block,) = blocks(planet)
    assert (block.first_day, block.last_day) == (date(2250, 1, 1), date(2250, 3, 31))
    assert block.tables["area"] == {"n1": 25, "n2": 25, "n3": 25, "n4": 25}
    assert block.tables["sex"] == {"female": 50, "male-or-not-recorded": 50}
    assert block.tables["age"] is None  # nobody under sixteen


def test_one_small_area_withholds_the_table(planet: House) -> None:
    planet.report(
        *cases(*[(date(2250, 1, 5), area, n) for area, n in (("n1", 30), ("n2", 30), ("n3", 30), ("n4", 7))])
    )
    publish_history(planet)
    (block,) = blocks(planet)
    assert block.tables["area"] is None


def test_people_are_counted_once(planet: House) -> None:
    twice = [
        incident(f"one-{i}", days_ago=(TODAY - APRIL).days + later, area="n1", person=i + 1)
        for i in range(6)
        for later in (0, 2)
    ]
    for i, payload in enumerate(twice):
        payload["record_id"] = f"r-{i}"
    planet.report(*twice)
    publish_history(planet)
    assert [r.cases for r in released(planet)] == [None] * 5  # six people, twelve records


def test_every_release_is_signed_off_in_the_audit_chain(planet: House) -> None:
    publish_history(planet)
    with planet.store.reading() as tx:
        audit.verify(tx, KEY)
        entries = audit.of_subject(tx, f"release/{USE_CASE}/north")
    assert [e.facts["first_day"] for e in entries] == [
        *("2250-01-01", "2250-02-01", "2250-03-01"),
        "2250-01-01",  # the block of the three
        *("2250-04-01", "2250-05-01"),
    ]
    assert {(e.by, e.act) for e in entries} == {("service", "released")}


CHANGED = {
    "a period was changed": update(releases_table)
    .where(releases_table.c.first_day == APRIL)
    .values(cases=500),
    "tables were changed": update(release_blocks).values(tables={"area": {"n1": 45}}),
    "tables were removed": delete(release_blocks),
    "a period was moved": update(releases_table)
    .where(releases_table.c.first_day == APRIL)
    .values(first_day=date(2250, 4, 2)),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_what_is_stored_as_published_is_held_to_the_audit_chain(planet: House, change: Executable) -> None:
    planet.report(*cases((date(2250, 1, 5), "n1", 30)))
    publish_history(planet)
    with planet.store.reading() as tx:
        assert verify_releases(tx) == 12  # five periods and a block in each scope
    with planet.store.transaction() as tx:
        tx.execute(change)
    with planet.store.reading() as tx, pytest.raises(audit.Broken, match=f"release/{USE_CASE}/north, 2250"):
        verify_releases(tx)


def test_a_scope_that_shares_areas_with_one_before_it_is_not_published(configuration: Configuration) -> None:
    use_case = configuration.use_cases[USE_CASE]
    north = configuration.regions["north"]
    inner = replace(north, scope=north.scope.model_copy(update={"id": "inner"}))
    both = replace(configuration, regions={**configuration.regions, "inner": inner})
    wider = use_case.model_copy(update={"scopes": ("north", "south", "inner")})
    assert series_of(both, wider, "north") is not None
    assert series_of(both, wider, "south") is not None
    assert series_of(both, wider, "inner") is None


def test_days_that_were_published_are_not_published_under_another_calendar(planet: House) -> None:
    planet.report(*cases((APRIL, "n1", 12)))
    publish_history(planet)
    weekly = Publication(period="week", block_periods=4, delay_days=0)
    other = planet.configuration.use_cases[USE_CASE].model_copy(update={"publication": weekly})
    changed = replace(planet.configuration, use_cases={USE_CASE: other})
    before = released(planet)
    release_history(planet.store, changed, date(2250, 1, 1), at(date(2250, 7, 1)), KEY)
    after = released(planet)
    assert after[: len(before)] == before
    assert all(r.first_day > before[-1].last_day for r in after[len(before) :])
    assert len(after) > len(before)


def test_a_use_case_that_is_not_published_has_no_releases(planet: House) -> None:
    silent = planet.configuration.use_cases[USE_CASE].model_copy(update={"publication": None})
    house = House(replace(planet.configuration, use_cases={USE_CASE: silent}), planet.store)
    assert publish_history(house) == 0


def test_the_service_publishes_only_with_the_key_of_the_audit_chain(planet: House) -> None:
    planet.now = at(date(2250, 7, 1))
    planet.service.tick()
    planet.now = at(date(2250, 7, 9))
    planet.service.tick()
    assert released(planet) == []
    planet.settings = Settings(
        config_dir="/nowhere", audit_key=KEY.decode(), dead_letter_key="a key for tests only"
    )
    planet.service.tick()
    assert released(planet) == []  # the clock began with the key
    planet.now = at(date(2250, 8, 20))
    planet.service.tick()
    assert [f"{r.first_day:%B}" for r in released(planet)] == ["July"]


# --- successive days ---------------------------------------------------------------------------------------

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["report", "report", "withdraw", "publish"]),
        st.sampled_from([1, 1, 2, 3]),  # months back
        st.sampled_from(["n1", "n2", "n3", "n4", "s1"]),
        st.sampled_from([1, 7, 8, 9, 24]),
    ),
    min_size=6,
    max_size=20,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes=CHANGES)
def test_whatever_comes_later_no_release_changes_and_all_of_them_tell_of_the_same_cases(
    configuration: Configuration,
    sqlite_template: Any,
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[Any],
) -> None:
    path = tmp_path_factory.mktemp("day") / "house.db"
    path.write_bytes(sqlite_template.read_bytes())
    house = House(configuration, Store.open(f"sqlite:///{path}"))
    seen: list[Any] = []
    for step, change in enumerate([*changes, ("publish", 1, "n1", 1)]):
        _apply(house, step, *change)
        now = everything(house)
        for (was, was_blocks), (is_now, are_now) in zip(seen, now, strict=False):
            assert [r for r in is_now if r in was] == was
            assert [b for b in are_now if b in was_blocks] == was_blocks
        seen = now
    for periods, of_scope in seen:
        for block in of_scope:
            _agree([p for p in periods if block.first_day <= p.first_day <= block.last_day], block)
    house.store.close()


def _apply(house: House, step: int, act: str, back: int, area: str, number: int) -> None:
    """Every step is a week later than the one before; cases are of the fifth of a month that is over."""
    house.now = at(date(2250, 2, 10) + timedelta(days=7 * step))
    if act == "publish":
        release_history(house.store, house.configuration, date(2250, 1, 1), house.now, KEY)
        return
    reported = cases((date(2250, max(1, house.now.month - back), 5), area, number), name="r")
    changed = [{**r, "version": step + 2} for r in reported]
    if act == "withdraw":
        changed = [{**r, "action": "withdrawn", "status": "withdrawn"} for r in changed]
    batch = [message(1000 * step + i, r, received_at=house.now) for i, r in enumerate(changed)]
    house.ingest(*batch)


def _agree(periods: Iterable[releases.Release], block: releases.Block) -> None:
    """One total can be behind the periods and each table: they were counted once, together."""
    ends = [total(p.cases for p in periods)]
    ends += [total(table.values()) for table in block.tables.values() if table is not None]
    assert max(end.low for end in ends) <= min(end.high for end in ends)
    event("a table is published" if any(block.tables.values()) else "no table is published")
    assert all(bounds(v).low >= 8 for t in block.tables.values() if t is not None for v in t.values())
