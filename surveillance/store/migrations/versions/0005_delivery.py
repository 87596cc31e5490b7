"""Delivery: digests beside alerts in the outbox, held and refused notices, attempts, outages, silences."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    # SQLite changes a table by writing it anew, which nothing may refer to meanwhile.
    op.execute("CREATE TABLE kept_deliveries AS SELECT outbox_id, attempt, at, error FROM deliveries")
    op.drop_table("deliveries")
    with op.batch_alter_table("outbox") as outbox:
        outbox.alter_column(
            "alert_id",
            existing_type=KEY,
            nullable=True,
            comment="the alert; null: a digest",
            existing_comment="the alert",
        )
        outbox.alter_column(
            "revision",
            existing_type=sa.BigInteger(),
            nullable=True,
            comment="its revision; null: a digest",
            existing_comment="its revision",
        )
        outbox.alter_column(
            "attempts",
            existing_type=sa.BigInteger(),
            comment="times it was taken up to be sent",
            existing_comment="times it was taken up",
        )
        outbox.add_column(
            sa.Column("held_reason", sa.Text(), comment="why it waits or last waited; null: it never did")
        )
        outbox.add_column(sa.Column("held_until", TIME, comment="it waits until then; null: not held now"))
        outbox.add_column(sa.Column("failed_at", TIME, comment="refused for good, kept for a replay"))
    op.create_table(
        "delivery_attempts",
        sa.Column("outbox_id", ROW_ID, nullable=False, comment="the notice"),
        sa.Column("attempt", sa.BigInteger(), nullable=False, comment="1, 2, ..."),
        sa.Column("at", TIME, nullable=False, comment="when it ended"),
        sa.Column(
            "outcome", sa.Text(), nullable=False, comment="sent, failed (tried again) or refused (for good)"
        ),
        sa.Column("error", sa.Text(), comment="class of the error; null: it was taken"),
        sa.Column("code", sa.BigInteger(), comment="HTTP status or SMTP reply code; null: none came"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_delivery_attempts_outbox_id")),
        sa.PrimaryKeyConstraint("outbox_id", "attempt", name=op.f("pk_delivery_attempts")),
    )
    op.execute(
        "INSERT INTO delivery_attempts (outbox_id, attempt, at, outcome, error) SELECT outbox_id, attempt,"
        " at, CASE WHEN error IS NULL THEN 'sent' ELSE 'failed' END, error FROM kept_deliveries"
    )
    op.drop_table("kept_deliveries")
    op.create_table(
        "receiver_outages",
        sa.Column("receiver", KEY, nullable=False, comment="id of the receiver"),
        sa.Column("since", TIME, nullable=False, comment="first failure since it last took something"),
        sa.Column("failures", sa.BigInteger(), nullable=False, comment="failures in a row"),
        sa.Column("not_before", TIME, nullable=False, comment="it is tried again then"),
        sa.PrimaryKeyConstraint("receiver", name=op.f("pk_receiver_outages")),
    )
    op.create_table(
        "silences",
        sa.Column("id", ROW_ID, nullable=False, comment="number of the silence"),
        sa.Column("use_case", KEY, comment="alerts of this use case; null: of any"),
        sa.Column("scope", KEY, comment="alerts of this scope; null: of any"),
        sa.Column("alert_id", KEY, comment="this alert; null: any"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why, in words that identify nobody"),
        sa.Column("starts_at", TIME, nullable=False, comment="from when"),
        sa.Column("ends_at", TIME, nullable=False, comment="until when at most"),
        sa.Column("by", sa.Text(), nullable=False, comment="who decided"),
        sa.Column("ended_at", TIME, comment="when a person ended it; null: nobody did"),
        sa.Column("ended_by", sa.Text(), comment="who ended it"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silences")),
    )


def downgrade() -> None:
    """What an earlier schema cannot hold is dropped: digests, and what became of attempts but the error."""
    op.drop_table("silences")
    op.drop_table("receiver_outages")
    op.execute("CREATE TABLE kept_attempts AS SELECT outbox_id, attempt, at, error FROM delivery_attempts")
    op.drop_table("delivery_attempts")
    op.execute("DELETE FROM outbox WHERE alert_id IS NULL")
    with op.batch_alter_table("outbox") as outbox:
        for column in ("failed_at", "held_until", "held_reason"):
            outbox.drop_column(column)
        outbox.alter_column("revision", existing_type=sa.BigInteger(), nullable=False)
        outbox.alter_column("alert_id", existing_type=KEY, nullable=False)
    op.create_table(
        "deliveries",
        sa.Column("outbox_id", ROW_ID, nullable=False, comment="the notice"),
        sa.Column("attempt", sa.BigInteger(), nullable=False, comment="1, 2, ..."),
        sa.Column("at", TIME, nullable=False, comment="when it ended"),
        sa.Column("error", sa.Text(), nullable=True, comment="why it failed; null: it was taken"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_deliveries_outbox_id")),
        sa.PrimaryKeyConstraint("outbox_id", "attempt", name=op.f("pk_deliveries")),
    )
    op.execute(
        "INSERT INTO deliveries (outbox_id, attempt, at, error) SELECT outbox_id, attempt, at, error"
        " FROM kept_attempts WHERE outbox_id IN (SELECT id FROM outbox)"
    )
    op.drop_table("kept_attempts")
