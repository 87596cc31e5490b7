"""Units compared: rates, what would be expected, the funnel, and areas of like deprivation and rurality.

Never a ranking: units stand in the order of their names, beside what chance alone explains.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from surveillance.disclosure.protection import Bounds
from surveillance.geography.area import AreaTable
from surveillance.geography.bands import age_bands
from surveillance.rates.expected import Floats, expected_counts
from surveillance.rates.funnel import Limits, Standing, chance_alone, limits, overdispersion, standing
from surveillance.rates.interval import DAYS_PER_YEAR, PER, Rate, count_interval
from surveillance.web.overview.figures import Figures, sum_of
from surveillance.web.overview.question import Question

URBAN_CLASSES = ("A", "B", "C")  # rural-urban classification 2011: A, B, C are urban, D, E and F rural
HALF = 0.5
CURVE_POINTS = 48
ORDER: list[Standing] = [one for one in Standing if one is not Standing.UNKNOWN]
MIDDLE = ORDER.index(Standing.WITHIN)


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: its cases (bounds where they are published), its people and what would be expected."""

    code: str
    name: str
    cases: Bounds
    population: float | None
    expected: float | None
    rate: Rate | None
    ratio: Rate | None
    standing: Standing
    fifth: int | None
    rural: bool | None


@dataclass(frozen=True, slots=True)
class Group:
    """Units of one deprivation fifth, or urban or rural ones, taken together."""

    title: str
    units: int
    cases: Bounds
    population: float
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class Likes:
    """A unit beside the others of its deprivation fifth and rurality."""

    unit: Unit
    words: str
    others: Group


@dataclass(frozen=True)
class Comparison:
    """The units of a question beside each other. standardised: what is expected allows for age."""

    units: tuple[Unit, ...]
    standardised: bool
    overdispersion: float
    by_chance: float
    curve: tuple[Limits, ...]
    groups: Mapping[str, tuple[Group, ...]]
    likes: Likes | None


def compare(question: Question, figures: Figures) -> Comparison | None:
    """The comparison of a question's units; None where their counts are not to be had."""
    if figures.units is None:
        return None
    areas, level = question.region.inside, question.level
    codes = list(figures.units)
    people = _people(areas, level.of_area, codes)
    expected, standardised = _expected(question, figures, people)
    middle = np.array([(c.low + c.high) / 2 for c in figures.units.values()])
    phi = 1.0 if expected is None else overdispersion(middle, expected)
    population = None if people is None else _of_stratum(question, people)
    lived = _Lived(areas, level.of_area)
    at = _limits(expected, phi, len(codes))
    units = [
        _unit(question, figures, lived, code, None if population is None else float(population[row]), at[row])
        for row, code in enumerate(codes)
    ]
    units.sort(key=lambda unit: (unit.name, unit.code))
    return Comparison(
        units=tuple(units),
        standardised=standardised,
        overdispersion=phi,
        by_chance=chance_alone(sum(u.standing is not Standing.UNKNOWN for u in units)),
        curve=tuple(_curve([u.expected for u in units if u.expected], phi)),
        groups=_groups(units, figures.unit_days),
        likes=_likes(units, question.unit, figures.unit_days),
    )


def _people(areas: AreaTable, of_area: Mapping[str, str], codes: Sequence[str]) -> Floats | None:
    """(units, bands) people by age band; one band where the file has none; None without a population."""
    columns = [areas.measures[b.measure] for b in age_bands(areas.measures) if b.measure in areas.measures]
    if areas.population is None:
        return None
    columns = columns or [areas.population]
    row = {code: i for i, code in enumerate(codes)}
    of_unit = np.array([row[of_area[code]] for code in areas.codes])
    return np.stack([np.bincount(of_unit, column, len(codes)) for column in columns], axis=1)


def _of_stratum(question: Question, people: Floats) -> Floats:
    """(units,) the people whose cases are counted: of an age band its own; the file does not tell sexes."""
    bands = age_bands(question.region.inside.measures)
    if question.stratum.band is not None and people.shape[1] == len(bands):
        of_band: Floats = people[:, bands.index(question.stratum.band)]
        return of_band
    everybody: Floats = people.sum(axis=1)
    return everybody


def _expected(question: Question, figures: Figures, people: Floats | None) -> tuple[Floats | None, bool]:
    """Expected cases per unit, and whether age is allowed for."""
    if people is None or not figures.units:
        return None, False
    bounds = sum_of(figures.units)
    cases = (bounds.low + bounds.high) / 2
    by_age = figures.by_age
    if by_age is None or question.stratum.band is not None or people.shape[1] != len(by_age):
        return expected_counts(_of_stratum(question, people)[:, None], np.array([cases])), False
    known = np.array([(band.low + band.high) / 2 for band in by_age.values()])
    if not known.sum():
        return expected_counts(people.sum(axis=1)[:, None], np.array([cases])), False
    return expected_counts(people, known * (cases / known.sum())), True


class _Lived:
    """Deprivation and rurality of units, by the people of their areas."""

    def __init__(self, areas: AreaTable, of_area: Mapping[str, str]) -> None:
        people = np.ones(len(areas)) if areas.population is None else areas.population
        deciles, classes = areas.measures.get("imd_decile"), areas.units.get("rural_urban_class")
        self._sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
        self._has_deciles, self._has_classes = deciles is not None, classes is not None
        for i, code in enumerate(areas.codes):
            sums = self._sums[of_area[code]]
            sums[0] += people[i]
            sums[1] += people[i] * (0.0 if deciles is None else deciles[i])
            sums[2] += people[i] * (0.0 if classes is None else classes[i][:1] not in URBAN_CLASSES)

    def fifth(self, unit: str) -> int | None:
        """1, the most deprived, to 5: half the mean decile of its people, rounded up."""
        people, deciles, _ = self._sums[unit]
        return min(5, max(1, ceil(round(deciles / people / 2, 6)))) if self._has_deciles and people else None

    def rural(self, unit: str) -> bool | None:
        """Whether most of its people live in areas classed as rural."""
        people, _, rural = self._sums[unit]
        return bool(rural / people >= HALF) if self._has_classes and people else None


def _limits(expected: Floats | None, phi: float, units: int) -> list[Limits | None]:
    """The funnel's limits of each unit, all computed at once; None where nothing is expected."""
    if expected is None:
        return [None] * units
    known = np.flatnonzero(expected > 0)
    at = dict(zip(known.tolist(), limits(expected[known], phi), strict=True))
    return [at.get(row) for row in range(units)]


def _unit(
    question: Question, figures: Figures, lived: _Lived, code: str, people: float | None, at: Limits | None
) -> Unit:
    cases = (figures.units or {})[code]
    population = None if question.stratum.sex is not None else people  # the file does not tell sexes
    return Unit(
        code=code,
        name=question.level.names[code],
        cases=cases,
        population=population,
        expected=None if at is None else at.expected,
        rate=None if population is None else rate_of(cases, population, figures.unit_days),
        ratio=None if at is None else _per(cases, at.expected),
        standing=_standing(cases, at),
        fifth=lived.fifth(code),
        rural=lived.rural(code),
    )


def rate_of(cases: Bounds, people: float, days: int) -> Rate | None:
    """Cases per 100,000 people and year. Where the count is rounded, its middle; the interval then holds
    those of all that it can be."""
    return _per(cases, people * days / DAYS_PER_YEAR / PER)


def _per(cases: Bounds, unit: float) -> Rate | None:
    if unit <= 0:
        return None
    low, high = count_interval(cases.low)[0], count_interval(cases.high)[1]
    return Rate((cases.low + cases.high) / 2 / unit, low / unit, high / unit)


def _standing(cases: Bounds, at: Limits | None) -> Standing:
    """Where the unit lies; where the count is rounded, the least that all it can be have in common."""
    if at is None:
        return Standing.UNKNOWN
    low, high = (ORDER.index(standing(count, at)) for count in cases)
    return ORDER[max(min(low, high), min(MIDDLE, max(low, high)))]


def _curve(expected: Sequence[float], phi: float) -> list[Limits]:
    if not expected:
        return []
    low, high = max(min(expected) * 0.8, 0.02), max(expected) * 1.1
    return limits(np.geomspace(low, max(high, low * 1.5), CURVE_POINTS), phi)


def _groups(units: Sequence[Unit], days: int) -> dict[str, tuple[Group, ...]]:
    fifths = {1: "Most deprived fifth", 2: "Second fifth", 3: "Middle fifth", 4: "Fourth fifth"}
    by_fifth = [
        _group(fifths.get(n, "Least deprived fifth"), [u for u in units if u.fifth == n], days)
        for n in range(1, 6)
    ]
    by_rurality = [
        _group(title, [u for u in units if u.rural is is_rural], days)
        for title, is_rural in (("Urban", False), ("Rural", True))
    ]
    both = {"Deprivation": by_fifth, "Urban or rural": by_rurality}
    return {title: tuple(g for g in groups if g.units) for title, groups in both.items()}


def _group(title: str, units: Iterable[Unit], days: int) -> Group:
    members = list(units)
    people = [unit.population for unit in members]
    cases = sum_of({unit.code: unit.cases for unit in members})
    known = sum(p for p in people if p is not None)
    return Group(title, len(members), cases, known, rate_of(cases, known, days) if known else None)


def _likes(units: Sequence[Unit], chosen: str | None, days: int) -> Likes | None:
    unit = next((u for u in units if u.code == chosen), None)
    if unit is None or unit.fifth is None:
        return None
    alike = [u for u in units if u.fifth == unit.fifth and u.rural == unit.rural and u is not unit]
    words = f"deprivation fifth {unit.fifth} of 5 (1 is the most deprived), "
    words += "mostly rural" if unit.rural else "mostly urban"
    return Likes(unit, words, _group("Similar areas", alike, days))
