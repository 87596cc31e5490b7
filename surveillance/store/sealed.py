"""Column types of values that lie sealed in the database where it was opened with keys, plain where not.

A value that is stored plain stays readable with keys. Nothing of a sealed value can be compared in SQL. What
says nothing ("", `expired`, no texts at all, an emptied snapshot) is never sealed: conditions look for it.
"""

import json
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Dialect,
    Engine,
    LargeBinary,
    Table,
    TableClause,
    Text,
    TypeDecorator,
    cast,
    column,
    func,
    table,
    type_coerce,
)
from sqlalchemy.sql.elements import ColumnClause

from surveillance.sealing import MARK, SealFault, SealingKeys
from surveillance.store.columns import Json, Texts
from surveillance.store.json_text import dump_rows

_ATTRIBUTE = "restricted_keys"
_PLAIN = f"{MARK}:"  # before a text that begins with the mark and is not sealed: somebody wrote it so
_TEXTS = Texts()
SAYS_NOTHING = ("", "expired")
SAYS_NOTHING_BYTES = 64  # more than a snapshot that has expired takes, less than any other


def use_keys(engine: Engine, keys: SealingKeys) -> None:
    """From now on this engine seals what it writes. Before its first statement."""
    setattr(engine.dialect, _ATTRIBUTE, keys)


def keys_of(dialect: Dialect) -> SealingKeys | None:
    """The keys that its engine was given."""
    return getattr(dialect, _ATTRIBUTE, None)


def _open(stored: str, place: str, dialect: Dialect) -> bytes:
    keys = keys_of(dialect)
    if keys is None:
        raise SealFault(
            f"{place} is sealed, and there are no keys. Set restricted_keys_file "
            "(SURVEILLANCE_RESTRICTED_KEYS_FILE) to the file of keys that was in use then"
        )
    return keys.open(stored, place)


class Sealed(TypeDecorator[Any]):
    """What all of these are. `place`: table.column, to which a sealed value is bound."""

    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    @property
    def raw(self) -> Any:
        """The type of what is stored, sealed or not."""
        return self.impl


class SealedJson(Sealed):
    """A JSON object; sealed, it is a JSON text that begins with the mark."""

    impl = Json
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        keys = keys_of(dialect)
        if value is None or keys is None:
            return value
        return keys.seal(dump_rows(value).encode(), self.place)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if not isinstance(value, str) or not value.startswith(MARK):
            return value
        return json.loads(_open(value, self.place, dialect))


class SealedText(Sealed):
    """A text that a person wrote."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        keys = keys_of(dialect)
        if value is None or value in SAYS_NOTHING:
            return value
        if keys is not None:
            return keys.seal(value.encode(), self.place)
        return _PLAIN + value if value.startswith(MARK) else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or not value.startswith(MARK):
            return value
        if value.startswith(_PLAIN):
            return value[len(_PLAIN) :]
        return _open(value, self.place, dialect).decode()


class SealedTexts(SealedText):
    """As `Texts`, a tuple of texts."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return super().process_bind_param(_TEXTS.process_bind_param(value, dialect), dialect)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        if not value:
            return None if value is None else ()
        return tuple((super().process_result_value(value, dialect) or "").split("\n"))


class SealedBytes(Sealed):
    """Bytes; sealed, they are the sealed text's."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        keys = keys_of(dialect)
        if value is None or keys is None or len(value) <= SAYS_NOTHING_BYTES:
            return value
        return keys.seal(value, self.place).encode()

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        if value is None or not value.startswith(MARK.encode()):
            return value
        return _open(value.decode(), self.place, dialect)


def is_sealed(stored: ColumnElement[Any], under: str = "") -> ColumnElement[bool]:
    """Whether a value is sealed; `under`: with the key of this id. It may stand as JSON, text or bytes."""
    mark = f"{MARK}{under}:" if under else MARK
    kind = stored.type.raw if isinstance(stored.type, Sealed) else stored.type
    if isinstance(kind, LargeBinary):
        return func.substr(type_coerce(stored, LargeBinary), 1, len(mark)) == mark.encode()
    mark = f'"{mark}' if isinstance(kind, JSON) else mark
    return func.substr(cast(stored, Text), 1, len(mark)) == mark


def sealed_columns(of: Table) -> dict[str, Sealed]:
    """The columns of a table that are sealed where there are keys, with their types."""
    return {one.name: one.type for one in of.c if isinstance(one.type, Sealed)}


def as_stored(of: Table) -> TableClause:
    """The table with its values as they lie there: nothing is sealed or opened on the way."""
    return table(of.name, *map(_raw, of.c))


def _raw(one: ColumnClause[Any]) -> ColumnClause[Any]:
    return column(one.name, one.type.raw if isinstance(one.type, Sealed) else one.type)
