"""The one composition root: settings and configuration become a service with eight verbs.

`read`, `ingest`, `evaluate_next`, `draw_ahead`, `deliver_due`, `send_receipts`, `repair` and `tick` are
synchronous, safe to repeat and safe to call from several threads. They raise Outage where a database or
broker cannot be reached.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from surveillance import clockwork, narrate, observe, pipeline
from surveillance.configuration import Configuration, fingerprint, load_configuration
from surveillance.delivery.alerts_topic import AlertsTopic
from surveillance.delivery.channel import Around
from surveillance.delivery.receipts_topics import ReceiptsTopics
from surveillance.delivery.registry import open_senders, unmet_needs
from surveillance.events.message import Message
from surveillance.health import NEVER, Checks, Pulse
from surveillance.intake import Intake, Readings
from surveillance.kafka.knock import BrokerUnreachable
from surveillance.kafka.producer import DeliveryFailed
from surveillance.line_list.record import RecordKey
from surveillance.log import place_of
from surveillance.metrics import CONFIGURATION_CHANGED
from surveillance.offsets import TopicLogs, TopicMissing, Watch
from surveillance.pipeline import Ingested
from surveillance.redefining import apply_definitions
from surveillance.repairing import Repair
from surveillance.sealing import SealFault
from surveillance.sending import Post
from surveillance.settings import Settings
from surveillance.store import erasures, pending, receipts
from surveillance.store.alerts import StaleAlert
from surveillance.store.database import Store, transient, unstorable
from surveillance.upkeep.daily import Daily
from surveillance.use_case.fault import ConfigError

log = structlog.get_logger(__name__)

_RETRY_EVALUATION = timedelta(seconds=5)
_RETRY_RECEIPTS = timedelta(seconds=10)
_UNSTORABLE_AFTER = 3

LIVE_SECONDS = 300.0
READY_SECONDS = 60.0
"""How long a step may be without success: the repair comes round every 2 s, the clock every 5, and after an
outage both within 10."""


class Outage(RuntimeError):
    """A database or broker cannot be reached now: wait and try the same again."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Service:
    """What a worker does, wired up. One per process."""

    settings: Settings
    configuration: Configuration
    store: Store
    logs: TopicLogs
    alerts_topic: AlertsTopic
    clock: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}")

    def __post_init__(self) -> None:
        self.pulse = Pulse()
        self._held: pending.Claim | None = None
        self._daily = Daily(self.settings, self.configuration, self.store)
        self._told_of_changes = False
        self._shut: str | None = None
        self._configured = fingerprint(self.configuration.directory)
        self._claims = pending.ClaimWatch(timedelta(seconds=self.settings.evaluation_lease_seconds))
        self.repairs = Repair(
            store=self.store,
            logs=self.logs,
            watch=Watch(timedelta(seconds=self.settings.repair_after_seconds)),
            ingest=partial(self.ingest, repaired=True),
            answered=partial(self.pulse.beat, "broker"),
        )
        key = self.settings.dead_letter_key
        around = Around(self.settings, self.alerts_topic.send)
        self._post = Post(open_senders(self.configuration.receivers.values(), around))
        self._receipts_topics = ReceiptsTopics(self.settings.kafka, self.settings.topic_prefix)
        self._dead_letter_key = (key.get_secret_value() if key else "").encode()

    @property
    def topics(self) -> tuple[str, ...]:
        """The names of every topic that events arrive on."""
        return self.logs.topics

    def prepare(self) -> None:
        """Brings the line list in line with the use cases as they are configured now.

        Raises KeyChanged where records that were erased would come back.
        """
        observe.begun(self.configuration, self.topics)
        with self._doing("prepare"):
            with self.store.reading() as tx:
                erasures.check_key(tx, self._dead_letter_key)
            apply_definitions(self.store, self.configuration, self.clock())

    def read(self, messages: Sequence[Message]) -> Readings | None:
        """Reads a batch ahead of its `ingest`, without the database; None: a defect was in the way."""
        try:
            return pipeline.read_all(messages, self.configuration, self._intake())
        except Exception as defect:  # `ingest` takes each by itself, and says which it was
            log.error("batch not read", error=type(defect).__name__, place=place_of(defect))
            return None

    def ingest(
        self, messages: Sequence[Message], repaired: bool = False, read: Readings | None = None
    ) -> None:
        """Stores a batch; `read`: what `read` made of it.

        A message that the database cannot hold becomes a dead letter of its own. One that a defect of ours
        stops is left out of the ledger: the repair tries it again until the defect is mended.
        """
        try:
            with self._doing("ingest"):
                done = self._ingest(messages, self._intake(repaired), read)
        except Outage:
            raise
        except Exception as defect:
            where = narrate.spans(messages)
            log.error("batch failed", offsets=where, error=type(defect).__name__, place=place_of(defect))
            for message in messages:
                self._ingest_alone(message, repaired)
        else:
            self._tell(done)

    def _ingest(self, messages: Sequence[Message], intake: Intake, read: Readings | None = None) -> Ingested:
        with observe.batch():
            return pipeline.ingest(messages, self.configuration, self.store, intake, read)

    def _intake(self, repaired: bool = False, refuse: bool = False) -> Intake:
        return Intake(
            place=self.logs.place,
            dead_letter_key=self._dead_letter_key,
            now=self.clock(),
            prefix=self.settings.topic_prefix,
            repaired=repaired,
            unstorable=refuse,
            evaluates=not self.settings.replay,
            answers=not self.settings.replay,
        )

    def _tell(self, done: Ingested) -> None:
        observe.ingested(done)
        if self.settings.log_messages:
            narrate.ingested(done, self._stand_in)

    def _stand_in(self, record: RecordKey) -> str:
        return erasures.token(self._dead_letter_key, record)

    def _ingest_alone(self, message: Message, repaired: bool) -> None:
        for attempt in range(1, _UNSTORABLE_AFTER + 1):
            try:
                with self._doing("ingest"):
                    intake = self._intake(repaired, refuse=attempt == _UNSTORABLE_AFTER)
                    done = self._ingest([message], intake)
            except Outage:
                raise
            except Exception as defect:
                place = {"topic": message.topic, "partition": message.partition, "offset": message.offset}
                log.error("message failed", **place, error=type(defect).__name__, place=place_of(defect))
                if not unstorable(defect):
                    return
            else:
                self._tell(done)
                return

    def evaluate_next(self) -> bool:
        """Answers the pending evaluation that waits longest; False where none waits."""
        with self._doing("evaluate"):
            lease = timedelta(seconds=self.settings.evaluation_lease_seconds)
            if self._held is not None:  # an outage cut it short: nobody need wait for its lease to lapse
                self._give_back(self._held, "outage", self.clock())
            with self.store.transaction() as tx:
                overstayed = self._claims.overstayed(pending.claims(tx), self.monotonic())
                self._held = pending.claim(tx, self.name, self.clock(), lease, overstayed)
            claim = self._held
            if claim is not None:
                self._evaluate(claim)
                self._held = None
        self._succeeded("evaluate")
        return claim is not None

    def _evaluate(self, claim: pending.Claim) -> None:
        if not self.configuration.evaluates(claim.use_case, claim.scope):
            with self.store.transaction() as tx:  # it was taken out of the configuration
                pending.finish(tx, claim, self.clock())
            return
        try:
            with observe.evaluation(claim.use_case) as seen:
                done = pipeline.evaluate(claim, self.configuration, self.store, self.clock())
                seen(done, claim, self.clock())
            narrate.evaluated(claim, done, self._stand_in)
        except (pending.ClaimLost, StaleAlert) as overtaken:
            self._give_back(claim, type(overtaken).__name__, self.clock())
        except Exception as error:
            if transient(error):
                raise
            at = place_of(error)
            log.error("evaluation failed", **narrate.claimed(claim), error=type(error).__name__, place=at)
            retry = min(_RETRY_EVALUATION * claim.attempt, pending.LONGEST_RETRY)
            self._give_back(claim, type(error).__name__, self.clock() + retry)

    def _give_back(self, claim: pending.Claim, why: str, retry_at: datetime) -> None:
        try:
            with self.store.transaction() as tx:
                pending.release(tx, claim, why, retry_at)
        except pending.ClaimLost:
            pass  # another worker has it
        self._held = None

    def draw_ahead(self) -> bool:
        """Draws what the looks of today compare with, so that none waits for it; False: nothing is left."""
        if not self.settings.replay:
            with self._doing("draw ahead"):
                pipeline.draw_ahead(self.configuration, self.store, self.clock())
        return False

    def deliver_due(self) -> bool:
        """Sends the notice that is due next, or holds it; False where none is.

        Several threads may deliver: no two of them send to the same receiver.
        """
        if self.settings.replay:
            return False
        with self._doing("deliver"):
            delivered = pipeline.deliver(self.store, self._post, self.configuration, self.clock)
        observe.delivered(delivered)
        narrate.delivered(delivered)
        self._succeeded("deliver")
        return delivered is not None

    def send_receipts(self) -> bool:
        """Answers partners on their receipts topics; False where no receipt is owed. Sent at least once."""
        if self.settings.replay:
            return False
        with self._doing("receipts"):
            with self.store.reading() as tx:
                if not receipts.any_due(tx, self.clock()):
                    return False
            with self.store.transaction() as tx:
                owed = receipts.take(tx, self.clock())
            if not owed:
                return False
            try:
                self._receipts_topics.send([(one.partner, one.receipts) for one in owed])
            except Exception:
                with self.store.transaction() as tx:
                    receipts.put_back(tx, owed, self.clock() + _RETRY_RECEIPTS)
                raise
            with self.store.transaction() as tx:
                receipts.sent(tx, owed)
        return True

    def repair(self) -> bool:
        """Fetches and handles what should have been handled and was not; False where nothing was."""
        with self._doing("repair"):
            repaired = self.repairs.run(self.clock)
        self._succeeded("repair")
        return repaired > 0

    def tick(self) -> bool:
        """Does what time alone brings about, and sets the gauges; False where nothing was due."""
        with self._doing("tick"):
            self._look_at_keys()
            done = 0
            if not self.settings.replay:
                done = clockwork.tick(self.store, self.configuration, self.clock())
                done += self._daily.run(self.clock())
            observe.gauges(self.store, self.configuration, self.clock())
        self._look_for_changes()
        self._succeeded("tick")
        return done > 0

    @contextmanager
    def _doing(self, step: str) -> Iterator[None]:
        """A step, which may have to wait; however it ends, the loops go round."""
        try:
            with _outage(step):
                if self._shut and step != "tick":
                    raise Outage(self._shut)
                yield
        except SealFault:
            with _outage(step):
                self._look_at_keys()
            raise  # the keys are all here: it is this one value's
        finally:
            self.pulse.beat("try")

    def _look_at_keys(self) -> None:
        """Raises Outage where others have begun to seal, or under a key that is not here: what this process
        would write is no more sealed than what it cannot read. With the keys, it is started anew."""
        self._shut = self.store.shut()
        if self._shut:
            raise Outage(self._shut)

    def _succeeded(self, step: str) -> None:
        self.pulse.beat(step)
        observe.succeeded(step, self.clock())

    @property
    def live(self) -> Checks:
        """A worker lives while any of its steps comes to an end, and until the first of them has begun."""
        return {"loops": lambda: None if self.pulse.quiet_seconds("try") is None else self._stands_still()}

    @property
    def ready(self) -> Checks:
        """What a worker needs to do its work."""
        return {
            "database": self.store.ping,
            "keys": self.store.shut,
            "broker": lambda: self.pulse.within("broker", READY_SECONDS),
            "ledger": self._behind,
            "clock": lambda: self.pulse.within("tick", READY_SECONDS),
        }

    def _stands_still(self) -> str | None:
        return self.pulse.within("try", LIVE_SECONDS)

    def _behind(self) -> str | None:
        unhandled = self.repairs.unhandled
        if unhandled is None:
            return NEVER
        few = unhandled <= self.settings.ready_unhandled_messages
        return None if few else f"{unhandled} messages wait"

    def _look_for_changes(self) -> None:
        """Tells once that somebody changed the configuration: a new partner is heard after a restart."""
        changed = fingerprint(self.configuration.directory) != self._configured
        if changed and not self._told_of_changes:
            log.warning("the configuration was changed: restart this worker", place="config_dir")
        self._told_of_changes = changed
        CONFIGURATION_CHANGED.set(changed)

    def close(self) -> None:
        """Gives back what was begun, and ends every connection."""
        if self._held is not None:
            with suppress(Exception):  # the database is away: the claim lapses
                self._give_back(self._held, "stopped", self.clock())
        self.alerts_topic.close()
        self._receipts_topics.close()
        self.store.close()


def build_service(settings: Settings, configuration: Configuration | None = None) -> Service:
    """Wires the service from its settings. Raises ConfigError with every fault of the configuration, of what
    the receivers need as well: settings and secrets."""
    chosen = configuration or load_configuration(settings.config_dir)
    if faults := unmet_needs(chosen.receivers.values(), settings):
        raise ConfigError(faults)
    return Service(
        settings=settings,
        configuration=chosen,
        store=Store.open(settings.database),
        logs=TopicLogs(settings.kafka, chosen.topics(settings.topic_prefix)),
        alerts_topic=AlertsTopic(settings.kafka, settings.topic_prefix),
    )


@contextmanager
def _outage(step: str) -> Iterator[None]:
    """Says Outage for everything that waiting can cure."""
    try:
        yield
    except Outage:
        raise
    except (BrokerUnreachable, DeliveryFailed, TopicMissing) as error:
        observe.outage(step)
        raise Outage(str(error)) from error
    except Exception as error:
        if not transient(error):
            raise
        observe.outage(step)
        raise Outage(type(error).__name__) from error
