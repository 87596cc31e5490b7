"""Real workers and pages under keys, on PostgreSQL with the roles of each: what is restricted lies sealed."""

import http.client
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fleet import ROOT, Fleet

from sealed_store import ONE, TWO, keys
from small_house import incident
from surveillance.access.person import Grant
from surveillance.accounts import Register
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.ports import free_port
from surveillance.service import utc_now
from surveillance.store import roles

AUDIT_KEY = "an audit key that only this test knows"
PARTNER, ORGANISATION = "example-police", "EXAMPLE-POLICE"
AREA = {"code": "E01006412"}
TIMES = {
    "occurred_from": "2024-03-01T06:00:00Z",
    "occurred_to": "2024-03-01T07:00:00Z",
    "reported_at": "2024-03-01T09:00:00Z",
}
PLANTED = "planted-school"
SETTING = "SURVEILLANCE_RESTRICTED_KEYS_FILE"
CONTENTS = "SELECT r.record_id, v.content::text FROM record_versions v JOIN records r USING (record)"

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]


@dataclass
class Town:
    """A worker and pages, each with its role in the database, and tokens for who hands in and who reads."""

    fleet: Fleet
    port: int
    metrics_port: int
    sender: str
    reader: str

    def start(self, **settings: object) -> None:
        self.fleet.start("worker", metrics_port=self.metrics_port, **settings)
        self.fleet.start("pages", "web", **{"database_url": self.url(roles.WEB), **settings})
        for name in ("worker", "pages"):
            self.fleet.wait_until_reading(name)

    def url(self, role: str) -> str:
        return self.fleet.store.engine.url.set(username=role).render_as_string(hide_password=False)

    def seal(self, **settings: object) -> None:
        self.fleet.run("db", "seal", **{"database_url": self.url(roles.MIGRATOR), **settings})

    def hand_in(self, record: str) -> None:
        changes: dict[str, Any] = {"reporter_org": ORGANISATION, "category": "suspected_suicide"}
        changes |= {"residence_area": AREA, "incident_area": AREA, "school": PLANTED}
        changes |= TIMES
        body = json.dumps(incident(record, **changes)).encode()
        status, said = self.ask("POST", f"/api/partners/{PARTNER}/incidents", self.sender, body)
        assert status in (200, 202), said

    def stored(self, record: str) -> str:
        """The content of a record as the disk has it, once it is there."""
        self.fleet.wait_until(lambda: record in self.contents(), 60, f"{record} is stored")
        return self.contents()[record]

    def contents(self) -> dict[str, str]:
        with self.fleet.store.reading() as tx:
            return {row.record_id: row.content for row in tx.execute(sa.text(CONTENTS))}

    def read(self, record: str) -> str:
        """What an analyst is shown of a record."""
        status, said = self.ask("GET", f"/api/cases/{PARTNER}/incident/{record}", self.reader)
        assert status == 200, said
        return said

    def ask(self, method: str, path: str, token: str, body: bytes = b"") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def readiness(self) -> dict[str, str]:
        """What the worker says of itself."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/readyz", timeout=10) as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as unready:
            said = json.load(unready)
        return dict(said["checks"])

    def waits_for_keys(self) -> bool:
        lines = self.fleet.log_lines()
        return any(line["event"] == "waiting" and SETTING in line["reason"] for line in lines)


@pytest.fixture
def town(
    embedded_broker: EmbeddedBroker,
    fresh_postgresql: Callable[[str], str],
    postgresql_template: str,
    new_topic: Callable[[str], str],
    tmp_path: Path,
) -> Iterator[Town]:
    keys(tmp_path, ONE)
    url, port = fresh_postgresql(postgresql_template), free_port()
    options = {
        "partitions": 1,
        "audit_key": AUDIT_KEY,
        "web_port": port,
        "web_url": f"http://127.0.0.1:{port}",
        "spool_dir": tmp_path / "spool",
        "restricted_keys_file": tmp_path / "restricted-keys",
    }
    worker = sa.make_url(url).set(username=roles.WORKER).render_as_string(hide_password=False)
    with Fleet(tmp_path, embedded_broker.address, url, new_topic(""), worker, options) as fleet:
        roles.apply(fleet.store)
        register, tokens = Register(fleet.store, AUDIT_KEY.encode(), utc_now), []
        for account, grant in (("program-1", f"partner:*:*:{PARTNER}"), ("analyst-1", "analyst:*:*")):
            register.add(account, [Grant.parse(grant)], "test", "correct horse battery")
            tokens.append(register.make_token(account, "to test", "test"))
        yield Town(fleet, port, free_port(), *tokens)


def test_what_is_handed_in_lies_sealed_is_read_by_an_analyst_and_a_key_is_rotated_by_a_restart(
    town: Town, tmp_path: Path
) -> None:
    town.start()
    town.hand_in("rec-1")
    assert town.stored("rec-1").startswith('"sealed:one:')
    assert PLANTED in town.read("rec-1")
    town.fleet.stop_all()
    keys(tmp_path, TWO, ONE)
    town.start()
    town.hand_in("rec-2")
    assert town.stored("rec-2").startswith('"sealed:two:')
    assert all(PLANTED in town.read(record) for record in ("rec-1", "rec-2"))
    town.seal()
    assert town.stored("rec-1").startswith('"sealed:two:')
    assert PLANTED in town.read("rec-1"), "nothing had to stop"
    town.fleet.stop_all()
    assert town.fleet.defects() == []


@pytest.mark.parametrize(
    ("lines", "words"), [((), "and there are no keys"), ((TWO,), "under key one, which restricted_keys_file")]
)
def test_a_worker_without_the_keys_does_not_start_and_names_the_setting(
    town: Town, tmp_path: Path, lines: tuple[str, ...], words: str
) -> None:
    town.seal()
    file = tmp_path / "restricted-keys"
    keys(tmp_path, *lines) if lines else file.unlink()
    done = subprocess.run(
        [sys.executable, "-m", "surveillance", "worker"],
        cwd=ROOT,
        env={**os.environ, **town.fleet.of_process(restricted_keys_file=file if lines else None)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert SETTING in done.stderr


def test_a_worker_that_runs_without_keys_waits_once_others_seal_and_goes_on_with_them(town: Town) -> None:
    town.start(restricted_keys_file=None)
    town.hand_in("rec-1")
    assert PLANTED in town.stored("rec-1")
    town.fleet.wait_until(lambda: town.readiness()["keys"] == "ok", 60, "it may read everything")
    town.seal()
    town.fleet.wait_until(lambda: SETTING in town.readiness()["keys"], 60, "readiness names the setting")
    town.fleet.wait_until(town.waits_for_keys, 60, "so does the log")
    town.hand_in("rec-2")
    status, said = town.ask("GET", f"/api/cases/{PARTNER}/incident/rec-1", town.reader)
    assert (status, PLANTED in said) == (500, False)
    assert SETTING in town.fleet.log_tail("pages")
    town.fleet.stop_all()
    assert set(town.contents()) == {"rec-1"}
    town.start()
    assert town.stored("rec-2").startswith('"sealed:one:')
    assert all(PLANTED in town.read(record) for record in ("rec-1", "rec-2"))
    town.fleet.wait_until(town.fleet.all_handled, 60, "nothing is lost")
    town.fleet.stop_all()
