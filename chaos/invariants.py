"""What must be true of a service once it has handled everything: pure, over what was read of its database.

The truth has two sources: what was sent and acknowledged, and a quiet run, which took in the same messages of
the same topics, each once, in one process, without a fault.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from chaos.events import Owed, Version
from surveillance.releasing import verify_releases
from surveillance.store import alerts, audit, ledger, outbox, partners, pending, tables
from surveillance.store.codec import to_json
from surveillance.store.database import Store, Transaction
from surveillance.store.tables_accounts import api_tokens

Letter = tuple[str, int, int, str, str]
"""topic, partition, offset, reason, HMAC of the payload"""
Notice = tuple[str, int]
"""alert, revision"""
_TOLD = 5  # of a long difference


@dataclass(frozen=True)
class Found:
    """What a database holds, as far as an invariant asks for it.

    current: how many current rows each record has, by use case and place. contents: rows by table, as text.
    evidence: of all alerts alive. tokens: that exist. made: tokens by the entries that say they were made.
    chain: what is wrong with the audit chain; empty where it is whole.
    """

    versions: Counter[Version]
    current: Counter[tuple[str, ...]]
    letters: Counter[Letter]
    counted: int
    contents: Mapping[str, tuple[str, ...]]
    evidence: tuple[str, ...]
    outbox: int
    pending: int
    expired: int
    repaired: int
    owed_notices: frozenset[Notice]
    tokens: frozenset[str]
    made: Counter[str]
    chain: str = ""


@dataclass
class Verdict:
    """lost, doubled: events. broken: every invariant that does not hold, in a sentence."""

    lost: int = 0
    doubled: int = 0
    broken: list[str] = field(default_factory=list)


def read(store: Store, audit_key: bytes) -> Found:
    """Reads a database, in one transaction."""
    with store.reading() as tx:
        positions = ledger.positions(tx).values()
        return Found(
            versions=_versions(tx),
            current=_current(tx),
            letters=_letters(tx),
            counted=sum(seen.messages for seen in partners.heard_of(tx)),
            contents=_contents(tx),
            evidence=_evidence(tx),
            outbox=outbox.waiting(tx),
            owed_notices=_owed_notices(tx),
            pending=pending.waiting(tx),
            expired=sum(position.lost for position in positions),
            repaired=sum(position.repaired for position in positions),
            tokens=frozenset(tx.scalars(select(api_tokens.c.token))),
            made=Counter(_made_tokens(tx)),
            chain=_chain(tx, audit_key),
        )


@dataclass(frozen=True)
class Outside:
    """What is known outside the database. held: messages on the partners' topics. told: the alerts topic, in
    its order. acts: tokens whose making was confirmed to who made them."""

    held: int
    told: Sequence[Notice]
    acts: Collection[str]


def judge(owed: Owed, outside: Outside, found: Found, quiet: Found) -> Verdict:
    """What does not hold."""
    verdict = Verdict()
    _events(verdict, owed, found)
    _refusals(verdict, owed, found, quiet)
    _count(verdict, outside.held, found)
    _compare(verdict, found, quiet)
    _rest(verdict, found)
    _notices(verdict, outside.told, found)
    _acts(verdict, outside.acts, found)
    return verdict


def _events(verdict: Verdict, owed: Owed, found: Found) -> None:
    """Every accepted event in the line list once."""
    missing = owed.accepted - found.versions.keys()
    strange = found.versions.keys() - owed.accepted
    twice = [key for counts in (found.versions, found.current) for key, times in counts.items() if times > 1]
    verdict.lost += len(missing)
    verdict.doubled += len(twice)
    _say(verdict, "accepted events are not in the database", missing)
    _say(verdict, "versions are in the database that nobody sent", strange)
    _say(verdict, "events are in the database, or current in the line list, more than once", twice)


def _refusals(verdict: Verdict, owed: Owed, found: Found, quiet: Found) -> None:
    """Every refused message in the dead letters once."""
    missing = quiet.letters.keys() - found.letters.keys()
    unheard = owed.refused - {letter[-1] for letter in found.letters}
    twice = [letter for letter, times in found.letters.items() if times > 1]
    verdict.lost += max(len(missing), len(unheard))
    verdict.doubled += len(twice)
    _say(verdict, "refused messages have no dead letter", missing or unheard)
    _say(
        verdict,
        "dead letters are of messages that a quiet run accepts",
        found.letters.keys() - quiet.letters.keys(),
    )
    _say(verdict, "messages have more than one dead letter", twice)


def _compare(verdict: Verdict, found: Found, quiet: Found) -> None:
    """The same line list and active clusters as a quiet run."""
    for name, rows in found.contents.items():
        _say(verdict, f"{name}: rows differ from a quiet run", set(rows) ^ set(quiet.contents[name]))
    one, other = Counter(found.evidence), Counter(quiet.evidence)
    _say(verdict, "active clusters differ from a quiet run", (one - other) + (other - one))
    if not quiet.evidence:
        verdict.broken.append("the quiet run has no active cluster: nothing was compared")


def _rest(verdict: Verdict, found: Found) -> None:
    """The audit chain whole, nothing owed, nothing expired."""
    if found.chain:
        verdict.broken.append(f"the audit chain is broken: {found.chain}")
    for what, number in (
        ("notices are in the outbox", found.outbox),
        ("evaluations are owed", found.pending),
    ):
        if number:
            verdict.broken.append(f"{number} {what}")
    if found.expired:
        verdict.lost += found.expired
        verdict.broken.append(f"{found.expired} offsets expired before they were handled")


def _count(verdict: Verdict, held: int, found: Found) -> None:
    """Each message of the topics was handled in exactly one transaction."""
    verdict.lost += max(0, held - found.counted)
    verdict.doubled += max(0, found.counted - held)
    if held != found.counted:
        verdict.broken.append(f"of {held} messages on topics {found.counted} were handled and counted")


def _notices(verdict: Verdict, told: Sequence[Notice], found: Found) -> None:
    """The alerts topic has every revision that it was owed, each alert's in order; a repeat is allowed."""
    _say(verdict, "notices never reached the alerts topic", found.owed_notices - set(told))
    _say(verdict, "notices are on the alerts topic that nobody owed", set(told) - found.owed_notices)
    last: dict[str, int] = {}
    for alert, revision in told:
        if revision < last.get(alert, 0):
            verdict.broken.append(f"alert {alert}: revision {revision} was told after {last[alert]}")
        last[alert] = revision


def _acts(verdict: Verdict, acts: Collection[str], found: Found) -> None:
    """What a person did and was told is done is stored, and in the audit chain once."""
    _say(verdict, "acts that were confirmed are not in the audit chain", set(acts) - found.made.keys())
    _say(verdict, "acts and the audit chain differ", found.tokens ^ found.made.keys())
    _say(verdict, "acts are in the audit chain twice", [t for t, times in found.made.items() if times > 1])


def _say(verdict: Verdict, what: str, which: Collection[Any]) -> None:
    if which:
        told = "; ".join(sorted(str(one)[:300] for one in which)[:_TOLD])
        verdict.broken.append(f"{len(which)} {what}: {told}")


def _versions(tx: Transaction) -> Counter[Version]:
    record, version = tables.records.c, tables.record_versions.c
    query = select(record.partner, record.kind, record.record_id, version.version).join(tables.records)
    return Counter((row[0], str(row[1]), row[2], row[3]) for row in tx.execute(query))


def _current(tx: Transaction) -> Counter[tuple[str, ...]]:
    record, row = tables.records.c, tables.line_list.c
    query = select(record.partner, record.kind, record.record_id, row.use_case, row.place).join(
        tables.records
    )
    return Counter(tuple(map(str, found)) for found in tx.execute(query.where(row.known_until.is_(None))))


def _letters(tx: Transaction) -> Counter[Letter]:
    letter = tables.dead_letters.c
    query = select(letter.topic, letter.partition, letter.offset, letter.code, letter.payload_hmac)
    return Counter((row[0], row[1], row[2], str(row[3]), row[4]) for row in tx.execute(query))


def _contents(tx: Transaction) -> dict[str, tuple[str, ...]]:
    record = tables.records.c
    who = (record.partner, record.kind, record.record_id)
    listed = [column for column in tables.line_list.c if column.name not in ("id", "record")]
    versions = [column for column in tables.record_versions.c if column.name != "record"]
    duplicates = [column for column in tables.duplicates.c if not column.name.endswith("_at")]
    queries = {
        "versions": select(*who, *versions).join(tables.records),
        "line list": select(*who, *listed).join(tables.records),
        "duplicates": select(*duplicates),
        "partners": select(tables.partners_seen),
    }
    return {name: tuple(_rows(tx, query)) for name, query in queries.items()}


def _rows(tx: Transaction, query: Any) -> Iterator[str]:
    return (json.dumps([*row], default=str, sort_keys=True) for row in tx.execute(query))


def _evidence(tx: Transaction) -> tuple[str, ...]:
    """Every number of every cluster behind an alert that is alive."""
    return tuple(
        json.dumps([alert.use_case, alert.scope, to_json(cluster)], sort_keys=True)
        for alert in alerts.listed(tx)
        if alert.alive
        for cluster in alert.clusters
    )


def _owed_notices(tx: Transaction) -> frozenset[Notice]:
    row = tables.outbox.c
    rows = tx.execute(select(row.alert_id, row.revision).where(row.suppressed_reason.is_(None)))
    return frozenset((alert, revision) for alert, revision in rows)


def _made_tokens(tx: Transaction) -> Iterator[str]:
    return (str(entry.facts["token"]) for _, entry in audit.listed(tx, act="made token", limit=None))


def _chain(tx: Transaction, audit_key: bytes) -> str:
    """What `surveillance audit verify` would say is wrong; empty where it says that all is well."""
    try:
        audit.verify(tx, audit_key)
        verify_releases(tx)
    except audit.Broken as broken:
        return str(broken)
    return ""
