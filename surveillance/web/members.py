"""The records behind an alert, pseudonymous: those of one person stand together and are counted once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from surveillance.alerting.alert import Alert
from surveillance.alerting.finding import record_of
from surveillance.alerting.wording import on_day
from surveillance.geography.area import AreaTable
from surveillance.line_list.duplicates import CountedCase
from surveillance.line_list.record import RecordKey
from surveillance.web import words

NEW_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Record:
    """A member of an alert: a record at a version, and the partner that sent it."""

    member: str
    record_id: str
    version: str
    partner: str


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Records that are counted as one case; `day` is None where they are no case in the period now.

    `is_new`: received in the last 24 hours. `joined`: not yet a member when the person looked last.
    """

    number: int
    records: tuple[Record, ...]
    day: date | None
    day_words: str
    places: tuple[str, ...]
    received_words: str
    is_new: bool
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """What codes are called: areas, partners by id, and the time zone of the page."""

    areas: AreaTable
    partners: Mapping[str, str]
    zone: ZoneInfo


def members_among(cases: Iterable[CountedCase], alert: Alert) -> list[CountedCase]:
    """The cases that have a record among an alert's members, whatever its version is by now."""
    keys = {record_of(member) for member in alert.members}
    return [counted for counted in cases if not keys.isdisjoint(map(record_of, counted.records))]


def member_rows(
    alert: Alert, inside: Iterable[CountedCase], names: Names, now: datetime
) -> Iterator[MemberRow]:
    """The alert's members in the order of their case days, then those that are no case any more."""
    left = dict.fromkeys(alert.members)
    number = 0
    for at_places in _by_case(inside):
        keys = {record_of(record) for counted in at_places for record in counted.records}
        # A record that is counted with one person at one place and another elsewhere stands with the first.
        held = [member for member in left if record_of(member) in keys]
        for member in held:
            del left[member]
        if held:
            number += 1
            yield _row(number, held, at_places, names, now)
    for i, member in enumerate(left, number + 1):
        yield MemberRow(i, (_record(member, names),), None, "no case in this period now", (), "", False)


def area_name(code: str, areas: AreaTable) -> str:
    """The area's name, with the name of its neighbourhood where the file has one."""
    if code not in areas.index:
        return code
    i = areas.index[code]
    around = areas.unit_names.get("msoa", {}).get(areas.units["msoa"][i]) if "msoa" in areas.units else None
    return f"{areas.names[i]} ({around})" if around else areas.names[i]


def _by_case(inside: Iterable[CountedCase]) -> list[list[CountedCase]]:
    """The same case at each of its places, in the order of day and key."""
    by_key: dict[RecordKey, list[CountedCase]] = {}
    for counted in sorted(inside, key=lambda one: (one.case.day, one.case.key)):
        by_key.setdefault(counted.case.key, []).append(counted)
    return list(by_key.values())


def ages_in_words(inside: Iterable[CountedCase]) -> str:
    """`15 to 24`, in bands of ten years from 5 on; says of how many of the cases it is known."""
    ages = {counted.case.key: counted.case.age for counted in inside}
    known = [age for age in ages.values() if age is not None]
    if not known:
        return "not known"
    low, high = _band_start(min(known)), _band_start(max(known)) + 9
    band = f"{max(low, 0)} to {high} years"
    return band if len(known) == len(ages) else f"{band}; known of {len(known)} of {len(ages)}"


def _band_start(age: int) -> int:
    return (age + 5) // 10 * 10 - 5


def _row(
    number: int, held: Iterable[str], at_places: Sequence[CountedCase], names: Names, now: datetime
) -> MemberRow:
    case = at_places[0].case
    return MemberRow(
        number=number,
        records=tuple(_record(member, names) for member in held),
        day=case.day,
        day_words=on_day(case.day),
        places=tuple(
            f"{words.title(c.case.place)}: {area_name(c.case.area, names.areas)}" for c in at_places
        ),
        received_words=words.at_time(case.received_at, names.zone),
        is_new=timedelta() <= now - case.received_at <= NEW_WITHIN,
    )


def _record(member: str, names: Names) -> Record:
    text, _, version = member.rpartition("@")
    key = RecordKey.parse(text)
    return Record(member, key.record_id, version, names.partners.get(key.partner, key.partner))
