"""A record that was erased is in no table, comes back by no way, and its alerts go on without it."""

import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Integer

from small_house import House, incident, message
from surveillance.alerting.alert import Alert, State
from surveillance.alerting.workflow import Act, Details, NotAllowed
from surveillance.configuration import Configuration
from surveillance.deciding import Decision, Desk, Unknown
from surveillance.deciding.erasing import Erased
from surveillance.events.envelope import as_test
from surveillance.events.refusal import RefusalCode
from surveillance.line_list.record import Case, RecordKey
from surveillance.store import alerts, audit, dead_letters, erasures, line_list, pending, records
from surveillance.store.database import Store
from surveillance.store.erasures import KeyChanged
from surveillance.store.tables import Base

GONE = "gone-4711"
PERSON = 0xE
PERSON_KEY = f"{PERSON:x}a" * 32
AUDIT, RECORDS = b"a" * 32, b"a key for tests only"  # the second is that of the house's workers


@pytest.fixture
def any_house(configuration: Configuration, store: Store) -> House:
    """On SQLite, then on PostgreSQL."""
    return House(configuration, store)


def key(record: str, partner: str = "alpha") -> RecordKey:
    return RecordKey(partner, "incident", record)


def desk(house: House) -> Desk:
    return Desk(house.configuration, house.store, AUDIT, RECORDS)


def erase(house: House, record: str = GONE, reason: str = "a court order") -> Erased:
    return desk(house).erase(key(record), Decision("lead-1", house.now, reason))


def gone(**changes: object) -> dict[str, object]:
    return incident(GONE, person=PERSON, school="s-1", **changes)


def lived(house: House) -> Alert:
    """An alert of five records, the one that will be gone among them, named wherever one can be named."""
    tie = [{"record": GONE, "type": "friend", "confidence": "confirmed", "source": "police"}]
    house.report(
        gone(),
        incident("kept-1", days_ago=1, school="s-1", links=tie),
        incident("kept-2", days_ago=2, links=[{**tie[0], "confidence": "possible"}]),
        incident("kept-3", days_ago=1, version=1),
        incident("kept-3", days_ago=1, version=2, action="merged", merged_into=GONE),
    )
    beta_tie = [{**tie[0], "record": f"alpha/incident/{GONE}"}]
    house.report(incident("kept-4", partner="beta", person=PERSON, links=beta_tie), partner="beta")
    house.evaluate()
    house.report(gone(version=2, age=41))
    house.evaluate()
    why = Decision("lead-1", house.now, f"{GONE} said so, and alpha/incident/{GONE} too")
    (alert,) = house.alerts()
    at_desk = desk(house)
    at_desk.link((key(GONE), key("kept-2")), why)
    at_desk.decide_duplicate((key(GONE), key("kept-4", "beta")), "rejected", why)
    at_desk.note(alert.id, f"Ask about {GONE}. Not about {GONE}9.", why)
    at_desk.add(alert.id, {key(GONE)}, why)
    for act in (Act.ACKNOWLEDGE, Act.ASSESS, Act.RESPOND):
        at_desk.move(alert.id, act, why)
    house.evaluate()
    return house.alerts()[0]


def words(store: Store) -> Iterator[tuple[str, str]]:
    """Every value of every table as text, snapshots unpacked."""
    with store.reading() as tx:
        for table in Base.metadata.tables.values():
            for row in tx.execute(table.select()):
                for name, value in row._mapping.items():
                    packed = isinstance(value, bytes)
                    yield f"{table.name}.{name}", zlib.decompress(value).decode() if packed else repr(value)


def numbering(store: Store, number: int) -> set[str]:
    """The tables with a row about a record by our number for it."""
    with store.reading() as tx:
        return {
            table.name
            for table in Base.metadata.tables.values()
            if "record" in table.c and isinstance(table.c.record.type, Integer)
            if tx.execute(table.select().where(table.c.record == number)).first() is not None
        }


def naming(store: Store, text: str) -> set[str]:
    return {where for where, value in words(store) if text in value.replace(f"{text}9", "")}


def test_no_table_names_the_record_or_its_person_afterwards(any_house: House) -> None:
    house = any_house
    alert = lived(house)
    house.ingest(message(700, as_test(gone(), "incident", "alpha", 1)))
    assert {
        "alerts.alert",
        "test_records.record_id",
        "evaluations.snapshot",
        "links.record_a",
        "alert_notes.text",
        "line_list.tokens",
    } <= (naming(house.store, GONE))
    with house.store.reading() as tx:
        (number,) = records.numbers_of(tx, {key(GONE)}).values()
    assert {"alert_members", "line_list", "records"} <= numbering(house.store, number)
    desk(house).erase(key("kept-4", "beta"), Decision("lead-1", house.now, "the same person"))
    done = erase(house, reason=f"a court order about {GONE}")
    assert naming(house.store, GONE) == set()
    assert naming(house.store, PERSON_KEY) == set()
    assert numbering(house.store, number) == set()
    assert (done.versions, done.alerts) == (2, (alert.id,))
    house.evaluate()
    assert naming(house.store, GONE) == set()
    with house.store.reading() as tx:
        audit.verify(tx, AUDIT)


def test_what_the_file_keeps_behind_rows_does_not_name_it_either(house: House) -> None:
    lived(house)
    erase(house)
    house.store.close()
    content = Path(str(house.store.engine.url.database)).read_bytes()
    assert GONE.encode() not in content.replace(f"{GONE}9".encode(), b"")


def test_pages_that_only_it_filled_are_overwritten_at_once(house: House) -> None:
    about = {"type": "friend", "confidence": "possible", "source": "police"}
    ties = [{"record": f"{GONE}.{n}.{'-' * 40}", **about} for n in range(32)]  # more than a page of text
    house.report(*(incident(f"kept-{n}") for n in range(20)), gone(links=ties))
    assert GONE.encode() in on_disk(house.store)
    erase(house)
    assert GONE.encode() not in on_disk(house.store)


def on_disk(store: Store) -> bytes:
    """The file and its log, while the service goes on."""
    assert store.file is not None
    return b"".join(path.read_bytes() for path in store.file.parent.glob(f"{store.file.name}*"))


def test_the_alert_goes_on_without_it_and_its_past_keeps_its_counts(any_house: House) -> None:
    house = any_house
    before = lived(house)
    with house.store.reading() as tx:
        past = [len(row.change.alert.members) for row in alerts.history(tx, before.id)]
    erase(house)
    with house.store.reading() as tx:
        history = alerts.history(tx, before.id)
    assert [len(row.change.alert.members) for row in history[:-1]] == past
    assert (history[-1].change.told, history[-1].change.reason) == (True, "a record was erased for good")
    assert len(history[-1].change.alert.members) == past[-1] - 1
    assert not any("erased/" in member for member in history[-1].change.alert.members)
    with house.store.reading() as tx:
        assert pending.waiting(tx) > 0
    house.evaluate()
    after = next(a for a in house.alerts() if a.id == before.id)
    assert after.state is State.RESPONDING
    assert all("erased/" not in member for cluster in after.clusters for member in cluster.members)


def test_others_that_were_merged_into_it_or_linked_with_it_stand_for_themselves(any_house: House) -> None:
    house = any_house
    lived(house)
    erase(house)
    with house.store.reading() as tx:
        entries = line_list.current_entries(tx, {key("kept-3"), key("kept-1")})
    assert {entry.key.record_id for entry in entries if isinstance(entry, Case)} == {"kept-1", "kept-3"}
    house.report(incident("kept-1", days_ago=1, school="s-1", version=1))  # a repeat is no conflict
    house.evaluate()


def test_what_comes_of_it_again_is_refused_counted_and_not_kept(any_house: House) -> None:
    house = any_house
    lived(house)
    erase(house)
    for n, payload in enumerate((gone(), gone(version=3))):
        house.ingest(message(500 + n, payload))
    house.service.ingest([message(600, gone(version=4))], repaired=True)
    tie = [{"record": GONE, "type": "friend", "confidence": "confirmed", "source": "police"}]
    house.report(incident("later-1", links=tie), incident("later-2", action="merged", merged_into=GONE))
    house.evaluate()
    assert naming(house.store, GONE) == set()
    with house.store.reading() as tx:
        assert dead_letters.count(tx)[RefusalCode.ERASED] == 3
        assert {one.letter.payload_hmac for one in dead_letters.listed(tx)} == {""}
        assert line_list.current_entries(tx, {key("later-1")})


def test_to_erase_it_again_changes_nothing_and_says_so(any_house: House) -> None:
    house = any_house
    lived(house)
    assert not erase(house).before
    was = [(where, value) for where, value in words(house.store) if not where.startswith("audit")]
    assert erase(house).before
    assert [(w, v) for w, v in words(house.store) if not w.startswith("audit")] == was
    with pytest.raises(Unknown):
        erase(house, "never-seen")
    with pytest.raises(NotAllowed, match="reason"):
        erase(house, reason=" ")


def test_an_evaluation_that_had_read_the_record_stores_nothing_of_it(house: House) -> None:
    house.report(*(incident(f"kept-{i}", days_ago=i) for i in range(3)), gone())
    with house.store.transaction() as tx:
        claimed = pending.claim(tx, "worker", house.now, timedelta(minutes=5))
    assert claimed is not None
    erase(house)
    with pytest.raises(pending.ClaimLost), house.store.transaction() as tx:
        pending.finish(tx, claimed, house.now)
    house.evaluate()
    assert naming(house.store, GONE) == set()
    assert len(house.alerts()[0].members) == 3


def test_a_finished_alert_keeps_its_state_and_its_count(house: House) -> None:
    house.report(incident("kept-1"), incident("kept-2", days_ago=1), gone(days_ago=1))
    house.evaluate()
    (alert,) = house.alerts()
    why = Decision("lead-1", house.now, "no cluster")
    desk(house).move(alert.id, Act.DISMISS, why, Details())
    was = house.alerts()[0]
    with house.store.reading() as tx:
        (number,) = records.numbers_of(tx, {key(GONE)}).values()
    assert "alert_members" in numbering(house.store, number)
    erase(house)
    assert numbering(house.store, number) == set(), "not even of an alert that is never written again"
    (kept,) = house.alerts()
    assert (kept.revision, kept.state, len(kept.members)) == (was.revision, was.state, 3)
    house.evaluate()


def test_under_another_key_no_worker_starts(any_house: House) -> None:
    house = any_house
    house.report(gone())
    Desk(house.configuration, house.store, AUDIT, b"another key").erase(
        key(GONE), Decision("lead-1", house.now, "a court order")
    )
    with pytest.raises(KeyChanged, match="SURVEILLANCE_DEAD_LETTER_KEY"):
        house.service.prepare()
    with house.store.reading() as tx:
        assert erasures.count(tx) == 1
