"""surveillance adapters: hospitals' own formats become admission events. Each needs an extra."""

import asyncio
import contextlib
import importlib
import ipaddress
import json
import signal
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from surveillance.adapters.journal import open_journal
from surveillance.adapters.publishing import Away, Partner, ToTopic
from surveillance.cli.errors import Mistake
from surveillance.cli.feeding import read_zone
from surveillance.cli.listening import serve_metrics
from surveillance.configuration import Configuration, load_configuration
from surveillance.events.pseudonym import Secret, read_secret
from surveillance.log import configure_logging
from surveillance.settings import Settings
from surveillance.tls import server_tls

adapters_app = typer.Typer(no_args_is_help=True)

_PARTNER = typer.Option(help="The partner's id.")
_SECRET = typer.Option(help="key-id=FILE with the shared secret; repeat it with the older one as it rotates.")
_ZONE = typer.Option(help="Where times without an offset are local.")
_SITE = typer.Option(help="ODS code of the site where a message names none.")


def add_to(app: typer.Typer) -> None:
    """Adds these commands."""
    app.add_typer(adapters_app, name="adapters", help="HL7 v2 and FHIR: hospitals' own formats.")


@adapters_app.command("hl7")
def listen_hl7(
    partner: Annotated[str, _PARTNER],
    secret: Annotated[list[str], _SECRET],
    listen: Annotated[str, typer.Option(help="host:port for MLLP.")] = "127.0.0.1:2575",
    journal: Annotated[Path, typer.Option(help="What was said of encounters.")] = Path("var/hl7.journal"),
    site: Annotated[str | None, _SITE] = None,
    time_zone: Annotated[str, _ZONE] = "Europe/London",
    admission_method: Annotated[
        list[str] | None, typer.Option(help="Your code in PV1-4 = the national one, such as E=21; repeat it.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="The certificate, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, where it is another file.")] = None,
    tls_clients: Annotated[
        Path | None, typer.Option(help="Who vouches for senders; others are not heard.")
    ] = None,
    idle_seconds: Annotated[float, typer.Option(min=1, help="A silent connection ends after this.")] = 600.0,
    metrics_port: Annotated[int, typer.Option(help="Port of Prometheus metrics; 0 for none.")] = 0,
) -> None:
    """Listen for HL7 v2 ADT messages over MLLP, and publish them as the partner's admissions."""
    mllp, receiving, dialects = _needed(
        "hl7", "surveillance.adapters.hl7.mllp", "surveillance.adapters.hl7.receiver",
        "surveillance.adapters.hl7.dialect",
    )  # fmt: skip
    settings = Settings()
    configure_logging(settings.log_format, role="adapter")
    configuration = load_configuration(settings.config_dir)
    host, port = _address(listen)
    tls = _tls(tls_cert, tls_key, tls_clients, host)
    dialect = dialects.Dialect(read_zone(time_zone), site, _methods(admission_method or []))
    on_behalf = _partner(configuration, partner)
    secrets = _secrets(secret)
    deliver = ToTopic(settings.kafka, partner, settings.topic_prefix)
    memory = open_journal(journal)
    memory.forget(datetime.now(UTC))
    receiver = receiving.Receiver(on_behalf, secrets, configuration.gazetteer, memory, deliver, dialect)
    if metrics_port:
        serve_metrics(settings, metrics_port)
    try:
        asyncio.run(_serve(mllp, receiver, host, port, tls, idle_seconds))
    finally:
        deliver.close()
        memory.close()


@adapters_app.command("fhir")
def publish_fhir(
    file: Path,
    partner: Annotated[str, _PARTNER],
    secret: Annotated[list[str], _SECRET],
    site: Annotated[str | None, _SITE] = None,
    time_zone: Annotated[str, typer.Option(help="Where days without a time are local.")] = "Europe/London",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only validate.")] = False,
) -> None:
    """Publish a FHIR R4 bundle of Encounters as the partner's admissions, whole or not at all.

    Prints an OperationOutcome; exit code 1 where nothing was published because of an error in it.
    """
    encounters, conversion = _needed(
        "fhir", "surveillance.adapters.fhir.encounter", "surveillance.adapters.fhir.conversion"
    )
    settings = Settings()
    configuration = load_configuration(settings.config_dir)
    setting = encounters.Setting(_secrets(secret), configuration.gazetteer, read_zone(time_zone), site)
    on_behalf = _partner(configuration, partner)
    converted = conversion.fhir_to_events(file.read_bytes(), on_behalf, setting, datetime.now(UTC))
    if not dry_run:
        _publish(converted.events, ToTopic(settings.kafka, partner, settings.topic_prefix))
    typer.echo(json.dumps(converted.outcome, indent=2))
    if not converted.accepted:
        raise typer.Exit(1)


def _publish(events: Sequence[tuple[str, bytes]], deliver: ToTopic) -> None:
    try:
        for record, value in events:
            deliver(record, value)
    except Away as away:
        raise Mistake(f"{away}: send the same bundle again; what arrived already changes nothing") from away
    finally:
        deliver.close()


async def _serve(
    mllp: Any, receiver: Any, host: str, port: int, tls: ssl.SSLContext | None, idle_seconds: float
) -> None:
    def ready(bound: int) -> None:
        typer.echo(f"listening for HL7 v2 on {host}:{bound} {'with TLS' if tls else 'without TLS'}")

    serving = asyncio.ensure_future(
        mllp.serve(receiver, host, port, tls=tls, idle_seconds=idle_seconds, ready=ready)
    )
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _needed(extra: str, *modules: str) -> list[Any]:
    """Modules that need an extra; a Mistake with the command that installs it where it is missing."""
    try:
        return [importlib.import_module(module) for module in modules]
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("surveillance"):
            raise
        raise Mistake(
            f"adapters {extra}: the package {error.name} is not installed. "
            f"Install it with: pip install 'surveillance[{extra}]'"
        ) from error


def _partner(configuration: Configuration, partner: str) -> Partner:
    if partner not in configuration.partners:
        raise Mistake(f"partner {partner}: there is none; use one of: {', '.join(configuration.partners)}")
    chosen = configuration.partners[partner]
    if "admissions" not in chosen.topics:
        raise Mistake(f"partner {partner} publishes no admissions; add them to its topics")
    return Partner(partner, chosen.organisation)


def _secrets(texts: Sequence[str]) -> list[Secret]:
    """The first is the current one."""
    try:
        secrets = [read_secret(text) for text in texts]
    except ValueError as error:
        raise Mistake(f"--secret: {error}") from error
    if len({secret.key_id for secret in secrets}) < len(secrets):
        raise Mistake("--secret: two have the same key-id; every secret has one of its own")
    return secrets


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise Mistake("--listen: write it as host:port, such as 127.0.0.1:2575")
    return host.strip("[]"), int(port)


def _tls(
    certificate: Path | None, key: Path | None, clients: Path | None, host: str
) -> ssl.SSLContext | None:
    """Names and numbers of patients pass here: in clear text on this machine only."""
    if certificate is None:
        if not _is_loopback(host):
            raise Mistake(
                f"--listen {host}: without TLS it listens on this machine only. Give --tls-cert (and "
                "--tls-clients, so that only your senders are heard), or a tunnel that ends at 127.0.0.1"
            )
        return None
    try:
        return server_tls(certificate, key, clients)
    except ssl.SSLError as error:
        raise Mistake(f"--tls-cert {certificate}: cannot be used with its key ({error.reason})") from error


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _methods(pairs: Sequence[str]) -> Mapping[str, str]:
    parted = [pair.upper().partition("=") for pair in pairs]
    if not all(code and national for code, _, national in parted):
        raise Mistake("--admission-method: write it as CODE=NATIONAL, such as E=21")
    return {code: national for code, _, national in parted}
