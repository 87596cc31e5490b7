"""Reading the values of a record by dotted paths, and the tests that a use case makes on them."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from surveillance.use_case.code_list import CodeList
from surveillance.use_case.model import Condition

UNKNOWN = "unknown"


def values_at(content: Mapping[str, Any], path: str) -> tuple[Any, ...]:
    """Every value at a dotted path (`diagnoses.code`). Lists are flattened; absent and null are nothing."""
    value: Any = content
    for name in _names(path):
        if type(value) is not dict:
            return _values_among(content, path)
        value = value.get(name)
        if value is None:
            return ()
    # Nearly always objects in objects, and this is asked dozens of times a record.
    return _values_among(content, path) if isinstance(value, list | tuple) else (value,)


@cache
def _names(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _values_among(content: Mapping[str, Any], path: str) -> tuple[Any, ...]:
    values: list[Any] = [content]
    for name in _names(path):
        values = [
            value[name]
            for parent in values
            for value in _flatten(parent)
            if isinstance(value, Mapping) and name in value
        ]
    return tuple(leaf for value in values for leaf in _flatten(value) if leaf is not None)


def _flatten(value: Any) -> Iterator[Any]:
    if not isinstance(value, list | tuple):
        yield value
        return
    for item in value:
        yield from _flatten(item)


def is_known(value: Any) -> bool:
    """True unless the value is the word `unknown`, or an area that is missing for whatever reason."""
    if isinstance(value, Mapping):
        return "missing" not in value
    return bool(value != UNKNOWN)


def holds(condition: Condition, values: tuple[Any, ...]) -> bool:
    """Whether a condition holds for any of a field's values. `known: false` asks that none is known."""
    if condition.known is not None and any(map(is_known, values)) != condition.known:
        return False
    given = condition.given
    return not given or any(_passes(value, given) for value in values)


def _passes(value: Any, given: Mapping[str, Any]) -> bool:
    # All tests must hold for one and the same value, should a condition ever carry more than one.
    for name, wanted in given.items():  # noqa: SIM110  asked dozens of times a record: a generator costs more
        if not _TESTS[name](value, wanted):
            return False
    return True


def _is_one_of(value: Any, wanted: tuple[Any, ...]) -> bool:
    # In Python True == 1: without the type, a condition on a flag would match a number.
    return value in wanted and any(
        value == w and isinstance(value, bool) == isinstance(w, bool) for w in wanted
    )


def _starts_with(value: Any, wanted: tuple[str, ...]) -> bool:
    return isinstance(value, str) and value.startswith(wanted)


def _lies_between(value: Any, wanted: tuple[str, str]) -> bool:
    low, high = wanted
    return isinstance(value, str) and value[: len(low)] >= low and value[: len(high)] <= high


def _is_listed(value: Any, wanted: tuple[CodeList | str, ...]) -> bool:
    for one in wanted:
        if not isinstance(one, CodeList):  # it would match nothing, for ever and in silence
            raise ValueError("a condition names a code list that was not loaded")
        if one.holds(value):
            return True
    return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "one_of": _is_one_of,
    "starts_with": _starts_with,
    "between": _lies_between,
    "in_list": _is_listed,
    "at_least": lambda value, wanted: _is_number(value) and value >= wanted,
    "at_most": lambda value, wanted: _is_number(value) and value <= wanted,
}
