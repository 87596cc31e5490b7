"""surveillance demo: the whole service on one machine, fed by simulated partners on real geography."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from surveillance.alerting.alert import Alert, State
from surveillance.cli.first_account import show_first
from surveillance.cli.progress import console, progress_bar
from surveillance.cli.stack import Stack, StackFailed
from surveillance.events.topics import topic_name
from surveillance.kafka.producer import Publisher
from surveillance.settings import Settings
from surveillance.simulation.history import history
from surveillance.simulation.injected import InjectedCluster, choose_centre
from surveillance.simulation.live import live
from surveillance.simulation.published import Published
from surveillance.simulation.world import World, postcodes_by_area
from surveillance.store import alerts, partners
from surveillance.web.reading import Reading

_SCOPE = "cheshire-merseyside"
_LIVE = timedelta(seconds=30)
_GIVE_UP_SECONDS = 180.0
_POLL_SECONDS = 0.25


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    exit_after_first_alert: Annotated[
        bool, typer.Option("--exit-after-first-alert", help="End when the first alert is open.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the alert as JSON.")] = False,
    seed: Annotated[int, typer.Option(help="Of the simulation.")] = 1,
    directory: Annotated[Path, typer.Option(help="Where its database and logs are written.")] = Path(
        "var/demo"
    ),
) -> None:
    """Run everything on this machine: broker, database, worker and pages, with simulated partners.

    Nobody in it exists. Ctrl-C ends it.
    """
    console.print("Everything in this demo is simulated: no record is of a person.")
    with Stack(directory, Settings().config_dir) as stack, _until_interrupted():
        # Here, since what the pages' own process prints goes to a file; who runs a demo reads this.
        show_first(stack.register.add_first())
        stack.start("worker", "web")
        _tell_where(stack)
        world = _world(stack)
        rng = np.random.default_rng(seed)
        earlier = list(history(world, rng, until=datetime.now(UTC)))
        _load_history(stack, earlier)
        cluster = InjectedCluster(choose_centre(world, rng))
        feed = live(world, rng, datetime.now(UTC), cluster, earlier=earlier, duration=_LIVE)
        for alert in _stream(stack, feed):
            _show(stack, alert, as_json)
            if exit_after_first_alert:
                return
        console.print("That was the live feed. The service goes on; Ctrl-C ends it.")
        _wait(stack)


@contextmanager
def _until_interrupted() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        console.print("\nEnding.")


def _world(stack: Stack) -> World:
    partner = stack.configuration.partners
    return World(
        areas=stack.configuration.regions[_SCOPE].inside,
        police=partner["example-police"],
        coroner=partner["example-coroner"],
        emergency=partner["example-emergency-department"],
        postcodes=postcodes_by_area(stack.configuration.gazetteer.postcodes),
    )


def _load_history(stack: Stack, earlier: list[Published]) -> None:
    """A year of reports, on the topics that tell nobody."""
    with progress_bar() as progress:
        task = progress.add_task("a year of history", total=len(earlier))
        with Publisher(stack.settings.kafka) as publisher:
            for message in earlier:
                _publish(publisher, message, backfill=True)
            publisher.flush()
        while (handled := _handled(stack)) < len(earlier):
            progress.update(task, completed=handled)
            stack.check()
            time.sleep(_POLL_SECONDS)
        progress.update(task, completed=handled)


def _stream(stack: Stack, feed: Iterable[Published]) -> Iterator[Alert]:
    """Publishes the live feed at its own pace; yields the first alert as soon as it is open."""
    told = False
    with progress_bar() as progress, Publisher(stack.settings.kafka) as publisher:
        task = progress.add_task("live reports", total=None)
        for message in feed:
            while datetime.now(UTC) < message.reported_at:
                time.sleep(_POLL_SECONDS)
            _publish(publisher, message)
            progress.advance(task)
            alert = None if told else _first_open(stack)
            if alert is not None:
                told = True
                yield alert
        publisher.flush()
    if not told:
        yield _wait_for_alert(stack)


def _wait_for_alert(stack: Stack) -> Alert:
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while (alert := _first_open(stack)) is None:
        if time.monotonic() > deadline:
            raise StackFailed(f"no alert opened; see {stack.directory / 'worker.log'}")
        time.sleep(_POLL_SECONDS)
    return alert


def _publish(publisher: Publisher, message: Published, backfill: bool = False) -> None:
    publisher.publish(
        topic_name(message.kind, message.partner, backfill=backfill),
        message.key.encode(),
        message.value,
        _fail_loudly,
    )


def _fail_loudly(error: str | None) -> None:
    if error is not None:
        console.print(f"not delivered: {error}", markup=False)


def _handled(stack: Stack) -> int:
    with stack.store.reading() as tx:
        return sum(seen.messages for seen in partners.heard_of(tx))


def _first_open(stack: Stack) -> Alert | None:
    """The alert that opened first; a candidate is for a person to look at, not yet an alert."""
    stack.check()
    with stack.store.reading() as tx:
        return next(iter(alerts.listed(tx, states=(State.OPEN,), limit=1)), None)


def _tell_where(stack: Stack) -> None:
    settings = stack.settings
    for what, where in (
        ("page", f"http://{settings.web_host}:{settings.web_port}/"),
        ("metrics", f"http://{settings.metrics_host}:{settings.metrics_port}/metrics"),
        ("database", str(stack.directory / "surveillance.db")),
        ("logs", str(stack.directory)),
    ):
        console.print(f"{what:9} {where}", highlight=False)


def _show(stack: Stack, alert: Alert, as_json: bool) -> None:
    reading = Reading(stack.configuration, stack.store)
    typer.echo(json.dumps(reading.describe(alert), indent=2) if as_json else reading.in_words(alert))
    page = f"http://{stack.settings.web_host}:{stack.settings.web_port}/alerts/{alert.id}"
    console.print(f"\nIts page: {page}", highlight=False)


def _wait(stack: Stack) -> None:
    while True:
        stack.check()
        time.sleep(1.0)
