"""Tables of who may sign in. No secret stands in them: only what tells whether one is right."""

from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import ForeignKey, Index, Table
from sqlalchemy.orm import Mapped, mapped_column

from surveillance.store.columns import Key
from surveillance.store.tables import Base


class AccountRow(Base):
    """Somebody who may sign in, and what they may do."""

    __tablename__ = "accounts"

    account: Mapped[str] = mapped_column(Key, primary_key=True, comment="id; stands in history and audit")
    password_hash: Mapped[str | None] = mapped_column(comment="argon2id; null: signs in at a provider only")
    grants: Mapped[list[Any]] = mapped_column(comment="role, scopes and use cases of each; null: all")
    generation: Mapped[int] = mapped_column(comment="sessions of an earlier one are over")
    created_at: Mapped[datetime] = mapped_column(comment="when it was added")
    signed_in_at: Mapped[datetime | None] = mapped_column(comment="last time; null: never")
    disabled_at: Mapped[datetime | None] = mapped_column(comment="since when it admits nobody; null: it does")


class AccountSubject(Base):
    """Who somebody is to an OpenID Connect provider: this, not a name or an address, is what is trusted."""

    __tablename__ = "account_subjects"

    issuer: Mapped[str] = mapped_column(Key, primary_key=True, comment="the provider")
    subject: Mapped[str] = mapped_column(Key, primary_key=True, comment="`sub`: never given to another there")
    account: Mapped[str] = mapped_column(Key, ForeignKey("accounts.account"), comment="whose it is")


class ApiToken(Base):
    """A program's way in, as somebody's deputy."""

    __tablename__ = "api_tokens"
    __table_args__ = (Index("ix_api_tokens_account", "account"),)

    token: Mapped[str] = mapped_column(Key, primary_key=True, comment="its public part, as lists show it")
    secret_sha256: Mapped[str] = mapped_column(comment="of its secret part, which has 256 random bits")
    account: Mapped[str] = mapped_column(Key, ForeignKey("accounts.account"), comment="on whose behalf")
    purpose: Mapped[str] = mapped_column(comment="what it is for, in words")
    grants: Mapped[list[Any]] = mapped_column(comment="what it may do, where its account still may")
    created_at: Mapped[datetime] = mapped_column(comment="when it was made")
    expires_at: Mapped[datetime] = mapped_column(comment="when it ends by itself")
    revoked_at: Mapped[datetime | None] = mapped_column(comment="when somebody ended it; null: nobody did")
    last_used_on: Mapped[date | None] = mapped_column(comment="day (UTC) of its last use; null: never")


class SignInFailure(Base):
    """Failed attempts in a row, of accounts and of names that are none: nobody learns which is which."""

    __tablename__ = "sign_in_failures"

    name_mac: Mapped[str] = mapped_column(Key, primary_key=True, comment="HMAC of the name: it may be a slip")
    failures: Mapped[int] = mapped_column(comment="attempts since the last success")
    last_at: Mapped[datetime] = mapped_column(comment="of the last one; forgotten a day later")
    locked_until: Mapped[datetime | None] = mapped_column(comment="nothing is tried before; null: at once")


class EndedSession(Base):
    """Sessions that somebody ended: a copy of the cookie is worth nothing then."""

    __tablename__ = "ended_sessions"

    session_sha256: Mapped[str] = mapped_column(Key, primary_key=True, comment="of the session's id")
    expires_at: Mapped[datetime] = mapped_column(comment="when it would have ended by itself")


accounts = cast(Table, AccountRow.__table__)
account_subjects = cast(Table, AccountSubject.__table__)
api_tokens = cast(Table, ApiToken.__table__)
sign_in_failures = cast(Table, SignInFailure.__table__)
ended_sessions = cast(Table, EndedSession.__table__)
