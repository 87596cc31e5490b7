"""API tokens: what each may do, until when, and when it was last used. Their secrets are not kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, or_, select, update

from surveillance.access.person import Grant
from surveillance.store.accounts import from_json, to_json
from surveillance.store.database import Transaction
from surveillance.store.tables_accounts import api_tokens


@dataclass(frozen=True)
class ApiToken:
    """A program's way in on behalf of an account. Datetimes are aware; `last_used_on` is a day in UTC."""

    id: str
    secret_sha256: str
    account: str
    purpose: str
    grants: tuple[Grant, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_on: date | None = None

    def admits(self, now: datetime) -> bool:
        """Whether it is neither revoked nor over."""
        return self.revoked_at is None and now < self.expires_at


def add(tx: Transaction, token: ApiToken) -> None:
    """Stores a token; its id must be new."""
    row = {
        "token": token.id,
        "secret_sha256": token.secret_sha256,
        "account": token.account,
        "purpose": token.purpose,
        "grants": to_json(token.grants),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
    }
    tx.execute(api_tokens.insert(), row)


def find(tx: Transaction, token: str) -> ApiToken | None:
    """One token by its public part."""
    row = tx.execute(select(api_tokens).where(api_tokens.c.token == token)).one_or_none()
    return None if row is None else _token(row)


def listed(tx: Transaction, account: str | None = None) -> Iterator[ApiToken]:
    """Every token, of one account or all, the newest first."""
    query = select(api_tokens).order_by(api_tokens.c.created_at.desc(), api_tokens.c.token)
    if account is not None:
        query = query.where(api_tokens.c.account == account)
    return map(_token, tx.execute(query))


def revoke(tx: Transaction, token: str, at: datetime) -> bool:
    """Ends a token; False where there is none, or it was ended before."""
    c = api_tokens.c
    return (
        tx.execute(
            update(api_tokens).where(c.token == token, c.revoked_at.is_(None)).values(revoked_at=at)
        ).rowcount
        == 1
    )


def used(tx: Transaction, token: str, on: date) -> None:
    """Notes the day of its last use."""
    c = api_tokens.c
    older = or_(c.last_used_on.is_(None), c.last_used_on < on)
    tx.execute(update(api_tokens).where(c.token == token, older).values(last_used_on=on))


def _token(row: Row[Any]) -> ApiToken:
    return ApiToken(
        id=row.token,
        secret_sha256=row.secret_sha256,
        account=row.account,
        purpose=row.purpose,
        grants=from_json(row.grants),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_on=row.last_used_on,
    )
