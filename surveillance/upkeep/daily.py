"""What a worker does once a day. Several workers may: each step is safe to repeat."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import structlog

from surveillance import observe
from surveillance.configuration import Configuration
from surveillance.releasing import release_due
from surveillance.settings import Settings
from surveillance.store import audit, test_records
from surveillance.store.database import Store
from surveillance.upkeep.expiring import due, expire, policy_of

log = structlog.get_logger(__name__)


@dataclass
class Daily:
    """Publishes counts, removes what has expired, and verifies the audit chain: each on the first call of a
    day (UTC) on which it succeeds. Without the key of the audit chain only answers to test records go:
    nobody would sign for the rest."""

    settings: Settings
    configuration: Configuration
    store: Store
    _verified: audit.Head | None = None
    _done: dict[str, date] = field(default_factory=dict)

    def run(self, now: datetime) -> int:
        """Does what is due; returns how many counts became public."""
        made = 0
        key = self.settings.audit_key
        signing = b"" if key is None else key.get_secret_value().encode()
        if signing and self._is_due("release", now):
            made = release_due(self.store, self.configuration, now, signing)
            self._expire(now, signing)
            self._done["release"] = now.date()
        if self._is_due("prune", now):
            self._prune(now)
            self._done["prune"] = now.date()
        if signing and self._is_due("verify", now):
            self._verify(now, signing)
            self._done["verify"] = now.date()
        return made

    def _is_due(self, step: str, now: datetime) -> bool:
        return self._done.get(step) != now.date()

    def _expire(self, now: datetime, signing: bytes) -> None:
        policy = policy_of(self.configuration, now, self.settings.keep_uncounted_days)
        if not policy.expires_nothing:
            gone = due(self.store, self.configuration, policy, now)
            expire(self.store, gone, self.configuration, now, signing)

    def _prune(self, now: datetime) -> None:
        """What was answered to test records long ago goes."""
        before = now - timedelta(days=self.settings.test_record_days)
        with self.store.transaction() as tx:
            removed = test_records.prune(tx, before, self.settings.test_records_each)
        if removed:
            log.info("answers to test records removed", answers=removed)

    def _verify(self, now: datetime, signing: bytes) -> None:
        """The chain is whole, and goes on from where it ended the day before."""
        try:
            with self.store.reading() as tx:
                self._verified = audit.verify(tx, signing, self._verified)
        except audit.Broken as broken:
            log.error("audit chain broken", why=str(broken))
            observe.verified(False, now)
            self._verified = self._verified or audit.Head(0, "")
        else:
            observe.verified(True, now)
