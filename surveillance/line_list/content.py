"""Reading the values of a record by dotted paths, and the tests that a use case makes on them."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from surveillance.use_case.code_list import CodeList
from surveillance.use_case.model import Condition

UNKNOWN = "unknown"


def values_at(content: Mapping[str, Any], path: str) -> tuple[Any, ...]:
    """Every value at a dotted path (`diagnoses.code`). Lists are flattened; absent and null are nothing.

    Asked dozens of times a record, so with as few calls as it can be.
    """
    if "." not in path:
        value = content.get(path)
        if value is None:
            return ()
        return tuple(_leaves(value)) if isinstance(value, list | tuple) else (value,)
    values: list[Any] = [content]
    for name in _names(path):
        found: list[Any] = []
        for value in values:
            below = value.get(name) if type(value) is dict or isinstance(value, Mapping) else None
            if isinstance(below, list | tuple):
                found += _leaves(below)
            elif below is not None:
                found.append(below)
        values = found
    return tuple(values)


@cache
def _names(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _leaves(values: list[Any] | tuple[Any, ...]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _leaves(value)
        elif value is not None:
            yield value


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
    # Loops, for a generator costs more. Of several tests, all must hold for one and the same value.
    for value in values:
        for name, wanted in given.items():
            if not _TESTS[name](value, wanted):
                break
        else:
            return True
    return not given


def _is_one_of(value: Any, wanted: tuple[Any, ...]) -> bool:
    if value not in wanted:
        return False
    # In Python True == 1: without the type, a condition on a flag would match a number.
    return type(value) is str or any(
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
