"""Who may do what in PostgreSQL: three roles, and one table from which every grant is made.

The migrator owns the tables and alone changes them. Workers and pages get what they use and nothing else:
neither can change an entry of the audit chain or a published count, and no worker can read who may sign in.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from psycopg import sql
from sqlalchemy import inspect, text

from surveillance.store.database import Store, Transaction

Role = Literal["surveillance_migrator", "surveillance_worker", "surveillance_web"]
MIGRATOR: Role = "surveillance_migrator"
WORKER: Role = "surveillance_worker"
WEB: Role = "surveillance_web"
ROLES = (MIGRATOR, WORKER, WEB)

_ALL, _ADD, _NO = "SELECT, INSERT, UPDATE, DELETE", "SELECT, INSERT", ""
_READ, _CHANGE = "SELECT", "SELECT, INSERT, UPDATE"

# Table -> what a worker may, what the pages may. To lock a row one needs to be able to update it, and a
# record that is erased or expires is removed: that is why both may remove records.
GRANTS: Mapping[str, tuple[str, str]] = {
    # who may sign in
    "accounts": (_NO, _CHANGE),
    "account_subjects": (_NO, _ALL),
    "api_tokens": (_NO, _CHANGE),
    "ended_sessions": (_NO, _ALL),
    "sign_in_failures": (_NO, _ALL),
    # what was seen, told and published: added to; never changed but where a record is erased or expires
    "alembic_version": (_READ, _READ),
    "alert_history": (_CHANGE, _CHANGE),
    "alerts": (_CHANGE, _CHANGE),
    "alerts_seen": (_NO, _CHANGE),
    "archived_periods": (_ADD, _READ),
    "audit": (_ADD, _ADD),
    "audit_head": ("SELECT, UPDATE", "SELECT, UPDATE"),
    "delivery_attempts": (_ADD, _READ),
    "evaluations": (_CHANGE, "SELECT, UPDATE"),
    "outbox": (_CHANGE, _CHANGE),
    "receiver_outages": (_ALL, _READ),
    "release_blocks": (_ADD, _READ),
    "release_starts": (_ADD, _READ),
    "release_tallies": ("SELECT, INSERT, DELETE", _NO),
    "releases": (_ADD, _READ),
    "sealing_keys": (_ADD, _ADD),
    # what people decided
    "alert_notes": ("SELECT, UPDATE", _CHANGE),
    "duplicates": (_ALL, _ALL),
    "erasures": (_READ, _CHANGE),
    "links": ("SELECT, DELETE", _ALL),
    "response_plans": ("SELECT, UPDATE", _CHANGE),
    "response_tasks": ("SELECT, UPDATE", _CHANGE),
    "silences": (_READ, _CHANGE),
    # records and what follows from them
    "alert_members": (_ALL, _ALL),
    "dead_letters": (_ALL, "SELECT, UPDATE"),
    "definitions": (_ALL, _READ),
    "ledger": (_CHANGE, _READ),
    "line_list": (_ALL, _ALL),
    "merges": (_ALL, _ALL),
    "partner_months": (_CHANGE, _READ),
    "partners_judged": (_ALL, _READ),
    "partners_seen": (_CHANGE, _READ),
    "pending_evaluations": (_ALL, _CHANGE),
    "person_records": (_ALL, _ALL),
    "persons": (_ALL, _ALL),
    "receipts": (_ALL, "SELECT, UPDATE"),
    "record_quality": (_ALL, _ALL),
    "record_versions": (_ALL, _ALL),
    "records": (_ALL, _ALL),
    "test_records": (_ALL, "SELECT, DELETE"),
    "ticks": (_ALL, _READ),
}


def statements(tx: Transaction) -> Iterator[str]:
    """The SQL that makes the three roles what they are, in a database as it is now. Safe to repeat.

    For an administrator of the server; passwords are for `set_passwords`, or by hand.
    """
    for role in ROLES:
        there = tx.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).first()
        rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
        yield f"{'ALTER' if there else 'CREATE'} ROLE {role} {rights}"
    database = tx.dialect.identifier_preparer.quote(
        str(tx.execute(text("SELECT current_database()")).scalar())
    )
    yield f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"
    yield f"GRANT CONNECT ON DATABASE {database} TO {', '.join(ROLES)}"
    yield "REVOKE ALL ON SCHEMA public FROM PUBLIC"
    yield f"GRANT USAGE, CREATE ON SCHEMA public TO {MIGRATOR}"
    yield f"GRANT USAGE ON SCHEMA public TO {WORKER}, {WEB}"
    for table in sorted(_there(tx)):
        yield f"ALTER TABLE {table} OWNER TO {MIGRATOR}"
    yield from grants(tx)


def grants(tx: Transaction) -> Iterator[str]:
    """What workers and pages may do with the tables that are there: exactly that, whatever it was before."""
    there = _there(tx)
    for table, rights in sorted(GRANTS.items()):
        for role, granted in zip((WORKER, WEB), rights, strict=True):
            if table in there:
                yield f"REVOKE ALL ON {table} FROM {role}"
                if granted:
                    yield f"GRANT {granted} ON {table} TO {role}"
    for sequence in sorted(inspect(tx).get_sequence_names()):
        yield f"GRANT USAGE ON SEQUENCE {sequence} TO {WORKER}, {WEB}"


def apply(store: Store) -> int:
    """Makes the roles what they should be; returns how many statements that took."""
    with store.transaction() as tx:
        all_of_it = list(statements(tx))
        for statement in all_of_it:
            tx.execute(text(statement))
    return len(all_of_it)


def grant_where_used(store: Store) -> None:
    """After an upgrade: gives workers and pages what they need of new tables, where the roles are used."""
    if store.dialect != "postgresql":
        return
    with store.transaction() as tx:
        found = text("SELECT count(*) FROM pg_roles WHERE rolname IN (:worker, :web)")
        if tx.execute(found, {"worker": WORKER, "web": WEB}).scalar_one() == 2:
            for statement in list(grants(tx)):
                tx.execute(text(statement))


def set_passwords(store: Store, passwords: Mapping[Role, str]) -> None:
    """Gives roles their passwords; the server gets what tells whether one is right, never the password."""
    with store.transaction() as tx:
        connection = tx.connection.driver_connection
        assert connection is not None  # it is checked out
        for role, password in passwords.items():
            kept = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
            change = sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(role), sql.Literal(kept.decode())
            )
            connection.execute(change)


def _there(tx: Transaction) -> set[str]:
    return set(inspect(tx).get_table_names())
