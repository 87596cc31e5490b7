"""Which records are members of which alert: for the line list, which asks it of many records at once."""

from typing import cast

from sqlalchemy import ForeignKey, Index, Table
from sqlalchemy.orm import Mapped, mapped_column

from surveillance.store.columns import Key
from surveillance.store.tables import Base


class AlertMember(Base):
    """A record that is a member of the current revision of an alert. Follows from `alerts`."""

    __tablename__ = "alert_members"
    __table_args__ = (Index("ix_alert_members_record", "record"),)

    alert_id: Mapped[str] = mapped_column(Key, ForeignKey("alerts.id"), primary_key=True, comment="the alert")
    record: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, comment="our number for the record, at whatever version"
    )


alert_members = cast(Table, AlertMember.__table__)
