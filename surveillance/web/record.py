"""One record with all its versions: what changed between them, what it counts for, and what it belongs to."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.configuration import Configuration, Region
from surveillance.line_list.record import RecordKey, RecordVersion
from surveillance.line_list.versions import history
from surveillance.store import cases as store_cases
from surveillance.store.cases import Spot
from surveillance.store.database import Transaction
from surveillance.store.line_list import versions_of
from surveillance.store.records import merged_with
from surveillance.web import words
from surveillance.web.asked import readable
from surveillance.web.cases import (
    PAIR_STATES,
    REASONS,
    AlertLink,
    PairLink,
    area_in,
    band_of,
    partner_title,
)
from surveillance.web.columns import FIELDS

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_KINDS = ("incident", "admission")
_OF_EVERY_VERSION = ("record_id", "encounter_id", "version")
NOT_SHOWN = "not shown"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that a version changed; `before` is empty where it was not given."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of a record. `current_from`: when it became what is known; None where it never was."""

    version: int
    received_at: datetime
    received_words: str
    current_words: str
    is_current: bool
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class CountRow:
    """What a use case makes of the record at a place now."""

    use_case: str
    use_case_title: str
    place: str
    area: str
    status: str
    counts: bool


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Everything about one record that its reader may see."""

    record: str
    partner: str
    partner_title: str
    kind: str
    record_id: str
    at_words: str
    time_zone: str
    counts: tuple[CountRow, ...]
    versions: tuple[VersionRow, ...]
    merged: tuple[str, ...]
    duplicates: tuple[PairLink, ...]
    alerts: tuple[AlertLink, ...]
    may_erase: bool


@dataclass(frozen=True)
class View:
    """What one person may see of one record: where, and which fields."""

    regions: tuple[Region, ...]
    may: Callable[[Permission], bool]
    zone: ZoneInfo


def read_key(partner: str, kind: str, record_id: str) -> RecordKey:
    """The record that is meant. Raises 404 where there can be none of this name."""
    if kind not in _KINDS or not _KEY.fullmatch(partner) or not _KEY.fullmatch(record_id):
        raise HTTPException(404)
    return RecordKey(partner, kind, record_id)


def record_page(
    tx: Transaction, configuration: Configuration, person: Person, key: RecordKey, now: datetime
) -> RecordPage:
    """A record within what the person may see. Raises 404 where it is none, or none of theirs."""
    number, spots = store_cases.spots_of(tx, key)
    within = readable(configuration, person)
    now_known = (spot for spot in spots if spot.known_until is None)
    seen = [spot for spot in now_known if _is_within(spot, spots, within, configuration)]
    if number is None or not seen:
        raise HTTPException(404)
    regions = tuple({r.scope.id: r for spot in seen for r in within[spot.use_case]}.values())
    view = View(regions, _permissions(person, seen, within), regions[0].zone)
    versions = versions_of(tx, [key]).get(key, ())
    return RecordPage(
        record=str(key),
        partner=key.partner,
        partner_title=partner_title(configuration, key.partner),
        kind=key.kind,
        record_id=key.record_id,
        at_words=words.at_time(now, view.zone),
        time_zone=str(view.zone),
        counts=tuple(_counts(seen, configuration, within)),
        versions=tuple(_versions(versions, view)),
        merged=tuple(str(other) for other in merged_with(tx, key)),
        duplicates=tuple(
            PairLink(str(other), PAIR_STATES[state])
            for other, state in store_cases.pairs_with(tx, [key]).get(key, ())
        ),
        alerts=tuple(
            AlertLink(a.id, words.spaced(a.state))
            for a in store_cases.alerts_with(tx, [number]).get(number, ())
            if person.may(Permission.READ_CASES, a.scope, a.use_case)
        ),
        may_erase=view.may(Permission.ERASE),
    )


def _is_within(
    spot: Spot,
    spots: Sequence[Spot],
    within: Mapping[str, tuple[Region, ...]],
    configuration: Configuration,
) -> bool:
    """Whether somebody may see this row: where it counts, or counted last, lies within their scopes.

    What never had an area is seen by those who may see all scopes of the use case.
    """
    regions = within.get(spot.use_case, ())
    area = spot.area or _last_area(spot, spots)
    if area is None:
        return bool(regions) and len(regions) == len(configuration.use_cases[spot.use_case].scopes)
    return any(area in region.inside.index for region in regions)


def _last_area(spot: Spot, spots: Sequence[Spot]) -> str | None:
    """Where the record counted last for the same use case and place; `spots` are the newest first."""
    same = (s for s in spots if (s.use_case, s.place) == (spot.use_case, spot.place))
    return next((s.area for s in same if s.area is not None), None)


def _permissions(
    person: Person, seen: Sequence[Spot], within: Mapping[str, tuple[Region, ...]]
) -> Callable[[Permission], bool]:
    """What the person may do with the record: what they may in a scope through which they see it."""
    through = {(r.scope.id, s.use_case) for s in seen for r in within[s.use_case]}
    return lambda permission: any(person.may(permission, *both) for both in through)


def _counts(
    seen: Sequence[Spot], configuration: Configuration, within: Mapping[str, tuple[Region, ...]]
) -> Iterator[CountRow]:
    for spot in seen:
        use_case = configuration.use_cases[spot.use_case]
        yield CountRow(
            use_case=spot.use_case,
            use_case_title=use_case.title,
            place=spot.place,
            area=area_in(within[spot.use_case], spot.area) if spot.area else "",
            status="a case" if spot.reason is None else REASONS[spot.reason],
            counts=spot.reason is None,
        )


def _versions(versions: Sequence[RecordVersion], view: View) -> Iterator[VersionRow]:
    """The newest first, each with what it changed against the one below it."""
    spells = {known.version.rank: known for known in history(versions)}
    before: Mapping[str, Any] = {}
    rows = []
    for version in versions:
        known = spells.get(version.rank)
        rows.append(
            VersionRow(
                version=version.version,
                received_at=version.received_at,
                received_words=words.at_time(version.received_at, view.zone),
                current_words=_current(known.known_from, known.known_until, view.zone)
                if known
                else "never current",
                is_current=version is versions[-1],
                changes=tuple(_changes(before, version.content, view)),
            )
        )
        before = version.content
    return reversed(rows)


def _current(since: datetime, until: datetime | None, zone: ZoneInfo) -> str:
    if until is None:
        return f"since {words.at_time(since, zone)}"
    return f"{words.at_time(since, zone)} to {words.at_time(until, zone)}"


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], view: View) -> Iterator[FieldChange]:
    """Fields that differ; of the first version all that are given."""
    for field in sorted((before.keys() | after.keys()) - set(_OF_EVERY_VERSION)):
        old, new = before.get(field), after.get(field)
        if old != new and not (_is_empty(old) and _is_empty(new)):
            yield FieldChange(words.title(field), _tell(field, old, view), _tell(field, new, view))


def _is_empty(value: Any) -> bool:
    return value is None or value == [] or value == {}


def _tell(field: str, value: Any, view: View) -> str:
    """A value in words, as far as the reader may see it."""
    if _is_empty(value):
        return ""
    if field not in FIELDS or not view.may(FIELDS[field]):
        return NOT_SHOWN
    if field == "age":
        return str(value) if view.may(Permission.DECIDE) else band_of(value)
    return _value(value, view)


def _value(value: Any, view: View) -> str:
    if isinstance(value, Mapping):
        return _mapping(value, view)
    if isinstance(value, list | tuple):
        return "; ".join(_value(one, view) for one in value)
    if isinstance(value, str) and len(value) > len("2000-01-01") and "T" in value:
        return _time(value, view.zone)
    return str(value)


def _mapping(value: Mapping[str, Any], view: View) -> str:
    """An area by its name; a setting, a tie or a diagnosis by its parts."""
    if set(value) & {"code", "missing"} and "system" not in value:
        return (
            area_in(view.regions, str(value["code"])) if value.get("code") else f"missing: {value['missing']}"
        )
    return " ".join(f"{part}" for part in value.values() if not _is_empty(part))


def _time(text: str, zone: ZoneInfo) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return words.at_time(moment, zone) if moment.tzinfo else text
