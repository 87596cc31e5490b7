"""The keys that restricted values are sealed under."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "sealing_keys",
        sa.Column("key_id", KEY, nullable=False, comment="id of the key in the file of keys"),
        sa.Column("proof", sa.Text(), nullable=False, comment="the id itself, sealed under that key"),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_sealing_keys")),
    )


def downgrade() -> None:
    op.drop_table("sealing_keys")
