"""An upload as its page shows it: which column fills which field, its first rows as read, every fault."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from surveillance.events.columns import ColumnsError
from surveillance.events.decode import event_model
from surveillance.events.known_fields import known_fields
from surveillance.submitting.columns import fillable_fields, find_columns, unread_columns
from surveillance.submitting.feed import Feed
from surveillance.submitting.gateway import Gateway, Refusal
from surveillance.submitting.rows import open_table
from surveillance.web import words
from surveillance.web.submitting.fields import label_of, required_fields
from surveillance.web.submitting.plainly import in_plain_words, plainly
from surveillance.web.submitting.uploads import Outcome, Upload, find_outcome, keep_outcome

ROWS = 5
FAULTS = 200


@dataclass(frozen=True)
class FieldChoice:
    """A field with the column that fills it, or the constant that always does; both empty: none."""

    path: str
    label: str
    hint: str
    required: bool
    column: str
    constant: str


@dataclass(frozen=True)
class SeenRow:
    """One of the first rows as it was read."""

    line: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """All that a person needs to see before an upload is sent."""

    header: tuple[str, ...]
    fields: tuple[FieldChoice, ...]
    titles: tuple[str, ...]
    rows: tuple[SeenRow, ...]
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    refusal: Refusal

    @property
    def is_good(self) -> bool:
        return not self.problems and not self.refusal.bad_rows and self.refusal.rows > 0


def preview(gateway: Gateway, feed: Feed, upload: Upload) -> Preview:
    """Looks at the whole upload. Nothing is sent. Every row is judged once by each mapping: what was found is
    kept beside the file, and sending judges it anew."""
    nothing = Outcome(Refusal(0, 0, ()))
    header: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    chosen = feed
    try:
        if feed.shape.is_table:
            table = open_table(feed.path, feed.shape)
            header, notes = table.header, table.notes
            agreed = find_columns(feed.partner, feed.kind, header)
            chosen = replace(feed, columns=agreed if upload.columns is None else upload.columns)
        outcome = _outcome(gateway, chosen, upload)
    except ColumnsError as error:
        outcome = replace(nothing, problems=error.problems)
    refusal, problems = _told(outcome.refusal, chosen), outcome.problems
    rows = [] if problems else list(_first_rows(chosen))
    paths = tuple(dict.fromkeys(path for _, values in rows for path in values))
    return Preview(
        header=header,
        fields=_choices(chosen),
        titles=tuple(map(label_of, paths)),
        rows=tuple(SeenRow(line, tuple(values.get(path, "") for path in paths)) for line, values in rows),
        unread=tuple(unread_columns(chosen.columns, header)),
        notes=notes,
        problems=problems,
        refusal=refusal,
    )


def _told(refusal: Refusal, feed: Feed) -> Refusal:
    """The faults of a table in plain words, with its own columns; JSON is told in those of the contract."""
    if not feed.shape.is_table:
        return refusal
    names = {path: label_of(path) for path in known_fields(event_model(feed.kind))}
    names |= {path: column for path, column in feed.columns.items() if not column.startswith("=")}
    return replace(
        refusal, faults=tuple(replace(row, fault=plainly(row.fault, names)) for row in refusal.faults)
    )


def _outcome(gateway: Gateway, feed: Feed, upload: Upload) -> Outcome:
    known = find_outcome(gateway.staged, upload.id, feed.columns)
    if known is not None:
        return known
    try:
        refusal = gateway.look(feed)
        found = Outcome(replace(refusal, faults=refusal.faults[:FAULTS]))
    except ColumnsError as error:
        found = Outcome(Refusal(0, 0, ()), error.problems)
    keep_outcome(gateway.staged, upload.id, feed.columns, found)
    return found


def chosen_columns(feed: Feed, chosen: Mapping[str, str], header: tuple[str, ...]) -> dict[str, str]:
    """The mapping that a person chose: field -> column. Constants that were agreed stay."""
    agreed = find_columns(feed.partner, feed.kind, header)
    constants = {path: column for path, column in agreed.items() if column.startswith("=")}
    known = fillable_fields(feed.kind).keys() | agreed.keys()
    return constants | {path: column for path, column in chosen.items() if path in known and column in header}


def _choices(feed: Feed) -> tuple[FieldChoice, ...]:
    """Every field that a column can fill, those first that are filled or must be."""
    model = event_model(feed.kind)
    required = required_fields(feed.kind)
    fillable = fillable_fields(feed.kind) | {
        path: "" for path in feed.columns if path not in known_fields(model)
    }
    made = [
        FieldChoice(
            path=path,
            label=label_of(path),
            hint=in_plain_words(hint, {}),
            required=path in required,
            column="" if (column := feed.columns.get(path, "")).startswith("=") else column,
            constant=column[1:] if column.startswith("=") else "",
        )
        for path, hint in fillable.items()
        if path not in _FILLED_BY_US
    ]
    return tuple(sorted(made, key=lambda choice: not (choice.column or choice.constant or choice.required)))


_FILLED_BY_US = frozenset({"reporter_org"})


def _first_rows(feed: Feed) -> Iterator[tuple[int, dict[str, str]]]:
    for row in islice(feed.rows(), ROWS):
        values = dict(_flat(row.payload or {}, feed.zone))
        yield row.line, {path: text for path, text in values.items() if path not in _FILLED_BY_US}


def _flat(value: Any, zone: ZoneInfo, path: str = "") -> Iterator[tuple[str, str]]:
    """The values of a payload by their dotted paths; a list's first element without its number."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _flat(below, zone, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from _flat(below, zone, f"{path}.{number}" if number else path)
    elif value is not None:
        yield path, _in_words(value, zone)


def _in_words(value: Any, zone: ZoneInfo) -> str:
    """A time as people read it, so that a day and a month that were exchanged are seen."""
    if isinstance(value, str) and len(value) > 15 and value[4:5] == "-":
        try:
            return words.at_time(datetime.fromisoformat(value), zone)
        except ValueError:
            return value
    return str(value)
