"""From a file's rows to a partner's topic: validated, counted, every fault told by its line."""

from collections.abc import Iterable, Mapping
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
from surveillance.events.refusal import Fault
from surveillance.events.topics import Kind, topic_name
from surveillance.kafka.brokers import Brokers
from surveillance.kafka.producer import Publisher
from surveillance.submitting.columns import columns_named_as_fields, columns_of, parse_columns, unread_columns
from surveillance.submitting.feed import Feed, zone_of
from surveillance.submitting.outgoing import Outgoing
from surveillance.submitting.rows import Row, open_table
from surveillance.submitting.shape import shape_of
from surveillance.use_case.model import Partner


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
    columns: str | Mapping[str, str] | None,
    zone: ZoneInfo | None = None,
    backfill: bool = False,
    test: bool = False,
) -> Feed:
    """A feed of a file that exists, by a partner that is configured for this kind of event.

    Without `columns` those of the partner's file, without `zone` the one of its areas.
    """
    if not path.is_file():
        raise Mistake(f"{path}: there is no such file")
    if partner not in configuration.partners:
        raise Mistake(f"partner {partner}: there is none; use one of: {', '.join(configuration.partners)}")
    chosen = configuration.partners[partner]
    if f"{kind}s" not in chosen.topics:
        raise Mistake(f"partner {partner} publishes {' and '.join(chosen.topics)}, not {kind}s")
    mapping = columns if isinstance(columns, Mapping) else read_columns(columns, path, kind, chosen)
    return Feed(path, chosen, kind, mapping, zone or zone_of(configuration, chosen), backfill, test=test)


def read_columns(text: str | None, path: Path, kind: Kind, partner: Partner) -> Mapping[str, str]:
    """A mapping from event field to column.

    Given as `field=column,field==constant`, as a YAML file, or not at all: then it is the one agreed with the
    partner, or else a column's name is its field.
    """
    if text is None:
        return columns_of(partner, kind) or _columns_named_as_fields(path, kind)
    if "=" not in text:
        return _columns_of_file(Path(text))
    return parse_columns(text)


def _columns_named_as_fields(path: Path, kind: Kind) -> Mapping[str, str]:
    """What is not read is said: a misspelt column must not be lost in silence."""
    shape = shape_of(path)
    if not shape.is_table:
        return {}
    header = open_table(path, shape).header
    columns = columns_named_as_fields(kind, header)
    if not columns:
        raise Mistake(
            f"{path}: no column is named as a field of {kind}s. Its header reads: {', '.join(header)[:200]}"
        )
    if unread := unread_columns(columns, header):
        console.print(f"columns that are not read: {', '.join(unread)}", markup=False, highlight=False)
    return columns


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
    outgoing: Iterable[tuple[int, Outgoing]],
    brokers: Brokers | str,
    prefix: str,
    progress: Progress,
    total: int | None,
) -> Sent:
    """Publishes events in order, each with its line; what the broker does not confirm is reported with it."""
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
        for line, one in outgoing:
            publisher.publish(topic, one.key, one.value, lambda e, n=line: report(n, e))  # type: ignore[misc]
        publisher.flush()
    return done


def tell_faults(line: int, faults: Iterable[Fault]) -> None:
    """Every fault of a line: field, rule and fix."""
    for fault in faults:
        words = f"line {line}: {fault.field}: {fault.rule}. {fault.fix}"
        console.print(words, markup=False, highlight=False, soft_wrap=True)
