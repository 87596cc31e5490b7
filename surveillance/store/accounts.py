"""Accounts, the subjects of providers that they belong to, and the sessions that were ended."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, exists, func, select, update

from surveillance.access.person import Grant
from surveillance.access.role import Role
from surveillance.store.database import Transaction
from surveillance.store.statements import insert_missing
from surveillance.store.tables_accounts import account_subjects, accounts, ended_sessions


@dataclass(frozen=True)
class Account:
    """Somebody who may sign in. Datetimes are aware; a session of an earlier `generation` is over."""

    id: str
    grants: tuple[Grant, ...]
    created_at: datetime
    password_hash: str | None = None
    generation: int = 1
    signed_in_at: datetime | None = None
    disabled_at: datetime | None = None


def add(tx: Transaction, account: Account) -> bool:
    """Stores an account; False where its id is taken. Idempotent by id: the first one stays."""
    row = {
        "account": account.id,
        "password_hash": account.password_hash,
        "grants": to_json(account.grants),
        "generation": account.generation,
        "created_at": account.created_at,
        "signed_in_at": account.signed_in_at,
        "disabled_at": account.disabled_at,
    }
    return insert_missing(tx, accounts, [row]) == 1


def count(tx: Transaction) -> int:
    """How many accounts there are, disabled ones included."""
    return int(tx.execute(select(func.count()).select_from(accounts)).scalar_one())


def find(tx: Transaction, account: str, lock: bool = False) -> Account | None:
    """One account, or None; `lock` holds it until the transaction ends."""
    query = select(accounts).where(accounts.c.account == account)
    row = tx.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _account(row)


def listed(tx: Transaction) -> list[Account]:
    """Every account by id."""
    return [_account(row) for row in tx.execute(select(accounts).order_by(accounts.c.account))]


def in_session(tx: Transaction, account: str, generation: int, session: str) -> Account | None:
    """The account of a session; None where it is disabled, or the session was ended, or all of that age."""
    ended = exists().where(ended_sessions.c.session_sha256 == sha256(session))
    query = select(accounts).where(
        accounts.c.account == account,
        accounts.c.generation == generation,
        accounts.c.disabled_at.is_(None),
        ~ended,
    )
    row = tx.execute(query).one_or_none()
    return None if row is None else _account(row)


def end_session(tx: Transaction, session: str, expires_at: datetime, now: datetime) -> None:
    """Ends one session for good; forgets those that would have ended by themselves."""
    tx.execute(delete(ended_sessions).where(ended_sessions.c.expires_at < now))
    insert_missing(tx, ended_sessions, [{"session_sha256": sha256(session), "expires_at": expires_at}])


def end_sessions(tx: Transaction, account: str) -> None:
    """Ends every session of an account."""
    _change(tx, account, {"generation": accounts.c.generation + 1})


def set_password(tx: Transaction, account: str, password_hash: str) -> None:
    """Another password; every session that an older one began is over."""
    _change(tx, account, {"password_hash": password_hash, "generation": accounts.c.generation + 1})


def set_hash(tx: Transaction, account: str, password_hash: str) -> None:
    """The same password, hashed as it is done now."""
    _change(tx, account, {"password_hash": password_hash})


def set_grants(tx: Transaction, account: str, grants: Iterable[Grant]) -> None:
    """What the account may do from its next request on."""
    _change(tx, account, {"grants": to_json(grants)})


def set_disabled(tx: Transaction, account: str, at: datetime | None) -> None:
    """Disables the account and ends its sessions, or (None) lets it sign in again."""
    _change(tx, account, {"disabled_at": at, "generation": accounts.c.generation + 1})


def signed_in(tx: Transaction, account: str, at: datetime) -> None:
    """Notes when it signed in last."""
    _change(tx, account, {"signed_in_at": at})


def bind(tx: Transaction, issuer: str, subject: str, account: str) -> bool:
    """A provider's subject is this account's; False where it is somebody's already."""
    row = {"issuer": issuer, "subject": subject, "account": account}
    return insert_missing(tx, account_subjects, [row]) == 1


def of_subject(tx: Transaction, issuer: str, subject: str) -> Account | None:
    """The account of a provider's subject."""
    c = account_subjects.c
    query = select(c.account).where(c.issuer == issuer, c.subject == subject)
    account = tx.execute(query).scalar_one_or_none()
    return None if account is None else find(tx, account)


def provided(tx: Transaction) -> frozenset[str]:
    """The accounts that a provider vouches for: what they may do comes from there."""
    return frozenset(tx.execute(select(account_subjects.c.account)).scalars())


def to_json(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """Grants as they are stored."""
    return [
        {
            "role": str(g.role),
            "scopes": _sorted(g.scopes),
            "use_cases": _sorted(g.use_cases),
            "partners": _sorted(g.partners),
        }
        for g in grants
    ]


def from_json(stored: Iterable[Mapping[str, Any]]) -> tuple[Grant, ...]:
    """Stored grants; one of a role that there is no more grants nothing, older ones name no partner."""
    known = (g for g in stored if g["role"] in set(Role))
    return tuple(
        Grant(Role(g["role"]), _ids(g["scopes"]), _ids(g["use_cases"]), _ids(g.get("partners")))
        for g in known
    )


def sha256(text: str) -> str:
    """What is kept of a random secret."""
    return hashlib.sha256(text.encode()).hexdigest()


def _change(tx: Transaction, account: str, values: Mapping[str, Any]) -> None:
    tx.execute(update(accounts).where(accounts.c.account == account).values(**values))


def _account(row: Row[Any]) -> Account:
    return Account(
        id=row.account,
        grants=from_json(row.grants),
        created_at=row.created_at,
        password_hash=row.password_hash,
        generation=row.generation,
        signed_in_at=row.signed_in_at,
        disabled_at=row.disabled_at,
    )


def _sorted(ids: frozenset[str] | None) -> list[str] | None:
    return None if ids is None else sorted(ids)


def _ids(stored: list[str] | None) -> frozenset[str] | None:
    return None if stored is None else frozenset(stored)
