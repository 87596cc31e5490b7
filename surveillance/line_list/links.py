"""What links cases: tokens. Two cases are linked where they share one.

A link between two records is stated by one of them (or by an analyst), but both must carry the token.
So every case carries `link:<its own key>`, and a link adds `link:<the other key>`: neither record has to
be read again when the other one changes.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from surveillance.line_list.content import is_known, values_at
from surveillance.line_list.record import Case, RecordKey, RecordVersion

CONFIRMED = "confirmed"
# Fields that hold one identifier, and the type its token gets.
_SINGLE = {"location_of_concern": "location_of_concern", "care_home_id": "care_home"}


def link_token(key: RecordKey) -> str:
    """The token of a record itself; a case that carries it is that record, or is linked to it."""
    return f"link:{key}"


def tokens_of(version: RecordVersion) -> tuple[str, ...]:
    """The tokens of a record's version, sorted: its own, settings, places of concern, confirmed links."""
    content, key = version.content, version.key
    singles = {
        f"{kind}:{value}"
        for field, kind in _SINGLE.items()
        for value in values_at(content, field)
        if is_known(value)
    }
    settings = {
        f"{setting['type']}:{setting['identifier']}"
        for setting in values_at(content, "settings")
        if _has_known(setting, "type", "identifier")
    }
    links = {
        link_token(linked_record(key, str(link["record"])))
        for link in values_at(content, "links")
        if _has_known(link, "record") and link.get("confidence") == CONFIRMED
    }
    return tuple(sorted(singles | settings | links | {link_token(key)}))


def linked_record(key: RecordKey, stated: str) -> RecordKey:
    """The record that a link of `key` names: an id of the same partner and kind, or `partner/kind/id`."""
    return RecordKey.parse(stated) if stated.count("/") == 2 else key._replace(record_id=stated)


def _has_known(item: Mapping[str, Any], *fields: str) -> bool:
    return all(item.get(field) is not None and is_known(item[field]) for field in fields)


def add_links(cases: Iterable[Case], pairs: Collection[tuple[RecordKey, RecordKey]]) -> tuple[Case, ...]:
    """The cases with links that people confirmed between pairs of records, in the same order."""
    added: dict[RecordKey, set[str]] = {}
    for first, second in pairs:
        added.setdefault(first, set()).add(link_token(second))
        added.setdefault(second, set()).add(link_token(first))
    return tuple(
        replace(case, tokens=tuple(sorted({*case.tokens, *added[case.key]}))) if case.key in added else case
        for case in cases
    )
