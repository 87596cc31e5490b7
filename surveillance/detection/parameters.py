"""One way to state and check the parameters of a detector: its dataclass fields carry their own rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a parameter must be, in words that tell a person how to mend it.

    evidence: False for what cannot change the result, such as the number of threads.
    """

    words: str
    accepts: Callable[[Any], bool]
    evidence: bool = True


def whole(default: int | None, at_least: int, at_most: int | None = None, evidence: bool = True) -> Any:
    """A field that is a whole number within limits; also null if that is its default."""
    upper = "" if at_most is None else f" and at most {at_most}"

    def accepts(value: Any) -> bool:
        return type(value) is int and value >= at_least and (at_most is None or value <= at_most)

    return _field(default, Rule(f"a whole number of at least {at_least}{upper}", accepts, evidence))


def number(default: float | None, above: float, at_most: float | None = None) -> Any:
    """A field that is a finite number within limits; also null if that is its default."""
    upper = float("inf") if at_most is None else at_most
    words = f"a number above {above}" + ("" if at_most is None else f" and at most {at_most}")

    def accepts(value: Any) -> bool:
        return type(value) in (int, float) and above < value <= upper and value < float("inf")

    return _field(default, Rule(words, accepts))


def flag(default: bool) -> Any:
    """A field that is true or false."""
    return _field(default, Rule("true or false", lambda value: type(value) is bool))


def choice(default: str, *options: str) -> Any:
    """A field that is one of some words."""
    return _field(default, Rule(f"one of {', '.join(options)}", lambda value: value in options))


def word(default: str | None) -> Any:
    """A field that is a word; also null if that is its default."""
    return _field(default, Rule("a word", lambda value: isinstance(value, str) and bool(value.strip())))


def words(default: tuple[str, ...] | None) -> Any:
    """A field that is a list of words, at least one; also null if that is its default."""

    def accepts(value: Any) -> bool:
        return isinstance(value, tuple) and bool(value) and all(isinstance(one, str) and one for one in value)

    return _field(default, Rule("a list of words, at least one", accepts))


def check(detector: Any) -> None:
    """Raise ValueError naming the parameter, the problem and the fix."""
    for one in fields(detector):
        rule: Rule = one.metadata["rule"]
        value = getattr(detector, one.name)
        if not rule.accepts(value) and not (value is None and one.default is None):
            null = ", or null" if one.default is None else ""
            raise ValueError(f"{one.name}: {value!r} cannot be used; give {rule.words}{null}")


def evidence(detector: Any) -> dict[str, Any]:
    """The parameters that the result rests on, as JSON can hold them."""
    told = {
        one.name: getattr(detector, one.name) for one in fields(detector) if one.metadata["rule"].evidence
    }
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}


def build_from(kind: Callable[..., D], parameters: Mapping[str, Any]) -> D:
    """The detector with these parameters, as a file gives them. Raises ValueError as `check` does."""
    known = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    for name in parameters:
        if name not in known:
            raise ValueError(f"{name}: no such parameter; use one of {', '.join(known)}")
    return kind(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
    )


def _field(default: Any, rule: Rule) -> Any:
    return field(default=default, metadata={"rule": rule})
