"""Which record survives where partners merge records into each other."""

from collections.abc import Collection, Iterable, Mapping

from surveillance.line_list.record import RecordKey, RecordVersion

MERGED = "merged"


def merge_target(version: RecordVersion) -> RecordKey | None:
    """The record that this one was merged into, or None. A partner merges records of its own."""
    target = version.content.get("merged_into")
    if version.content.get("action") != MERGED or not isinstance(target, str):
        return None
    return RecordKey(version.key.partner, version.key.kind, target)


def merge_targets(versions: Iterable[RecordVersion]) -> set[RecordKey]:
    """Every record that some version of a record was merged into, whether that version is current or not.

    With these a `chronicle` can be written again from the records that were ever connected.
    """
    return {target for version in versions if (target := merge_target(version)) is not None}


def survivors(
    edges: Mapping[RecordKey, RecordKey], known: Collection[RecordKey]
) -> dict[RecordKey, RecordKey]:
    """The surviving record of every known record; a record that was not merged survives itself.

    `edges` says what each record was merged into, by its current version. A merge into a record that is
    not known (yet) counts for nothing, so nobody is lost while the target is on its way. Of records merged
    in a circle the smallest key survives. The answer is a function of the two arguments alone.
    """
    present = known if isinstance(known, set | frozenset) else frozenset(known)
    found: dict[RecordKey, RecordKey] = {}
    for start in present:
        path = _walk(start, edges, present, found)
        last = path[-1]
        target = edges.get(last, last)
        if last in found:
            survivor = found[last]
        elif target in path:
            survivor = min(path[path.index(target) :])
        else:
            survivor = last
        found.update(dict.fromkeys(path, survivor))
    return found


def _walk(
    start: RecordKey,
    edges: Mapping[RecordKey, RecordKey],
    present: Collection[RecordKey],
    found: Mapping[RecordKey, RecordKey],
) -> list[RecordKey]:
    """Follow merges from `start` to a record whose survivor is known, to the end, or once round a circle."""
    path = [start]
    seen = {start}
    while path[-1] not in found:
        target = edges.get(path[-1])
        if target is None or target in seen or target not in present:
            break
        path.append(target)
        seen.add(target)
    return path
