"""Who sends while things go wrong: partners to topics, a program to the gateway, a person who does things."""

import http.client
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event

from chaos.events import Sent
from surveillance.access.person import Grant
from surveillance.accounts import Register, parts_of_token
from surveillance.kafka.producer import Publisher
from surveillance.simulation.published import payload_of
from surveillance.store.database import transient

SLICES_A_SECOND = 20
DELIVERY_SECONDS = 200.0
ACT_SECONDS = 0.3
RETRY_SECONDS = 0.3
ACCOUNT = "office@example.org"
MOST_AT_ONCE = 6


class NotSent(RuntimeError):
    """What had to be accepted was not, for good: the text says how it was answered."""


def publish(brokers: str, prefix: str, sent: Sequence[Sent], seconds: float) -> None:
    """Publishes in order, evenly over so many seconds; returns once every message is confirmed."""
    failures: list[str] = []

    def report(error: str | None) -> None:
        failures.extend(filter(None, [error]))

    began = time.monotonic()
    size = max(1, round(len(sent) / (seconds * SLICES_A_SECOND)))
    with Publisher(brokers, DELIVERY_SECONDS) as publisher:
        for first in range(0, len(sent), size):
            time.sleep(max(0.0, began + seconds * first / len(sent) - time.monotonic()))
            for one in sent[first : first + size]:
                publisher.publish(one.topic(prefix), one.published.key.encode(), one.value, report)
        publisher.flush()
    if failures:
        raise NotSent(f"{len(failures)} messages were not confirmed: {failures[0]}")


@dataclass
class HandingIn:
    """A program that hands records in at the gateway, and sends again whatever was not answered."""

    port: int
    token: str
    statuses: Counter[str] = field(default_factory=Counter)

    def hand_in(self, sent: Sequence[Sent], seconds: float) -> None:
        """Requests of 1 to 6 records of one partner each, evenly over so many seconds, in order."""
        began = time.monotonic()
        first = 0
        while first < len(sent):
            time.sleep(max(0.0, began + seconds * first / len(sent) - time.monotonic()))
            group = sent[first : first + 1 + first % MOST_AT_ONCE]
            self._until_accepted(group)
            first += len(group)

    def _until_accepted(self, group: Sequence[Sent]) -> None:
        partner = group[0].published.partner
        body = json.dumps([payload_of(one.published) for one in group])
        deadline = time.monotonic() + DELIVERY_SECONDS
        while time.monotonic() < deadline:
            status = self._post(f"/api/partners/{partner}/incidents", body)
            self.statuses[status] += 1
            if status in ("200", "202"):
                return
            if status.startswith("4") and status != "429":
                raise NotSent(f"the gateway answered {status}")
            time.sleep(RETRY_SECONDS)
        raise NotSent(f"the gateway took nothing for {DELIVERY_SECONDS:g} s: {dict(self.statuses)}")

    def _post(self, path: str, body: str) -> str:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read()
            return str(answer.status)
        except (OSError, http.client.HTTPException):
            return "no answer"
        finally:
            connection.close()


@dataclass
class Clerk:
    """Somebody who makes API tokens: acts that enter the audit chain while the database comes and goes."""

    register: Register
    made: set[str] = field(default_factory=set)
    refused: int = 0

    def work(self, stop: Event) -> None:
        """Makes one now and then until told to stop; what was not confirmed is not counted as made."""
        while not stop.wait(ACT_SECONDS):
            self.act()

    def act(self) -> None:
        try:
            token = self.register.make_token(ACCOUNT, "to be there afterwards", "operator")
        except Exception as error:
            if not transient(error):
                raise
            self.refused += 1
            return
        parts = parts_of_token(token)
        assert parts is not None
        self.made.add(parts[0])


def open_account(register: Register, partner: str) -> str:
    """An account for one partner's records; returns a token of it."""
    register.add(ACCOUNT, [Grant.parse(f"partner:*:*:{partner}")], "operator", "correct horse battery")
    return register.make_token(ACCOUNT, "to hand in", "operator")
