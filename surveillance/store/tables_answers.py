"""Tables of what partners are answered: how their records fare, and receipts that are owed to them."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from surveillance.store.columns import Key, RowId
from surveillance.store.tables import Base, _table


class RecordQuality(Base):
    """How late a record came and which optional fields it has; written anew with each of its versions."""

    __tablename__ = "record_quality"
    __table_args__ = (
        Index("ix_record_quality_fields", "partner", "kind", "month", "fields"),
        Index("ix_record_quality_delays", "partner", "kind", "month", "delay_hours"),
    )

    record: Mapped[int] = mapped_column(ForeignKey("records.record"), primary_key=True, comment="the record")
    partner: Mapped[str] = mapped_column(Key, comment="who publishes it")
    kind: Mapped[str] = mapped_column(Key, comment="incident or admission")
    month: Mapped[date] = mapped_column(comment="first day of the month of its first receipt (UTC)")
    delay_hours: Mapped[int] = mapped_column(comment="whole hours from occurrence to its first receipt")
    fields: Mapped[int] = mapped_column(comment="a bit for each optional field that the newest version has")


class PartnerMonth(Base):
    """Messages of a partner by the month in which they were received, and what became of them."""

    __tablename__ = "partner_months"

    partner: Mapped[str] = mapped_column(Key, primary_key=True, comment="id of the partner")
    kind: Mapped[str] = mapped_column(Key, primary_key=True, comment="incident or admission")
    month: Mapped[date] = mapped_column(primary_key=True, comment="first day of the month (UTC)")
    accepted: Mapped[int] = mapped_column(comment="messages accepted, repeats aside")
    repeated: Mapped[int] = mapped_column(comment="messages accepted that said what was known already")
    refused: Mapped[int] = mapped_column(comment="messages refused")
    tested: Mapped[int] = mapped_column(comment="messages of test records: answered and never counted")


class ReceiptRow(Base):
    """Receipts that are owed to a partner for one batch of its messages; removed once they are sent."""

    __tablename__ = "receipts"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="order of creation")
    partner: Mapped[str] = mapped_column(Key, comment="whose receipts topic they go to")
    receipts: Mapped[list[Any]] = mapped_column(comment="the receipts, each as it is sent")
    created_at: Mapped[datetime] = mapped_column(comment="when they were owed")
    not_before: Mapped[datetime] = mapped_column(comment="taken up no earlier; a lease while they are sent")


record_quality = _table(RecordQuality)
partner_months = _table(PartnerMonth)
receipts = _table(ReceiptRow)
