"""Tables of delivery beside the outbox: attempts, receivers that cannot be reached, silences."""

from datetime import datetime
from typing import cast

from sqlalchemy import ForeignKey, Table
from sqlalchemy.orm import Mapped, mapped_column

from surveillance.store.columns import Key, RowId
from surveillance.store.sealed import SealedText
from surveillance.store.tables import Base


class DeliveryAttempt(Base):
    """One attempt to send a notice. No address stands here, nor what a server said."""

    __tablename__ = "delivery_attempts"

    outbox_id: Mapped[int] = mapped_column(ForeignKey("outbox.id"), primary_key=True, comment="the notice")
    attempt: Mapped[int] = mapped_column(primary_key=True, comment="1, 2, ...")
    at: Mapped[datetime] = mapped_column(comment="when it ended")
    outcome: Mapped[str] = mapped_column(comment="sent, failed (tried again) or refused (for good)")
    error: Mapped[str | None] = mapped_column(comment="class of the error; null: it was taken")
    code: Mapped[int | None] = mapped_column(comment="HTTP status or SMTP reply code; null: none came")


class ReceiverOutage(Base):
    """A receiver that could not be reached: until `not_before` nothing is sent to it."""

    __tablename__ = "receiver_outages"

    receiver: Mapped[str] = mapped_column(Key, primary_key=True, comment="id of the receiver")
    since: Mapped[datetime] = mapped_column(comment="first failure since it last took something")
    failures: Mapped[int] = mapped_column(comment="failures in a row")
    not_before: Mapped[datetime] = mapped_column(comment="it is tried again then")


class SilenceRow(Base):
    """A person's decision that some alerts are not told of for a while. Rows are ended, never deleted."""

    __tablename__ = "silences"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="number of the silence")
    use_case: Mapped[str | None] = mapped_column(Key, comment="alerts of this use case; null: of any")
    scope: Mapped[str | None] = mapped_column(Key, comment="alerts of this scope; null: of any")
    alert_id: Mapped[str | None] = mapped_column(Key, comment="this alert; null: any")
    reason: Mapped[str] = mapped_column(
        SealedText("silences.reason"), comment="why, in words that identify nobody"
    )
    starts_at: Mapped[datetime] = mapped_column(comment="from when")
    ends_at: Mapped[datetime] = mapped_column(comment="until when at most")
    by: Mapped[str] = mapped_column(comment="who decided")
    ended_at: Mapped[datetime | None] = mapped_column(comment="when a person ended it; null: nobody did")
    ended_by: Mapped[str | None] = mapped_column(comment="who ended it")


delivery_attempts = cast(Table, DeliveryAttempt.__table__)
receiver_outages = cast(Table, ReceiverOutage.__table__)
silences = cast(Table, SilenceRow.__table__)
