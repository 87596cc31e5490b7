"""The Faust app: a consumer group over the partners' topics, no tables, no topics of its own.

Faust's committed offsets are no proof of anything (a rebalance may skip messages): the ledger in the
database is, and the repair loop fetches what it lacks. So nothing here tries to be exactly-once.
"""

from functools import cache

import faust
import faust.auth
from faust.app import base
from faust.sensors.prometheus import FaustMetrics, PrometheusMonitor
from prometheus_client import REGISTRY

from agents.house import Connection
from agents.transport import transport_of_chunks
from surveillance.kafka.brokers import MECHANISM, Brokers

SESSION_SECONDS = 10.0
COMMIT_SECONDS = 0.5
"""How often offsets are committed: a killed worker's successor reads about as much again."""


CHUNKS = 8
"""Chunks in a batch, at most: of as many partitions at once."""


class App(faust.App):
    """Faust's app without the folder for tables that it would make where it is started."""

    logger = base.logger  # else it logs as this module, at a level of ours

    async def on_first_start(self) -> None:
        """Makes no folder."""


def make_app(settings: Connection) -> App:
    """The app, without agents yet. One a process at a time; a new one after each crash."""
    app = App(
        settings.consumer_group,
        broker=[f"kafka://{address}" for address in settings.kafka.servers],
        broker_credentials=credentials(settings.kafka),
        autodiscover=False,
        store="memory://",
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=COMMIT_SECONDS,
        # On the embedded broker joining a group takes half of this; a killed worker's partitions wait for it.
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=1.0,
        # Waiting for the batch in hand would wait through an outage; it is read again, which is harmless.
        stream_wait_empty=False,
        # What is buffered beyond the batches in hand is what a rebalance may skip: little.
        stream_buffer_maxsize=CHUNKS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    transport = transport_of_chunks(settings.fetch_wait_ms, chunk_messages(settings))
    app.transport = transport(app.conf.broker_consumer, app)
    app.monitor = PrometheusMonitor(metrics=_faust_metrics())
    return app


def batch_chunks(settings: Connection) -> int:
    """The chunks in a full batch."""
    return min(CHUNKS, settings.batch_messages)


def chunk_messages(settings: Connection) -> int:
    """The most messages in a chunk: so many that a batch holds no more than it may."""
    return max(1, settings.batch_messages // CHUNKS)


def credentials(brokers: Brokers) -> faust.auth.Credentials | None:
    """As Faust takes them; its text shows the user and never the password."""
    tls = brokers.tls()
    if tls is None:
        return None
    if brokers.security == "tls":
        return faust.auth.SSLCredentials(tls)
    return faust.SASLCredentials(
        username=brokers.user, password=brokers.password, mechanism=MECHANISM, ssl_context=tls
    )


@cache
def _faust_metrics() -> FaustMetrics:
    """Faust's own metrics beside ours on the default registry, once a process.

    setup_prometheus_sensors() would do the same but also add a page to Faust's web server, which is off.
    """
    return FaustMetrics.create(REGISTRY, "faust")
