"""Everything on the overview's page, in words and as values for its drawings and its API."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.alerting.wording import over_days
from surveillance.configuration import Configuration
from surveillance.disclosure.protection import SMALL, STEP, Bounds
from surveillance.geography.area import AreaTable
from surveillance.geography.levels import levels_of
from surveillance.rates.funnel import Standing
from surveillance.rates.interval import Rate
from surveillance.web import words
from surveillance.web.boundaries import load_boundaries
from surveillance.web.overview.comparison import Comparison, Group, Likes, Unit, compare, rate_of
from surveillance.web.overview.figures import Figures, Period
from surveillance.web.overview.picture import Funnel, draw_funnel
from surveillance.web.overview.question import (
    LIVE,
    PUBLISHED,
    Question,
    level_title,
    spans,
    strata_of,
    subjects,
)

MOST_TO_CHOOSE = 400
ROWS = 200

STANDINGS: Mapping[Standing, str] = {
    Standing.FAR_HIGHER: "Higher than chance alone explains (outside 99.8 % limits)",
    Standing.HIGHER: "Higher than expected by chance alone (outside 95 % limits)",
    Standing.WITHIN: "Within what chance alone explains",
    Standing.LOWER: "Lower than expected by chance alone (outside 95 % limits)",
    Standing.FAR_LOWER: "Lower than chance alone explains (outside 99.8 % limits)",
    Standing.UNKNOWN: "Not known",
}
STEPS = {"day": "day", "week": "week", "month": "month", "quarter": "quarter", "block": "block of periods"}


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of a form."""

    value: str
    title: str
    chosen: bool


@dataclass(frozen=True)
class Form:
    """What can be asked, with what is asked chosen."""

    use_cases: tuple[Choice, ...]
    scopes: tuple[Choice, ...]
    numbers: tuple[Choice, ...]
    places: tuple[Choice, ...]
    levels: tuple[Choice, ...]
    strata: tuple[Choice, ...]
    units: tuple[Choice, ...]
    first: str
    last: str
    spans: tuple[tuple[str, str], ...]
    query: Mapping[str, str]


@dataclass(frozen=True)
class OverviewPage:
    """The page of a question."""

    question: Question
    figures: Figures
    comparison: Comparison | None
    form: Form
    title: str
    sentence: str
    step_words: str
    funnel: Funnel | None
    outside: Mapping[Standing, int]
    level_title: str
    unit_name: str
    likes: Likes | None
    has_map: bool
    at_words: str
    part: int

    @property
    def units(self) -> tuple[Unit, ...]:
        return self.comparison.units if self.comparison else ()

    @property
    def rows(self) -> tuple[Unit, ...]:
        """The units of the part of the table that is shown."""
        return self.units[(self.part - 1) * ROWS : self.part * ROWS]

    @property
    def parts(self) -> list[tuple[int, str, str]]:
        """The parts of the table: number, address, and the names at their ends."""
        firsts = range(0, len(self.units), ROWS)
        each = [(at // ROWS + 1, self.units[at : at + ROWS]) for at in firsts]
        return [
            (n, urlencode({**self.form.query, "part": n}), f"{of[0].name} to {of[-1].name}") for n, of in each
        ]

    @property
    def groups(self) -> Mapping[str, tuple[Group, ...]]:
        return self.comparison.groups if self.comparison else {}


def overview_page(
    person: Person,
    configuration: Configuration,
    question: Question,
    figures: Figures,
    today: date,
    at_words: str,
    part: int = 1,
) -> OverviewPage:
    """The page of a question's numbers."""
    comparison = compare(question, figures)
    return OverviewPage(
        question=question,
        figures=figures,
        comparison=comparison,
        form=_form(person, configuration, question, today),
        title=f"{question.use_case.title}, {question.region.scope.title}",
        sentence=_sentence(question, figures),
        step_words=STEPS[figures.step],
        funnel=draw_funnel(comparison, question.unit) if comparison else None,
        outside=_outside(comparison),
        level_title=level_title(question.level.name),
        unit_name=question.level.names.get(question.unit or "", ""),
        likes=comparison.likes if comparison else None,
        has_map=question.region.inside.boundaries is not None,
        at_words=at_words,
        part=part,
    )


def count_words(cases: Bounds) -> str:
    """`12`, `fewer than 8`, `about 25` (to the nearest five), `between 101 and 139`."""
    if cases.exact:
        return f"{cases.low:,}"
    if cases.low == 0 and cases.high <= SMALL.high:
        return f"fewer than {SMALL.high + 1}"
    if cases.high - cases.low < STEP:
        return f"about {(cases.low + cases.high) // 2 // STEP * STEP:,}"
    return f"between {cases.low:,} and {cases.high:,}"


def rate_words(rate: Rate | None) -> str:
    """`10.2 (8.1 to 12.6)`."""
    if rate is None:
        return "–"
    return f"{words.number(rate.value)} ({words.number(rate.low)} to {words.number(rate.high)})"


def fifth_words(unit: Unit) -> str:
    """`1 of 5, urban`."""
    parts = [] if unit.fifth is None else [f"{unit.fifth} of 5"]
    parts += [] if unit.rural is None else ["rural" if unit.rural else "urban"]
    return ", ".join(parts) or "–"


def _sentence(question: Question, figures: Figures) -> str:
    if not figures.periods:
        return "Nothing is published for these days yet."
    wording = question.use_case.wording
    first, last = figures.periods[0].first, figures.periods[-1].last
    many = wording.one if figures.total == (1, 1) else wording.many
    who = "" if question.stratum.id == "all" else f", {question.stratum.title.lower()}"
    text = f"{count_words(figures.total).capitalize()} {many}{who} by {words.spaced(question.place)}"
    text += f" within {over_days(first, last)}"
    people = question.region.inside.population
    if people is None or question.stratum.id != "all":
        return f"{text}."
    days = sum((period.last - period.first).days + 1 for period in figures.periods)
    rate = rate_of(figures.total, float(people.sum()), days)
    return f"{text}: {rate_words(rate)} per 100,000 people and year."


def _outside(comparison: Comparison | None) -> dict[Standing, int]:
    found = Counter(unit.standing for unit in comparison.units) if comparison else Counter[Standing]()
    return {standing: found[standing] for standing in STANDINGS if found[standing]}


def _form(person: Person, configuration: Configuration, question: Question, today: date) -> Form:
    may = subjects(person, configuration)
    query = query_of(question)
    sees_cases = person.may(Permission.READ_CASES, question.scope, question.use_case.id)
    numbers = {LIVE: "As known now", PUBLISHED: "As published"} if sees_cases else {PUBLISHED: "As published"}
    levels = levels_of(question.region.inside)
    units = sorted(question.level.names.items(), key=lambda item: item[1])
    scopes = {s: configuration.regions[s].scope.title for u, s in may if u.id == question.use_case.id}
    return Form(
        use_cases=_choices({u.id: u.title for u, _ in may}, question.use_case.id),
        scopes=_choices(scopes, question.scope),
        numbers=_choices(numbers, query["numbers"]),
        places=_choices({p.name: words.title(p.name) for p in question.use_case.places}, question.place),
        levels=_choices({name: level_title(name) for name in levels}, question.level.name),
        strata=_choices({s.id: s.title for s in strata_of(question.region).values()}, question.stratum.id),
        units=_choices(dict(units), question.unit or "") if len(units) <= MOST_TO_CHOOSE else (),
        first=question.first.isoformat(),
        last=question.last.isoformat(),
        spans=tuple((title, _with(query, first, last)) for title, first, last in spans(today)),
        query=query,
    )


def query_of(question: Question) -> dict[str, str]:
    """The question as the parameters of an address."""
    return {
        "use_case": question.use_case.id,
        "scope": question.scope,
        "numbers": LIVE if question.live else PUBLISHED,
        "place": question.place,
        "level": question.level.name,
        "stratum": question.stratum.id,
        "first": question.first.isoformat(),
        "last": question.last.isoformat(),
        **({"unit": question.unit} if question.unit else {}),
    }


def _with(query: Mapping[str, str], first: date, last: date) -> str:
    return urlencode({**query, "first": first.isoformat(), "last": last.isoformat()})


def _choices(titles: Mapping[str, str], chosen: str) -> tuple[Choice, ...]:
    return tuple(Choice(value, title, value == chosen) for value, title in titles.items())


# --- values for drawings and the API ----------------------------------------------------------------------


def values_of(page: OverviewPage) -> dict[str, Any]:
    """The page as JSON values. Counts are pairs: the smallest and the largest that each can be."""
    figures, comparison = page.figures, page.comparison
    return {
        "question": query_of(page.question),
        "sentence": page.sentence,
        "total": list(figures.total),
        "step": figures.step,
        "incomplete_from": figures.incomplete_from and figures.incomplete_from.isoformat(),
        "time_line": [_period(p) for p in figures.periods],
        "time_line_of_unit": [_period(p) for p in figures.of_unit],
        "notes": list(figures.notes),
        "why_no_areas": figures.why_no_units,
        "areas_first": figures.units_first.isoformat(),
        "areas_last": figures.units_last.isoformat(),
        "areas": [_unit(unit) for unit in page.units],
        "allows_for_age": bool(comparison and comparison.standardised),
        "overdispersion": comparison.overdispersion if comparison else None,
        "outside_by_chance": comparison.by_chance if comparison else None,
        "groups": {
            title: [
                {"title": g.title, "areas": g.units, "cases": list(g.cases), "rate": _rate(g.rate)}
                for g in of
            ]
            for title, of in page.groups.items()
        },
    }


def _period(period: Period) -> dict[str, Any]:
    return {
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "cases": list(period.cases),
        "words": f"{over_days(period.first, period.last)}: {count_words(period.cases)}",
    }


def _unit(unit: Unit) -> dict[str, Any]:
    return {
        "code": unit.code,
        "name": unit.name,
        "cases": list(unit.cases),
        "population": unit.population,
        "expected": unit.expected,
        "rate": _rate(unit.rate),
        "ratio": _rate(unit.ratio),
        "standing": unit.standing.value,
        "deprivation_fifth": unit.fifth,
        "rural": unit.rural,
    }


def _rate(rate: Rate | None) -> list[float] | None:
    return None if rate is None else [rate.value, rate.low, rate.high]


def _bounds(areas: AreaTable) -> list[list[float]] | None:
    """South-west and north-east of the areas' boundaries."""
    if areas.boundaries is None:
        return None
    boxes = load_boundaries(areas.boundaries).boxes
    west, south, east, north = zip(*(boxes[code] for code in areas.codes if code in boxes), strict=True)
    return [[min(west), min(south)], [max(east), max(north)]]


def drawing_of(page: OverviewPage) -> dict[str, Any]:
    """What the page's script needs: its time line, and per unit of the map its standing and words."""
    return {
        "step": page.figures.step,
        "incomplete_from": page.figures.incomplete_from and page.figures.incomplete_from.isoformat(),
        "periods": [_period(p) for p in page.figures.periods],
        "of_unit": [_period(p) for p in page.figures.of_unit],
        "unit_name": page.unit_name,
        "chosen": page.question.unit,
        "bounds": _bounds(page.question.region.inside),
        "standings": {s.value: text for s, text in STANDINGS.items()},
        "units": [
            [u.code, u.standing.value, u.name, count_words(u.cases), rate_words(u.rate)] for u in page.units
        ],
        "unit_of_area": None
        if page.question.level.name == "area"
        else [[unit, area] for area, unit in page.question.level.of_area.items()],
    }
