"""The line list as people page through it: its current rows in order, and the alerts of each record."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from surveillance.store.columns import Json

revision = "0009"
down_revision = "0008"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NOW = "known_until IS NULL"


def upgrade() -> None:
    # What a use case made of one record, and not of all: SQLite takes the index with the most columns given.
    op.drop_index("ix_line_list_record", "line_list")
    op.create_index("ix_line_list_record", "line_list", ["record", "use_case", "place"])
    _index("ix_line_list_cases", ["day", "record", "area", "age", "sex"], f"{NOW} AND reason IS NULL")
    by_receipt = ["received_at", "record", "area", "age", "sex"]
    _index("ix_line_list_received", by_receipt, f"{NOW} AND reason IS NULL")
    _index("ix_line_list_excluded", ["reason", "record"], f"{NOW} AND reason IS NOT NULL")
    members = op.create_table(
        "alert_members",
        sa.Column("alert_id", KEY, nullable=False, comment="the alert"),
        sa.Column(
            "record",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="our number for the record, at whatever version",
        ),
        sa.PrimaryKeyConstraint("alert_id", "record", name=op.f("pk_alert_members")),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_alert_members_alert_id")),
    )
    op.create_index("ix_alert_members_record", "alert_members", ["record"])
    rows = list(_members(op.get_bind()))
    if rows:
        op.bulk_insert(members, rows)


def _index(name: str, columns: Sequence[str], where: str) -> None:
    op.create_index(
        name,
        "line_list",
        ["use_case", "place", *columns],
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


def _members(connection: Any) -> Iterator[dict[str, Any]]:
    """The members of the alerts that there are, as far as their records are stored."""
    alerts = sa.table("alerts", sa.column("id", KEY), sa.column("alert", Json))
    records = sa.table(
        "records", sa.column("record"), sa.column("partner"), sa.column("kind"), sa.column("record_id")
    )
    for alert_id, alert in connection.execute(sa.select(alerts)).all():
        for key in {member.rpartition("@")[0] for member in alert["members"]}:
            of_key = zip(("partner", "kind", "record_id"), key.split("/", 2), strict=True)
            query = sa.select(records.c.record).where(*(records.c[name] == part for name, part in of_key))
            number = connection.execute(query).scalar_one_or_none()
            if number is not None:
                yield {"alert_id": alert_id, "record": number}


def downgrade() -> None:
    op.drop_table("alert_members")
    op.drop_index("ix_line_list_excluded", "line_list")
    op.drop_index("ix_line_list_received", "line_list")
    op.drop_index("ix_line_list_cases", "line_list")
    op.drop_index("ix_line_list_record", "line_list")
    op.create_index("ix_line_list_record", "line_list", ["record"])
