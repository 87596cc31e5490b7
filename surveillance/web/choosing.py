"""Cases of the last weeks to choose from: for an alert opened by hand, or for members to add."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from surveillance.alerting.wording import on_day
from surveillance.line_list.record import Case, RecordKey
from surveillance.store import line_list
from surveillance.web import words
from surveillance.web.deeds import Typed
from surveillance.web.house import House
from surveillance.web.members import area_name
from surveillance.web.pairs import age_band

MOST_SHOWN = 200
DEFAULT_DAYS, MOST_DAYS = 60, 1_100


@dataclass(frozen=True, slots=True)
class Candidate:
    """A case that can be chosen, pseudonymous, in words."""

    key: str
    record: str
    partner: str
    day: str
    area: str
    age_band: str
    sex: str


@dataclass(frozen=True, slots=True)
class Offer:
    """Cases to choose from, the newest first; `more`: others that the filters let through, not shown."""

    days: int
    area: str
    candidates: tuple[Candidate, ...]
    more: int


def offer(house: House, use_case: str, scope: str, typed: Typed, without: Collection[str] = ()) -> Offer:
    """The cases of a use case in a scope that the filters let through, and all that were chosen already."""
    days = min(typed.number("days") or DEFAULT_DAYS, MOST_DAYS)
    wanted, chosen = typed.one("area").casefold(), set(typed.all("record"))
    cases = _cases(house, use_case, scope, days)
    areas = house.source.areas(scope)
    found = [
        case
        for key, case in sorted(cases.items(), key=lambda item: (item[1].day, item[0]), reverse=True)
        if str(key) not in without
        and (str(key) in chosen or wanted in f"{area_name(case.area, areas)} {case.area}".casefold())
    ]
    shown = [c for i, c in enumerate(found) if i < MOST_SHOWN or c.id in chosen]
    candidates = tuple(
        Candidate(
            key=case.id,
            record=case.key.record_id,
            partner=words.spaced(case.key.partner),
            day=on_day(case.day),
            area=area_name(case.area, areas),
            age_band=age_band(case.age),
            sex=words.spaced(case.sex or "not known"),
        )
        for case in shown
    )
    return Offer(days, typed.one("area"), candidates, len(found) - len(shown))


def _cases(house: House, use_case: str, scope: str, days: int) -> dict[RecordKey, Case]:
    """The scope's cases of the last days by record, each at the first place where it counts."""
    now = house.now()
    last = now.date() + timedelta(days=1)  # a zone ahead of UTC has tomorrow's day
    areas = house.source.areas(scope).index
    found: dict[RecordKey, Case] = {}
    with house.desk.store.reading() as tx:
        for place in house.source.use_cases[use_case].places:
            known = line_list.cases_on(tx, use_case, place.name, last - timedelta(days=days), last)
            found = {case.key: case for case in known if case.area in areas} | found
    return found
