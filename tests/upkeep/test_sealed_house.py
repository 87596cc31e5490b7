"""A house whose restricted values are sealed does all that another does, and its database shows none."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from lived_in import AUDIT, KEYS, desk, key, live_in, tell

from sealed_store import ONE, TWO, keys, opened_again
from small_house import House, incident
from surveillance.configuration import Configuration
from surveillance.deciding import Decision
from surveillance.sealing import SealFault
from surveillance.store import audit, erasures, exports, seals
from surveillance.store.codec import unpack
from surveillance.store.database import Store
from surveillance.store.sealed import as_stored, sealed_columns
from surveillance.store.seals import Done
from surveillance.store.tables import Base
from surveillance.upkeep.expiring import due, expire, policy_of
from surveillance.upkeep.rebuilding import rebuild
from surveillance.upkeep.resealing import reseal
from surveillance.upkeep.verifying import verify
from surveillance.use_case.model import Retention

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
SAID = ("The group meets.", "seen by the group", "school:s-1", "CLINIC-ALPHA", "dune_fever", "a court order")


@pytest.fixture
def sealed(planet: Configuration, store: Store, tmp_path: Path) -> Iterator[House]:
    """A house with keys, lived in."""
    sealing = opened_again(store, keys(tmp_path, ONE))
    sealing.check_schema()
    house = House(planet, sealing)
    live_in(house)
    yield house
    sealing.close()


def opened_values(store: Store) -> list[tuple[str, Any]]:
    """Every value of the columns that may be sealed, as it is read, in the order of the keys."""
    found: list[tuple[str, Any]] = []
    with store.reading() as tx:
        for table in Base.metadata.sorted_tables:
            for name in sealed_columns(table):
                rows = tx.execute(sa.select(table.c[name]).order_by(*table.primary_key.columns)).scalars()
                found += [(f"{table.name}.{name}", value) for value in rows]
    return found


def comparable(store: Store) -> list[tuple[str, str]]:
    """The same, without what is drawn at random."""
    values = (
        (place, unpack(value) if isinstance(value, bytes) else value) for place, value in opened_values(store)
    )
    return [
        (place, re.sub(r"erased/incident/\w+", "erased", str(value)))
        for place, value in values
        if place != "outbox.payload"
    ]


def as_it_lies(store: Store) -> str:
    """All that is stored, as whoever holds the disk or a dump reads it."""
    with store.reading() as tx:
        rows = [
            row for table in Base.metadata.sorted_tables for row in tx.execute(sa.select(as_stored(table)))
        ]
    store.forget(whole=True)
    return str(rows) + (store.file.read_bytes().decode("latin-1") if store.file else "")


def test_it_answers_as_one_without_keys(
    planet: Configuration, sealed: House, sqlite_template: Path, tmp_path: Path
) -> None:
    file = tmp_path / "plain.db"
    file.write_bytes(sqlite_template.read_bytes())
    plain = House(planet, Store.open(f"sqlite:///{file}"))
    live_in(plain)
    assert comparable(sealed.store) == comparable(plain.store)
    stored = as_it_lies(plain.store)
    assert [said for said in SAID if said not in stored] == [], "the search finds what is plain"
    assert [check for check in verify(sealed.store, planet, KEYS) if check.faults] == []


def test_nothing_restricted_is_seen_in_what_is_stored_nor_in_an_export(sealed: House, tmp_path: Path) -> None:
    stored = as_it_lies(sealed.store)
    assert [said for said in SAID if said in stored] == []
    with sealed.store.reading() as tx:
        exports.write(tx, tmp_path / "export", sealed.now)
    exported = gzip.decompress((tmp_path / "export").read_bytes()).decode()
    assert [said for said in SAID if said in exported] == []


def test_an_export_is_read_back_under_its_keys(sealed: House, tmp_path: Path) -> None:
    with sealed.store.reading() as tx:
        rows = exports.write(tx, tmp_path / "export", sealed.now)
    other = Store.open(f"sqlite:///{tmp_path / 'other.db'}")
    other.upgrade()
    other = opened_again(other, keys(tmp_path, ONE))
    with other.transaction() as tx:
        assert exports.read(tx, tmp_path / "export") == rows
    other.check_schema()
    kept = {
        "alerts.alert",
        "alert_history.reason",
        "alert_notes.text",
        "evaluations.snapshot",
        "links.reason",
    }
    assert [v for v in opened_values(other) if v[0] in kept] == [
        v for v in opened_values(sealed.store) if v[0] in kept
    ]


def test_an_erasure_finds_what_is_sealed_also_in_versions_that_were_replaced(sealed: House) -> None:
    tie = {"type": "friend", "confidence": "confirmed", "source": "police", "record": "late-0042"}
    tell(sealed, incident("late-0042", person=7), incident("names-it", links=[tie]))
    tell(sealed, incident("names-it", version=2))
    at_desk = desk(sealed)
    why = Decision("lead-1", sealed.now, "late-0042 was seen")
    at_desk.note(sealed.alerts()[0].id, "About late-0042.", why)
    with sealed.store.reading() as tx:
        assert key("names-it") in erasures.records_naming(tx, key("late-0042"))
    sealed.evaluate()
    at_desk.erase(key("late-0042"), why)
    told = [unpack(v) if isinstance(v, bytes) else v for _, v in opened_values(sealed.store)]
    for gone in ("late-0042", "gone-1"):
        assert gone not in str(told)
    assert "About [erased]." in told


def test_what_is_plain_is_sealed_and_a_key_is_rotated_and_dropped(
    planet: Configuration, store: Store, tmp_path: Path
) -> None:
    live_in(House(planet, store))
    before, only_one = opened_values(store), keys(tmp_path, ONE)
    one = opened_again(store, only_one)
    one.check_schema()
    with one.reading() as tx:
        would = dict(seals.unsealed(tx, only_one))
    assert reseal(one, only_one, "somebody", NOW, AUDIT).sealed == would
    assert (would["record_versions"], would["alert_notes"]) == (
        len([v for v in before if v[0] == "record_versions.content"]),
        1,
    )
    assert list(seals.seal_all(one, only_one)) == [], "what is done is not done again"
    assert opened_values(one) == before
    both = keys(tmp_path, TWO, ONE)
    two = opened_again(store, both)
    two.check_schema()
    done = reseal(two, both, "somebody", NOW, AUDIT)
    assert (done.sealed, done.unused_keys) == (would, ["one"])
    with two.reading() as tx:
        entered = [entry for _, entry in audit.listed(tx, act="sealed")]
        audit.verify(tx, AUDIT)
    assert [(e.by, e.subject, e.facts) for e in entered] == [
        ("somebody", "key/two", {**would, "unused_keys": ["one"]}),
        ("somebody", "key/one", would),
    ]
    two_only = opened_again(store, keys(tmp_path, TWO))
    two_only.check_schema()
    assert opened_values(two_only) == before
    stored = as_it_lies(two)
    assert [said for said in (*SAID, "sealed:one") if said in stored] == []


def test_what_was_sealed_before_it_was_broken_off_is_in_the_audit_chain(
    planet: Configuration, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_in(House(planet, store))
    only_one = keys(tmp_path, ONE)
    one = opened_again(store, only_one)
    pages, seal_all = list[Done](), seals.seal_all

    def broken_off(*arguments: Any) -> Iterator[Done]:
        for page in seal_all(*arguments):
            pages.append(page)
            yield page
            if len(pages) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(seals, "seal_all", broken_off)
    with pytest.raises(KeyboardInterrupt):
        reseal(one, only_one, "somebody", NOW, AUDIT)
    monkeypatch.undo()
    left = reseal(one, only_one, "somebody", NOW, AUDIT).sealed
    reseal(one, only_one, "somebody", NOW, AUDIT)
    with one.reading() as tx:
        entered = [entry.facts for _, entry in audit.listed(tx, act="sealed")]
    assert entered == [left, {page.table: page.sealed for page in pages}], "none tells of nothing"


def test_values_that_no_key_opens_are_counted_and_left(sealed: House, tmp_path: Path) -> None:
    notes = as_stored(Base.metadata.tables["alert_notes"])
    with sealed.store.transaction() as tx:
        tx.execute(sa.update(notes).values(text="sealed:lost:AAAA"))
    told = {check.about: check.faults for check in verify(sealed.store, sealed.configuration, KEYS)}
    assert told["restricted values"] == (
        "alert_notes.text: 1 values cannot be opened with the keys of restricted_keys_file",
    )
    assert "not looked at" in told["alerts, snapshots, line list"][0]
    both = keys(tmp_path, TWO, ONE)
    done = {d.table: d for d in seals.seal_all(opened_again(sealed.store, both), both)}
    assert (done["alert_notes"].sealed, done["alert_notes"].shut) == (0, 1)
    assert done["alerts"].shut == 0
    with pytest.raises(SealFault, match="key lost, which"):
        opened_values(opened_again(sealed.store, both))


def test_it_is_rebuilt_and_expires_as_any_other_and_what_expired_stays_so(sealed: House) -> None:
    assert rebuild(sealed.store, sealed.configuration, sealed.now) > 0
    sealed.now += timedelta(days=400)
    use_case = sealed.configuration.use_cases["dune-fever"]
    kept = use_case.model_copy(update={"retention": Retention(keep_days=10)})
    configuration = replace(sealed.configuration, use_cases={"dune-fever": kept})
    for emptied in (True, False):
        found = due(sealed.store, configuration, policy_of(configuration, sealed.now, 10), sealed.now)
        done = expire(sealed.store, found, configuration, sealed.now, AUDIT)
        assert bool(done.snapshots) is emptied
