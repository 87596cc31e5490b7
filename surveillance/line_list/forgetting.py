"""Which other records a record's content names, and the content without those that were erased."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from surveillance.line_list.content import values_at
from surveillance.line_list.links import linked_record
from surveillance.line_list.record import RecordKey


def named_records(key: RecordKey, content: Mapping[str, Any]) -> set[RecordKey]:
    """The records that a content of `key` states a link to, or that it was merged into."""
    return {linked_record(key, stated) for stated in _stated(content)}


def without_records(
    key: RecordKey, content: Mapping[str, Any], erased: Collection[RecordKey]
) -> Mapping[str, Any]:
    """The content without links to erased records, and merged into none of them. Else it is as it was."""
    if named_records(key, content).isdisjoint(erased):
        return content
    kept = dict(content)
    if isinstance(content.get("links"), list):
        kept["links"] = [x for x in content["links"] if linked_record(key, str(x["record"])) not in erased]
    target = content.get("merged_into")
    if isinstance(target, str) and key._replace(record_id=target) in erased:
        kept["merged_into"] = None
    return kept


def _stated(content: Mapping[str, Any]) -> Iterator[str]:
    yield from (str(link["record"]) for link in values_at(content, "links") if link.get("record"))
    if isinstance(content.get("merged_into"), str):
        yield content["merged_into"]
