"""Published counts, and an index by which the current cases of a use case are followed."""

import sqlalchemy as sa
from alembic import op

from surveillance.store.columns import Json, RowId, UtcTime

revision = "0008"
down_revision = "0007"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
CURRENT = sa.text("known_until IS NULL AND reason IS NULL")


def upgrade() -> None:
    op.create_table(
        "releases",
        sa.Column("id", RowId, nullable=False, comment="row number, without meaning"),
        sa.Column("use_case", KEY, nullable=False, comment="id of the use case"),
        sa.Column("scope", KEY, nullable=False, comment="id of the scope"),
        sa.Column("place", sa.Text(), nullable=False, comment="the one place of counting that is published"),
        sa.Column("first_day", sa.Date(), nullable=False, comment="first day of the period"),
        sa.Column("last_day", sa.Date(), nullable=False, comment="its last day"),
        sa.Column("cases", sa.BigInteger(), comment="cases to the nearest five; null: fewer than eight"),
        sa.Column("plan", Json, nullable=False, comment="period, block and areas under which it was counted"),
        sa.Column("known_at", UtcTime(), nullable=False, comment="the line list as it was known then"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_releases")),
        sa.UniqueConstraint(
            "use_case", "scope", "first_day", name=op.f("uq_releases_use_case_scope_first_day")
        ),
    )
    op.create_table(
        "release_blocks",
        sa.Column("id", RowId, nullable=False, comment="row number, without meaning"),
        sa.Column("use_case", KEY, nullable=False, comment="id of the use case"),
        sa.Column("scope", KEY, nullable=False, comment="id of the scope"),
        sa.Column("first_day", sa.Date(), nullable=False, comment="first day of the block"),
        sa.Column("last_day", sa.Date(), nullable=False, comment="its last day"),
        sa.Column(
            "tables",
            Json,
            nullable=False,
            comment="table -> cell -> cases to the nearest five; null: the table is withheld",
        ),
        sa.Column("made_at", UtcTime(), nullable=False, comment="when its last period was published"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_blocks")),
        sa.UniqueConstraint(
            "use_case", "scope", "first_day", name=op.f("uq_release_blocks_use_case_scope_first_day")
        ),
    )
    op.create_table(
        "release_tallies",
        sa.Column("release", RowId, nullable=False, comment="the release"),
        sa.Column("area", KEY, nullable=False, comment="area code"),
        sa.Column("sex", KEY, nullable=False, comment="cell of the table of sexes"),
        sa.Column("age", KEY, nullable=False, comment="cell of the table of age bands"),
        sa.Column("cases", sa.BigInteger(), nullable=False, comment="cases, over 0"),
        sa.ForeignKeyConstraint(["release"], ["releases.id"], name=op.f("fk_release_tallies_release")),
        sa.PrimaryKeyConstraint("release", "area", "sex", "age", name=op.f("pk_release_tallies")),
    )
    op.create_table(
        "release_starts",
        sa.Column("use_case", KEY, nullable=False, comment="id of the use case"),
        sa.Column("scope", KEY, nullable=False, comment="id of the scope"),
        sa.Column("since", sa.Date(), nullable=False, comment="the day on which the clock first saw them"),
        sa.PrimaryKeyConstraint("use_case", "scope", name=op.f("pk_release_starts")),
    )
    op.create_index(
        "ix_line_list_rows",
        "line_list",
        ["use_case", "place", "id"],
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    )


def downgrade() -> None:
    op.drop_index("ix_line_list_rows", "line_list")
    for table in ("release_starts", "release_tallies", "release_blocks", "releases"):
        op.drop_table(table)
