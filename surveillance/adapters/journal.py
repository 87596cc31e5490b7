"""What a listener remembers: what was said of each encounter, and which messages it has answered.

One SQLite file, readable by its owner alone. It holds what was published and no more: pseudonyms, codes, an
age, an area; patients and messages only as HMACs. A message is written here in the same transaction in which
its events are confirmed by the broker: what was refused, or not confirmed, was never said.

Merges of patients are kept beside the encounters: one that arrives before an encounter of the merged patient
counts all the same.

Losing the file loses no record: versions go on from the time of the messages. What an older message said and
a newer one does not repeat (a diagnosis) is then missing from the next version, and merges of patients find
no encounters of theirs.
"""

import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from surveillance.adapters.encounter import Said

KEEP_ENCOUNTERS = timedelta(days=120)
KEEP_ANSWERS = timedelta(days=30)
_TABLES = """
CREATE TABLE IF NOT EXISTS salt (value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS encounter (id TEXT PRIMARY KEY, version INTEGER NOT NULL, last_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS said (
    encounter_id TEXT NOT NULL REFERENCES encounter (id) ON DELETE CASCADE,
    at TEXT NOT NULL, deed TEXT NOT NULL, fields TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS said_of ON said (encounter_id);
CREATE TABLE IF NOT EXISTS patient (
    token TEXT NOT NULL, encounter_id TEXT NOT NULL REFERENCES encounter (id) ON DELETE CASCADE,
    PRIMARY KEY (token, encounter_id)
);
CREATE INDEX IF NOT EXISTS patient_of ON patient (encounter_id);
CREATE TABLE IF NOT EXISTS merge (
    token TEXT NOT NULL, at TEXT NOT NULL, fields TEXT NOT NULL, survivors TEXT NOT NULL,
    PRIMARY KEY (token, at)
);
CREATE TABLE IF NOT EXISTS answered (message TEXT PRIMARY KEY, digest TEXT NOT NULL, at TEXT NOT NULL);
"""


class Journal:
    """Used by one thread at a time; `open_journal` makes one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._salt: bytes = connection.execute("SELECT value FROM salt").fetchone()[0]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything that is written within, or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def add(self, said: Said, tokens: Iterable[str] = ()) -> None:
        """One more thing was said of an encounter; `tokens` are its patient's."""
        at = said.at.isoformat()
        self._connection.execute(
            "INSERT INTO encounter VALUES (?, 0, ?) ON CONFLICT (id) "
            "DO UPDATE SET last_at = max(last_at, excluded.last_at)",
            (said.encounter_id, at),
        )
        fields = json.dumps(said.fields)
        self._connection.execute(
            "INSERT INTO said VALUES (?, ?, ?, ?)", (said.encounter_id, at, said.deed, fields)
        )
        self._link(said.encounter_id, tokens)

    def add_merge(
        self, merged: Iterable[str], survivors: Collection[str], at: datetime, fields: Mapping[str, Any]
    ) -> list[str]:
        """Two patients are one, the survivor; returns the encounters of the one that was merged."""
        row = (at.isoformat(), json.dumps(fields), json.dumps(sorted(survivors)))
        self._connection.executemany(
            "INSERT OR REPLACE INTO merge VALUES (?, ?, ?, ?)", [(token, *row) for token in merged]
        )
        encounters = self.encounters_of(merged)
        for encounter in encounters:
            self._link(encounter, survivors)
        return encounters

    def version(self, encounter_id: str) -> int:
        """The version that was published last."""
        found = self._connection.execute("SELECT version FROM encounter WHERE id = ?", (encounter_id,))
        return int(found.fetchone()[0])

    def said_of(self, encounter_id: str) -> list[Said]:
        """Of the encounter and, by merges, of its patient: in the order in which it was said."""
        return [*self._said(encounter_id), *self._merges(encounter_id)]

    def _link(self, encounter_id: str, tokens: Iterable[str]) -> None:
        """The encounter is one of these patients', and of those that they were merged into."""
        new, seen = set(tokens), set[str]()
        while new:
            seen |= new
            new = {s for _, _, survivors in self._merge_rows(new) for s in json.loads(survivors)} - seen
        self._connection.executemany(
            "INSERT OR IGNORE INTO patient VALUES (?, ?)", [(token, encounter_id) for token in sorted(seen)]
        )

    def _merges(self, encounter_id: str) -> list[Said]:
        rows = self._connection.execute("SELECT token FROM patient WHERE encounter_id = ?", (encounter_id,))
        merges = {(at, text) for at, text, _ in self._merge_rows({str(row[0]) for row in rows})}
        return [
            Said(encounter_id, datetime.fromisoformat(at), "change", json.loads(text))
            for at, text in sorted(merges)
        ]

    def _merge_rows(self, tokens: Iterable[str]) -> Iterator[tuple[str, str, str]]:
        for token in sorted(tokens):
            yield from self._connection.execute(
                "SELECT at, fields, survivors FROM merge WHERE token = ?", (token,)
            )

    def _said(self, encounter_id: str) -> list[Said]:
        rows = self._connection.execute(
            "SELECT at, deed, fields FROM said WHERE encounter_id = ? ORDER BY rowid", (encounter_id,)
        )
        return [
            Said(encounter_id, datetime.fromisoformat(at), deed, json.loads(text)) for at, deed, text in rows
        ]

    def published(self, encounter_id: str, version: int) -> None:
        """The broker has confirmed this version."""
        self._connection.execute("UPDATE encounter SET version = ? WHERE id = ?", (version, encounter_id))

    def knows(self, encounter_id: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM encounter WHERE id = ?", (encounter_id,)).fetchone()
        return found is not None

    def encounters_of(self, tokens: Iterable[str]) -> list[str]:
        """The encounters of patients, by any of their tokens."""
        found: set[str] = set()
        for token in tokens:
            rows = self._connection.execute("SELECT encounter_id FROM patient WHERE token = ?", (token,))
            found |= {str(row[0]) for row in rows}
        return sorted(found)

    def answered(self, message: str, content: bytes) -> bool | None:
        """Whether a message of this name had this content; None where there was none of the name."""
        row = self._connection.execute(
            "SELECT digest FROM answered WHERE message = ?", (self._digest(message.encode()),)
        ).fetchone()
        return None if row is None else hmac.compare_digest(str(row[0]), self._digest(content))

    def remember(self, message: str, content: bytes, now: datetime) -> None:
        """The message was taken."""
        self._connection.execute(
            "INSERT OR REPLACE INTO answered VALUES (?, ?, ?)",
            (self._digest(message.encode()), self._digest(content), now.isoformat()),
        )

    def forget(self, now: datetime) -> None:
        """Drops what is too old to be spoken of again."""
        with self.transaction():
            before = (now - KEEP_ENCOUNTERS).isoformat()
            self._connection.execute("DELETE FROM encounter WHERE last_at < ?", (before,))
            self._connection.execute("DELETE FROM merge WHERE at < ?", (before,))
            self._connection.execute("DELETE FROM answered WHERE at < ?", ((now - KEEP_ANSWERS).isoformat(),))

    def close(self) -> None:
        self._connection.close()

    def _digest(self, content: bytes) -> str:
        return hmac.new(self._salt, content, sha256).hexdigest()


def open_journal(path: Path | None) -> Journal:
    """The journal in a file, which is made where there is none; in memory for None."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT, 0o600))
    connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
    connection.executescript(f"PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; {_TABLES}")
    connection.execute(
        "INSERT INTO salt SELECT ? WHERE NOT EXISTS (SELECT 1 FROM salt)", (secrets.token_bytes(32),)
    )
    return Journal(connection)
