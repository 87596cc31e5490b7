"""Answers to test records, in a table that nothing counts."""

import sqlalchemy as sa
from alembic import op

from surveillance.store.columns import Json, RowId, UtcTime

revision = "0012"
down_revision = "0011"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MESSAGE = ("cluster_id", "topic", "topic_id", "epoch", "partition", "offset")


def upgrade() -> None:
    op.create_table(
        "test_records",
        sa.Column("id", RowId, nullable=False, comment="row number, without meaning"),
        sa.Column("cluster_id", KEY, nullable=False, comment="Kafka cluster"),
        sa.Column("topic", KEY, nullable=False, comment="topic"),
        sa.Column("topic_id", KEY, nullable=False, comment="incarnation of the topic"),
        sa.Column(
            "epoch", sa.BigInteger(), nullable=False, comment="epoch of the ledger when it was handled"
        ),
        sa.Column("partition", sa.BigInteger(), nullable=False, comment="partition"),
        sa.Column("offset", sa.BigInteger(), nullable=False, comment="offset"),
        sa.Column("partner", sa.Text(), nullable=False, comment="who publishes on the topic"),
        sa.Column("kind", sa.Text(), nullable=False, comment="incident or admission"),
        sa.Column("record_id", sa.Text(), comment="the partner's id of the record, if it was right"),
        sa.Column(
            "faults", Json, nullable=False, comment="every broken rule: code, field, rule, fix; or none"
        ),
        sa.Column("received_at", UtcTime(), nullable=False, comment="Kafka timestamp"),
        sa.Column("stored_at", UtcTime(), nullable=False, comment="when this row was written"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_records")),
        sa.UniqueConstraint(*MESSAGE, name="uq_test_records_message"),
    )
    op.create_index("ix_test_records_partner", "test_records", ["partner", "stored_at"])


def downgrade() -> None:
    op.drop_table("test_records")
