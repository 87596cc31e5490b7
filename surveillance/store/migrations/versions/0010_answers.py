"""What partners are answered: which record a refusal was about and whether it was mended, how late and how
complete records are, messages by month, and receipts that are owed."""

import sqlalchemy as sa
from alembic import op

from surveillance.store.columns import Json, RowId, UtcTime

revision = "0010"
down_revision = "0009"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPEN = sa.text("resolved_at IS NULL")


def upgrade() -> None:
    _letters()
    op.create_table(
        "record_quality",
        sa.Column("record", RowId, autoincrement=False, nullable=False, comment="the record"),
        sa.Column("partner", KEY, nullable=False, comment="who publishes it"),
        sa.Column("kind", KEY, nullable=False, comment="incident or admission"),
        sa.Column(
            "month", sa.Date(), nullable=False, comment="first day of the month of its first receipt (UTC)"
        ),
        sa.Column(
            "delay_hours",
            sa.BigInteger(),
            nullable=False,
            comment="whole hours from occurrence to its first receipt",
        ),
        sa.Column(
            "fields",
            sa.BigInteger(),
            nullable=False,
            comment="a bit for each optional field that the newest version has",
        ),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_record_quality")),
        sa.ForeignKeyConstraint(["record"], ["records.record"], name=op.f("fk_record_quality_record")),
    )
    of_month = ["partner", "kind", "month"]
    op.create_index("ix_record_quality_fields", "record_quality", [*of_month, "fields"])
    op.create_index("ix_record_quality_delays", "record_quality", [*of_month, "delay_hours"])
    _months()
    op.create_table(
        "receipts",
        sa.Column("id", RowId, nullable=False, comment="order of creation"),
        sa.Column("partner", KEY, nullable=False, comment="whose receipts topic they go to"),
        sa.Column("receipts", Json, nullable=False, comment="the receipts, each as it is sent"),
        sa.Column("created_at", UtcTime(), nullable=False, comment="when they were owed"),
        sa.Column(
            "not_before",
            UtcTime(),
            nullable=False,
            comment="taken up no earlier; a lease while they are sent",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
    )


def _letters() -> None:
    for column in (
        sa.Column(
            "record_id",
            KEY,
            comment="the partner's own id of the record, as accepted ones have it; null: it names none",
        ),
        sa.Column("version", sa.BigInteger(), comment="the version that it says it is"),
        sa.Column("resolved_at", UtcTime(), comment="when nothing of it was missing any more"),
        sa.Column("resolved_by", sa.Text(), comment="correction: sent again; replay: read again; erasure"),
    ):
        op.add_column("dead_letters", column)
    op.drop_index("ix_dead_letters_partner", "dead_letters")
    op.create_index("ix_dead_letters_partner", "dead_letters", ["partner", "id"])
    op.create_index("ix_dead_letters_reason", "dead_letters", ["partner", "code", "resolved_at"])
    op.create_index(
        "ix_dead_letters_open",
        "dead_letters",
        ["partner", "kind", "record_id"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def _months() -> None:
    op.create_table(
        "partner_months",
        sa.Column("partner", KEY, nullable=False, comment="id of the partner"),
        sa.Column("kind", KEY, nullable=False, comment="incident or admission"),
        sa.Column("month", sa.Date(), nullable=False, comment="first day of the month (UTC)"),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False, comment=comment)
            for name, comment in (
                ("accepted", "messages accepted, repeats aside"),
                ("repeated", "messages accepted that said what was known already"),
                ("refused", "messages refused"),
                ("tested", "messages of test records: answered and never counted"),
            )
        ),
        sa.PrimaryKeyConstraint("partner", "kind", "month", name=op.f("pk_partner_months")),
    )


def downgrade() -> None:
    for table in ("receipts", "partner_months", "record_quality"):
        op.drop_table(table)
    for name in ("ix_dead_letters_open", "ix_dead_letters_reason", "ix_dead_letters_partner"):
        op.drop_index(name, "dead_letters")
    for name in ("resolved_by", "resolved_at", "version", "record_id"):
        op.drop_column("dead_letters", name)
    op.create_index("ix_dead_letters_partner", "dead_letters", ["partner", "stored_at"])
