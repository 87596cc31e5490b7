"""From a file's rows to a partner's topic: validated, counted, every fault told by its line."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from rich.progress import Progress

from surveillance.cli.errors import Mistake
from surveillance.cli.progress import console
from surveillance.configuration import Configuration
from surveillance.events.decode import event_model
from surveillance.events.envelope import as_test
from surveillance.events.known_fields import known_fields
from surveillance.events.refusal import Fault, Refused
from surveillance.events.rows import (
    JSON_LINES,
    Row,
    check_row,
    encode,
    name_column,
    read_header,
    read_rows,
)
from surveillance.events.topics import Kind, Source, topic_name
from surveillance.geography.lookup import Gazetteer
from surveillance.kafka.brokers import Brokers
from surveillance.kafka.producer import Publisher
from surveillance.use_case.model import Partner


@dataclass(frozen=True)
class Feed:
    """A file as a partner's events; `test`: as test records, which nobody counts."""

    path: Path
    partner: Partner
    kind: Kind
    columns: Mapping[str, str]
    zone: ZoneInfo
    backfill: bool = False
    test: bool = False

    @property
    def source(self) -> Source:
        return Source(self.kind, self.partner.id, self.backfill)

    def rows(self) -> Iterator[Row]:
        """Every row, once more from the start."""
        defaults = {"reporter_org": self.partner.organisation}
        return read_rows(self.path, self.columns, defaults, kind=self.kind, zone=self.zone)

    def faults_of(self, row: Row, gazetteer: Gazetteer, now: datetime) -> tuple[Fault, ...]:
        """Every rule that a row breaks, under its columns' names; none where it would be accepted."""
        faults = check_row(row, self.source, self.partner.organisation, now, self.columns)
        if faults or row.payload is None:
            return faults
        try:
            gazetteer.resolve(row.payload)
        except Refused as refused:
            return tuple(name_column(fault, self.columns) for fault in refused.faults)
        return ()


@dataclass
class Sent:
    """What became of a file's rows; `failures` are those that no broker took, by line."""

    sent: int = 0
    refused: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)


def open_feed(
    configuration: Configuration,
    path: Path,
    partner: str,
    kind: Kind,
    columns: Mapping[str, str],
    zone: ZoneInfo,
    backfill: bool = False,
    test: bool = False,
) -> Feed:
    """A feed of a file that exists, by a partner that is configured for this kind of event."""
    if not path.is_file():
        raise Mistake(f"{path}: there is no such file")
    if partner not in configuration.partners:
        raise Mistake(f"partner {partner}: there is none; use one of: {', '.join(configuration.partners)}")
    chosen = configuration.partners[partner]
    if f"{kind}s" not in chosen.topics:
        raise Mistake(f"partner {partner} publishes {' and '.join(chosen.topics)}, not {kind}s")
    return Feed(path, chosen, kind, columns, zone, backfill, test)


def read_columns(text: str | None, path: Path, kind: Kind) -> dict[str, str]:
    """A mapping from event field to column.

    Given as `field=column,field==constant`, as a YAML file, or not at all: then a column's name is its field.
    """
    if text is None:
        return {} if path.suffix.lower() in JSON_LINES else _columns_named_as_fields(path, kind)
    if "=" not in text:
        return _columns_of_file(Path(text))
    pairs = [pair.partition("=") for pair in text.split(",")]
    mapping = {name.strip(): column.strip() for name, _, column in pairs}
    if not all(sign for _, sign, _ in pairs) or len(mapping) < len(pairs):
        raise Mistake("--columns: give field=column, each field once, separated by commas, or a YAML file")
    return mapping


def _columns_named_as_fields(path: Path, kind: Kind) -> dict[str, str]:
    """What is not read is said: a misspelt column must not be lost in silence."""
    fields = known_fields(event_model(kind))
    header = read_header(path)
    unread = [name for name in header if name not in fields]
    if len(unread) == len(header):
        raise Mistake(
            f"{path}: no column is named as a field of {kind}s. Is it UTF-8 text, with commas (or tabs in a "
            f".tsv)? Its header reads: {', '.join(header)[:200]}"
        )
    if unread:
        console.print(f"columns that are not read: {', '.join(unread)}", markup=False, highlight=False)
    return {name: name for name in header if name in fields}


def _columns_of_file(path: Path) -> dict[str, str]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        words = "give field=column, separated by commas, or the path of a YAML file"
        raise Mistake(f"--columns {path}: {words} ({type(error).__name__})") from error
    if not isinstance(loaded, dict):
        raise Mistake(f"--columns {path}: is not a mapping of event fields to columns")
    return {str(name): str(column) for name, column in loaded.items()}


def read_zone(name: str) -> ZoneInfo:
    """A time zone by its name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Mistake(f"--time-zone {name}: there is none; use a name such as Europe/London") from None


def reported_at(row: Row, otherwise: datetime) -> datetime:
    """When a row was reported: as history is received then. `otherwise` where it does not say."""
    value = (row.payload or {}).get("reported_at")
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        return otherwise


def send(
    feed: Feed,
    rows: Iterable[Row],
    brokers: Brokers | str,
    prefix: str,
    progress: Progress,
    total: int | None,
) -> Sent:
    """Publishes rows in order; what the broker does not confirm is reported with its line."""
    done = Sent()
    lock = Lock()
    topic = topic_name(feed.kind, feed.partner.id, prefix, feed.backfill)
    task = progress.add_task(f"publishing to {topic}", total=total)

    def report(line: int, error: str | None) -> None:
        with lock:
            done.sent += error is None
            if error is not None:
                done.failures.append((line, error))
        progress.advance(task)

    with Publisher(brokers) as publisher:
        publisher.check_topic(topic)
        for row in rows:
            payload = row.payload or {}
            value = as_test(payload, feed.kind, feed.partner.id, row.line) if feed.test else payload
            key = str(payload.get("record_id") or payload.get("encounter_id") or "")
            publisher.publish(topic, key.encode(), encode(value), lambda e, n=row.line: report(n, e))  # type: ignore[misc]
        publisher.flush()
    return done


def tell_faults(line: int, faults: Iterable[Fault]) -> None:
    """Every fault of a line: field, rule and fix."""
    for fault in faults:
        words = f"line {line}: {fault.field}: {fault.rule}. {fault.fix}"
        console.print(words, markup=False, highlight=False, soft_wrap=True)
