"""How unusually quiet each partner is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "partners_judged",
        sa.Column("partner", KEY, nullable=False, comment="id of the partner"),
        sa.Column("kind", KEY, nullable=False, comment="incident or admission"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="last day that was counted (UTC)"),
        sa.Column(
            "window_days", sa.BigInteger(), nullable=False, comment="days up to then that were compared"
        ),
        sa.Column("observed", sa.BigInteger(), nullable=False, comment="new records in them"),
        sa.Column("expected", sa.Double(), nullable=False, comment="new records that would be usual"),
        sa.Column("chance", sa.Double(), nullable=False, comment="of so few"),
        sa.Column("quiet", sa.Boolean(), nullable=False, comment="unusually quiet"),
        sa.PrimaryKeyConstraint("partner", "kind", name=op.f("pk_partners_judged")),
    )


def downgrade() -> None:
    op.drop_table("partners_judged")
