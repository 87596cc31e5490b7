"""Each invariant holds of a sound database, and fails on one that was doctored."""

import hashlib
import hmac
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from chaos.events import Owed
from chaos.invariants import Outside, Verdict, judge, read
from small_house import House, background, incident, load_house, message
from surveillance.access.person import Grant
from surveillance.accounts import Register, parts_of_token
from surveillance.configuration import Configuration
from surveillance.store import tables
from surveillance.store.database import Store
from surveillance.store.tables_audit import audit

AUDIT_KEY = b"a key of the audit chain for tests"
DEAD_LETTER_KEY = b"a key for tests only"  # the small house's
BAD = b'{"record_id": "bad"'
CLUSTER = [incident(f"c-{number}", days_ago=1, area="n1") for number in range(3)]
MESSAGES = [
    *background(),
    *(message(number, one) for number, one in enumerate(CLUSTER)),
    message(10, {**CLUSTER[0], "version": 2, "age": 40}),
    message(11, BAD),
]
OFFICE = "office@example.org"


@pytest.fixture(scope="session")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_house(tmp_path_factory.mktemp("planet"))


@dataclass
class Case:
    """A sound database beside its quiet run, and what is known outside."""

    store: Store
    quiet: Store
    owed: Owed
    outside: Outside

    def judge(self) -> Verdict:
        return judge(self.owed, self.outside, read(self.store, AUDIT_KEY), read(self.quiet, AUDIT_KEY))

    def doctor(self, *statements: sa.Executable) -> Verdict:
        with self.store.transaction() as tx:
            for statement in statements:
                tx.execute(statement)
        return self.judge()


@pytest.fixture
def case(store: Store, configuration: Configuration, sqlite_template: Path, tmp_path: Path) -> Case:
    quiet = House(
        configuration, Store.open(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'quiet.db')}")
    )
    house = House(configuration, store)
    for one in (quiet, house):
        one.ingest(*MESSAGES)
        one.evaluate()
    while house.service.deliver_due():
        pass
    register = Register(store, AUDIT_KEY, lambda: house.now)
    register.add(OFFICE, [Grant.parse("partner:*:*:alpha")], "operator", "correct horse battery")
    tokens = [parts_of_token(register.make_token(OFFICE, "for a test", "operator")) for _ in range(2)]
    told = [(alert, int(content["revision"])) for alert, content in house.told.messages]
    records = {(f"background-{number}", 1) for number in range(48)} | {(f"c-{n}", 1) for n in range(3)}
    accepted = {("alpha", "incident", *one) for one in records | {("c-0", 2)}}
    refused = hmac.new(DEAD_LETTER_KEY, BAD, hashlib.sha256).hexdigest()
    owed = Owed(frozenset(accepted), frozenset({refused}))
    outside = Outside(len(MESSAGES), told, {parts[0] for parts in tokens if parts})
    return Case(store, quiet.store, owed, outside)


def record_of(name: str) -> sa.ScalarSelect[int]:
    records = tables.records.c
    return sa.select(records.record).where(records.record_id == name).scalar_subquery()


def copy_of(table: sa.Table, where: sa.ColumnElement[bool], **changes: object) -> sa.Insert:
    """A row of a table once more, with changes; `id` is drawn anew."""
    names = [column.name for column in table.c if column.name != "id"]
    columns = [sa.literal(changes[n], table.c[n].type) if n in changes else table.c[n] for n in names]
    return sa.insert(table).from_select(names, sa.select(*columns).where(where))


def test_of_a_sound_database_every_invariant_holds(case: Case) -> None:
    verdict = case.judge()
    assert (verdict.lost, verdict.doubled, verdict.broken) == (0, 0, [])
    assert case.outside.told, "there is a notice to look for"


def test_an_event_that_is_missing_is_lost(case: Case) -> None:
    versions, listed = tables.record_versions, tables.line_list
    verdict = case.doctor(
        sa.delete(listed).where(listed.c.record == record_of("c-1")),
        sa.delete(versions).where(versions.c.record == record_of("c-1")),
    )
    assert verdict.lost == 1
    assert any("accepted events are not in the database" in one and "c-1" in one for one in verdict.broken)


def test_an_older_version_that_is_missing_is_lost_too(case: Case) -> None:
    version = tables.record_versions.c
    verdict = case.doctor(
        sa.delete(tables.record_versions).where(version.record == record_of("c-0"), version.version == 1)
    )
    assert verdict.lost == 1


def test_an_event_that_is_current_twice_is_doubled(case: Case) -> None:
    row = tables.line_list.c
    verdict = case.doctor(
        sa.text("DROP INDEX uq_line_list_current"),  # the database itself would refuse
        copy_of(tables.line_list, sa.and_(row.record == record_of("c-1"), row.place == "residence")),
    )
    assert verdict.doubled == 1
    assert any("more than once" in one for one in verdict.broken)


def test_a_version_under_another_content_is_doubled(case: Case) -> None:
    where = tables.record_versions.c.record == record_of("c-1")
    verdict = case.doctor(copy_of(tables.record_versions, where, content_hash="0" * 64))
    assert verdict.doubled == 1


def test_a_version_that_nobody_sent_is_told(case: Case) -> None:
    where = tables.record_versions.c.record == record_of("c-1")
    verdict = case.doctor(copy_of(tables.record_versions, where, version=9))
    assert any("that nobody sent" in one for one in verdict.broken)


def test_a_dead_letter_that_is_missing_is_lost(case: Case) -> None:
    verdict = case.doctor(sa.delete(tables.dead_letters))
    assert verdict.lost == 1
    assert any("refused messages have no dead letter" in one for one in verdict.broken)


def test_a_second_dead_letter_is_doubled(case: Case) -> None:
    verdict = case.doctor(copy_of(tables.dead_letters, sa.true(), epoch=1))
    assert verdict.doubled == 1
    assert any("more than one dead letter" in one for one in verdict.broken)


def test_a_dead_letter_of_a_good_message_is_told(case: Case) -> None:
    verdict = case.doctor(copy_of(tables.dead_letters, sa.true(), offset=1))
    assert any("that a quiet run accepts" in one for one in verdict.broken)


@pytest.mark.parametrize(("change", "lost", "doubled"), [(-1, 1, 0), (1, 0, 1)])
def test_a_message_that_was_counted_once_too_often_or_not_at_all(
    case: Case, change: int, lost: int, doubled: int
) -> None:
    seen = tables.partners_seen
    verdict = case.doctor(sa.update(seen).values(messages=seen.c.messages + change))
    assert (verdict.lost, verdict.doubled) == (lost, doubled)


def test_offsets_that_expired_are_lost(case: Case) -> None:
    verdict = case.doctor(sa.update(tables.ledger).values(lost=4))
    assert verdict.lost == 4


Doctor = Callable[[], sa.Executable]
OTHERS: dict[str, tuple[Doctor, str]] = {
    "a row of the line list says another age": (
        lambda: sa.update(tables.line_list).values(age=99),
        "line list: rows differ",
    ),
    "a version says another time": (
        lambda: sa.update(tables.record_versions).values(received_at=House(None, None).now),  # type: ignore[arg-type]
        "versions: rows differ",
    ),
    "an entry of the chain was changed": (
        lambda: sa.update(audit).values(by="nobody"),
        "audit chain is broken",
    ),
    "the chain's end was cut off": (
        lambda: sa.delete(audit).where(audit.c.sequence == 3),
        "audit chain is broken",
    ),
    "a notice is owed": (lambda: sa.update(tables.outbox).values(sent_at=None), "notices are in the outbox"),
    "an act is undone": (lambda: sa.text("DELETE FROM api_tokens"), "acts and the audit chain differ"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_else_is_wrong_is_told(case: Case, name: str) -> None:
    make, words = OTHERS[name]
    assert any(words in one for one in case.doctor(make()).broken)


def test_an_evaluation_that_is_owed_is_told(case: Case, configuration: Configuration) -> None:
    House(configuration, case.store).ingest(message(12, CLUSTER[1]), message(13, incident("late", area="n1")))
    assert any("evaluations are owed" in one for one in case.judge().broken)


def test_a_notice_that_never_arrived_is_told(case: Case) -> None:
    case.outside = replace(case.outside, told=case.outside.told[1:])
    assert any("never reached the alerts topic" in one for one in case.judge().broken)


def test_notices_out_of_order_are_told_and_repeats_are_not(case: Case) -> None:
    alert = case.outside.told[0][0]
    case.outside = replace(case.outside, told=[*case.outside.told, *case.outside.told])
    repeated = case.judge().broken
    assert [one for one in repeated if "nobody owed" in one] == []
    case.outside = replace(case.outside, told=[(alert, 2), (alert, 1)])
    assert any("was told after" in one for one in case.judge().broken)


def test_an_act_that_was_confirmed_and_is_not_in_the_chain_is_told(case: Case) -> None:
    case.outside = replace(case.outside, acts={*case.outside.acts, "lost"})
    assert any("acts that were confirmed" in one for one in case.judge().broken)


def forget_clusters(store: Store) -> None:
    """Every alert is as if the last look had not found its clusters."""
    alert = tables.alerts.c
    with store.transaction() as tx:
        for one, content in tx.execute(sa.select(alert.id, alert.alert)).all():
            dead = sa.update(tables.alerts).where(alert.id == one)
            tx.execute(dead.values(alive=False, alert={**content, "alive": False}))


def test_an_active_cluster_that_is_missing_is_told(case: Case) -> None:
    forget_clusters(case.store)
    assert any("active clusters differ" in one for one in case.judge().broken)


def test_a_quiet_run_without_a_cluster_compares_nothing_and_is_told(case: Case) -> None:
    forget_clusters(case.quiet)
    assert any("nothing was compared" in one for one in case.judge().broken)
