"""The audit chain: who saw or did what, so that nobody can change or remove an entry unnoticed.

Each entry holds an HMAC-SHA256 over itself and the mac of the entry before it; the key lies outside the
database. Entries cut off at the end are noticed by comparing with a head that was published earlier.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from surveillance.events.canonical import canonical_json
from surveillance.store.database import Transaction
from surveillance.store.tables_audit import audit, audit_head

_PAGE = 5_000


@dataclass(frozen=True)
class Entry:
    """One act. `at` is aware; `subject` is kind/id; `facts` are texts and numbers, and identify nobody."""

    by: str
    act: str
    subject: str
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """The last entry of the chain, as it can be published: `sequence:mac`."""

    sequence: int
    mac: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.mac}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """The head that was published so. Raises ValueError."""
        sequence, _, mac = text.strip().partition(":")
        if not sequence.isdecimal() or (int(sequence) > 0) != bool(mac):
            raise ValueError("a head of the audit chain is SEQUENCE:MAC, as it was published")
        return cls(int(sequence), mac)


class Broken(RuntimeError):
    """The chain is not what was written: an entry was changed, removed or added without the key."""


def append(tx: Transaction, key: bytes, entry: Entry) -> Head:
    """Adds an entry, in the transaction of what it tells of. Writers of the chain wait for each other."""
    last = _locked_head(tx)
    mac = _mac(key, last.mac, last.sequence + 1, entry)
    row = {"sequence": last.sequence + 1, "mac": mac, "facts": dict(entry.facts)}
    named = {name: getattr(entry, name) for name in ("at", "by", "act", "subject")}
    tx.execute(audit.insert(), {**named, **row})
    tx.execute(update(audit_head).values(sequence=row["sequence"], mac=mac))
    return Head(last.sequence + 1, mac)


def head(tx: Transaction) -> Head:
    """The end of the chain now."""
    row = tx.execute(select(audit_head.c.sequence, audit_head.c.mac)).one()
    return Head(row.sequence, row.mac)


def verify(tx: Transaction, key: bytes, published: Head | None = None) -> Head:
    """The chain's head, every entry being as it was written, and `published` one of them. Raises Broken."""
    last = Head(0, "")
    met = published is None or published == last
    for sequence, mac, entry in _stored(tx):
        if sequence != last.sequence + 1:
            raise Broken(f"entry {last.sequence + 1} is missing")
        if not hmac.compare_digest(mac, _mac(key, last.mac, sequence, entry)):
            raise Broken(f"entry {sequence} is not as it was written, or the key is another")
        last = Head(sequence, mac)
        met = met or last == published
    if last != head(tx):
        raise Broken(f"the chain ends with entry {last.sequence}, but its head is entry {head(tx).sequence}")
    if published is not None and published.sequence > last.sequence:
        raise Broken(
            f"entry {published.sequence}, which was published, is not there: the chain ends with entry "
            f"{last.sequence}. It was cut off, or what was restored or exported is older than that head"
        )
    if not met:
        raise Broken(f"entry {published.sequence if published else 0} is not the one that was published")
    return last


def of_subject(tx: Transaction, subject: str) -> list[Entry]:
    """Every entry about a subject, the oldest first."""
    query = select(audit).where(audit.c.subject == subject).order_by(audit.c.sequence)
    return [_entry(row) for row in tx.execute(query)]


def listed(
    tx: Transaction,
    *,
    by: str | None = None,
    act: str | None = None,
    subject: str | None = None,
    subjects: Collection[str] | None = None,
    before: int | None = None,
    limit: int | None = 100,
) -> list[tuple[int, Entry]]:
    """Entries that meet every filter given, with their sequence, the newest first.

    `subject` may end in `*`. `subjects`: none but those. `before`: of a smaller sequence.
    `limit`: None for all of them.
    """
    query = select(audit).order_by(audit.c.sequence.desc()).limit(limit)
    if by is not None:
        query = query.where(audit.c.by == by)
    if act is not None:
        query = query.where(audit.c.act == act)
    if subject is not None and subject.endswith("*"):
        query = query.where(audit.c.subject.startswith(subject[:-1], autoescape=True))
    elif subject is not None:
        query = query.where(audit.c.subject == subject)
    if subjects is not None:
        query = query.where(audit.c.subject.in_(sorted(subjects)))
    if before is not None:
        query = query.where(audit.c.sequence < before)
    return [(row.sequence, _entry(row)) for row in tx.execute(query)]


def _stored(tx: Transaction) -> Iterator[tuple[int, str, Entry]]:
    after = 0
    while rows := tx.execute(
        select(audit).where(audit.c.sequence > after).order_by(audit.c.sequence).limit(_PAGE)
    ).all():
        for row in rows:
            yield row.sequence, row.mac, _entry(row)
        after = rows[-1].sequence


def _entry(row: Any) -> Entry:
    return Entry(row.by, row.act, row.subject, row.at, row.facts)


def _locked_head(tx: Transaction) -> Head:
    row = tx.execute(select(audit_head.c.sequence, audit_head.c.mac).with_for_update()).one()
    return Head(row.sequence, row.mac)


def _mac(key: bytes, before: str, sequence: int, entry: Entry) -> str:
    text = canonical_json(
        {
            "before": before,
            "sequence": sequence,
            "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "by": entry.by,
            "act": entry.act,
            "subject": entry.subject,
            "facts": dict(entry.facts),
        }
    )
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
