"""Every table, with what each column means. Times are UTC; keys of a record are partner, kind, record_id."""

from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from surveillance.store.columns import Json, Key, RowId, Texts, UtcTime
from surveillance.store.sealed import SealedBytes, SealedJson, SealedText, SealedTexts


class Base(DeclarativeBase):
    """Names every constraint, so that a later migration can name what it changes."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it from the class
        datetime: UtcTime,
        date: Date,
        str: Text,
        bool: Boolean,
        int: BigInteger,
        dict[str, Any]: Json,
        list[Any]: Json,
        tuple[str, ...]: Texts,
    }


def _current_index(name: str, *columns: str, where: str) -> Index:
    """Over what is known now, in the order in which people page through it."""
    now = text(f"known_until IS NULL AND {where}")
    return Index(name, "use_case", "place", *columns, sqlite_where=now, postgresql_where=now)


class Record(Base):
    """What a partner calls one incident or admission. The row that a writer locks."""

    __tablename__ = "records"
    __table_args__ = (UniqueConstraint("partner", "kind", "record_id"),)

    record: Mapped[int] = mapped_column(RowId, primary_key=True, comment="our number for the record")
    partner: Mapped[str] = mapped_column(Key, comment="who publishes it")
    kind: Mapped[str] = mapped_column(Key, comment="incident or admission")
    record_id: Mapped[str] = mapped_column(Key, comment="the partner's own pseudonymous id")


class Version(Base):
    """Every distinct state of a record that was received. Two hashes for one version are a conflict."""

    __tablename__ = "record_versions"

    record: Mapped[int] = mapped_column(ForeignKey("records.record"), primary_key=True, comment="the record")
    version: Mapped[int] = mapped_column(primary_key=True, comment="the partner's version, higher wins")
    content_hash: Mapped[str] = mapped_column(
        Key, primary_key=True, comment="SHA-256 of the canonical JSON of the content; the larger wins"
    )
    received_at: Mapped[datetime] = mapped_column(comment="Kafka timestamp of its first receipt")
    content: Mapped[dict[str, Any]] = mapped_column(
        SealedJson("record_versions.content"), comment="the event, areas resolved, postcodes dropped"
    )


class Listed(Base):
    """The line list: what a use case made of a record at a place, and while which version was known."""

    __tablename__ = "line_list"
    __table_args__ = (
        Index("ix_line_list_window", "use_case", "place", "day"),
        Index(
            "uq_line_list_current",
            "record",
            "use_case",
            "place",
            unique=True,
            sqlite_where=text("known_until IS NULL"),
            postgresql_where=text("known_until IS NULL"),
        ),
        Index("ix_line_list_record", "record", "use_case", "place"),
        Index(
            "ix_line_list_area",
            "use_case",
            "place",
            "area",
            "day",
            sqlite_where=text("known_until IS NULL AND reason IS NULL"),
            postgresql_where=text("known_until IS NULL AND reason IS NULL"),
        ),
        Index(
            "ix_line_list_rows",
            "use_case",
            "place",
            "id",
            sqlite_where=text("known_until IS NULL AND reason IS NULL"),
            postgresql_where=text("known_until IS NULL AND reason IS NULL"),
        ),
        _current_index("ix_line_list_cases", "day", "record", "area", "age", "sex", where="reason IS NULL"),
        _current_index(
            "ix_line_list_received", "received_at", "record", "area", "age", "sex", where="reason IS NULL"
        ),
        _current_index("ix_line_list_excluded", "reason", "record", where="reason IS NOT NULL"),
        {"sqlite_autoincrement": True},  # no number twice: what was read under one is kept between looks
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="row number, without meaning")
    record: Mapped[int] = mapped_column(ForeignKey("records.record"), comment="the record")
    use_case: Mapped[str] = mapped_column(Key, comment="id of the use case")
    place: Mapped[str] = mapped_column(Key, comment="where it counts: residence, incident, ...")
    version: Mapped[int] = mapped_column(comment="version of the record that this row rests on")
    known_from: Mapped[datetime] = mapped_column(comment="from when the service knew this")
    known_until: Mapped[datetime | None] = mapped_column(comment="until when; null: it is what is known now")
    reason: Mapped[str | None] = mapped_column(comment="why it is no case; null: it is one")
    area: Mapped[str | None] = mapped_column(comment="area code of a case")
    day: Mapped[date | None] = mapped_column(comment="case day in the scope's time zone")
    received_at: Mapped[datetime | None] = mapped_column(comment="when the record first counted as a case")
    person_keys: Mapped[tuple[str, ...]] = mapped_column(comment="pseudonymous keys of the person")
    age: Mapped[int | None] = mapped_column(comment="years")
    sex: Mapped[str | None] = mapped_column(comment="as the partner stated it")
    tokens: Mapped[tuple[str, ...]] = mapped_column(
        SealedTexts("line_list.tokens"), comment="what links cases, each type:identifier"
    )


class Person(Base):
    """A person key that some record bears. The row that a writer of that person's records locks."""

    __tablename__ = "persons"

    person_key: Mapped[str] = mapped_column(Key, primary_key=True, comment="pseudonymous key")


class PersonRecord(Base):
    """Which records bear a person key now."""

    __tablename__ = "person_records"
    __table_args__ = (Index("ix_person_records_record", "record"),)

    person_key: Mapped[str] = mapped_column(
        Key, ForeignKey("persons.person_key"), primary_key=True, comment="pseudonymous key"
    )
    record: Mapped[int] = mapped_column(ForeignKey("records.record"), primary_key=True, comment="the record")


class Merge(Base):
    """Some version of a record merges it into another, which may not have arrived yet."""

    __tablename__ = "merges"
    __table_args__ = (Index("ix_merges_target", "partner", "kind", "record_id"),)

    record: Mapped[int] = mapped_column(
        ForeignKey("records.record"), primary_key=True, comment="the record that some version of it merged"
    )
    partner: Mapped[str] = mapped_column(Key, primary_key=True, comment="the target's partner")
    kind: Mapped[str] = mapped_column(Key, primary_key=True, comment="the target's kind")
    record_id: Mapped[str] = mapped_column(Key, primary_key=True, comment="the target's record id")


class Definition(Base):
    """The definition of a use case under which its rows of the line list were written."""

    __tablename__ = "definitions"

    use_case: Mapped[str] = mapped_column(Key, primary_key=True, comment="id of the use case")
    fingerprint: Mapped[str] = mapped_column(comment="SHA-256 of what decides who is a case, where and when")


class Duplicate(Base):
    """Two records that may be one person's same event. Only a person decides."""

    __tablename__ = "duplicates"
    __table_args__ = (Index("ix_duplicates_state", "state"), Index("ix_duplicates_record_b", "record_b"))

    record_a: Mapped[str] = mapped_column(Key, primary_key=True, comment="the smaller key: partner/kind/id")
    record_b: Mapped[str] = mapped_column(Key, primary_key=True, comment="the larger key")
    state: Mapped[str] = mapped_column(comment="proposed, confirmed or rejected")
    proposed_at: Mapped[datetime] = mapped_column(comment="when the pair was first seen")
    decided_by: Mapped[str | None] = mapped_column(comment="who decided")
    decided_at: Mapped[datetime | None] = mapped_column(comment="when it was decided")
    reason: Mapped[str | None] = mapped_column(
        SealedText("duplicates.reason"), comment="why, in words that identify nobody"
    )


class ConfirmedLink(Base):
    """Two records that a person linked: friends, one household, whatever no field says."""

    __tablename__ = "links"

    record_a: Mapped[str] = mapped_column(Key, primary_key=True, comment="the smaller key: partner/kind/id")
    record_b: Mapped[str] = mapped_column(Key, primary_key=True, comment="the larger key")
    by: Mapped[str] = mapped_column(comment="who linked them")
    at: Mapped[datetime] = mapped_column(comment="when")
    reason: Mapped[str] = mapped_column(
        SealedText("links.reason"), comment="why, in words that identify nobody"
    )


class DeadLetterRow(Base):
    """A refused message: where it lies and why, never what it said."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        UniqueConstraint(
            "cluster_id", "topic", "topic_id", "epoch", "partition", "offset", name="uq_dead_letters_message"
        ),
        Index("ix_dead_letters_partner", "partner", "id"),
        Index("ix_dead_letters_reason", "partner", "code", "resolved_at"),
        Index(
            "ix_dead_letters_open",
            "partner",
            "kind",
            "record_id",
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="row number, without meaning")
    cluster_id: Mapped[str] = mapped_column(Key, comment="Kafka cluster")
    topic: Mapped[str] = mapped_column(Key, comment="topic")
    topic_id: Mapped[str] = mapped_column(Key, comment="incarnation of the topic")
    epoch: Mapped[int] = mapped_column(comment="epoch of the ledger when it was handled")
    partition: Mapped[int] = mapped_column(comment="partition")
    offset: Mapped[int] = mapped_column(comment="offset")
    partner: Mapped[str] = mapped_column(comment="who publishes on the topic")
    kind: Mapped[str] = mapped_column(comment="incident or admission")
    code: Mapped[str] = mapped_column(comment="reason that is counted: that of the first fault")
    faults: Mapped[list[Any]] = mapped_column(comment="every broken rule: code, field, rule, fix")
    payload_hmac: Mapped[str] = mapped_column(comment="keyed hash: tells whether two payloads are one")
    received_at: Mapped[datetime] = mapped_column(comment="Kafka timestamp")
    stored_at: Mapped[datetime] = mapped_column(comment="when this row was written")
    record_id: Mapped[str | None] = mapped_column(
        Key, comment="the partner's own id of the record, as accepted ones have it; null: it names none"
    )
    version: Mapped[int | None] = mapped_column(comment="the version that it says it is")
    resolved_at: Mapped[datetime | None] = mapped_column(comment="when nothing of it was missing any more")
    resolved_by: Mapped[str | None] = mapped_column(
        comment="correction: sent again; replay: read again; erasure"
    )


class LedgerRow(Base):
    """Which offsets of a partition were handled. Committed in the transaction that stored their events."""

    __tablename__ = "ledger"

    cluster_id: Mapped[str] = mapped_column(Key, primary_key=True, comment="Kafka cluster")
    topic: Mapped[str] = mapped_column(Key, primary_key=True, comment="topic")
    topic_id: Mapped[str] = mapped_column(Key, primary_key=True, comment="incarnation of the topic")
    partition: Mapped[int] = mapped_column(primary_key=True, comment="partition")
    epoch: Mapped[int] = mapped_column(comment="raised when the log began anew under the same topic id")
    mark: Mapped[int] = mapped_column(comment="every offset below is handled")
    ranges: Mapped[list[Any]] = mapped_column(comment="handled above the mark: [first, end), sorted")
    absent: Mapped[int] = mapped_column(comment="offsets that the broker skips: compaction, markers")
    lost: Mapped[int] = mapped_column(comment="offsets that expired before they were handled")
    repaired: Mapped[int] = mapped_column(comment="offsets that the repair had to fetch")
    updated_at: Mapped[datetime] = mapped_column(comment="last change")


class Pending(Base):
    """An evaluation that is owed. A worker claims the row; requests meanwhile raise the generation."""

    __tablename__ = "pending_evaluations"

    use_case: Mapped[str] = mapped_column(Key, primary_key=True, comment="id of the use case")
    scope: Mapped[str] = mapped_column(Key, primary_key=True, comment="id of the scope")
    as_of: Mapped[date] = mapped_column(primary_key=True, comment="day that is evaluated")
    generation: Mapped[int] = mapped_column(comment="raised by every request")
    requested_at: Mapped[datetime] = mapped_column(comment="first request since it was last evaluated")
    known_at: Mapped[datetime | None] = mapped_column(comment="cases as known then; null: all known by now")
    oldest_received_at: Mapped[datetime | None] = mapped_column(comment="oldest event not yet in a claim")
    not_before: Mapped[datetime | None] = mapped_column(comment="after a failure: no claim earlier")
    claim: Mapped[str | None] = mapped_column(comment="token of the claim: worker and a random part")
    claimed_until: Mapped[datetime | None] = mapped_column(comment="the claim lapses then")
    claimed_received_at: Mapped[datetime | None] = mapped_column(comment="oldest event in the claim")
    attempts: Mapped[int] = mapped_column(comment="claims since it was last evaluated")
    last_error: Mapped[str | None] = mapped_column(comment="why the last attempt failed, without values")


class EvaluationRow(Base):
    """A finished evaluation with the snapshot from which it can be recomputed."""

    __tablename__ = "evaluations"
    __table_args__ = (Index("ix_evaluations_scope", "use_case", "scope", "as_of"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="number of the evaluation")
    use_case: Mapped[str] = mapped_column(Key, comment="id of the use case")
    scope: Mapped[str] = mapped_column(Key, comment="id of the scope")
    as_of: Mapped[date] = mapped_column(comment="day that was evaluated")
    known_at: Mapped[datetime] = mapped_column(comment="cases as known then")
    started_at: Mapped[datetime] = mapped_column(comment="claim")
    finished_at: Mapped[datetime] = mapped_column(comment="just before the commit")
    seconds: Mapped[dict[str, Any]] = mapped_column(comment="seconds by stage")
    clusters: Mapped[int] = mapped_column(comment="clusters found")
    snapshot: Mapped[bytes | None] = mapped_column(
        SealedBytes("evaluations.snapshot"),
        comment="zlib JSON of all that was looked at and found; null: nothing changed by it",
    )


class AlertRow(Base):
    """The current revision of each alert."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_scope", "use_case", "scope"),
        Index("ix_alerts_changed_at", "changed_at"),
        # All that a queue is counted, filtered and sorted by: its rows themselves are long.
        Index(
            "ix_alerts_queue",
            "use_case",
            "scope",
            "state",
            "severity",
            "owner",
            "due_at",
            "changed_at",
            "id",
            "revision",
        ),
    )

    id: Mapped[str] = mapped_column(Key, primary_key=True, comment="stable id")
    revision: Mapped[int] = mapped_column(comment="1 when it opens, then one more by each change")
    use_case: Mapped[str] = mapped_column(Key, comment="id of the use case")
    scope: Mapped[str] = mapped_column(Key, comment="id of the scope")
    state: Mapped[str] = mapped_column(comment="state of the workflow")
    severity: Mapped[str] = mapped_column(comment="band")
    alive: Mapped[bool] = mapped_column(comment="the last evaluation still found it")
    start_day: Mapped[date] = mapped_column(comment="first day of the cluster")
    end_day: Mapped[date] = mapped_column(comment="last day of the cluster")
    opened_at: Mapped[datetime] = mapped_column(comment="when it opened")
    changed_at: Mapped[datetime] = mapped_column(comment="when this revision was made")
    owner: Mapped[str | None] = mapped_column(Key, comment="who has taken it; null: nobody yet")
    due_at: Mapped[datetime | None] = mapped_column(comment="when a person must have done the next step")
    alert: Mapped[dict[str, Any]] = mapped_column(SealedJson("alerts.alert"), comment="the whole alert")


class AlertHistory(Base):
    """Every revision of every alert. Rows are only ever added."""

    __tablename__ = "alert_history"

    alert_id: Mapped[str] = mapped_column(Key, ForeignKey("alerts.id"), primary_key=True, comment="the alert")
    revision: Mapped[int] = mapped_column(primary_key=True, comment="revision that the change made")
    change: Mapped[str] = mapped_column(comment="what happened")
    at: Mapped[datetime] = mapped_column(comment="when")
    by: Mapped[str] = mapped_column(comment="a person, or the service")
    reason: Mapped[str] = mapped_column(SealedText("alert_history.reason"), comment="why")
    told: Mapped[bool] = mapped_column(comment="people must hear of it")
    evaluation_id: Mapped[int | None] = mapped_column(
        ForeignKey("evaluations.id"), comment="the evaluation behind it; null: a person did it"
    )
    alert: Mapped[dict[str, Any]] = mapped_column(
        SealedJson("alert_history.alert"), comment="the whole alert after the change"
    )


class Outbox(Base):
    """Notices that are owed, committed with the change that they tell of."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("idempotency_key"),
        ForeignKeyConstraint(
            ["alert_id", "revision"],
            ["alert_history.alert_id", "alert_history.revision"],
            name="fk_outbox_alert_history",
        ),
        Index("ix_outbox_order", "alert_id", "channel", "receiver", "revision"),
        Index(
            "ix_outbox_waiting",
            "next_attempt_at",
            sqlite_where=text("sent_at IS NULL AND suppressed_reason IS NULL"),
            postgresql_where=text("sent_at IS NULL AND suppressed_reason IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="order of creation")
    channel: Mapped[str] = mapped_column(Key, comment="alerts-topic, email, webhook")
    receiver: Mapped[str] = mapped_column(Key, comment="id of the receiver in the configuration")
    alert_id: Mapped[str | None] = mapped_column(Key, comment="the alert; null: a digest")
    revision: Mapped[int | None] = mapped_column(comment="its revision; null: a digest")
    idempotency_key: Mapped[str] = mapped_column(Key, comment="the same on every repeat")
    payload: Mapped[dict[str, Any]] = mapped_column(SealedJson("outbox.payload"), comment="what is sent")
    created_at: Mapped[datetime] = mapped_column(comment="when it was owed")
    sent_at: Mapped[datetime | None] = mapped_column(comment="when the receiver took it")
    attempts: Mapped[int] = mapped_column(comment="times it was taken up to be sent")
    next_attempt_at: Mapped[datetime] = mapped_column(comment="taken up no earlier; a lease while it is sent")
    last_error: Mapped[str | None] = mapped_column(comment="why the last attempt failed")
    suppressed_reason: Mapped[str | None] = mapped_column(comment="why it is never sent; null: it is")
    held_reason: Mapped[str | None] = mapped_column(comment="why it waits or last waited; null: it never did")
    held_until: Mapped[datetime | None] = mapped_column(comment="it waits until then; null: not held now")
    failed_at: Mapped[datetime | None] = mapped_column(comment="refused for good, kept for a replay")


class TickRow(Base):
    """A moment at which the clock owes something: missed ones are caught up."""

    __tablename__ = "ticks"

    name: Mapped[str] = mapped_column(Key, primary_key=True, comment="what is owed")
    due_at: Mapped[datetime] = mapped_column(primary_key=True, comment="when")
    done_at: Mapped[datetime | None] = mapped_column(comment="when it was done")


class PartnerSeen(Base):
    """When each partner was last heard of: silence is not good news."""

    __tablename__ = "partners_seen"

    partner: Mapped[str] = mapped_column(Key, primary_key=True, comment="id of the partner")
    kind: Mapped[str] = mapped_column(Key, primary_key=True, comment="incident or admission")
    last_received_at: Mapped[datetime] = mapped_column(comment="Kafka timestamp of the newest message")
    messages: Mapped[int] = mapped_column(comment="messages handled")
    refused: Mapped[int] = mapped_column(comment="of these, refused")


class PartnerJudged(Base):
    """How unusually quiet each partner was at the last midnight, against its own past."""

    __tablename__ = "partners_judged"

    partner: Mapped[str] = mapped_column(Key, primary_key=True, comment="id of the partner")
    kind: Mapped[str] = mapped_column(Key, primary_key=True, comment="incident or admission")
    as_of: Mapped[date] = mapped_column(comment="last day that was counted (UTC)")
    window_days: Mapped[int] = mapped_column(comment="days up to then that were compared")
    observed: Mapped[int] = mapped_column(comment="new records in them")
    expected: Mapped[float] = mapped_column(comment="new records that would be usual")
    chance: Mapped[float] = mapped_column(comment="of so few")
    quiet: Mapped[bool] = mapped_column(comment="unusually quiet")


def _table(model: type[Base]) -> Table:
    return cast(Table, model.__table__)


records = _table(Record)
record_versions = _table(Version)
line_list = _table(Listed)
persons = _table(Person)
person_records = _table(PersonRecord)
merges = _table(Merge)
duplicates = _table(Duplicate)
definitions = _table(Definition)
links = _table(ConfirmedLink)
dead_letters = _table(DeadLetterRow)
ledger = _table(LedgerRow)
pending_evaluations = _table(Pending)
evaluations = _table(EvaluationRow)
alerts = _table(AlertRow)
alert_history = _table(AlertHistory)
outbox = _table(Outbox)
ticks = _table(TickRow)
partners_seen = _table(PartnerSeen)
partners_judged = _table(PartnerJudged)
