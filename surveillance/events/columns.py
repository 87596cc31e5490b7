"""From the cells of a partner's table to an event's payload, by a mapping of event fields to columns.

A mapping is `{"dotted.event.field": "column name" or "=constant"}`; a position in a list is a number, as
in `settings.1.type`, and without one the first is meant. The key `count_column` names a column that says
how many events a row stands for.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from surveillance.events.decode import event_model
from surveillance.events.known_fields import Form, KnownField, known_fields
from surveillance.events.topics import Kind

COUNT_COLUMN = "count_column"

# A day without a time is the whole local day: these fields take its last second, all others its first.
_ENDS_OF_DAY = frozenset({"occurred_to", "reported_at", "discharged_at"})
_LAST_SECOND = time(23, 59, 59)
_ID_FIELD: Mapping[Kind, str] = {"incident": "record_id", "admission": "encounter_id"}
_FIRST_ACTION: Mapping[Kind, str] = {"incident": "reported", "admission": "attended"}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LOCAL_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)"
)
_DAY_FIRST = re.compile(r"^([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?![0-9])")  # as in the United Kingdom
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,15}")
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{0,20})?(?:[eE][+-]?[0-9]{1,3})?")

Steps = tuple[str | int | None, ...]


class ColumnsError(ValueError):
    """A mapping does not fit the event or the file; `problems` says all there is to repair."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


@dataclass(frozen=True, slots=True)
class _Cell:
    """Where one value of the payload comes from: a column's position, or a constant.

    `choices`: the words of its closed list by how people write them, empty where it has none.
    """

    steps: Steps
    form: Form
    choices: Mapping[str, str]
    position: int | None
    constant: str = ""


@dataclass(frozen=True)
class RowReader:
    """Turns rows of cells into payloads; made once per file, after its header is known."""

    kind: Kind
    zone: ZoneInfo
    cells: tuple[_Cell, ...]
    defaults: Mapping[str, Any]
    count_position: int | None

    def payloads(self, row: Sequence[str], line: int) -> Iterator[dict[str, Any]]:
        """The events that a row stands for; raises ValueError for a count that is not one."""
        payload = _nested(self._values(row))
        for name, value in self.defaults.items():
            payload.setdefault(name, value)
        self._complete(payload, line)
        if self.count_position is None:
            yield payload
            return
        id_field = _ID_FIELD[self.kind]
        for number in range(1, _count(row[self.count_position]) + 1):
            yield payload | {id_field: f"{payload.get(id_field, '')}-{number}"}

    def _values(self, row: Sequence[str]) -> dict[Steps, Any]:
        columns = [cell for cell in self.cells if cell.position is not None]
        filled = {cell.steps: text for cell in columns if (text := row[cell.position or 0].strip())}
        # Constants of an object (`diagnoses.0.system`) say nothing where its columns are all empty.
        empty = {cell.steps[:-1] for cell in columns} - {steps[:-1] for steps in filled} - {()}
        constants = {
            cell.steps: cell.constant
            for cell in self.cells
            if cell.position is None and cell.steps[:-1] not in empty
        }
        texts = filled | constants
        return {
            cell.steps: self._convert(texts[cell.steps], cell) for cell in self.cells if cell.steps in texts
        }

    def _convert(self, text: str, cell: _Cell) -> Any:
        """The typed value; a text that does not fit stays as it is, for the decoder to refuse."""
        if cell.form == "whole_number" and _WHOLE_NUMBER.fullmatch(text):
            return int(text)
        if cell.form == "number" and _NUMBER.fullmatch(text) and isfinite(float(text)):
            return float(text)
        if cell.form == "time":
            return _read_time(text, str(cell.steps[-1]) in _ENDS_OF_DAY, self.zone)
        return cell.choices.get(as_people_write(text), text) if cell.choices else text

    def _complete(self, payload: dict[str, Any], line: int) -> None:
        payload.setdefault("version", 1)
        payload.setdefault("action", _FIRST_ACTION[self.kind])
        id_field = _ID_FIELD[self.kind]
        if all(cell.steps != (id_field,) for cell in self.cells):
            payload.setdefault(id_field, f"line-{line}")
        if self.kind == "incident":
            _complete_interval(payload, self.zone)


def row_reader(
    kind: Kind, columns: Mapping[str, str], defaults: Mapping[str, Any], zone: ZoneInfo, header: Sequence[str]
) -> RowReader:
    """The reader of rows under `header`; raises ColumnsError with everything that does not fit."""
    known = known_fields(event_model(kind))
    problems = [*_mapping_problems(columns, known), *_header_problems(columns, header)]
    problems += [f"default {name}: no such field of an {kind}" for name in defaults if name not in known]
    if problems:
        raise ColumnsError(problems)
    positions = {name: position for position, name in enumerate(header)}
    count = columns.get(COUNT_COLUMN)
    return RowReader(
        kind=kind,
        zone=zone,
        cells=tuple(
            _cell(_steps(path, known), known[_plain(path)], positions.get(column), column[1:])
            for path, column in columns.items()
            if path != COUNT_COLUMN
        ),
        defaults=dict(defaults),
        count_position=None if count is None else positions[count],
    )


def _cell(steps: Steps, field: KnownField, position: int | None, constant: str) -> _Cell:
    choices = {as_people_write(word): word for word in field.choices}
    return _Cell(steps, field.form, choices, position, constant)


def column_of(path: str, columns: Mapping[str, str]) -> str | None:
    """The column that a field, or the first field below it, is read from."""
    for mapped, column in columns.items():
        if not column.startswith("=") and f"{_first(mapped)}.".startswith(f"{_first(path)}."):
            return column
    return None


def as_people_write(word: str) -> str:
    """A word of a closed list without its case, and with one sign for all that may stand between its parts:
    `Other cause` and `other_cause` are one."""
    return _BETWEEN_WORDS.sub("_", word.strip().casefold())


def _first(path: str) -> str:
    """A path with the position of first elements left out, as a mapping may leave it out."""
    return re.sub(r"\.0(?=\.|$)", "", path)


def _mapping_problems(columns: Mapping[str, str], known: Mapping[str, KnownField]) -> Iterator[str]:
    for path in columns:
        if path == COUNT_COLUMN:
            continue
        field = known.get(_plain(path))
        if field is None or field.form == "object":
            yield f"{path}: no such field; map one of the event, such as reported_at or residence_area.code"
        elif None in _steps(path, known):
            yield f"{path}: only elements of a list have numbers, such as settings.1.type"


def _header_problems(columns: Mapping[str, str], header: Sequence[str]) -> Iterator[str]:
    wanted = dict.fromkeys(column for column in columns.values() if not column.startswith("="))
    for column in wanted:
        found = header.count(column)
        if found == 0:
            # Not what the header has: where a file has none, that is its first record.
            yield f"column {column}: not in the header, which has {len(header)} columns"
        elif found > 1:
            yield f"column {column}: more than once in the header; give each column its own name"


def _steps(path: str, known: Mapping[str, KnownField]) -> Steps:
    """The way to a value, with 0 where a list's position is left out, None for a number out of place."""
    steps: list[str | int | None] = []
    plain: list[str] = []
    in_list = False
    for step in path.split("."):
        if step.isdecimal():
            steps.append(int(step) if in_list else None)
            in_list = False
            continue
        plain.append(step)
        steps += [0, step] if in_list else [step]
        in_list = known[".".join(plain)].many
    return tuple(steps)


def _plain(path: str) -> str:
    return ".".join(step for step in path.split(".") if not step.isdecimal())


def _nested(values: Mapping[Steps, Any]) -> dict[str, Any]:
    tree: dict[str | int | None, Any] = {}
    for steps, value in values.items():
        branch = tree
        for step in steps[:-1]:
            branch = branch.setdefault(step, {})
        branch[steps[-1]] = value
    return {str(name): _with_lists(branch) for name, branch in tree.items()}


def _with_lists(branch: Any) -> Any:
    if not isinstance(branch, dict):
        return branch
    inner = {step: _with_lists(below) for step, below in branch.items()}
    if all(isinstance(step, int) for step in inner):
        return [inner[step] for step in sorted(inner)]
    return inner


def _read_time(text: str, end_of_day: bool, zone: ZoneInfo) -> str:
    """ISO text with an offset: a day or a time without one is taken as local in `zone`.

    A day with slashes is day/month/year, and nothing else.
    """
    text = _DAY_FIRST.sub(lambda day: f"{day[3]}-{day[2]:0>2}-{day[1]:0>2}", text, count=1)
    try:
        if _DAY.fullmatch(text):
            moment = _LAST_SECOND if end_of_day else time()
            return datetime.combine(date.fromisoformat(text), moment, zone).isoformat()
        local = _LOCAL_TIME.fullmatch(text)
        if local is not None:
            return datetime.fromisoformat("T".join(local.groups())).replace(tzinfo=zone).isoformat()
    except ValueError:
        return text
    return text.replace(" ", "T", 1) if _LOCAL_TIME.match(text) else text


def _complete_interval(payload: dict[str, Any], zone: ZoneInfo) -> None:
    """Fill in the end and the precision of an occurrence from its start, where the row has neither.

    An occurrence that starts at local midnight is known to the day.
    """
    start = _local(payload.get("occurred_from"), zone)
    if start is None:
        return
    whole_day = start.time() == time()
    if "occurred_to" not in payload:
        end = datetime.combine(start.date(), _LAST_SECOND, zone) if whole_day else start
        payload["occurred_to"] = end.isoformat()
        payload.setdefault("occurred_precision", "day" if whole_day else "exact")
        return
    end = _local(payload["occurred_to"], zone) or start
    one_day = whole_day and start.date() == end.date() and end.time() == _LAST_SECOND
    payload.setdefault("occurred_precision", "day" if one_day else "interval")


def _local(value: Any, zone: ZoneInfo) -> datetime | None:
    try:
        return datetime.fromisoformat(value).astimezone(zone)
    except (TypeError, ValueError, OverflowError):
        return None


def _count(text: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(text.strip()) or not 0 <= int(text) <= 100_000:
        raise ValueError("not a count")
    return int(text)
