"""Commands for who is told: receivers and a test of each, what was delivered, silences."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from surveillance.alerting.silences import Silence
from surveillance.cli.errors import Mistake
from surveillance.configuration import Configuration, load_configuration
from surveillance.delivery.alerts_topic import AlertsTopic
from surveillance.delivery.channel import Around
from surveillance.delivery.parcel import NotTaken, Parcel
from surveillance.delivery.registry import open_senders, unmet_needs
from surveillance.settings import Settings
from surveillance.store import alerts, deliveries, silences
from surveillance.store.database import Store
from surveillance.use_case.fault import ConfigError
from surveillance.use_case.receiver import Receiver

receivers_app = typer.Typer(no_args_is_help=True)
deliveries_app = typer.Typer(no_args_is_help=True)
silences_app = typer.Typer(no_args_is_help=True)

_BY = typer.Option(help="Who decides.")


def add_to(app: typer.Typer) -> None:
    """Adds these commands."""
    app.add_typer(receivers_app, name="receivers", help="Who is told, and a test of it.")
    app.add_typer(deliveries_app, name="deliveries", help="What was sent, held, dropped or refused.")
    app.add_typer(silences_app, name="silences", help="Alerts that are not told of for a while.")


@receivers_app.command("list")
def list_receivers() -> None:
    """Every receiver, what it takes and how it stands."""
    configuration = load_configuration(Settings().config_dir)
    with _store() as store, store.reading() as tx:
        away, refused = deliveries.outages(tx), deliveries.refusals(tx)
    table = Table("receiver", "channel", "takes", "digest", "standing")
    for receiver in configuration.receivers.values():
        outage = away.get(receiver.id)
        standing = "" if outage is None else f"not reached {outage.failures} times since {_utc(outage.since)}"
        if refused.get(receiver.id):
            standing += f" {refused[receiver.id]} refused, to be replayed"
        digest = "" if receiver.digest_at is None else f"{receiver.digest_at:%H:%M} {receiver.time_zone}"
        table.add_row(receiver.id, receiver.channel, _takes(receiver), digest, standing.strip())
    Console().print(table)


@receivers_app.command("test")
def test_receiver(receiver_id: Annotated[str, typer.Argument(metavar="RECEIVER")]) -> None:
    """Send a test message through the receiver's real channel, and tell the answer."""
    settings = Settings()
    configuration = load_configuration(settings.config_dir)
    receiver = _known(receiver_id, configuration)
    if faults := unmet_needs([receiver], settings):
        raise ConfigError(faults)
    topic = AlertsTopic(settings.kafka, settings.topic_prefix)
    now = datetime.now(UTC)
    key = f"{receiver.channel}/{receiver.id}/test/{now.isoformat()}"
    parcel = Parcel(key, "test", {"id": "test", "test": True, "link": "/"}, now)
    try:
        code = open_senders([receiver], Around(settings, topic.send))[receiver.id](parcel)
    except NotTaken as error:
        raise Mistake(f"receiver {receiver.id}: not taken: {error}") from None
    finally:
        topic.close()
    typer.echo(f"receiver {receiver.id}: taken by {receiver.channel}" + (f", {code}" if code else ""))


@deliveries_app.command("list")
def list_deliveries(
    alert: Annotated[str | None, typer.Option(help="Of this alert only, with every attempt.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
) -> None:
    """What was to be told, to whom, and what became of it."""
    now = datetime.now(UTC)
    with _store() as store, store.reading() as tx:
        if alert is not None and alerts.show(tx, alert) is None:
            raise Mistake(f"alert {alert}: there is none; see: surveillance alerts list")
        found, attempts = deliveries.newest(tx, now, limit), list[deliveries.Attempt]()
        if alert is not None:
            found = deliveries.deliveries_of_alert(tx, alert, now)
            attempts = deliveries.attempts_of_alert(tx, alert)
    Console().print(_deliveries_table(found))
    for one in attempts:
        words = " ".join(str(part) for part in (one.outcome, one.error, one.code) if part is not None)
        typer.echo(f"{_utc(one.at)}  {one.delivery}  {one.receiver}  attempt {one.attempt}: {words}")


@deliveries_app.command()
def replay(delivery: Annotated[int, typer.Argument(help="Its number in `deliveries list`.")]) -> None:
    """Send a delivery again, under the same key: one that was refused, or that a receiver lost."""
    with _store() as store, store.transaction() as tx:
        deliveries.replay(tx, delivery, datetime.now(UTC))
    typer.echo(f"delivery {delivery} is owed again; a worker sends it")


@silences_app.command("add")
def add_silence(
    reason: Annotated[str, typer.Option(help="Why, in words that identify nobody.")],
    by: Annotated[str, _BY],
    hours: Annotated[float, typer.Option(min=0.01, help="For how long from now on.")],
    use_case: Annotated[str | None, typer.Option(help="Alerts of this use case.")] = None,
    scope: Annotated[str | None, typer.Option(help="Alerts of this scope.")] = None,
    alert: Annotated[str | None, typer.Option(help="This alert.")] = None,
) -> None:
    """Tell nobody of some alerts for a while. When it ends, what it held is told."""
    configuration = load_configuration(Settings().config_dir)
    _must_exist("use case", use_case, configuration.use_cases)
    _must_exist("scope", scope, configuration.regions)
    now = datetime.now(UTC)
    silence = Silence(use_case, scope, alert, reason, now, now + timedelta(hours=hours), by)
    with _store() as store, store.transaction() as tx:
        if alert is not None and alerts.show(tx, alert) is None:
            raise Mistake(f"alert {alert}: there is none; see: surveillance alerts list")
        number = silences.add(tx, silence)
    typer.echo(f"silence {number} until {_utc(silence.ends_at)}")


@silences_app.command("end")
def end_silence(silence: Annotated[int, typer.Argument(help="Its number.")], by: Annotated[str, _BY]) -> None:
    """End a silence before its time."""
    with _store() as store, store.transaction() as tx:
        if not silences.end(tx, silence, by, datetime.now(UTC)):
            raise Mistake(f"silence {silence} does not hold; see: surveillance silences list")
    typer.echo(f"silence {silence} is over")


@silences_app.command("list")
def list_silences(
    ended: Annotated[bool, typer.Option("--ended", help="Those that are over as well.")] = False,
) -> None:
    """The silences that hold now or will."""
    with _store() as store, store.reading() as tx:
        found = silences.listed(tx, datetime.now(UTC), ended=ended)
    table = Table("silence", "use case", "scope", "alert", "until", "by", "reason", "ended")
    for one in found:
        over = "" if one.ended_at is None else f"{_utc(one.ended_at)} by {one.ended_by}"
        matched = (one.use_case or "any", one.scope or "any", one.alert_id or "any")
        table.add_row(str(one.id), *matched, _utc(one.ends_at), one.by, one.reason, over)
    Console().print(table)


@contextmanager
def _store() -> Iterator[Store]:
    store = Store.open(Settings().database)
    try:
        store.check_schema()
        yield store
    finally:
        store.close()


def _deliveries_table(found: list[deliveries.Delivery]) -> Table:
    table = Table(
        "delivery", "receiver", "alert", "revision", "change", "standing", "why", "attempts", "next"
    )
    for one in found:
        table.add_row(
            str(one.id),
            one.receiver,
            one.alert_id or "",
            "" if one.revision is None else str(one.revision),
            one.change,
            one.standing,
            one.reason or one.last_error or "",
            str(one.attempts),
            "" if one.next_at is None else _utc(one.next_at),
        )
    return table


def _takes(receiver: Receiver) -> str:
    least = f"{receiver.minimum_severity} or worse" if receiver.minimum_severity else "any severity"
    return ", ".join([*receiver.use_cases, *receiver.scopes, least])


def _known(receiver_id: str, configuration: Configuration) -> Receiver:
    _must_exist("receiver", receiver_id, configuration.receivers)
    return configuration.receivers[receiver_id]


def _must_exist(what: str, given: str | None, known: Iterable[str]) -> None:
    names = sorted(known)
    if given is not None and given not in names:
        raise Mistake(f"{what} {given}: there is none; use one of: {', '.join(names)}")


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M UTC}"
