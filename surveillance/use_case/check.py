"""What a use case, a partner or a scope must hold beyond its keys and types.

Each check yields (key, problem, fix); the tables at the end list them all.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from surveillance.use_case.code_list import CodeList
from surveillance.use_case.fields import Paths, Shape
from surveillance.use_case.model import Condition, Partner, Scope, UseCase
from surveillance.use_case.wording import harmful_words

# In `columns`, the one key that is no field: the column that says how many events a row stands for.
COUNT_COLUMN = "count_column"
_LIST_POSITION = re.compile(r"\.\d+(?=\.)")  # `settings.1.type` is a field like `settings.type`

Mistake = tuple[str, str, str]
CheckDetector = Callable[[str, Mapping[str, Any]], object]


@dataclass(frozen=True)
class Surroundings:
    """What the rest of the service knows, against which a file is checked.

    record_fields: kind of record -> its field paths; a kind that is absent is not checked.
    check_detector: raises ValueError, naming parameter and fix, where a detector cannot be built.
    receivers: None where theirs is a file with mistakes of its own. code_lists: by their names.
    """

    scopes: Mapping[str, Scope] = field(default_factory=dict)
    record_fields: Mapping[str, Paths] = field(default_factory=dict)
    check_detector: CheckDetector | None = None
    receivers: Collection[str] | None = ("alerts-topic",)
    code_lists: Mapping[str, CodeList] = field(default_factory=dict)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def check_scopes(use_case: UseCase, around: Surroundings) -> Iterator[Mistake]:
    """Every scope exists, and all of them count days in one time zone."""
    for i, scope in enumerate(use_case.scopes):
        if scope not in around.scopes:
            yield f"scopes[{i}]", "there is no such scope", f"Use one of: {_listed(around.scopes)}"
    zones = {around.scopes[scope].time_zone for scope in use_case.scopes if scope in around.scopes}
    if len(zones) > 1:
        yield "scopes", "the scopes have different time zones", "Make one use case per time zone"


def check_conditions(use_case: UseCase, around: Surroundings) -> Iterator[Mistake]:
    """Every condition names a field of the record and holds exactly one test that something can meet."""
    paths = around.record_fields.get(use_case.records)
    if not use_case.cases:
        yield "cases", "there is no condition", "Say which records are cases"
    for path, condition in use_case.cases.items():
        if paths is not None:
            yield from _value_mistakes(f"cases.{path}", condition.one_of or (), paths.get(path), use_case)
        yield from _condition_mistakes(f"cases.{path}", condition)
        shape = None if paths is None else paths.get(path)
        yield from _list_mistakes(f"cases.{path}.in_list", condition, shape, around.code_lists)


def _list_mistakes(
    key: str, condition: Condition, shape: Shape | None, lists: Mapping[str, CodeList]
) -> Iterator[Mistake]:
    """A list that does not exist, or one of codes for a field that holds none."""
    if condition.in_list is None:
        return
    if not condition.in_list:
        yield key, "names no list", f"Use one of: {_listed(lists)}"
    if shape is not None and shape.choices and not shape.types - {NoneType}:
        yield key, "the field holds no code", "Use one_of with the values of the field"
    for name in condition.in_list:
        if name not in lists:
            fix = f"Use one of: {_listed(lists)}" if lists else "Put its file into code_lists/"
            yield key, f"there is no list `{name}`" if isinstance(name, str) else "is not a name", fix


def _value_mistakes(
    key: str, values: Iterable[Any], shape: Shape | None, use_case: UseCase
) -> Iterator[Mistake]:
    """A field that a record does not have, or a value that it never has: either would match nothing."""
    if shape is None:
        yield key, *_no_field(use_case)
        return
    for value in values:
        if not shape.allows(value):
            yield key, f"the field is never `{value}`", f"Use one of: {_listed(map(str, shape.choices))}"


def _no_field(use_case: UseCase) -> tuple[str, str]:
    return f"an {use_case.records} has no such field", "Use a field of the published event schema"


def _condition_mistakes(key: str, condition: Condition) -> Iterator[Mistake]:
    given = [name for name in Condition.model_fields if getattr(condition, name) is not None]
    if len(given) != 1:
        yield (
            key,
            f"{len(given)} tests are given",
            f"Give exactly one of: {_listed(Condition.model_fields)}",
        )
    for name in ("one_of", "starts_with"):
        values = getattr(condition, name)
        if values is not None and (not values or "" in values):
            yield f"{key}.{name}", "a value is empty, or there is none", "Give at least one value"
    if condition.between is None:
        return
    low, high = condition.between
    if len(low) != len(high) or not low:
        yield f"{key}.between", "the two codes differ in length", "Give codes of one length: [X60, X84]"
    elif low > high:
        yield f"{key}.between", "the first code comes after the second", f"Swap them: [{high}, {low}]"


def check_days(use_case: UseCase, around: Surroundings) -> Iterator[Mistake]:
    """The case day is a date or time of the record."""
    paths = around.record_fields.get(use_case.records)
    if paths is None:
        return
    if use_case.case_day not in paths:
        yield "case_day", *_no_field(use_case)
    elif not paths[use_case.case_day].is_day:
        days = _listed(path for path, shape in paths.items() if shape.is_day)
        yield "case_day", "is not a date or a time", f"Use one of: {days}"


def check_places(use_case: UseCase, around: Surroundings) -> Iterator[Mistake]:
    """Places have different names, and each is an area of the record."""
    paths = around.record_fields.get(use_case.records)
    names = [place.name for place in use_case.places]
    for i, place in enumerate(use_case.places):
        if place.name in names[:i]:
            yield f"places[{i}].name", "stands twice", "Give every place a name of its own"
        if paths is not None and (place.field not in paths or not place.field.endswith("_area")):
            areas = _listed(path for path in paths if path.endswith("_area"))
            yield f"places[{i}].field", "is not an area of the record", f"Use one of: {areas}"


def check_columns(use_case: UseCase, around: Surroundings) -> Iterator[Mistake]:
    """Columns of a file fill fields of the record."""
    paths = around.record_fields.get(use_case.records)
    for path, column in use_case.columns.items():
        if paths is not None and path != COUNT_COLUMN:
            constants = (column[1:],) if column.startswith("=") else ()
            yield from _value_mistakes(
                f"columns.{path}", constants, paths.get(_LIST_POSITION.sub("", path)), use_case
            )
        if column in ("", "="):
            yield f"columns.{path}", "names no column", "Give a column's name, or `=` and a constant"


def check_detectors(use_case: UseCase, around: Surroundings) -> Iterator[Mistake]:
    """Every detector can be built with its parameters, and no two are the same: windows may differ."""
    for i, choice in enumerate(use_case.detectors):
        if choice in use_case.detectors[:i]:
            fix = "Choose each detector once, or give it other parameters"
            yield f"detectors[{i}].name", "stands twice", fix
        if around.check_detector is None:
            continue
        try:
            around.check_detector(choice.name, choice.parameters)
        except ValueError as error:
            yield f"detectors[{i}]", str(error), "Correct the detector's name or parameters"


def check_bands(use_case: UseCase, _around: Surroundings) -> Iterator[Mistake]:
    """Bands have different names; each criterion asks something of a chosen detector."""
    chosen = {choice.name for choice in use_case.detectors}
    names = [band.name for band in use_case.bands]
    for i, band in enumerate(use_case.bands):
        if band.name in names[:i]:
            yield f"bands[{i}].name", "stands twice", "Give every band a name of its own"
        for j, criterion in enumerate(band.any_of):
            key = f"bands[{i}].any_of[{j}]"
            if criterion.detector not in chosen:
                yield f"{key}.detector", "is not among this file's detectors", f"Use: {_listed(chosen)}"
            if criterion.model_dump(exclude_none=True, exclude={"detector"}) == {}:
                yield (
                    key,
                    "asks nothing of a cluster",
                    "Give a number to reach",
                )


def check_receivers(use_case: UseCase, around: Surroundings) -> Iterator[Mistake]:
    """Every receiver exists."""
    for i, receiver in enumerate(use_case.receivers):
        if around.receivers is not None and receiver not in around.receivers:
            yield f"receivers[{i}]", "there is no such receiver", f"Use one of: {_listed(around.receivers)}"


def _texts(use_case: UseCase) -> Iterator[tuple[str, str]]:
    yield "title", use_case.title
    for name, value in use_case.wording.model_dump().items():
        if isinstance(value, str):
            yield f"wording.{name}", value
        else:
            yield from ((f"wording.{name}[{i}]", text) for i, text in enumerate(value))
    for i, task in enumerate(use_case.response_plan.tasks if use_case.response_plan else ()):
        for name in ("title", "what", "owner"):
            yield f"response_plan.tasks[{i}].{name}", getattr(task, name)


def check_wording(use_case: UseCase, _around: Surroundings) -> Iterator[Mistake]:
    """No text for people holds a word that harms, and support lines are given."""
    for key, text in _texts(use_case):
        words = harmful_words(text)
        if words:
            yield key, f"holds words that harm: {', '.join(words)}", "Say `died by`, `cluster`, `area`"
    if not use_case.wording.support_lines:
        yield "wording.support_lines", "there is none", "Name who readers can turn to, with a number"


def check_response_plan(use_case: UseCase, _around: Surroundings) -> Iterator[Mistake]:
    """Tasks have different ids, and each is due at one time."""
    tasks = use_case.response_plan.tasks if use_case.response_plan else ()
    ids = [task.id for task in tasks]
    for i, task in enumerate(tasks):
        key = f"response_plan.tasks[{i}]"
        if task.id in ids[:i]:
            yield f"{key}.id", "stands twice", "Give every task an id of its own"
        if (task.due_hours is None) == (task.due_working_hours is None):
            fix = "Give exactly one of: due_hours, due_working_hours"
            yield key, "has no due time, or two", fix


USE_CASE_CHECKS = (
    check_scopes,
    check_conditions,
    check_days,
    check_places,
    check_columns,
    check_detectors,
    check_bands,
    check_receivers,
    check_wording,
    check_response_plan,
)


def check_zone(scope: Scope) -> Iterator[Mistake]:
    """The time zone exists."""
    try:
        ZoneInfo(scope.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield "time_zone", "there is no such time zone", "Use a name such as Europe/London"


def check_partner_columns(partner: Partner, record_fields: Mapping[str, Paths]) -> Iterator[Mistake]:
    """Columns agreed with a partner fill fields of what it publishes, with values that these may have."""
    for topic, columns in partner.columns.items():
        paths = record_fields.get(topic.removesuffix("s"))
        if topic not in partner.topics:
            yield f"columns.{topic}", "is no topic of this partner", f"Use one of: {_listed(partner.topics)}"
        for path, column in columns.items():
            key = f"columns.{topic}.{path}"
            shape = None if paths is None else paths.get(_LIST_POSITION.sub("", path))
            if column in ("", "="):
                yield key, "names no column", "Give a column's name, or `=` and a constant"
            elif paths is not None and path != COUNT_COLUMN and shape is None:
                yield key, f"an {topic[:-1]} has no such field", "Use a field of the published event schema"
            elif shape is not None and column.startswith("=") and not shape.allows(column[1:]):
                fix = f"Use one of: {_listed(map(str, shape.choices))}"
                yield key, f"the field is never `{column[1:]}`", fix


def check_coverage(partner: Partner, areas: Collection[str]) -> Iterator[Mistake]:
    """Covered areas are a scope's areas, and coverage ends after it begins."""
    for i, coverage in enumerate(partner.coverage):
        key = f"coverage[{i}]"
        if areas and coverage.areas not in areas:
            yield f"{key}.areas", "no scope uses these areas", f"Use one of: {_listed(areas)}"
        if coverage.until is not None and coverage.until < coverage.since:
            yield f"{key}.until", "comes before `since`", "Give the last day of coverage, or leave it out"
