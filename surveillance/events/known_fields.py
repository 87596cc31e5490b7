"""The names an event may use, with their types and words: what refusals and file readers look up."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

Form = Literal["text", "whole_number", "number", "time", "object"]

_FORMS: Mapping[type, Form] = types.MappingProxyType(
    {datetime: "time", int: "whole_number", float: "number", str: "text"}
)


@dataclass(frozen=True, slots=True)
class KnownField:
    """A field of the wire. `many` marks a list; `words` completes "Send ..."; `choices` is its closed list of
    values in the contract's order, empty where there is none."""

    form: Form
    many: bool
    words: str
    choices: tuple[str, ...]


@cache
def known_fields(model: type[BaseModel]) -> Mapping[str, KnownField]:
    """Every field below `model` by its dotted path without positions, such as `settings.type`."""
    return types.MappingProxyType(dict(_walk(model, "")))


@cache
def names_below(model: type[BaseModel], path: str) -> tuple[str, ...]:
    """The field names allowed directly below a path (`""` for the event itself)."""
    depth = path.count(".") + 1 if path else 0
    inside = f"{path}." if path else ""
    known = known_fields(model)
    return tuple(p.rsplit(".", 1)[-1] for p in known if p.startswith(inside) and p.count(".") == depth)


def _walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, KnownField]]:
    for name, field in model.model_fields.items():
        kind, many = _unwrap(field.annotation)
        nested = isinstance(kind, type) and issubclass(kind, BaseModel)
        form: Form = "object" if nested else _FORMS.get(kind, "text")
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        yield prefix + name, KnownField(form, many, field.description or "", choices)
        if nested:
            yield from _walk(kind, f"{prefix}{name}.")


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    """The type inside Annotated, an optional and a tuple, and whether there was a tuple."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _unwrap(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _unwrap(next(part for part in get_args(annotation) if part is not types.NoneType))
    if origin is tuple:
        return _unwrap(get_args(annotation)[0])[0], True
    return annotation, False
