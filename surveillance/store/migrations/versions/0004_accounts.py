"""Accounts, API tokens, failed attempts to sign in, and sessions that were ended."""

import sqlalchemy as sa
from alembic import op

from surveillance.store.columns import Json, UtcTime

revision = "0004"
down_revision = "0003"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("account", KEY, nullable=False, comment="id; stands in history and audit"),
        sa.Column(
            "password_hash", sa.Text(), nullable=True, comment="argon2id; null: signs in at a provider only"
        ),
        sa.Column("grants", Json, nullable=False, comment="role, scopes and use cases of each; null: all"),
        sa.Column(
            "generation", sa.BigInteger(), nullable=False, comment="sessions of an earlier one are over"
        ),
        sa.Column("created_at", UtcTime(), nullable=False, comment="when it was added"),
        sa.Column("signed_in_at", UtcTime(), nullable=True, comment="last time; null: never"),
        sa.Column(
            "disabled_at", UtcTime(), nullable=True, comment="since when it admits nobody; null: it does"
        ),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_accounts")),
    )
    op.create_table(
        "account_subjects",
        sa.Column("issuer", KEY, nullable=False, comment="the provider"),
        sa.Column("subject", KEY, nullable=False, comment="`sub`: never given to another there"),
        sa.Column("account", KEY, nullable=False, comment="whose it is"),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_account_subjects")),
        sa.ForeignKeyConstraint(["account"], ["accounts.account"], name=op.f("fk_account_subjects_account")),
    )
    _create_api_tokens()
    op.create_table(
        "sign_in_failures",
        sa.Column("name_mac", KEY, nullable=False, comment="HMAC of the name: it may be a slip"),
        sa.Column("failures", sa.BigInteger(), nullable=False, comment="attempts since the last success"),
        sa.Column("last_at", UtcTime(), nullable=False, comment="of the last one; forgotten a day later"),
        sa.Column("locked_until", UtcTime(), nullable=True, comment="nothing is tried before; null: at once"),
        sa.PrimaryKeyConstraint("name_mac", name=op.f("pk_sign_in_failures")),
    )
    op.create_table(
        "ended_sessions",
        sa.Column("session_sha256", KEY, nullable=False, comment="of the session's id"),
        sa.Column("expires_at", UtcTime(), nullable=False, comment="when it would have ended by itself"),
        sa.PrimaryKeyConstraint("session_sha256", name=op.f("pk_ended_sessions")),
    )


def _create_api_tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("token", KEY, nullable=False, comment="its public part, as lists show it"),
        sa.Column(
            "secret_sha256",
            sa.Text(),
            nullable=False,
            comment="of its secret part, which has 256 random bits",
        ),
        sa.Column("account", KEY, nullable=False, comment="on whose behalf"),
        sa.Column("purpose", sa.Text(), nullable=False, comment="what it is for, in words"),
        sa.Column("grants", Json, nullable=False, comment="what it may do, where its account still may"),
        sa.Column("created_at", UtcTime(), nullable=False, comment="when it was made"),
        sa.Column("expires_at", UtcTime(), nullable=False, comment="when it ends by itself"),
        sa.Column("revoked_at", UtcTime(), nullable=True, comment="when somebody ended it; null: nobody did"),
        sa.Column("last_used_on", sa.Date(), nullable=True, comment="day (UTC) of its last use; null: never"),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_api_tokens")),
        sa.ForeignKeyConstraint(["account"], ["accounts.account"], name=op.f("fk_api_tokens_account")),
    )
    op.create_index("ix_api_tokens_account", "api_tokens", ["account"])


def downgrade() -> None:
    for table in ("ended_sessions", "sign_in_failures", "api_tokens", "account_subjects", "accounts"):
        op.drop_table(table)
