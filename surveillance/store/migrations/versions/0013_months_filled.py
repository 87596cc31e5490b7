"""Messages of partners by month, of the time before they were counted: from what was stored then.

A version that is stored was a message that was accepted, a dead letter one that was refused. How often a
message was repeated is not known any more. In the month in which counting began, whichever number is larger;
later months are as they were counted. History that was loaded counts in the month in which it was reported.
"""

from alembic import op

revision = "0013"
down_revision = "0012"

MONTH = {
    "postgresql": "CAST(date_trunc('month', {} AT TIME ZONE 'UTC') AS date)",
    "sqlite": "strftime('%Y-%m-01', {})",
}
STORED = """
    SELECT partner, kind, month, SUM(accepted) AS accepted, SUM(refused) AS refused FROM (
        SELECT r.partner AS partner, r.kind AS kind, {version_month} AS month, 1 AS accepted, 0 AS refused
        FROM record_versions AS v JOIN records AS r ON r.record = v.record
        UNION ALL
        SELECT partner, kind, {letter_month}, 0, 1 FROM dead_letters
    ) AS stored GROUP BY partner, kind, month
"""
FILL = """
    INSERT INTO partner_months (partner, kind, month, accepted, repeated, refused, tested)
    SELECT partner, kind, month, accepted, 0, refused, 0 FROM ({stored}) AS found
    WHERE month <= COALESCE((SELECT MIN(month) FROM partner_months), month)
    ON CONFLICT (partner, kind, month) DO UPDATE SET
        accepted = {larger}(partner_months.accepted, excluded.accepted),
        refused = {larger}(partner_months.refused, excluded.refused)
"""


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    month = MONTH[dialect]
    stored = STORED.format(
        version_month=month.format("v.received_at"), letter_month=month.format("received_at")
    )
    op.execute(FILL.format(stored=stored, larger="GREATEST" if dialect == "postgresql" else "MAX"))


def downgrade() -> None:
    pass
