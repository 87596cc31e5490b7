"""Commands of the operator: set things up, check things."""

import os
import secrets
import signal
import threading
from pathlib import Path
from typing import Annotated, Literal

import typer

from surveillance.cli.granting import grant_access
from surveillance.configuration import Configuration, load_configuration
from surveillance.delivery.registry import unmet_needs
from surveillance.events.topics import ALERTS_TOPIC, receipts_topic
from surveillance.kafka.access import set_password
from surveillance.kafka.admin import TopicSpec, create_topics, missing_topics, set_retention
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.settings import Settings
from surveillance.use_case.fault import ConfigError
from surveillance.web.provider import load_provider

_KEPT_DAYS = 7.0  # by a topic that is made while nobody says how long

topics_app = typer.Typer(no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds these commands."""
    for command in (broker, check):
        app.command()(command)
    app.add_typer(topics_app, name="topics", help="The topics.")


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
