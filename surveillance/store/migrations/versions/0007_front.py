"""What queues are counted and sorted by, what each person has seen, and current cases by area."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from surveillance.store.columns import Json, UtcTime

revision = "0007"
down_revision = "0006"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DUE = {
    "candidate": "acknowledge_due",
    "open": "acknowledge_due",
    "acknowledged": "assess_due",
    "assessing": "assess_due",
}
CURRENT = sa.text("known_until IS NULL AND reason IS NULL")


def upgrade() -> None:
    op.add_column("alerts", sa.Column("owner", KEY, comment="who has taken it; null: nobody yet"))
    op.add_column(
        "alerts", sa.Column("due_at", UtcTime(), comment="when a person must have done the next step")
    )
    _fill()
    op.create_index(
        "ix_alerts_queue",
        "alerts",
        ["use_case", "scope", "state", "severity", "owner", "due_at", "changed_at", "id", "revision"],
    )
    op.create_table(
        "alerts_seen",
        sa.Column("person", KEY, nullable=False, comment="who looked"),
        sa.Column("alert_id", KEY, nullable=False, comment="at which alert"),
        sa.Column("revision", sa.BigInteger(), nullable=False, comment="the newest revision that was shown"),
        sa.Column("at", UtcTime(), nullable=False, comment="when it was shown last"),
        sa.PrimaryKeyConstraint("person", "alert_id", name=op.f("pk_alerts_seen")),
    )
    op.create_index(
        "ix_line_list_area",
        "line_list",
        ["use_case", "place", "area", "day"],
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    )


def _fill() -> None:
    """Owner and due time as the alerts themselves say."""
    alerts = sa.table(
        "alerts",
        sa.column("id", KEY),
        sa.column("alert", Json),
        sa.column("owner", KEY),
        sa.column("due_at", UtcTime()),
    )
    for row in op.get_bind().execute(sa.select(alerts.c.id, alerts.c.alert)).all():
        due = row.alert.get(DUE.get(row.alert["state"], ""))
        values = {"owner": row.alert.get("owner"), "due_at": due and datetime.fromisoformat(due)}
        op.get_bind().execute(sa.update(alerts).where(alerts.c.id == row.id).values(**values))


def downgrade() -> None:
    op.drop_index("ix_line_list_area", "line_list")
    op.drop_table("alerts_seen")
    op.drop_index("ix_alerts_queue", "alerts")
    op.drop_column("alerts", "due_at")
    op.drop_column("alerts", "owner")
