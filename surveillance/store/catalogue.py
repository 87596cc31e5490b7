"""Every table once, by what gives it back when it is lost. Rebuilding, exporting and roles rest on this."""

from collections.abc import Iterator
from enum import StrEnum

from sqlalchemy import Table

from surveillance.store import schema  # noqa: F401  # so that the metadata hold every table
from surveillance.store.tables import Base


class Nature(StrEnum):
    """What gives the rows of a table back."""

    RECEIVED = "received"  # the partners' topics, as long as they keep it; else nothing but a backup
    DECIDED = "decided"  # nothing but a backup or an exported log: people decided it
    HAPPENED = (
        "happened"  # nothing but a backup or an exported log: what was seen, told and published, and when
    )
    DERIVED = "derived"  # follows from the rows received: `db rebuild`
    PASSING = "passing"  # made anew by the service as it runs


NATURE: dict[str, Nature] = {
    **dict.fromkeys(
        (
            "records",
            "record_versions",
            "dead_letters",
            "test_records",
            "ledger",
            "partner_months",
            "partners_seen",
        ),
        Nature.RECEIVED,
    ),
    **dict.fromkeys(
        (
            "accounts",
            "account_subjects",
            "api_tokens",
            "alert_notes",
            "duplicates",  # but those that are only proposed, which follow from the records
            "erasures",
            "links",
            "response_plans",
            "response_tasks",
            "silences",
        ),
        Nature.DECIDED,
    ),
    **dict.fromkeys(
        (
            "alerts",
            "alert_history",
            "alerts_seen",
            "archived_periods",
            "audit",
            "audit_head",
            "delivery_attempts",
            "evaluations",
            "outbox",
            "release_blocks",
            "release_starts",
            "release_tallies",
            "releases",
            "sealing_keys",
        ),
        Nature.HAPPENED,
    ),
    **dict.fromkeys(
        (
            "alert_members",
            "definitions",
            "line_list",
            "merges",
            "person_records",
            "persons",
            "record_quality",
        ),
        Nature.DERIVED,
    ),
    **dict.fromkeys(
        (
            "ended_sessions",
            "partners_judged",
            "pending_evaluations",
            "receipts",
            "receiver_outages",
            "sign_in_failures",
            "ticks",
        ),
        Nature.PASSING,
    ),
}


def tables_of(*natures: Nature) -> Iterator[Table]:
    """The tables of these natures, each after those that it refers to."""
    for table in Base.metadata.sorted_tables:
        if NATURE[table.name] in natures:
            yield table
