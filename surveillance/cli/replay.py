"""surveillance replay: a historical case file through the whole service, as it was known day by day."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from surveillance.cli.errors import Mistake
from surveillance.cli.feeding import Sent, open_feed, reported_at, send
from surveillance.cli.progress import progress_bar
from surveillance.cli.stack import Stack
from surveillance.configuration import load_configuration
from surveillance.events.topics import Kind
from surveillance.settings import Settings
from surveillance.store import alerts, dead_letters, evaluations, line_list, partners, pending
from surveillance.store.codec import to_json
from surveillance.store.database import Store
from surveillance.submitting.feed import ID_FIELD, Feed
from surveillance.submitting.outgoing import Outgoing
from surveillance.submitting.rows import Row, encode
from surveillance.use_case.model import UseCase

_PARTNER = "replay"
_POLL_SECONDS = 0.2


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(replay)


@dataclass
class Stages:
    """Wall seconds of each stage of the replay."""

    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def end(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._last, 3)
        self._last = now


def replay(
    file: Path,
    use_case: Annotated[str, typer.Option(help="The use case's id.")],
    columns: Annotated[
        str | None, typer.Option(help="event.field=column,... or a YAML file; default: the use case's own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    directory: Annotated[Path, typer.Option(help="Where its database and logs are written.")] = Path(
        "var/replay"
    ),
) -> None:
    """Stream a case file through topics, agents, database, detection and alerts, as of each of its days."""
    config_dir = Settings().config_dir
    configuration = load_configuration(config_dir)
    if use_case not in configuration.use_cases:
        raise Mistake(f"use case {use_case}: there is none; use one of: {', '.join(configuration.use_cases)}")
    chosen = configuration.use_cases[use_case]
    if not file.is_file():
        raise Mistake(f"{file}: there is no such file")
    mapping = chosen.columns if columns is None else columns
    feed = open_feed(
        configuration, file, _PARTNER, chosen.records, mapping, configuration.zone_of(chosen), backfill=True
    )
    stages = Stages()
    with Stack(directory, config_dir, {"replay": True}) as stack, progress_bar() as progress:
        stack.start("worker")
        stages.end("start")
        sent, days = _stream(feed, stack, progress)
        stages.end("ingest")
        _evaluate(chosen, days, stack, progress)
        stages.end("evaluate")
        summary = _summary(chosen, stack.store, sent, days, stages.seconds)
    typer.echo(json.dumps(summary, indent=2) if as_json else _in_words(summary))


def _stream(feed: Feed, stack: Stack, progress: Progress) -> tuple[Sent, tuple[date, date]]:
    """Publishes every row and waits until all of them are in the database; their first and last day."""
    now = datetime.now(UTC)
    rows = list(feed.rows())
    whole = [row for row in rows if row.payload is not None]
    if not whole:
        raise Mistake(f"{feed.path}: holds no row that can be read")
    days = sorted(reported_at(row, now).astimezone(feed.zone).date() for row in whole)
    going = ((row.line, _as_it_is(row, feed.kind)) for row in whole)
    sent = send(feed, going, stack.settings.kafka, stack.settings.topic_prefix, progress, len(whole))
    if sent.failures:
        raise Mistake(f"line {sent.failures[0][0]}: not delivered: {sent.failures[0][1]}")
    sent.refused = len(rows) - len(whole)
    task = progress.add_task("storing", total=sent.sent)
    while (handled := _handled(stack.store)) < sent.sent:
        progress.update(task, completed=handled)
        stack.check()
        time.sleep(_POLL_SECONDS)
    progress.update(task, completed=handled)
    return sent, (days[0], days[-1])


def _as_it_is(row: Row, kind: Kind) -> Outgoing:
    """A row as it would be sent by a partner who looks at nothing: the service refuses what is wrong."""
    payload = row.payload or {}
    record = str(payload.get(ID_FIELD[kind]) or "")
    return Outgoing(record, record.encode(), encode(payload))


def _handled(store: Store) -> int:
    with store.reading() as tx:
        return sum(seen.messages for seen in partners.heard_of(tx))


def _evaluate(use_case: UseCase, days: tuple[date, date], stack: Stack, progress: Progress) -> None:
    """Asks for an evaluation as of the end of each day, and waits for all of them."""
    first, last = days
    asked = [
        pending.Request(use_case.id, scope, first + timedelta(days=n))
        for scope in use_case.scopes
        for n in range((last - first).days + 1)
    ]
    with stack.store.transaction() as tx:
        pending.request(tx, asked, datetime.now(UTC))
    task = progress.add_task("evaluating", total=len(asked))
    while (left := _waiting(stack.store)) > 0:
        progress.update(task, completed=len(asked) - left)
        stack.check()
        time.sleep(_POLL_SECONDS)
    progress.update(task, completed=len(asked))


def _waiting(store: Store) -> int:
    with store.reading() as tx:
        return pending.waiting(tx)


def _summary(
    use_case: UseCase, store: Store, sent: Sent, days: tuple[date, date], seconds: Mapping[str, float]
) -> dict[str, Any]:
    with store.reading() as tx:
        found = alerts.listed(tx, use_case=use_case.id)
        count, stages = evaluations.totals(tx)
        refused = {str(code): number for code, number in dead_letters.count(tx).items()}
        return {
            "use_case": use_case.id,
            "first_day": days[0].isoformat(),
            "last_day": days[1].isoformat(),
            "events_sent": sent.sent,
            "rows_unreadable": sent.refused,
            "stored": line_list.count_records(tx),
            "refused": sum(refused.values()),
            "refused_by_reason": refused,
            "evaluations": count,
            "seconds": {**seconds, **{f"evaluate.{s}": round(t, 3) for s, t in stages.items()}},
            "alerts": [
                {
                    **to_json(alert),
                    "history": [_evidence(row) for row in alerts.history(tx, alert.id)],
                }
                for alert in found
            ],
        }


def _evidence(row: alerts.StoredChange) -> dict[str, Any]:
    """What an alert rested on after one change of it."""
    change = row.change
    return {
        "revision": change.alert.revision,
        "change": str(change.change),
        "reason": change.reason,
        "as_of": change.alert.as_of.isoformat(),
        "severity": change.alert.severity,
        "alive": change.alert.alive,
        "members": list(change.alert.members),
        "clusters": [to_json(cluster) for cluster in change.alert.clusters],
    }


def _in_words(summary: Mapping[str, Any]) -> str:
    seconds = ", ".join(f"{stage} {taken:.1f} s" for stage, taken in summary["seconds"].items())
    lines = [
        f"{summary['use_case']}, {summary['first_day']} to {summary['last_day']}",
        f"{summary['events_sent']} events sent, {summary['stored']} stored, {summary['refused']} refused",
        f"{summary['evaluations']} evaluations, {len(summary['alerts'])} alerts",
        seconds,
    ]
    for alert in summary["alerts"]:
        strongest = max(
            alert["history"], key=lambda h: max((c["observed"] for c in h["clusters"]), default=0)
        )
        evidence = "; ".join(
            f"{c['detector']}: {c['observed']} observed"
            + ("" if c["expected"] is None else f", {c['expected']:.2f} expected")
            for c in strongest["clusters"]
        )
        lines.append(f"{strongest['as_of']}  {strongest['severity']:<8} {evidence}")
    return "\n".join(lines)
