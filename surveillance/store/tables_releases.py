"""Tables of the counts that are published, and of the tallies that they rest on."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from surveillance.store.columns import Key, RowId
from surveillance.store.tables import Base, _table


class ReleaseRow(Base):
    """A period as it was published, once and for ever. Nothing ever changes or removes a row."""

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("use_case", "scope", "first_day"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="row number, without meaning")
    use_case: Mapped[str] = mapped_column(Key, comment="id of the use case")
    scope: Mapped[str] = mapped_column(Key, comment="id of the scope")
    place: Mapped[str] = mapped_column(comment="the one place of counting that is published")
    first_day: Mapped[date] = mapped_column(comment="first day of the period")
    last_day: Mapped[date] = mapped_column(comment="its last day")
    cases: Mapped[int | None] = mapped_column(comment="cases to the nearest five; null: fewer than eight")
    plan: Mapped[dict[str, Any]] = mapped_column(comment="period, block and areas under which it was counted")
    known_at: Mapped[datetime] = mapped_column(comment="the line list as it was known then")


class ReleaseBlockRow(Base):
    """The tables of a block of periods as they were published, once and for ever."""

    __tablename__ = "release_blocks"
    __table_args__ = (UniqueConstraint("use_case", "scope", "first_day"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, comment="row number, without meaning")
    use_case: Mapped[str] = mapped_column(Key, comment="id of the use case")
    scope: Mapped[str] = mapped_column(Key, comment="id of the scope")
    first_day: Mapped[date] = mapped_column(comment="first day of the block")
    last_day: Mapped[date] = mapped_column(comment="its last day")
    tables: Mapped[dict[str, Any]] = mapped_column(
        comment="table -> cell -> cases to the nearest five; null: the table is withheld"
    )
    made_at: Mapped[datetime] = mapped_column(comment="when its last period was published")


class ReleaseTallyRow(Base):
    """What a release counted, to the case: a block's tables are made of it. Never shown to anybody."""

    __tablename__ = "release_tallies"

    release: Mapped[int] = mapped_column(ForeignKey("releases.id"), primary_key=True, comment="the release")
    area: Mapped[str] = mapped_column(Key, primary_key=True, comment="area code")
    sex: Mapped[str] = mapped_column(Key, primary_key=True, comment="cell of the table of sexes")
    age: Mapped[str] = mapped_column(Key, primary_key=True, comment="cell of the table of age bands")
    cases: Mapped[int] = mapped_column(comment="cases, over 0")


class ReleaseStartRow(Base):
    """Since when the clock publishes a use case in a scope: earlier periods only when a person asks."""

    __tablename__ = "release_starts"

    use_case: Mapped[str] = mapped_column(Key, primary_key=True, comment="id of the use case")
    scope: Mapped[str] = mapped_column(Key, primary_key=True, comment="id of the scope")
    since: Mapped[date] = mapped_column(comment="the day on which the clock first saw them")


releases = _table(ReleaseRow)
release_blocks = _table(ReleaseBlockRow)
release_tallies = _table(ReleaseTallyRow)
release_starts = _table(ReleaseStartRow)
