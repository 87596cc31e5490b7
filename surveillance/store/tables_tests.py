"""Answers to test records, apart from everything that is counted."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import Index, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from surveillance.store.columns import Key, RowId
from surveillance.store.tables import Base


class TestRecordRow(Base):
    """A message that its partner marked as a test, and whether it would have been accepted."""

    __tablename__ = "test_records"
    __table_args__ = (
        UniqueConstraint(
            "cluster_id", "topic", "topic_id", "epoch", "partition", "offset", name="uq_test_records_message"
        ),
        Index("ix_test_records_partner", "partner", "stored_at"),
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
    record_id: Mapped[str | None] = mapped_column(comment="the partner's id of the record, if it was right")
    faults: Mapped[list[Any]] = mapped_column(comment="every broken rule: code, field, rule, fix; or none")
    received_at: Mapped[datetime] = mapped_column(comment="Kafka timestamp")
    stored_at: Mapped[datetime] = mapped_column(comment="when this row was written")


test_records = cast(Table, TestRecordRow.__table__)
