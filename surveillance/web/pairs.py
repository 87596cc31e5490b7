"""Two records that may be one person's, side by side, and what either answer would change."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from surveillance.alerting.alert import Alert
from surveillance.alerting.finding import record_of
from surveillance.alerting.wording import on_day
from surveillance.line_list.duplicates import count_once, pair
from surveillance.line_list.record import Case, RecordKey
from surveillance.store import line_list
from surveillance.web import words
from surveillance.web.deeds import Typed
from surveillance.web.house import House
from surveillance.web.members import area_name

BAND_YEARS = 10


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two records, in words, pseudonymous."""

    record: str
    partner: str
    day: str
    places: tuple[str, ...]
    age_band: str
    sex: str
    received: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Both records, which of their person keys agree, what is decided now, and the counts by answer."""

    sides: tuple[Side, Side]
    schemes: tuple[str, ...]
    state: str
    if_one: int
    if_two: int


def compare(house: House, alert: Alert, typed: Typed) -> Compared | None:
    """The pair that a form names; None where they are no proposed pair of members of the alert."""
    members = {record_of(member) for member in alert.members}
    chosen = {typed.one("first"), typed.one("second")}
    if len(chosen) != 2 or not chosen <= members:
        return None
    first, second = sorted(map(RecordKey.parse, chosen))
    with house.desk.store.reading() as tx:
        state = line_list.duplicate_state(tx, (first, second))
        entries = line_list.current_entries(tx, set(map(RecordKey.parse, members)))
        confirmed, rejected = line_list.duplicate_decisions(tx)
    cases = [e for e in entries if isinstance(e, Case) and e.use_case == alert.use_case]
    of_first, of_second = ([c for c in cases if c.key == key] for key in (first, second))
    if state is None or not of_first or not of_second:
        return None
    both = pair(first, second)
    count = house.source.use_cases[alert.use_case].count
    one_per_record = list({case.key: case for case in cases}.values())
    return Compared(
        sides=(_side(house, alert, of_first), _side(house, alert, of_second)),
        schemes=_agreeing(of_first, of_second),
        state=state,
        if_one=len(count_once(one_per_record, rejected - {both}, confirmed | {both}, count)),
        if_two=len(count_once(one_per_record, rejected | {both}, confirmed - {both}, count)),
    )


def age_band(age: int | None) -> str:
    """`30 to 39`, or that it is not known."""
    if age is None:
        return "not known"
    low = age // BAND_YEARS * BAND_YEARS
    return f"{low} to {low + BAND_YEARS - 1}"


def _side(house: House, alert: Alert, cases: Collection[Case]) -> Side:
    scope = alert.scope
    zone = ZoneInfo(house.source.scopes[scope].time_zone)
    areas = house.source.areas(scope)
    partners = {t.partner.id: t.partner.title for t in house.source.timeliness()}
    first = next(iter(cases))
    return Side(
        record=first.key.record_id,
        partner=partners.get(first.key.partner, first.key.partner),
        day=on_day(first.day),
        places=tuple(f"{words.title(c.place)}: {area_name(c.area, areas)}" for c in cases),
        age_band=age_band(first.age),
        sex=words.spaced(first.sex or "not known"),
        received=words.at_time(first.received_at, zone),
    )


def _agreeing(first: Iterable[Case], second: Iterable[Case]) -> tuple[str, ...]:
    """What the person keys that agree were made from; never a key itself."""
    ours, theirs = ({key for case in cases for key in case.person_keys} for cases in (first, second))
    return tuple(sorted({words.spaced(key.partition(":")[0]) for key in ours & theirs}))
