"""Counts of the months whose cases have expired."""

import sqlalchemy as sa
from alembic import op

from surveillance.store.columns import RowId, UtcTime

revision = "0014"
down_revision = "0013"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "archived_periods",
        sa.Column("id", RowId, nullable=False, comment="row number, without meaning"),
        sa.Column("use_case", KEY, nullable=False, comment="id of the use case"),
        sa.Column("scope", KEY, nullable=False, comment="id of the scope"),
        sa.Column("first_day", sa.Date(), nullable=False, comment="first day of the month"),
        sa.Column("last_day", sa.Date(), nullable=False, comment="its last day"),
        sa.Column("cases", sa.BigInteger(), comment="cases to the nearest five; null: fewer than eight"),
        sa.Column("made_at", UtcTime(), nullable=False, comment="when its cases expired"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archived_periods")),
        sa.UniqueConstraint(
            "use_case", "scope", "first_day", name=op.f("uq_archived_periods_use_case_scope_first_day")
        ),
    )


def downgrade() -> None:
    op.drop_table("archived_periods")
