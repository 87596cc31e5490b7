"""Whether a new version of a schema still accepts all that an older one accepted.

A schema here describes what a partner may send, so a change breaks when it narrows: a field that is gone or
newly required, a value off a closed list, a tighter limit, another pattern, one more rule between fields.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

# A limit, and whether a new value of it refuses what the old one let pass; None: there is none.
_LIMITS: Mapping[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda old, new: new is not None and (old is None or new > old),
    "exclusiveMinimum": lambda old, new: new is not None and (old is None or new > old),
    "minLength": lambda old, new: new is not None and new > (old or 0),
    "minItems": lambda old, new: new is not None and new > (old or 0),
    "maximum": lambda old, new: new is not None and (old is None or new < old),
    "exclusiveMaximum": lambda old, new: new is not None and (old is None or new < old),
    "maxLength": lambda old, new: new is not None and (old is None or new < old),
    "maxItems": lambda old, new: new is not None and (old is None or new < old),
    "pattern": lambda old, new: new is not None and new != old,
    "format": lambda old, new: new is not None and new != old,
    "const": lambda old, new: new is not None and new != old,
    "type": lambda old, new: new is not None and new != old and (old, new) != ("integer", "number"),
}


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What the new schema refuses and the old one accepts, each with its path; empty: compatible.

    Both are JSON Schemas of one kind of event as `contract.json_schema` makes them. Patterns are compared
    as texts: one that only became wider is reported too.
    """
    return [*_narrower(old, new, old, new, ""), *_more_rules(old, new)]


def broken_for_readers(old: Schema, new: Schema) -> list[str]:
    """What the service may send by the new schema and did not by the old one; empty: who reads goes on.

    A field may be added, which readers pass over. One may not go, become optional or mean more.
    """
    kept = {name: part for name, part in new.get("properties", {}).items() if name in old["properties"]}
    gone = [f"{name}: is gone" for name in old["properties"] if name not in kept]
    return gone + breaking_changes({**new, "properties": kept}, {**old, "additionalProperties": True})


def _narrower(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if "anyOf" in old or "anyOf" in new:
        yield from _fewer_choices(old, new, old_root, new_root, path)
        return
    where = path or "the event"
    for limit, refuses_more in _LIMITS.items():
        if refuses_more(old.get(limit), new.get(limit)):
            yield f"{where}: {limit} was {old.get(limit, 'open')}, is {new[limit]}"
    if gone := [value for value in old.get("enum", ()) if value not in new.get("enum", old.get("enum", ()))]:
        yield f"{where}: no longer accepts {', '.join(map(str, gone))}"
    if "enum" in new and "enum" not in old:
        yield f"{where}: accepts only a closed list now"
    yield from _fields(old, new, old_root, new_root, path)
    if "items" in old and "items" in new:
        yield from _narrower(old["items"], new["items"], old_root, new_root, f"{path}[]")


def _fields(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    inside = f"{path}." if path else ""
    for name in before:
        if name not in after:
            yield f"{inside}{name}: is gone, and other fields are refused"
        else:
            yield from _narrower(before[name], after[name], old_root, new_root, inside + name)
    for name in sorted({*new.get("required", ())} - {*old.get("required", ())}):
        yield f"{inside}{name}: is required now"


def _fewer_choices(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> Iterator[str]:
    """Each of the old choices must find one among the new that refuses nothing of it."""
    after = new.get("anyOf", [new])
    for choice in old.get("anyOf", [old]):
        found = [list(_narrower(choice, other, old_root, new_root, path)) for other in after]
        if all(found):
            yield min(found, key=len)[0]


def _more_rules(old: Schema, new: Schema) -> Iterator[str]:
    before = {(rule["code"], rule["field"], rule["rule"]) for rule in old.get("x-rules", ())}
    for rule in new.get("x-rules", ()):
        if (rule["code"], rule["field"], rule["rule"]) not in before:
            yield f"{rule['field']}: a rule that was not there: {rule['rule']}"


def _resolved(schema: Schema, root: Schema) -> Schema:
    """The schema that a reference names; what stands beside the reference are words only."""
    if "$ref" not in schema:
        return schema
    found: Any = root
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found  # type: ignore[no-any-return]
