"""Which column of a partner's table fills which field of the event."""

import re
from collections.abc import Mapping, Sequence

from surveillance.events.columns import ColumnsError
from surveillance.events.decode import event_model
from surveillance.events.known_fields import known_fields
from surveillance.events.topics import Kind
from surveillance.use_case.model import Partner

_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


def columns_of(partner: Partner, kind: Kind) -> Mapping[str, str]:
    """The mapping that was agreed with a partner; empty where there is none."""
    return partner.columns.get(f"{kind}s", {})  # type: ignore[call-overload, no-any-return]


def find_columns(partner: Partner, kind: Kind, header: Sequence[str]) -> Mapping[str, str]:
    """The agreed mapping, or else the columns that are named as fields: `Record ID` is record_id."""
    return columns_of(partner, kind) or columns_named_as_fields(kind, header)


def parse_columns(text: str) -> dict[str, str]:
    """The mapping in `field=column,field==constant`; raises ColumnsError."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    mapping = {name.strip(): column.strip() for name, _, column in pairs}
    if not all(sign for _, sign, _ in pairs) or len(mapping) < len(pairs):
        raise ColumnsError(["columns: give field=column, each field once, separated by commas"])
    return mapping


def columns_named_as_fields(kind: Kind, header: Sequence[str]) -> dict[str, str]:
    """Field -> the first column with its name, whatever its case, spaces and signs."""
    fields = {_plain(path): path for path in fillable_fields(kind)}
    named = ((fields.get(_plain(column)), column) for column in reversed(header))
    return {path: column for path, column in named if path is not None}


def unread_columns(columns: Mapping[str, str], header: Sequence[str]) -> list[str]:
    """The columns that no field is read from."""
    return [name for name in header if name and name not in columns.values()]


def fillable_fields(kind: Kind) -> dict[str, str]:
    """Every field that a column can fill -> what it wants, in words."""
    known = known_fields(event_model(kind))
    return {path: field.words for path, field in known.items() if field.form != "object"}


def _plain(name: str) -> str:
    return _NOT_A_NAME.sub("_", name.casefold()).strip("_")
