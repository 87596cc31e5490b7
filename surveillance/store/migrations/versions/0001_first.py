"""The first schema: line list, ledger, pending evaluations, alerts, outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", KEY, nullable=False, comment="stable id"),
        sa.Column(
            "revision",
            sa.BigInteger(),
            nullable=False,
            comment="1 when it opens, then one more by each change",
        ),
        sa.Column("use_case", KEY, nullable=False, comment="id of the use case"),
        sa.Column("scope", KEY, nullable=False, comment="id of the scope"),
        sa.Column("state", sa.Text(), nullable=False, comment="state of the workflow"),
        sa.Column("severity", sa.Text(), nullable=False, comment="band"),
        sa.Column("alive", sa.Boolean(), nullable=False, comment="the last evaluation still found it"),
        sa.Column("start_day", sa.Date(), nullable=False, comment="first day of the cluster"),
        sa.Column("end_day", sa.Date(), nullable=False, comment="last day of the cluster"),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False, comment="when it opened"),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), nullable=False, comment="when this revision was made"
        ),
        sa.Column("alert", JSON, nullable=False, comment="the whole alert"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index("ix_alerts_changed_at", "alerts", ["changed_at"], unique=False)
    op.create_index("ix_alerts_scope", "alerts", ["use_case", "scope"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("id", ROW_ID, nullable=False, comment="row number, without meaning"),
        sa.Column("cluster_id", KEY, nullable=False, comment="Kafka cluster"),
        sa.Column("topic", KEY, nullable=False, comment="topic"),
        sa.Column("topic_id", KEY, nullable=False, comment="incarnation of the topic"),
        sa.Column(
            "epoch", sa.BigInteger(), nullable=False, comment="epoch of the ledger when it was handled"
        ),
        sa.Column("partition", sa.BigInteger(), nullable=False, comment="partition"),
        sa.Column("offset", sa.BigInteger(), nullable=False, comment="offset"),
        sa.Column("partner", sa.Text(), nullable=False, comment="who publishes on the topic"),
        sa.Column("kind", sa.Text(), nullable=False, comment="incident or admission"),
        sa.Column(
            "code", sa.Text(), nullable=False, comment="reason that is counted: that of the first fault"
        ),
        sa.Column("faults", JSON, nullable=False, comment="every broken rule: code, field, rule, fix"),
        sa.Column(
            "payload_hmac",
            sa.Text(),
            nullable=False,
            comment="keyed hash: tells whether two payloads are one",
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, comment="Kafka timestamp"),
        sa.Column(
            "stored_at", sa.DateTime(timezone=True), nullable=False, comment="when this row was written"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sa.UniqueConstraint(
            "cluster_id", "topic", "topic_id", "epoch", "partition", "offset", name="uq_dead_letters_message"
        ),
    )
    op.create_index("ix_dead_letters_partner", "dead_letters", ["partner", "stored_at"], unique=False)
    op.create_table(
        "duplicates",
        sa.Column("record_a", KEY, nullable=False, comment="the smaller key: partner/kind/id"),
        sa.Column("record_b", KEY, nullable=False, comment="the larger key"),
        sa.Column("state", sa.Text(), nullable=False, comment="proposed, confirmed or rejected"),
        sa.Column(
            "proposed_at", sa.DateTime(timezone=True), nullable=False, comment="when the pair was first seen"
        ),
        sa.Column("decided_by", sa.Text(), nullable=True, comment="who decided"),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True, comment="when it was decided"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why, in words that identify nobody"),
        sa.PrimaryKeyConstraint("record_a", "record_b", name=op.f("pk_duplicates")),
    )
    op.create_index("ix_duplicates_state", "duplicates", ["state"], unique=False)
    op.create_index("ix_duplicates_record_b", "duplicates", ["record_b"], unique=False)
    op.create_table(
        "definitions",
        sa.Column("use_case", KEY, nullable=False, comment="id of the use case"),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of what decides who is a case, where and when",
        ),
        sa.PrimaryKeyConstraint("use_case", name=op.f("pk_definitions")),
    )
    op.create_table(
        "links",
        sa.Column("record_a", KEY, nullable=False, comment="the smaller key: partner/kind/id"),
        sa.Column("record_b", KEY, nullable=False, comment="the larger key"),
        sa.Column("by", sa.Text(), nullable=False, comment="who linked them"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why, in words that identify nobody"),
        sa.PrimaryKeyConstraint("record_a", "record_b", name=op.f("pk_links")),
    )
    op.create_table(
        "evaluations",
        sa.Column("id", ROW_ID, nullable=False, comment="number of the evaluation"),
        sa.Column("use_case", KEY, nullable=False, comment="id of the use case"),
        sa.Column("scope", KEY, nullable=False, comment="id of the scope"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="day that was evaluated"),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False, comment="cases as known then"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, comment="claim"),
        sa.Column(
            "finished_at", sa.DateTime(timezone=True), nullable=False, comment="just before the commit"
        ),
        sa.Column("seconds", JSON, nullable=False, comment="seconds by stage"),
        sa.Column("clusters", sa.BigInteger(), nullable=False, comment="clusters found"),
        sa.Column(
            "snapshot",
            sa.LargeBinary(),
            nullable=True,
            comment="zlib JSON of all that was looked at and found; null: nothing changed by it",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    op.create_index("ix_evaluations_scope", "evaluations", ["use_case", "scope", "as_of"], unique=False)
    op.create_table(
        "ledger",
        sa.Column("cluster_id", KEY, nullable=False, comment="Kafka cluster"),
        sa.Column("topic", KEY, nullable=False, comment="topic"),
        sa.Column("topic_id", KEY, nullable=False, comment="incarnation of the topic"),
        sa.Column("partition", sa.BigInteger(), nullable=False, comment="partition"),
        sa.Column(
            "epoch",
            sa.BigInteger(),
            nullable=False,
            comment="raised when the log began anew under the same topic id",
        ),
        sa.Column("mark", sa.BigInteger(), nullable=False, comment="every offset below is handled"),
        sa.Column("ranges", JSON, nullable=False, comment="handled above the mark: [first, end), sorted"),
        sa.Column(
            "absent",
            sa.BigInteger(),
            nullable=False,
            comment="offsets that the broker skips: compaction, markers",
        ),
        sa.Column(
            "lost", sa.BigInteger(), nullable=False, comment="offsets that expired before they were handled"
        ),
        sa.Column(
            "repaired", sa.BigInteger(), nullable=False, comment="offsets that the repair had to fetch"
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, comment="last change"),
        sa.PrimaryKeyConstraint("cluster_id", "topic", "topic_id", "partition", name=op.f("pk_ledger")),
    )
    op.create_table(
        "partners_seen",
        sa.Column("partner", KEY, nullable=False, comment="id of the partner"),
        sa.Column("kind", KEY, nullable=False, comment="incident or admission"),
        sa.Column(
            "last_received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Kafka timestamp of the newest message",
        ),
        sa.Column("messages", sa.BigInteger(), nullable=False, comment="messages handled"),
        sa.Column("refused", sa.BigInteger(), nullable=False, comment="of these, refused"),
        sa.PrimaryKeyConstraint("partner", "kind", name=op.f("pk_partners_seen")),
    )
    op.create_table(
        "pending_evaluations",
        sa.Column("use_case", KEY, nullable=False, comment="id of the use case"),
        sa.Column("scope", KEY, nullable=False, comment="id of the scope"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="day that is evaluated"),
        sa.Column("generation", sa.BigInteger(), nullable=False, comment="raised by every request"),
        sa.Column(
            "requested_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="first request since it was last evaluated",
        ),
        sa.Column(
            "known_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="cases as known then; null: all known by now",
        ),
        sa.Column(
            "oldest_received_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="oldest event not yet in a claim",
        ),
        sa.Column(
            "not_before",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="after a failure: no claim earlier",
        ),
        sa.Column("claim", sa.Text(), nullable=True, comment="token of the claim: worker and a random part"),
        sa.Column(
            "claimed_until", sa.DateTime(timezone=True), nullable=True, comment="the claim lapses then"
        ),
        sa.Column(
            "claimed_received_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="oldest event in the claim",
        ),
        sa.Column("attempts", sa.BigInteger(), nullable=False, comment="claims since it was last evaluated"),
        sa.Column(
            "last_error", sa.Text(), nullable=True, comment="why the last attempt failed, without values"
        ),
        sa.PrimaryKeyConstraint("use_case", "scope", "as_of", name=op.f("pk_pending_evaluations")),
    )
    op.create_table(
        "persons",
        sa.Column("person_key", KEY, nullable=False, comment="pseudonymous key"),
        sa.PrimaryKeyConstraint("person_key", name=op.f("pk_persons")),
    )
    op.create_table(
        "records",
        sa.Column("record", ROW_ID, nullable=False, comment="our number for the record"),
        sa.Column("partner", KEY, nullable=False, comment="who publishes it"),
        sa.Column("kind", KEY, nullable=False, comment="incident or admission"),
        sa.Column("record_id", KEY, nullable=False, comment="the partner's own pseudonymous id"),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_records")),
        sa.UniqueConstraint("partner", "kind", "record_id", name=op.f("uq_records_partner_kind_record_id")),
    )
    op.create_table(
        "ticks",
        sa.Column("name", KEY, nullable=False, comment="what is owed"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, comment="when"),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True, comment="when it was done"),
        sa.PrimaryKeyConstraint("name", "due_at", name=op.f("pk_ticks")),
    )
    op.create_table(
        "alert_history",
        sa.Column("alert_id", KEY, nullable=False, comment="the alert"),
        sa.Column("revision", sa.BigInteger(), nullable=False, comment="revision that the change made"),
        sa.Column("change", sa.Text(), nullable=False, comment="what happened"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when"),
        sa.Column("by", sa.Text(), nullable=False, comment="a person, or the service"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why"),
        sa.Column("told", sa.Boolean(), nullable=False, comment="people must hear of it"),
        sa.Column(
            "evaluation_id", ROW_ID, nullable=True, comment="the evaluation behind it; null: a person did it"
        ),
        sa.Column("alert", JSON, nullable=False, comment="the whole alert after the change"),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_alert_history_alert_id")),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluations.id"], name=op.f("fk_alert_history_evaluation_id")
        ),
        sa.PrimaryKeyConstraint("alert_id", "revision", name=op.f("pk_alert_history")),
    )
    op.create_table(
        "line_list",
        sa.Column("id", ROW_ID, nullable=False, comment="row number, without meaning"),
        sa.Column("record", ROW_ID, nullable=False, comment="the record"),
        sa.Column("use_case", KEY, nullable=False, comment="id of the use case"),
        sa.Column("place", KEY, nullable=False, comment="where it counts: residence, incident, ..."),
        sa.Column(
            "version", sa.BigInteger(), nullable=False, comment="version of the record that this row rests on"
        ),
        sa.Column(
            "known_from",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="from when the service knew this",
        ),
        sa.Column(
            "known_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="until when; null: it is what is known now",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it is no case; null: it is one"),
        sa.Column("area", sa.Text(), nullable=True, comment="area code of a case"),
        sa.Column("day", sa.Date(), nullable=True, comment="case day in the scope's time zone"),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when this version of a case was received",
        ),
        sa.Column("person_keys", sa.Text(), nullable=False, comment="pseudonymous keys of the person"),
        sa.Column("age", sa.BigInteger(), nullable=True, comment="years"),
        sa.Column("sex", sa.Text(), nullable=True, comment="as the partner stated it"),
        sa.Column("tokens", sa.Text(), nullable=False, comment="what links cases, each type:identifier"),
        sa.ForeignKeyConstraint(["record"], ["records.record"], name=op.f("fk_line_list_record")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_line_list")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_line_list_record", "line_list", ["record"], unique=False)
    op.create_index("ix_line_list_window", "line_list", ["use_case", "place", "day"], unique=False)
    op.create_index(
        "uq_line_list_current",
        "line_list",
        ["record", "use_case", "place"],
        unique=True,
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.create_table(
        "merges",
        sa.Column("record", ROW_ID, nullable=False, comment="the record that some version of it merged"),
        sa.Column("partner", KEY, nullable=False, comment="the target's partner"),
        sa.Column("kind", KEY, nullable=False, comment="the target's kind"),
        sa.Column("record_id", KEY, nullable=False, comment="the target's record id"),
        sa.ForeignKeyConstraint(["record"], ["records.record"], name=op.f("fk_merges_record")),
        sa.PrimaryKeyConstraint("record", "partner", "kind", "record_id", name=op.f("pk_merges")),
    )
    op.create_index("ix_merges_target", "merges", ["partner", "kind", "record_id"], unique=False)
    op.create_table(
        "person_records",
        sa.Column("person_key", KEY, nullable=False, comment="pseudonymous key"),
        sa.Column("record", ROW_ID, nullable=False, comment="the record"),
        sa.ForeignKeyConstraint(
            ["person_key"], ["persons.person_key"], name=op.f("fk_person_records_person_key")
        ),
        sa.ForeignKeyConstraint(["record"], ["records.record"], name=op.f("fk_person_records_record")),
        sa.PrimaryKeyConstraint("person_key", "record", name=op.f("pk_person_records")),
    )
    op.create_index("ix_person_records_record", "person_records", ["record"], unique=False)
    op.create_table(
        "record_versions",
        sa.Column("record", ROW_ID, nullable=False, comment="the record"),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="the partner's version, higher wins"),
        sa.Column(
            "content_hash",
            KEY,
            nullable=False,
            comment="SHA-256 of the canonical JSON of the content; the larger wins",
        ),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Kafka timestamp of its first receipt",
        ),
        sa.Column("content", JSON, nullable=False, comment="the event, areas resolved, postcodes dropped"),
        sa.ForeignKeyConstraint(["record"], ["records.record"], name=op.f("fk_record_versions_record")),
        sa.PrimaryKeyConstraint("record", "version", "content_hash", name=op.f("pk_record_versions")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", ROW_ID, nullable=False, comment="order of creation"),
        sa.Column("channel", KEY, nullable=False, comment="alerts-topic, email, webhook"),
        sa.Column("receiver", KEY, nullable=False, comment="id of the receiver in the configuration"),
        sa.Column("alert_id", KEY, nullable=False, comment="the alert"),
        sa.Column("revision", sa.BigInteger(), nullable=False, comment="its revision"),
        sa.Column("idempotency_key", KEY, nullable=False, comment="the same on every repeat"),
        sa.Column("payload", JSON, nullable=False, comment="what is sent"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, comment="when it was owed"),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True, comment="when the receiver took it"),
        sa.Column("attempts", sa.BigInteger(), nullable=False, comment="times it was taken up"),
        sa.Column(
            "next_attempt_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="taken up no earlier; a lease while it is sent",
        ),
        sa.Column("last_error", sa.Text(), nullable=True, comment="why the last attempt failed"),
        sa.Column("suppressed_reason", sa.Text(), nullable=True, comment="why it is never sent; null: it is"),
        sa.ForeignKeyConstraint(
            ["alert_id", "revision"],
            ["alert_history.alert_id", "alert_history.revision"],
            name="fk_outbox_alert_history",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_outbox_idempotency_key")),
    )
    op.create_index(
        "ix_outbox_order", "outbox", ["alert_id", "channel", "receiver", "revision"], unique=False
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL AND suppressed_reason IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL AND suppressed_reason IS NULL"),
    )
    op.create_table(
        "deliveries",
        sa.Column("outbox_id", ROW_ID, nullable=False, comment="the notice"),
        sa.Column("attempt", sa.BigInteger(), nullable=False, comment="1, 2, ..."),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it ended"),
        sa.Column("error", sa.Text(), nullable=True, comment="why it failed; null: it was taken"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_deliveries_outbox_id")),
        sa.PrimaryKeyConstraint("outbox_id", "attempt", name=op.f("pk_deliveries")),
    )


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_index(
        "ix_outbox_waiting",
        table_name="outbox",
        sqlite_where=sa.text("sent_at IS NULL AND suppressed_reason IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL AND suppressed_reason IS NULL"),
    )
    op.drop_index("ix_outbox_order", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("record_versions")
    op.drop_index("ix_person_records_record", table_name="person_records")
    op.drop_table("person_records")
    op.drop_index("ix_merges_target", table_name="merges")
    op.drop_table("merges")
    op.drop_index(
        "uq_line_list_current",
        table_name="line_list",
        sqlite_where=sa.text("known_until IS NULL"),
        postgresql_where=sa.text("known_until IS NULL"),
    )
    op.drop_index("ix_line_list_window", table_name="line_list")
    op.drop_index("ix_line_list_record", table_name="line_list")
    op.drop_table("line_list")
    op.drop_table("alert_history")
    op.drop_table("ticks")
    op.drop_table("records")
    op.drop_table("persons")
    op.drop_table("pending_evaluations")
    op.drop_table("partners_seen")
    op.drop_table("ledger")
    op.drop_index("ix_evaluations_scope", table_name="evaluations")
    op.drop_table("evaluations")
    op.drop_table("links")
    op.drop_table("definitions")
    op.drop_index("ix_duplicates_record_b", table_name="duplicates")
    op.drop_index("ix_duplicates_state", table_name="duplicates")
    op.drop_table("duplicates")
    op.drop_index("ix_dead_letters_partner", table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_index("ix_alerts_scope", table_name="alerts")
    op.drop_index("ix_alerts_changed_at", table_name="alerts")
    op.drop_table("alerts")
