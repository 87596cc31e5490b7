"""What each person has seen of the alerts."""

from datetime import datetime
from typing import cast

from sqlalchemy import Table
from sqlalchemy.orm import Mapped, mapped_column

from surveillance.store.columns import Key
from surveillance.store.tables import Base


class AlertSeen(Base):
    """The newest revision of an alert that a person has looked at."""

    __tablename__ = "alerts_seen"

    person: Mapped[str] = mapped_column(Key, primary_key=True, comment="who looked")
    alert_id: Mapped[str] = mapped_column(Key, primary_key=True, comment="at which alert")
    revision: Mapped[int] = mapped_column(comment="the newest revision that was shown")
    at: Mapped[datetime] = mapped_column(comment="when it was shown last")


alerts_seen = cast(Table, AlertSeen.__table__)
