"""What is left of cases that have expired: counts that may be published, and nothing else."""

from datetime import date, datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from surveillance.store.columns import Key, RowId
from surveillance.store.tables import Base, _table


class ArchivedPeriod(Base):
    """A month whose cases expired without ever having been published, once and for ever."""

    __tablename__ = "archived_periods"
    __table_args__ = (UniqueConstraint("use_case", "scope", "first_day"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="row number, without meaning")
    use_case: Mapped[str] = mapped_column(Key, comment="id of the use case")
    scope: Mapped[str] = mapped_column(Key, comment="id of the scope")
    first_day: Mapped[date] = mapped_column(comment="first day of the month")
    last_day: Mapped[date] = mapped_column(comment="its last day")
    cases: Mapped[int | None] = mapped_column(comment="cases to the nearest five; null: fewer than eight")
    made_at: Mapped[datetime] = mapped_column(comment="when its cases expired")


archived_periods = _table(ArchivedPeriod)
