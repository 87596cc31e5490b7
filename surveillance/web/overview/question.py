"""What a person asks of the overview, checked against what they may see."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.configuration import Configuration, Region
from surveillance.geography.bands import AgeBand, age_bands
from surveillance.geography.levels import Level, levels_of
from surveillance.use_case.model import UseCase
from surveillance.web import words

T = TypeVar("T")
LIVE, PUBLISHED = "live", "published"
USUAL_DAYS = 365
MOST_DAYS = 3660
EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)
ALL = "all"
SEXES = {"female": "Female", "male": "Male"}
LEVEL_TITLES = {
    "area": "Smallest areas",
    "msoa": "Neighbourhoods (MSOA)",
    "lad": "Local authorities",
    "sub_icb": "Sub-ICB locations",
    "icb": "Integrated care boards",
}


@dataclass(frozen=True)
class Stratum:
    """Whom to count: everybody, one sex or one age band."""

    id: str
    title: str
    sex: str | None = None
    band: AgeBand | None = None


@dataclass(frozen=True)
class Question:
    """Cases of a use case in a scope by one place, from `first` to `last` (both included).

    live: as known now, to the case; else only what is published. unit: one unit of the level to look at more
    closely, None for none.
    """

    use_case: UseCase
    region: Region
    place: str
    level: Level
    stratum: Stratum
    first: date
    last: date
    live: bool
    unit: str | None = None

    @property
    def scope(self) -> str:
        return self.region.scope.id

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def subjects(person: Person, configuration: Configuration) -> list[tuple[UseCase, str]]:
    """Every use case and scope whose aggregates the person may see."""
    return [
        (use_case, scope)
        for use_case in configuration.use_cases.values()
        for scope in use_case.scopes
        if person.may(Permission.READ_AGGREGATES, scope, use_case.id)
    ]


def strata_of(region: Region) -> dict[str, Stratum]:
    """Whom the overview can count there."""
    bands = age_bands(region.inside.measures)
    found = [Stratum(ALL, "Everybody")]
    found += [Stratum(f"sex:{sex}", title, sex=sex) for sex, title in SEXES.items()]
    found += [Stratum(f"age:{band.name}", f"Aged {band.title}", band=band) for band in bands]
    return {stratum.id: stratum for stratum in found}


def level_title(name: str) -> str:
    """`Local authorities`."""
    return LEVEL_TITLES.get(name, words.title(name))


def ask(person: Person, configuration: Configuration, asked: Mapping[str, str], today: date) -> Question:
    """The question that a request asks; what it leaves out is as usual.

    Raises HTTPException: 404 for a use case or scope that the person may not see, as for one that does not
    exist; 403 for live counts without the right to them; 400 for a value that cannot be read.
    """
    use_case, scope = _subject(person, configuration, asked)
    region = configuration.regions[scope]
    may_see_cases = person.may(Permission.READ_CASES, scope, use_case.id)
    live = _one_of(asked, "numbers", {LIVE: True, PUBLISHED: False}, LIVE if may_see_cases else PUBLISHED)
    if live and not may_see_cases:
        raise HTTPException(403)
    levels = levels_of(region.inside)
    level = _one_of(asked, "level", levels, _usual_level(levels))
    first, last = _days(asked, today)
    place = _one_of(asked, "place", {p.name: p.name for p in use_case.places}, use_case.places[0].name)
    unit = asked.get("unit") or None
    if unit is not None and unit not in level.names:
        unit = None  # it belongs to the level that was shown before
    stratum = _one_of(asked, "stratum", strata_of(region), ALL)
    return Question(use_case, region, place, level, stratum, first, last, live, unit)


def _subject(person: Person, configuration: Configuration, asked: Mapping[str, str]) -> tuple[UseCase, str]:
    wanted_use_case, wanted_scope = asked.get("use_case"), asked.get("scope")
    may = subjects(person, configuration)
    exact = [s for s in may if wanted_use_case in (None, s[0].id) and wanted_scope in (None, s[1])]
    if exact:
        return exact[0]
    # The scope of the use case that was shown before may be none of this one's.
    known = wanted_scope is None or any(scope == wanted_scope for _, scope in may)
    for use_case, scope in may if known else ():
        if use_case.id == wanted_use_case:
            return use_case, scope
    raise HTTPException(404)


def _usual_level(levels: Mapping[str, Level]) -> str:
    """Local authorities where there are some, else the coarsest level that tells areas apart."""
    several = [name for name, level in levels.items() if len(level.names) > 1]
    return "lad" if "lad" in several else next(iter(several), "area")


def _one_of(asked: Mapping[str, str], name: str, choices: Mapping[str, T], usual: str) -> T:
    chosen = asked.get(name) or usual
    if chosen not in choices:
        raise HTTPException(400)
    return choices[chosen]


def _days(asked: Mapping[str, str], today: date) -> tuple[date, date]:
    """The days asked for; the last year where none are. Over ten years, or none at all, is no question."""
    last = _day(asked, "last") or today
    first = _day(asked, "first") or last - timedelta(days=USUAL_DAYS - 1)
    if not first <= last or (last - first).days >= MOST_DAYS:
        raise HTTPException(400)
    return first, last


def _day(asked: Mapping[str, str], name: str) -> date | None:
    text = asked.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise HTTPException(400) from None
    if not EARLIEST <= day <= LATEST:
        raise HTTPException(400)
    return day


def spans(today: date) -> Iterator[tuple[str, date, date]]:
    """Spans that people often ask for: title, first and last day."""
    for title, days in (("4 weeks", 28), ("3 months", 91), ("1 year", 365), ("3 years", 1096)):
        yield title, today - timedelta(days=days - 1), today
