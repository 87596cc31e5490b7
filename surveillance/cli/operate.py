"""Commands of the operator: start things, set things up, check things."""

import gc
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import structlog
import typer

from surveillance import observe
from surveillance.cli.errors import Mistake
from surveillance.cli.granting import grant_access
from surveillance.cli.listening import serve_metrics, web_options
from surveillance.configuration import Configuration, load_configuration
from surveillance.delivery.registry import unmet_needs
from surveillance.detection.scan import permutation, poisson
from surveillance.events.topics import ALERTS_TOPIC, receipts_topic
from surveillance.health import Checks
from surveillance.kafka.access import set_password
from surveillance.kafka.admin import TopicSpec, create_topics, missing_topics, set_retention
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.log import configure_logging
from surveillance.metrics import WEB
from surveillance.service import Outage, build_service
from surveillance.settings import Settings
from surveillance.store.database import refusal, transient
from surveillance.submitting.spool import Spool
from surveillance.use_case.fault import ConfigError
from surveillance.web.provider import load_provider

log = structlog.get_logger(__name__)

_KEPT_DAYS = 7.0  # by a topic that is made while nobody says how long

topics_app = typer.Typer(no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds these commands."""
    for command in (worker, web, broker, check, warm):
        app.command()(command)
    app.add_typer(topics_app, name="topics", help="The topics.")


def worker() -> None:
    """Run a worker: ingest, evaluate, deliver, repair. Any number may run; SIGTERM ends it cleanly."""
    from agents.worker import run  # only a worker needs Faust

    settings = Settings()
    configure_logging(settings.log_format, role="worker")
    if settings.dead_letter_key is None:
        raise Mistake(
            "setting dead_letter_key: a worker needs it. Set SURVEILLANCE_DEAD_LETTER_KEY to a long random "
            "text that only the operator knows, such as the output of: openssl rand -hex 32"
        )
    service = build_service(settings)
    if settings.metrics_port:
        with _port("metrics_port", settings.metrics_port):
            serve_metrics(settings, settings.metrics_port, live=service.live, ready=service.ready)
    _wait_for_database(service.store.check_schema)
    _wait_for_database(service.prepare)
    permutation.warm()
    chosen = {one.name for of_use_case in service.configuration.detectors.values() for one in of_use_case}
    if poisson.PoissonScan.name in chosen:
        poisson.warm()
    _keep_what_is_loaded()
    code = run(settings, service)
    service.close()
    raise typer.Exit(code)


@contextmanager
def _port(setting: str, port: int) -> Iterator[None]:
    """Says which setting to mend where a port cannot be listened on."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise Mistake(f"setting {setting}: port {port} cannot be used ({why}). Give another, or 0") from error


def _keep_what_is_loaded() -> None:
    """What is loaded by now stays: collecting it anew cost a third of each evaluation's loading."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _wait_for_database(step: Callable[[], None]) -> None:
    """Does the step, again each second while the database is away, or may only be read: both may have been
    started together.

    One that turns us away is a mistake in the settings, and no outage."""
    while True:
        try:
            return step()
        except Exception as error:
            if refusal(error) or not (isinstance(error, Outage) or transient(error)):
                raise
            log.warning("waiting for the database", reason=type(error).__name__)
            time.sleep(1.0)


def web() -> None:
    """Serve the leads' pages."""
    import uvicorn

    from surveillance.cli.first_account import tell_of_first_account
    from surveillance.cli.pages import make_pages

    settings = Settings()
    configure_logging(settings.log_format, role="web")
    options = web_options(settings)
    pages = make_pages(settings)
    if settings.web_metrics_port:
        spool: Spool = pages.state.gateway.spool
        observe.spool(spool)
        ready: Checks = {
            "database": lambda: None if pages.state.is_ready() else "not ready",
            "spool": lambda: None if spool.used_bytes() < spool.most_bytes else "full",
        }
        with _port("web_metrics_port", settings.web_metrics_port):
            serve_metrics(settings, settings.web_metrics_port, WEB, ready=ready)
    _wait_for_database(lambda: tell_of_first_account(settings))
    _keep_what_is_loaded()
    threading.Thread(target=pages.state.warm, daemon=True).start()
    stop = threading.Event()
    draining = threading.Thread(target=pages.state.gateway.run, args=(stop, pages.state.enter), daemon=True)
    draining.start()
    # uvicorn sends itself the signal that ended it once more, which would end us before what follows.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.run(pages, **options)
    finally:
        stop.set()
        draining.join(10.0)  # what it is publishing is published; what is not waits on the disk


def broker(port: Annotated[int, typer.Option(help="Loopback port.")] = 9092) -> None:
    """Run the embedded broker: a Kafka-protocol server in memory, for trying things out."""
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    with EmbeddedBroker(port=port) as running:
        typer.echo(f"broker at {running.address}; what it holds is gone when it stops")
        done.wait()


def check(
    config_dir: Annotated[Path | None, typer.Option(help="The configuration's directory.")] = None,
) -> None:
    """Check all configuration: every mistake with its file, key and fix."""
    settings = Settings(config_dir=config_dir) if config_dir else Settings()
    found = load_configuration(settings.config_dir)
    if faults := unmet_needs(found.receivers.values(), settings):
        raise ConfigError(faults)
    load_provider(settings.config_dir, None, found.regions, found.use_cases, found.partners)
    typer.echo(
        f"{settings.config_dir}: {len(found.use_cases)} use cases, {len(found.partners)} partners, "
        f"{len(found.regions)} scopes, {len(found.receivers)} receivers; no mistakes"
    )


def warm() -> None:
    """Compile the detectors once, so that no worker's first event waits for it."""
    from surveillance.cli.scan_warm import warm_scan  # the workers do without it

    permutation.warm()
    poisson.warm()
    warm_scan()


@topics_app.command("create")
def topics_create(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
) -> None:
    """Create the topics of every partner, and the alerts topic; what exists stays as it is, but for how long
    partners' topics keep a message where topic_retention_days says so.

    Where clients have passwords, also who may write and read them: nobody but its partner and the service.
    """
    settings = Settings()
    configuration = load_configuration(settings.config_dir)
    brokers, specs = settings.kafka, topic_specs(configuration, settings)
    if dry_run:
        created = missing_topics(brokers, [spec.name for spec in specs])
    else:
        created = create_topics(brokers, specs)
        if settings.topic_retention_days is not None:
            set_retention(brokers, specs)
    typer.echo("\n".join(created) if created else "every topic exists already")
    if brokers.security == "sasl-tls":
        grant_access(configuration, settings, dry_run)


@topics_app.command("password")
def topics_password(
    whose: Annotated[Literal["service", "gateway"], typer.Argument(help="Of workers, or of uploads.")],
    out: Annotated[Path, typer.Option(help="A new file for it, which only you can read.")],
) -> None:
    """Give the service's own user at the brokers a new password, for `kafka_password_file`."""
    settings = Settings()
    user = settings.kafka_service_user if whose == "service" else settings.kafka_gateway_user
    brokers, password = settings.kafka, secrets.token_urlsafe(32)
    with open(os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(password + "\n")
        set_password(brokers, user, password)
    typer.echo(f"{user} has a new password, in {out}; what runs with the old one connects no more")


def topic_specs(configuration: Configuration, settings: Settings) -> list[TopicSpec]:
    """The topics as they should be: every partner's, live and history, its receipts, and the alerts topic."""
    prefix, copies = settings.topic_prefix, settings.replication_factor
    wanted = (partner.id for partner in configuration.partners.values() if partner.receipts)
    names = (*configuration.topics(prefix), *(receipts_topic(partner, prefix) for partner in wanted))
    alerts = TopicSpec(prefix + ALERTS_TOPIC, settings.partitions, copies, compacted=True)
    hours = (settings.topic_retention_days or _KEPT_DAYS) * 24
    kept = (TopicSpec(name, settings.partitions, copies, retention_hours=hours) for name in names)
    return [*kept, alerts]
