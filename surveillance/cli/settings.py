"""surveillance settings: the reference of every setting and every key of the configuration, as a page."""

import inspect
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from surveillance.settings import Settings
from surveillance.use_case.model import Partner, Scope, UseCase
from surveillance.use_case.receiver import ReceiversFile

_BEGINNING = """\
# Configuration reference

Made from the code by `surveillance settings --out docs/operators/settings.md`; a test fails where it is out
of date.

## Settings

Each stands in `config/surveillance.yaml` under its name, or in the environment as the variable beside it,
which wins. An empty variable is one that is not set. What is secret belongs into the environment or into a
file that the setting names, never into `surveillance.yaml` where others read it. `surveillance check` tells
every mistake with its fix.

| setting | variable | default | unit | secret | meaning |
| --- | --- | --- | --- | --- | --- |
"""

_FILES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("Use cases", "config/use_cases/ID.yaml", UseCase),
    ("Partners", "config/partners/ID.yaml", Partner),
    ("Receivers", "config/receivers.yaml", ReceiversFile),
    ("Scopes", "config/surveillance.yaml, each entry of `scopes`", Scope),
)

_UNITS = {
    "seconds": "seconds",
    "ms": "milliseconds",
    "megabytes": "megabytes",
    "messages": "messages",
    "port": "port",
    "days": "days",
    "hours": "hours",
    "minutes": "minutes",
    "km": "kilometres",
}


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(settings)


def settings(out: Path | None = typer.Option(None, help="Write it there instead of printing it.")) -> None:
    """Print every setting and every key of the configuration, as Markdown."""
    if out is None:
        typer.echo(reference(), nl=False)
    else:
        out.write_text(reference(), encoding="utf-8")


def reference() -> str:
    """The whole page."""
    lines = [_setting(name, field) for name, field in Settings.model_fields.items()]
    return _BEGINNING + "".join(lines) + "".join(_file(*chosen) for chosen in _FILES)


def _setting(name: str, field: FieldInfo) -> str:
    secret = "yes" if SecretStr in set(_leaves(field.annotation)) else ""
    unit = "" if name.startswith("log_") else unit_of(name)
    cells = (f"`{name}`", f"`SURVEILLANCE_{name.upper()}`", _default(field), unit, secret, _meaning(field))
    return _row(cells)


def unit_of(name: str) -> str:
    """The unit that the end of a name says, if it does."""
    return _UNITS.get(name.rpartition("_")[2], "")


def _meaning(field: FieldInfo) -> str:
    least = [one.min_length for one in field.metadata if getattr(one, "min_length", None)]
    asked = [f"at least {length} characters" for length in least]
    return "; ".join([*filter(None, [field.description]), *asked])


def _file(title: str, path: str, model: type[BaseModel]) -> str:
    parts = [f"\n## {title}\n\n{path if '`' in path else f'`{path}`'}\n"]
    return "".join([*parts, *(_model(one, one is model) for one in _models(model))])


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model, then every model in it, each once, in the order of their keys."""
    seen = [model]
    for one in seen:
        for field in one.model_fields.values():
            seen += [
                leaf
                for leaf in _leaves(field.annotation)
                if isinstance(leaf, type) and issubclass(leaf, BaseModel) and leaf not in seen
            ]
    yield from seen


def _model(model: type[BaseModel], whole: bool) -> str:
    heading = "" if whole else f"\n### {_words(model)}\n"
    head = "\n| key | value | default | unit |\n| --- | --- | --- | --- |\n"
    rows = (
        _row((f"`{name}`", _value(field), _default(field), unit_of(name)))
        for name, field in model.model_fields.items()
    )
    return f"{heading}\n{inspect.getdoc(model) or ''}\n{head}{''.join(rows)}"


def _value(field: FieldInfo) -> str:
    """What may stand there, in words."""
    said = dict.fromkeys(_type(leaf) for leaf in _leaves(field.annotation) if leaf is not NoneType)
    container = get_origin(_plain(field.annotation))
    several = {tuple: "list of ", frozenset: "list of ", dict: "names with "}.get(container, "")
    return several + " or ".join(said)


def _type(leaf: Any) -> str:
    if isinstance(leaf, type) and issubclass(leaf, BaseModel):
        return f"[{_words(leaf)}](#{_words(leaf).replace(' ', '-')})"
    if isinstance(leaf, type):
        return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}.get(
            leaf.__name__, leaf.__name__.lower()
        )
    return f"`{leaf}`"


def _leaves(annotation: Any) -> Iterator[Any]:
    """The plain types in an annotation, and the values of its Literals. Of names with values, the values."""
    origin = get_origin(annotation)
    if origin is Literal:
        yield from get_args(annotation)
    elif origin is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif origin is dict:
        yield from _leaves(get_args(annotation)[1])
    elif origin in (Union, UnionType, tuple, frozenset):
        for argument in get_args(annotation):
            yield from () if argument is Ellipsis else _leaves(argument)
    else:
        yield annotation


def _plain(annotation: Any) -> Any:
    """An annotation without what is beside it: of `tuple[X, ...] | None`, the tuple."""
    if get_origin(annotation) in (Union, UnionType):
        return next((one for one in get_args(annotation) if one is not NoneType), annotation)
    return annotation


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if field.is_required() or default is PydanticUndefined:
        return "needed"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, BaseModel):
        return "its defaults"
    if default is None or default == "" or (isinstance(default, Iterable) and not default):
        return "none"
    return _shown(default)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple | frozenset):
        return ", ".join(_shown(one) for one in value)
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _words(model: type[BaseModel]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", model.__name__).lower()


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"
