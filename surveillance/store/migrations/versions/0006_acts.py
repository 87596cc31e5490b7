"""Notes, response plans with their tasks, and the tombstones of erased records."""

import sqlalchemy as sa
from alembic import op

from surveillance.store.columns import RowId, UtcTime

revision = "0006"
down_revision = "0005"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _create_notes()
    _create_plans()
    _create_tasks()
    op.create_table(
        "erasures",
        sa.Column(
            "record_hmac",
            KEY,
            nullable=False,
            comment="HMAC of partner, kind and record id: the id itself is gone",
        ),
        sa.Column("key_id", sa.Text(), nullable=False, comment="which key the HMAC was made with"),
        sa.Column("at", UtcTime(), nullable=False, comment="when"),
        sa.Column("by", sa.Text(), nullable=False, comment="who erased it"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why, in words that identify nobody"),
        sa.PrimaryKeyConstraint("record_hmac", name=op.f("pk_erasures")),
    )


def _create_notes() -> None:
    op.create_table(
        "alert_notes",
        sa.Column("id", RowId, nullable=False, comment="order of writing"),
        sa.Column("alert_id", KEY, nullable=False, comment="the alert"),
        sa.Column("at", UtcTime(), nullable=False, comment="when"),
        sa.Column("by", sa.Text(), nullable=False, comment="who wrote it"),
        sa.Column("text", sa.Text(), nullable=False, comment="what, in words that identify nobody"),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_alert_notes_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_notes")),
    )
    op.create_index("ix_alert_notes_alert_id", "alert_notes", ["alert_id"])


def _create_plans() -> None:
    op.create_table(
        "response_plans",
        sa.Column("id", RowId, nullable=False, comment="number of the plan"),
        sa.Column("alert_id", KEY, nullable=False, comment="the alert"),
        sa.Column("started_at", UtcTime(), nullable=False, comment="when the response began"),
        sa.Column("started_by", sa.Text(), nullable=False, comment="who began it"),
        sa.Column("ended_at", UtcTime(), nullable=True, comment="when the alert was closed; null: under way"),
        sa.Column("ended_by", sa.Text(), nullable=True, comment="who closed it"),
        sa.Column("outcome", sa.Text(), nullable=True, comment="how the alert ended"),
        sa.Column("worked", sa.Text(), nullable=True, comment="evaluation: what worked"),
        sa.Column(
            "not_worked", sa.Text(), nullable=True, comment="evaluation: what did not, and is to change"
        ),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_response_plans_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response_plans")),
    )
    op.create_index("ix_response_plans_alert_id", "response_plans", ["alert_id"])


def _create_tasks() -> None:
    op.create_table(
        "response_tasks",
        sa.Column("id", RowId, nullable=False, comment="number of the task, in order of adding"),
        sa.Column("plan_id", RowId, nullable=False, comment="the plan"),
        sa.Column(
            "template", sa.Text(), nullable=True, comment="id in the use case's plan; null: added by hand"
        ),
        sa.Column("title", sa.Text(), nullable=False, comment="what to do, in a few words"),
        sa.Column("what", sa.Text(), nullable=False, comment="how, and by which guidance"),
        sa.Column("role", sa.Text(), nullable=False, comment="which role is to do it"),
        sa.Column("owner", sa.Text(), nullable=True, comment="who does it; null: nobody yet"),
        sa.Column("due_at", UtcTime(), nullable=True, comment="by when; null: no time was set"),
        sa.Column("state", sa.Text(), nullable=False, comment="open, done or not_needed"),
        sa.Column(
            "revision",
            sa.BigInteger(),
            nullable=False,
            comment="1 when it was added, then one more by each change",
        ),
        sa.Column("added_at", UtcTime(), nullable=False, comment="when it was added"),
        sa.Column("added_by", sa.Text(), nullable=False, comment="who added it"),
        sa.Column("resolved_at", UtcTime(), nullable=True, comment="when it was done or not needed any more"),
        sa.Column("resolved_by", sa.Text(), nullable=True, comment="who said so"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it was not needed, or how it was done"),
        sa.ForeignKeyConstraint(["plan_id"], ["response_plans.id"], name=op.f("fk_response_tasks_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response_tasks")),
    )
    op.create_index("ix_response_tasks_plan_id", "response_tasks", ["plan_id"])


def downgrade() -> None:
    for table in ("erasures", "response_tasks", "response_plans", "alert_notes"):
        op.drop_table(table)
