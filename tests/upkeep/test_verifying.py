"""A database that is whole is found so, and each way of breaking it is named."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from lived_in import AUDIT, KEYS, key, live_in

from small_house import House, incident, message
from surveillance.store import audit, records
from surveillance.store import tables as t
from surveillance.store.schema import SchemaFault
from surveillance.store.tables_answers import record_quality
from surveillance.store.tables_audit import audit as chain
from surveillance.store.tables_cases import alert_members
from surveillance.store.tables_releases import releases
from surveillance.upkeep.verifying import verify


def faults(house: House, sample: int | None = None) -> dict[str, tuple[str, ...]]:
    return {c.about: c.faults for c in verify(house.store, house.configuration, KEYS, sample) if c.faults}


def test_a_database_in_which_everything_happened_is_whole(house: House) -> None:
    live_in(house)
    checks = list(verify(house.store, house.configuration, KEYS))
    assert [c for c in checks if c.faults] == []
    found = {c.about: c.found for c in checks}
    assert found["line list"] == "8 of 8 records are what follows"
    assert found["ledger"] == "2 logs without gaps"
    assert not found["published counts"].startswith("0 ")


def test_an_empty_database_is_whole(house: House) -> None:
    house.service.prepare()
    assert faults(house) == {}


BREAKS = {
    "line list": [
        sa.update(t.line_list).where(t.line_list.c.age.is_(None)).values(area="n4"),
        sa.delete(t.line_list).where(t.line_list.c.known_until.is_not(None)),
        sa.delete(t.person_records),
        sa.delete(t.merges),
        sa.update(record_quality).values(delay_hours=9_999),
    ],
    "audit chain": [sa.update(chain).where(chain.c.sequence == 2).values(by="nobody")],
    "published counts": [sa.update(releases).values(cases=500)],
    "alerts": [
        sa.delete(alert_members),
        sa.update(t.alerts).values(revision=t.alerts.c.revision + 1),
        sa.update(t.alert_history).where(t.alert_history.c.revision == 1).values(revision=99),
    ],
    "snapshots": [sa.update(t.evaluations).values(snapshot=None)],
}


@pytest.mark.parametrize(
    ("about", "number"), [(about, n) for about, some in BREAKS.items() for n in range(len(some))]
)
def test_what_was_changed_behind_its_back_is_named(house: House, about: str, number: int) -> None:
    live_in(house)
    with house.store.engine.connect() as plain:  # as a hand at a prompt does, references unchecked
        if house.store.dialect == "sqlite":
            plain.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        else:
            plain.execute(sa.text("SET session_replication_role = replica"))
        plain.execute(BREAKS[about][number])
        plain.commit()
    found = faults(house)
    assert about in found, found
    assert not any("r-1" in words for some in found.values() for words in some), "a partner's id is told"


def test_a_reference_to_nothing_is_named(house: House) -> None:
    live_in(house)
    with house.store.engine.connect() as plain:
        if house.store.dialect == "sqlite":
            plain.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        else:
            plain.execute(sa.text("SET session_replication_role = replica"))
        plain.execute(sa.delete(t.evaluations))
        plain.commit()
    assert any("alert_history" in words for words in faults(house)["references"])


def test_an_offset_that_nobody_handled_is_named(house: House) -> None:
    house.service.prepare()
    house.ingest(message(0, incident("r-1")), message(5, incident("r-2")))
    assert faults(house) == {
        "ledger": (
            "incidents.v1.alpha/0: 4 offsets below handled ones are not handled; the repair of a worker "
            "fetches them",
        )
    }


def test_a_record_that_was_erased_and_is_back_is_named(house: House) -> None:
    live_in(house)
    with house.store.transaction() as tx:
        numbers = records.lock(tx, {key("gone-1")})
        row = {"version": 1, "content_hash": "0", "received_at": house.now, "content": incident("gone-1")}
        tx.execute(sa.insert(t.record_versions).values(record=numbers[key("gone-1")], **row))
    assert any("was erased and is there" in words for words in faults(house)["line list"])


def test_a_sample_looks_at_so_many(house: House) -> None:
    live_in(house)
    (found,) = (c.found for c in verify(house.store, house.configuration, KEYS, 4) if c.about == "line list")
    assert found == "4 of 8 records are what follows"


def test_a_chain_cut_off_after_it_was_published_is_named(house: House) -> None:
    live_in(house)
    with house.store.transaction() as tx:
        entry = audit.Entry("lead-1", "looked", "alert/x", house.now + timedelta(days=1))
        late = audit.append(tx, AUDIT, entry)
        tx.execute(sa.delete(chain).where(chain.c.sequence == late.sequence))
        before = tx.execute(sa.select(chain.c.mac).where(chain.c.sequence == late.sequence - 1)).scalar_one()
        tx.execute(sa.text("UPDATE audit_head SET sequence = sequence - 1, mac = :mac"), {"mac": before})
    assert faults(house) == {}
    checks = verify(house.store, house.configuration, KEYS, None, late)
    assert any(c.about == "audit chain" and c.faults for c in checks)


def test_another_schema_is_refused_with_its_cure(house: House) -> None:
    with house.store.transaction() as tx:
        tx.execute(sa.text("UPDATE alembic_version SET version_num = '0011'"))
    with pytest.raises(SchemaFault, match="surveillance db upgrade"):
        list(verify(house.store, house.configuration, KEYS))
