"""Entries of lists in a form, as they were typed: `settings.0.type`, `settings.1.type`."""

import re

from surveillance.events.topics import Kind
from surveillance.web.deeds import Typed
from surveillance.web.submitting.fields import list_paths

MOST = 20  # entries of a list; the contract takes fewer of each
_ENTRY = re.compile(r"([a-z_]+)\.([0-9]{1,2})\.([a-z_.]+)")


def entries_of(typed: Typed, kind: Kind) -> dict[str, int]:
    """How many entries of each list to show: those that are typed, one at least, one more where asked for."""
    shown = {path: max(1, len(_numbers(typed, path))) for path in list_paths(kind)}
    if (more := typed.one("add")) in shown:
        shown[more] = min(MOST, shown[more] + 1)
    return shown


def without_gaps(typed: Typed, kind: Kind) -> Typed:
    """The same with entries that were left empty taken out, so that a fault names the entry that it is of."""
    places = {path: {n: i for i, n in enumerate(_numbers(typed, path))} for path in list_paths(kind)}
    kept: dict[str, tuple[str, ...]] = {}
    for name, values in typed.values.items():
        found = _ENTRY.fullmatch(name)
        if found is None or found[1] not in places:
            kept[name] = values
        elif (number := int(found[2])) in places[found[1]]:
            kept[f"{found[1]}.{places[found[1]][number]}.{found[3]}"] = values
    return Typed(kept)


def _numbers(typed: Typed, path: str) -> list[int]:
    """The entries of a list in which anything is typed, in order."""
    said = (_ENTRY.fullmatch(name) for name in typed.values if typed.one(name))
    return sorted({int(one[2]) for one in said if one is not None and one[1] == path})[:MOST]
