"""Column types of values that lie sealed in the database where it was opened with keys, plain where not.

A value that is stored plain stays readable with keys. Nothing of a sealed value can be compared in SQL.
"""

import json
from typing import Any

from sqlalchemy import Dialect, Engine, TypeDecorator

from surveillance.sealing import MARK, SealFault, SealingKeys
from surveillance.store.columns import Json
from surveillance.store.json_text import dump_json

_ATTRIBUTE = "restricted_keys"


def use_keys(engine: Engine, keys: SealingKeys) -> None:
    """From now on this engine seals what it writes. Before its first statement."""
    setattr(engine.dialect, _ATTRIBUTE, keys)


class SealedJson(TypeDecorator[Any]):
    """A JSON object; sealed, it is a JSON text that begins with the mark. `place`: table.column."""

    impl = Json
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        keys: SealingKeys | None = getattr(dialect, _ATTRIBUTE, None)
        if value is None or keys is None:
            return value
        return keys.seal(dump_json(value).encode(), self.place)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if not isinstance(value, str) or not value.startswith(MARK):
            return value
        keys: SealingKeys | None = getattr(dialect, _ATTRIBUTE, None)
        if keys is None:
            raise SealFault(f"{self.place} is sealed, and restricted_keys_file names no keys")
        return json.loads(keys.open(value, self.place))
