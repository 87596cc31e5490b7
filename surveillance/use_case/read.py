"""One YAML file -> one model, and every mistake in it as a ConfigFault."""

from collections.abc import Callable, Hashable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from surveillance.use_case.fault import ConfigFault

M = TypeVar("M", bound=BaseModel)
SUFFIX = ".yaml"


class _UniqueKeys(yaml.SafeLoader):
    """YAML's safe loader keeps the last of two equal keys without a word; this one refuses them."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Hashable, Any]:
    loader.flatten_mapping(node)
    keys = [loader.construct_object(key) for key, _ in node.value]
    for i, key in enumerate(keys):
        if key in keys[:i]:
            mark = node.value[i][0].start_mark
            raise yaml.constructor.ConstructorError(None, None, f"the key `{key}` stands twice", mark)
    return loader.construct_mapping(node, deep=True)


def _text(loader: _UniqueKeys, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
# A date stays a text until its model reads it: YAML would stop at 2024-13-01 without saying where.
_UniqueKeys.add_constructor("tag:yaml.org,2002:timestamp", _text)


def read_yaml(path: Path, file: str) -> tuple[dict[str, Any] | None, list[ConfigFault]]:
    """The mapping a file holds, or the fault that kept it from being read."""
    try:
        content = yaml.load(
            path.read_bytes(), Loader=_UniqueKeys
        )  # a SafeLoader: it builds plain values only
    except (OSError, UnicodeDecodeError) as error:
        return None, [ConfigFault(file, "", f"cannot be read ({type(error).__name__})", "Give a UTF-8 file")]
    except RecursionError:
        return None, [ConfigFault(file, "", "is nested too deep", "Close the brackets that are open")]
    except (yaml.YAMLError, TypeError, ValueError) as error:
        return None, [_syntax_fault(error, file)]
    if not isinstance(content, dict):
        return None, [ConfigFault(file, "", "holds no keys", "Give lines of `key: value`")]
    return content, []


def validate(model: type[M], content: Any, file: str, under: str = "") -> tuple[M | None, list[ConfigFault]]:
    """The model, or every fault of `content`; `under` stands in front of the keys."""
    try:
        return model.model_validate(content), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, [_fault(d, model, file, under) for d in details if not _follows(d, details)]


def read_directory(
    directory: Path, folder: str, model: type[M], check: Callable[[M, str], Iterable[ConfigFault]]
) -> tuple[dict[str, M], list[ConfigFault]]:
    """Every YAML file of `directory/folder` as a model by its `id`, in the order of the file names."""
    found: dict[str, M] = {}
    faults: list[ConfigFault] = []
    for path in sorted((directory / folder).glob("*.y*ml")):
        file = f"{folder}/{path.name}"
        content, wrong = read_yaml(path, file)
        value, invalid = (None, []) if content is None else validate(model, content, file)
        faults += wrong + invalid
        if value is not None:
            faults += [*_name_faults(value, path, file), *check(value, file)]
            found[path.stem] = value
    if not found and not faults:
        faults.append(ConfigFault(folder, "", "holds no YAML file", f"Put one per {model.__name__} there"))
    return found, faults


def dotted(location: Iterable[str | int]) -> str:
    """A place in a file: `("bands", 0, "any_of")` -> `bands[0].any_of`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _name_faults(value: BaseModel, path: Path, file: str) -> list[ConfigFault]:
    own = str(getattr(value, "id", ""))
    if path.name == own + SUFFIX:
        return []
    return [ConfigFault(file, "id", "is not the file's name", f"Rename the file to {own}{SUFFIX}")]


def _syntax_fault(error: Exception, file: str) -> ConfigFault:
    mark = getattr(error, "problem_mark", None)
    line = f"line {mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or "is not YAML"
    return ConfigFault(file, line, str(problem), "Correct the line; strings with `:` or `#` need quotes")


# pydantic's error type -> what to do about it; anything else keeps pydantic's own words.
_FIXES = {
    "missing": "Add it",
    "string_pattern_mismatch": "Use small letters, digits and hyphens",
    "literal_error": "Use one of the values it allows",
    "too_short": "Give at least one",
    "date_from_datetime_parsing": "Write a date as 2024-01-31",
}


def _follows(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a list is too short only because an item in it is wrong, which has its own fault."""
    depth = len(detail["loc"])
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > depth and other["loc"][:depth] == detail["loc"] for other in details
    )


def _fault(detail: ErrorDetails, model: type[BaseModel], file: str, under: str) -> ConfigFault:
    location = [part for part in detail["loc"] if part not in _UNION_BRANCHES]
    key = dotted([under, *location] if under else location)
    if detail["type"] == "extra_forbidden":
        return ConfigFault(
            file, key, "there is no such key", key_fix(str(location[-1]), _keys_at(model, location[:-1]))
        )
    if detail["type"] == "missing":
        return ConfigFault(file, key, "is missing", _FIXES["missing"])
    problem = detail["msg"][:1].lower() + detail["msg"][1:]
    return ConfigFault(file, key, problem, _FIXES.get(detail["type"], "Correct the value"))


# pydantic names the branch of a union that did not fit; to the reader of a file it is noise.
_UNION_BRANCHES = frozenset({"str", "int", "bool", "float"})


def key_fix(key: str, known: list[str]) -> str:
    """What to do about a key that does not exist, given those that do."""
    close = get_close_matches(key, known, n=1)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"Remove it; the keys are: {', '.join(known)}" if known else "Remove it"


def _keys_at(model: type[BaseModel], location: list[str | int]) -> list[str]:
    """The keys of the model that stands at a location of `model`; empty where it is not followed."""
    for part in location:
        if not isinstance(part, str) or part not in model.model_fields:
            continue  # an index, or a key of a free mapping: the model below it stays the same
        below = _model_in(model.model_fields[part].annotation)
        if below is None:
            return []
        model = below
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for a in getattr(annotation, "__args__", ()) if (m := _model_in(a))), None)
