"""Each database role does its work, and may do nothing else."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from lived_in import AUDIT, KEYS, desk, key, live_in, tell

from small_house import House, incident
from surveillance.alerting.workflow import Act
from surveillance.cli.errors import explain
from surveillance.configuration import Configuration
from surveillance.deciding import Decision
from surveillance.store import roles
from surveillance.store.copies import CopyFault, back_up
from surveillance.store.database import Store
from surveillance.store.tables import Base
from surveillance.upkeep.expiring import due, expire, policy_of
from surveillance.upkeep.verifying import verify

pytestmark = pytest.mark.postgresql


@pytest.fixture
def admin(postgresql_template: str, fresh_postgresql: Callable[[str], str]) -> Iterator[Store]:
    """A database whose roles are set up, opened as an administrator of the server."""
    store = Store.open(fresh_postgresql(postgresql_template))
    roles.apply(store)
    roles.apply(store)  # safe to repeat
    yield store
    store.close()


def opened(admin: Store, role: str) -> Store:
    url = admin.engine.url.set(username=role)
    return Store.open(url.render_as_string(hide_password=False))


@pytest.fixture
def as_worker(admin: Store) -> Iterator[Store]:
    store = opened(admin, roles.WORKER)
    yield store
    store.close()


@pytest.fixture
def as_web(admin: Store) -> Iterator[Store]:
    store = opened(admin, roles.WEB)
    yield store
    store.close()


def test_every_table_has_its_grants() -> None:
    assert set(roles.GRANTS) == {*Base.metadata.tables, "alembic_version"}


def test_a_worker_and_the_pages_do_all_their_work(
    planet: Configuration, admin: Store, as_worker: Store, as_web: Store
) -> None:
    as_worker.check_schema()
    house, at_pages = House(planet, as_worker), House(planet, as_web)
    live_in(house, at_pages)
    house.settings = house.settings.model_copy(update={"keep_uncounted_days": 30})
    house.service.tick()
    house.now += timedelta(days=400)
    retention = planet.use_cases["dune-fever"].model_copy(update={"retention": _keep(10)})
    house.configuration = _with(planet, retention)
    policy = policy_of(house.configuration, house.now, 10)
    found = due(as_worker, house.configuration, policy, house.now)
    expire(as_worker, found, house.configuration, house.now, AUDIT)
    assert [c for c in verify(admin, planet, KEYS) if c.faults and c.about != "line list"] == []


def _keep(days: int) -> object:
    from surveillance.use_case.model import Retention

    return Retention(keep_days=days)


def _with(planet: Configuration, use_case: object) -> Configuration:
    from dataclasses import replace

    return replace(planet, use_cases={"dune-fever": use_case})  # type: ignore[dict-item]


FORBIDDEN = {
    "as_web": [
        "UPDATE audit SET by = 'nobody'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "DELETE FROM alert_history",
        "UPDATE releases SET cases = 5",
        "INSERT INTO release_blocks SELECT * FROM release_blocks",
        "SELECT * FROM release_tallies",
        "DELETE FROM ledger",
        "DELETE FROM erasures",
    ],
    "as_worker": [
        "UPDATE audit SET by = 'nobody'",
        "DELETE FROM audit",
        "DELETE FROM alert_history",
        "UPDATE releases SET cases = 5",
        "DELETE FROM archived_periods",
        "SELECT password_hash FROM accounts",
        "SELECT secret_sha256 FROM api_tokens",
        "INSERT INTO accounts SELECT * FROM accounts",
        "DELETE FROM erasures",
    ],
}
DDL = [
    "CREATE TABLE mine (id INTEGER)",
    "DROP TABLE audit",
    "ALTER TABLE audit DISABLE TRIGGER ALL",
    "ALTER TABLE records ADD COLUMN name TEXT",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE mine",
    "ALTER ROLE surveillance_web SUPERUSER",
    "SET session_replication_role = replica",
    "COPY audit TO PROGRAM 'cat'",
    "UPDATE alembic_version SET version_num = '0001'",
]


@pytest.mark.parametrize("who", FORBIDDEN)
def test_what_a_role_may_not_do_is_refused(request: pytest.FixtureRequest, who: str) -> None:
    store: Store = request.getfixturevalue(who)
    for statement in [*FORBIDDEN[who], *DDL]:
        with (
            pytest.raises(
                sa.exc.ProgrammingError, match=r"permission denied|must be (owner|superuser)"
            ) as refused,
            store.transaction() as tx,
        ):
            tx.execute(sa.text(statement))
        assert refused.value.orig is not None, statement
        assert "Give in database_url the user whose work it is" in (explain(refused.value) or ""), statement


def test_the_migrator_upgrades_and_grants_and_is_no_superuser(
    fresh_postgresql: Callable[[str], str], planet: Configuration
) -> None:
    admin = Store.open(fresh_postgresql("template0"))
    roles.apply(admin)
    migrator = opened(admin, roles.MIGRATOR)
    migrator.upgrade()
    roles.grant_where_used(migrator)
    worker = opened(admin, roles.WORKER)
    house = House(planet, worker)
    house.service.prepare()
    tell(house, incident("r-1"))
    with pytest.raises(sa.exc.ProgrammingError), migrator.transaction() as tx:
        tx.execute(sa.text("CREATE ROLE mine"))
    for store in (worker, migrator, admin):
        store.close()


def test_a_password_reaches_the_server_only_as_what_tells_whether_it_is_right(admin: Store) -> None:
    roles.set_passwords(admin, {roles.WORKER: "a 'quoted\\ password"})
    with admin.reading() as tx:
        query = sa.text("SELECT rolpassword FROM pg_authid WHERE rolname = :role")
        kept = tx.execute(query, {"role": roles.WORKER}).scalar_one()
    assert kept.startswith("SCRAM-SHA-256$")


def test_who_may_not_read_everything_is_told_who_makes_backups(as_worker: Store, tmp_path: Path) -> None:
    with pytest.raises(CopyFault, match=r"pg_dump .*surveillance_migrator for"):
        back_up(as_worker, tmp_path / "copy", datetime.now(UTC))
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_not_there_is_told_with_what_to_do(admin: Store) -> None:
    store = Store.open(admin.engine.url.set(database="nowhere").render_as_string(hide_password=False))
    with pytest.raises(sa.exc.OperationalError) as refused:
        store.ping()
    assert "no such database or user" in (explain(refused.value) or "")
    store.close()


def test_somebody_without_a_role_gets_nowhere(admin: Store) -> None:
    with admin.transaction() as tx:
        tx.execute(sa.text("DROP ROLE IF EXISTS nobody_of_ours"))
        tx.execute(sa.text("CREATE ROLE nobody_of_ours LOGIN"))
    other = opened(admin, "nobody_of_ours")
    with pytest.raises(sa.exc.OperationalError, match="permission denied"), other.reading():
        pass
    with admin.transaction() as tx:
        tx.execute(sa.text("DROP ROLE nobody_of_ours"))


def test_the_pages_act_on_alerts(
    planet: Configuration, admin: Store, as_worker: Store, as_web: Store
) -> None:
    house = House(planet, as_worker)
    house.service.prepare()
    tell(house, *(incident(f"r-{n}", school="s-1") for n in range(3)))
    house.evaluate()
    at_desk, why = desk(House(planet, as_web)), Decision("lead-1", house.now, "seen by the group")
    at_desk.move(house.alerts()[0].id, Act.ACKNOWLEDGE, why)
    at_desk.erase(key("r-2"), why)
    house.evaluate()
    assert [c for c in verify(admin, planet, KEYS) if c.faults] == []
