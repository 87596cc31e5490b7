"""Tables of the audit chain."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from surveillance.store.columns import Key, RowId
from surveillance.store.tables import Base, _table


class AuditEntry(Base):
    """Who saw or did what. Rows are only ever added; each holds the mac of all before it."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_subject", "subject"),)

    sequence: Mapped[int] = mapped_column(RowId, primary_key=True, comment="1, 2, ... without a gap")
    at: Mapped[datetime] = mapped_column(comment="when")
    by: Mapped[str] = mapped_column(comment="a person, a program or the service")
    act: Mapped[str] = mapped_column(comment="what was seen or done")
    subject: Mapped[str] = mapped_column(Key, comment="what it was done to: alert/ID, account/ID, ...")
    facts: Mapped[dict[str, Any]] = mapped_column(comment="what else must be known later; identifies nobody")
    mac: Mapped[str] = mapped_column(comment="HMAC of this entry and of the mac before")


class AuditHead(Base):
    """The last entry of the audit chain. The row that a writer of the chain locks."""

    __tablename__ = "audit_head"

    chain: Mapped[int] = mapped_column(RowId, primary_key=True, comment="1: there is one chain")
    sequence: Mapped[int] = mapped_column(comment="of the last entry; 0: none yet")
    mac: Mapped[str] = mapped_column(comment="of the last entry")


audit = _table(AuditEntry)
audit_head = _table(AuditHead)
