"""surveillance partners: a new partner's file, topics, rights and password, and what to hand over to it."""

import secrets
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
import yaml
from rich.console import Console
from rich.table import Table

from surveillance.cli.errors import Mistake
from surveillance.cli.granting import grant_access
from surveillance.cli.handing_over import hand_over
from surveillance.cli.operate import topic_specs
from surveillance.configuration import Configuration, load_configuration
from surveillance.events.fields import ReporterType
from surveillance.identity import partner_user
from surveillance.kafka.access import has_password, list_rules, set_password
from surveillance.kafka.admin import create_topics
from surveillance.kafka.brokers import Brokers
from surveillance.kafka.knock import knock, no_answer
from surveillance.settings import Settings
from surveillance.store import test_records
from surveillance.store.database import Store
from surveillance.use_case.check import check_coverage
from surveillance.use_case.fault import ConfigError, ConfigFault
from surveillance.use_case.model import Partner
from surveillance.use_case.read import validate

partners_app = typer.Typer(no_args_is_help=True)

PASSWORD_BYTES = 32
RESTART = "next: restart the workers and the pages, which read the configuration when they start"


def add_to(commands: typer.Typer) -> None:
    """Adds these commands."""
    commands.add_typer(partners_app, name="partners", help="Who publishes: files, topics and passwords.")


@partners_app.command("add")
def add(
    partner: Annotated[str, typer.Argument(help="Its id: small letters, digits and hyphens.")],
    organisation: Annotated[str, typer.Option(help="Its code, which every event of it carries.")],
    reporter_type: Annotated[str, typer.Option(help="What it is: police, coroner, hospital, ...")],
    topic: Annotated[list[str], typer.Option(help="incidents or admissions; may be given twice.")],
    areas: Annotated[str, typer.Option(help="The areas it reports for: those of a scope.")],
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day it reports for.")],
    within: Annotated[list[str] | None, typer.Option(help="UNIT=CODE: only these of the areas.")] = None,
    expected_delay_days: Annotated[float, typer.Option(help="From what happened to its report.")] = 7.0,
    silence_after_hours: Annotated[float, typer.Option(help="When its silence is told.")] = 72.0,
    contact: Annotated[list[str] | None, typer.Option(help="ROLE=ADDRESS, of roles only.")] = None,
    title: Annotated[str | None, typer.Option(help="Its name for people; else its id.")] = None,
    receipts: Annotated[bool, typer.Option("--receipts", help="Answer it on a topic too.")] = False,
    file_only: Annotated[bool, typer.Option("--file-only", help="Write the file; no broker.")] = False,
) -> None:
    """Add a partner: its file, topics, rights and password. Prints once what to hand over."""
    settings = Settings()
    configuration = load_configuration(settings.config_dir)
    content = {
        "id": partner,
        "title": title or partner,
        "organisation": organisation,
        "reporter_type": _reporter_type(reporter_type),
        "topics": topic,
        "coverage": [{"areas": areas, "within": _pairs("within", within), "since": since.date()}],
        "expected_delay_days": expected_delay_days,
        "silence_after_hours": silence_after_hours,
        "receipts": receipts,
        "contacts": _pairs("contact", contact),
    }
    made = _check(content, configuration)
    brokers = settings.kafka  # what is wrong with it is told before anything is written
    if not file_only:
        _ask(brokers)
    path = _write(made, settings.config_dir)
    typer.echo(f"{path}: written")
    if file_only:
        typer.echo("next: surveillance topics create, then surveillance partners rotate " + made.id)
        typer.echo(RESTART)
        return
    with_it = replace(configuration, partners={**configuration.partners, made.id: made})
    typer.echo("\n".join(create_topics(brokers, topic_specs(with_it, settings))))
    hand_over(made, with_it, settings, _open_up(made, with_it, settings))
    typer.echo(RESTART)


@partners_app.command("list")
def list_partners() -> None:
    """Every partner with its topics, since when it reports, and how late."""
    found = load_configuration(Settings().config_dir).partners
    table = Table("partner", "organisation", "topics", "since", "delay", title=f"{len(found)} partners")
    for partner in found.values():
        since = min(coverage.since for coverage in partner.coverage)
        delay = f"{partner.expected_delay_days:g} d"
        table.add_row(partner.id, partner.organisation, " ".join(partner.topics), str(since), delay)
    Console().print(table)


@partners_app.command()
def show(partner: str) -> None:
    """What to hand over to a partner, without its password: nobody has that but the partner."""
    settings, configuration, found = _known(partner)
    hand_over(found, configuration, settings, None)


@partners_app.command()
def rotate(partner: str) -> None:
    """Give a partner another password and print it once. The old one opens no new connection from now on."""
    settings, configuration, found = _known(partner)
    brokers = settings.kafka
    if brokers.security != "sasl-tls":
        raise Mistake(
            f"partner {partner}: kafka_security is {brokers.security}, so that nobody has a password. Set it "
            "to sasl-tls"
        )
    if not has_password(brokers, partner_user(partner)):
        typer.echo(f"{partner_user(partner)} had no password yet")
    hand_over(found, configuration, settings, _open_up(found, configuration, settings))


@partners_app.command()
def remove(
    partner: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let a partner publish no more: take its rights, its password and its file. Its records stay.

    Where the days that it covered are to count on, end its coverage in its file (`until`) instead.
    """
    settings, configuration, found = _known(partner)
    path = settings.config_dir / "partners" / f"{found.id}.yaml"
    if not yes:
        typer.confirm(f"{path} goes, and {found.title} publishes no more. Go on?", abort=True)
    others = {name: one for name, one in configuration.partners.items() if name != found.id}
    if settings.kafka.security == "sasl-tls":  # first: a file that is gone is no sign that the rights are
        grant_access(replace(configuration, partners=others), settings)
    else:
        typer.echo(f"kafka_security is {settings.kafka.security}: there were no rights to take")
    path.unlink()
    typer.echo(f"{path}: removed. Its records stay, and its topics for as long as the brokers keep them")
    typer.echo(RESTART)


@partners_app.command("tests")
def list_tests(partner: str, limit: Annotated[int, typer.Option(help="So many.")] = 20) -> None:
    """What a partner's test records were answered, the newest first."""
    settings, _, found = _known(partner)
    store = Store.open(settings.database)
    with store.reading() as tx:
        answers = test_records.listed(tx, found.id, limit)
    store.close()
    typer.echo(f"{len(answers)} test records of {found.id}")
    for one in answers:
        place = f"{one.received_at:%Y-%m-%d %H:%M:%S} UTC {one.topic}/{one.partition}@{one.offset}"
        typer.echo(f"{place}: {'would be accepted: ' + one.record_id if one.record_id else 'refused'}")
        for fault in one.faults:
            typer.echo(f"  {fault.field}: {fault.rule}. {fault.fix}")


def _ask(brokers: Brokers) -> None:
    """Raises what would else stop the command half way, with the file written: it could not be repeated."""
    if brokers.security == "sasl-tls":
        list_rules(brokers)
    elif not knock(brokers):
        raise no_answer(brokers)


def _open_up(partner: Partner, configuration: Configuration, settings: Settings) -> str | None:
    """Grants what the partner may do; returns its new password, which is nowhere else. None without TLS."""
    if settings.kafka.security != "sasl-tls":
        return None
    grant_access(configuration, settings)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    set_password(settings.kafka, partner_user(partner.id), password)
    return password


def _known(partner: str) -> tuple[Settings, Configuration, Partner]:
    settings = Settings()
    configuration = load_configuration(settings.config_dir)
    if partner not in configuration.partners:
        raise Mistake(f"partner {partner}: there is none; use one of: {', '.join(configuration.partners)}")
    return settings, configuration, configuration.partners[partner]


def _check(content: dict[str, Any], configuration: Configuration) -> Partner:
    """The partner, checked as its file will be. Raises ConfigError with every fault."""
    file = f"partners/{content['id']}.yaml"
    made, faults = validate(Partner, content, file)
    if made is None:
        raise ConfigError(faults)
    shipped = {region.scope.areas: region.inside.whole for region in configuration.regions.values()}
    faults += [ConfigFault(file, *mistake) for mistake in check_coverage(made, shipped)]
    if faults:
        raise ConfigError(faults)
    for coverage in made.coverage:
        shipped[coverage.areas].within(coverage.within)  # raises where no area lies in these units
    return made


def _write(partner: Partner, directory: Path) -> Path:
    """A new file; one that exists is never touched."""
    path = directory / "partners" / f"{partner.id}.yaml"
    content = partner.model_dump(mode="json", exclude_none=True)
    for coverage in content["coverage"]:
        coverage["since"] = date.fromisoformat(coverage["since"])
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            yaml.safe_dump(content, file, sort_keys=False, allow_unicode=True)
    except FileExistsError:
        fix = f"Choose another id, or change the file; surveillance partners show {partner.id}"
        raise Mistake(f"{path}: exists already. {fix}") from None
    return path


def _reporter_type(text: str) -> str:
    known = get_args(ReporterType)
    if text not in known:
        raise Mistake(f"--reporter-type {text}: there is none; use one of: {', '.join(known)}")
    return text


def _pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or ()]
    if not all(name and sign and value for name, sign, value in pairs):
        raise Mistake(f"--{option}: give NAME=VALUE, such as --within lad=E08000015")
    return {name: value for name, _, value in pairs}
