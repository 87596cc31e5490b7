"""The audit chain: who saw or did what."""

import sqlalchemy as sa
from alembic import op

from surveillance.store.columns import Json, RowId, UtcTime

revision = "0003"
down_revision = "0002"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("sequence", RowId, nullable=False, comment="1, 2, ... without a gap"),
        sa.Column("at", UtcTime(), nullable=False, comment="when"),
        sa.Column("by", sa.Text(), nullable=False, comment="a person, a program or the service"),
        sa.Column("act", sa.Text(), nullable=False, comment="what was seen or done"),
        sa.Column("subject", KEY, nullable=False, comment="what it was done to: alert/ID, account/ID, ..."),
        sa.Column("facts", Json, nullable=False, comment="what else must be known later; identifies nobody"),
        sa.Column("mac", sa.Text(), nullable=False, comment="HMAC of this entry and of the mac before"),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])
    head = op.create_table(
        "audit_head",
        sa.Column("chain", RowId, nullable=False, comment="1: there is one chain"),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="of the last entry; 0: none yet"),
        sa.Column("mac", sa.Text(), nullable=False, comment="of the last entry"),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_head")),
    )
    op.bulk_insert(head, [{"chain": 1, "sequence": 0, "mac": ""}])


def downgrade() -> None:
    op.drop_table("audit_head")
    op.drop_table("audit")
