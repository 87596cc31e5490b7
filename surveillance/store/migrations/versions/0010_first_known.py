"""A case was received when its record first counted, however often it was corrected since."""

from alembic import op

from surveillance.store.columns import UtcTime

revision = "0010"
down_revision = "0009"

BEFORE, AFTER = "when this version of a case was received", "when the record first counted as a case"


def upgrade() -> None:
    op.execute(
        """
        UPDATE line_list SET received_at = (
            SELECT min(other.received_at) FROM line_list AS other
            WHERE other.record = line_list.record AND other.use_case = line_list.use_case
            AND other.place = line_list.place AND other.reason IS NULL
        ) WHERE reason IS NULL
        """
    )
    _tell(AFTER, BEFORE)


def downgrade() -> None:
    _tell(BEFORE, AFTER)


def _tell(comment: str, before: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column(
            "line_list", "received_at", existing_type=UtcTime(), comment=comment, existing_comment=before
        )
