"""The fields of a record by their dotted paths, from the model that decodes it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel


@dataclass(frozen=True)
class Shape:
    """What a field may hold: plain types and models, or one of a closed list of choices."""

    types: frozenset[type]
    choices: frozenset[Any]

    def allows(self, value: object) -> bool:
        """False only for a value that is in none of the choices, where nothing but choices may stand."""
        return value in self.choices or not self.choices or bool(self.types - {NoneType})

    @property
    def is_day(self) -> bool:
        """Whether it holds a date or a time, so that it can be a case day."""
        return bool(self.types & {date, datetime})


Paths = Mapping[str, Shape]


def field_paths(model: type[BaseModel]) -> dict[str, Shape]:
    """Every field of `model` and of the models in it -> its shape.

    A field of a list of models is named as if there were one: `diagnoses.code`.
    """
    paths: dict[str, Shape] = {}
    for name, field in model.model_fields.items():
        leaves = list(_leaves(field.annotation))
        types = frozenset(leaf for leaf in leaves if isinstance(leaf, type))
        paths[name] = Shape(types, frozenset(leaf for leaf in leaves if not isinstance(leaf, type)))
        for below in (t for t in types if issubclass(t, BaseModel)):
            paths |= {f"{name}.{path}": shape for path, shape in field_paths(below).items()}
    return paths


def _leaves(annotation: Any) -> Iterator[Any]:
    """The plain types in an annotation, and the values of its Literals."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from _leaves(argument)
