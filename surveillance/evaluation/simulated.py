"""Histories of ordinary cases, with or without one injected cluster, as the line list would have known them.

Who, where and when come from the synthetic feed (`surveillance.simulation`): real areas by population,
weekday and season, partners with delays of their own, revisions. Nobody in them exists.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import numpy as np

from surveillance.configuration import Region
from surveillance.evaluation.shared_settings import CARE_HOMES, SHARED, Shared, areas_of_homes, draw_shared
from surveillance.geography.distance import Floats
from surveillance.line_list.classify import failed_condition
from surveillance.line_list.links import link_token
from surveillance.line_list.record import Case, RecordKey
from surveillance.simulation.admissions import EMERGENCY_METHOD, Admission, draw_admissions
from surveillance.simulation.deaths import YEAR_DAYS, draw_deaths
from surveillance.simulation.history import REVISED_SHARE
from surveillance.simulation.revisions import draw_kind
from surveillance.simulation.world import Rng, World
from surveillance.store.line_list import ListedRow
from surveillance.use_case.model import Coverage, Partner, UseCase

INJECTED = 10_000_000  # persons of an injected cluster are numbered from here
SMOOTH_KM, WAVES = 10.0, 64
SLOW_TIMES = 5.0


@dataclass(frozen=True)
class Background:
    """Ordinary cases, and how far they are from what a scan assumes.

    unmodelled_log_sd: standard deviation of the log rate between areas beyond their population, smooth over
    about 10 km. slow_share: share of the areas (a connected part) whose reports take five times as long.
    joined_share: share of the areas of which nothing is reported before `joined_days` before the evaluated
    time. past_days: since when before it the partners have reported at all; None: for as long as any detector
    looks back.
    """

    cases_a_year: float = 290.0
    unmodelled_log_sd: float = 0.0
    slow_share: float = 0.0
    joined_share: float = 0.0
    joined_days: int = 60
    past_days: int | None = None


@dataclass(frozen=True)
class Injection:
    """Cases beyond the ordinary ones, by population, within `radius_km` of an area in `days` days.

    As many as a relative risk brings there (Poisson), or exactly `extra`.
    """

    radius_km: float = 5.0
    days: int = 14
    relative_risk: float | None = None
    extra: int | None = None


@dataclass(frozen=True)
class _Report:
    """One partner's record of a case. areas: by field of the record. ends_at: when it is no case any more;
    amended_at: when a second version of it comes."""

    key: RecordKey
    areas: Mapping[str, str]
    day: date
    at: datetime
    person: str | None
    age: int
    sex: str
    settings: tuple[str, ...]
    amended_at: datetime | None = None
    ends_at: datetime | None = None


def draw_history(
    use_case: UseCase,
    region: Region,
    background: Background,
    rng: Rng,
    first: date,
    last: date,
    injection: Injection | None = None,
    past_days: int | None = None,
) -> tuple[ListedRow, ...]:
    """Rows of all cases from `past_days` before `first` to `last`; an injected cluster starts on `first`.

    past_days: all that any detector looks back on; by default the use case's baseline. A past that is
    shorter than what is looked back on would be told as years without a case.
    """
    past_days = use_case.baseline_days if past_days is None else past_days
    world = make_world(region, background, rng)
    begin = datetime.combine(first - timedelta(days=past_days + 10), time(), UTC)
    end = datetime.combine(last + timedelta(days=1), time(), UTC)
    expected = background.cases_a_year * ((end - begin) / timedelta(days=YEAR_DAYS))
    draw = _Draw(use_case, region, world, rng)
    reports = list(draw.reports(int(rng.poisson(expected)), begin, end, 0))
    if injection is not None:
        reports += draw.injected(injection, background, datetime.combine(first, time(), UTC))
    reports = _leave_uncovered_out(reports, region, background, rng, first)
    reports = _delay_some(reports, region, background, rng)
    return tuple(row for report in reports for row in _rows(report, use_case))


def is_injected(record: str) -> bool:
    """Whether a record's key names a case of the injected cluster."""
    return int(record.rsplit("/", 1)[1].split("-")[1]) >= INJECTED


def make_world(region: Region, background: Background, rng: Rng) -> World:
    """The region with its people, more or fewer of whom become cases."""
    areas = region.inside
    if background.unmodelled_log_sd > 0 and areas.population is not None:
        factor = np.exp(background.unmodelled_log_sd * smooth_field(areas.positions_km, rng))
        areas = replace(areas, population=areas.population * factor)
    return World(areas, _partner("police"), _partner("coroner"))


def smooth_field(positions_km: Floats, rng: Rng) -> Floats:
    """(n,) a random function of place, smooth over about 10 km, with mean 0 and variance 1 (random Fourier
    features of a Gaussian process; Rahimi and Recht 2007)."""
    waves = rng.normal(size=(positions_km.shape[1], WAVES)) / SMOOTH_KM
    phases = rng.uniform(0, 2 * np.pi, WAVES)
    field = np.cos(positions_km @ waves + phases).sum(axis=1) * np.sqrt(2 / WAVES)
    return np.asarray((field - field.mean()) / field.std(), np.float64)


class _Draw:
    def __init__(self, use_case: UseCase, region: Region, world: World, rng: Rng) -> None:
        self._use_case, self._zone, self._world, self._rng = use_case, region.zone, world, rng
        in_homes = any("care_home" in map(str, c.one_of or ()) for c in use_case.cases.values())
        self._shared = (CARE_HOMES,) if in_homes else SHARED[use_case.records]
        self._homes = {kind: areas_of_homes(world, kind).tolist() for kind in self._shared if kind.home}
        self._codes = world.areas.codes
        self._needs_codes = any(path.startswith("diagnoses") for path in use_case.cases)

    def reports(
        self, count: int, begin: datetime, end: datetime, first_person: int, near: Sequence[int] = ()
    ) -> Iterator[_Report]:
        """What partners report of `count` cases; `near`: where they live, instead of anywhere."""
        if self._use_case.records == "incident":
            yield from self._of_deaths(count, begin, end, first_person, near)
        else:
            yield from self._of_admissions(count, begin, end, first_person, near)

    def injected(self, injection: Injection, background: Background, begin: datetime) -> list[_Report]:
        """The reports of an injected cluster around an area drawn by population."""
        world, rng = self._world, self._rng
        centre = int(world.draw_areas(rng, 1)[0])
        areas = world.near(centre, injection.radius_km)
        people = world.areas.population
        assert people is not None  # a world without has not drawn a centre
        share = people[areas] / people[areas].sum()
        count = injection.extra
        if count is None:
            a_day = background.cases_a_year * people[areas].sum() / world.population / YEAR_DAYS
            count = int(rng.poisson(((injection.relative_risk or 1) - 1) * a_day * injection.days))
        near = rng.choice(areas, size=count, p=share).tolist()
        end = begin + timedelta(days=injection.days)
        return list(self.reports(count, begin, end, INJECTED, near)) if count else []

    def _of_deaths(
        self, count: int, begin: datetime, end: datetime, first: int, near: Sequence[int]
    ) -> Iterator[_Report]:
        deaths = draw_deaths(self._world, self._rng, count, begin, end, first)
        shared = draw_shared(self._shared, [death.age for death in deaths], self._rng)
        for i, death in enumerate(deaths):
            home, settings = self._home(shared[i])
            lived, died = (near[i], near[i]) if near else (death.residence, death.incident)
            fields = {"incident_area": self._codes[died]}
            if death.missing is None or near:
                fields["residence_area"] = self._codes[lived if home is None else home]
            seen = death.occurred - timedelta(hours=death.unseen_hours)
            by_partner = (
                ("police", death.police_delay_days, seen),
                ("coroner", death.coroner_delay_days, death.occurred),
            )
            for partner, delay, occurred in by_partner:
                if delay is None:
                    continue
                known = None if partner == "police" and death.keyless else f"simulated:1:{death.person}"
                report = _Report(
                    key=RecordKey(partner, "incident", f"{partner}-{death.person:08d}"),
                    areas=fields,
                    day=occurred.astimezone(self._zone).date(),
                    at=death.occurred + timedelta(days=delay),
                    person=known,
                    age=death.age,
                    sex=death.sex,
                    settings=settings,
                )
                yield self._revised(report)

    def _of_admissions(
        self, count: int, begin: datetime, end: datetime, first: int, near: Sequence[int]
    ) -> Iterator[_Report]:
        admissions = self._counted_admissions(count, begin, end, first)
        shared = draw_shared(self._shared, [one.age for one in admissions], self._rng)
        for i, one in enumerate(admissions):
            home, settings = self._home(shared[i])
            lives = near[i] if near else (one.residence if home is None else home)
            at = one.arrived + timedelta(days=one.delay_days)
            coded = at + timedelta(days=1 + one.delay_days, hours=6) if one.coded_late else None
            late = coded is not None and self._needs_codes
            report = _Report(
                key=RecordKey("hospital", "admission", f"hospital-{one.person:08d}"),
                areas={"residence_area": self._codes[lives]},
                day=one.arrived.astimezone(self._zone).date(),
                at=coded if late and coded else at,
                person=f"simulated:1:{one.person}",
                age=one.age,
                sex=one.sex,
                settings=settings,
                amended_at=None if late else coded,
            )
            yield self._revised(report)

    def _counted_admissions(self, count: int, begin: datetime, end: datetime, first: int) -> list[Admission]:
        """As many admissions as asked for that the use case counts, so that their ages are those of its
        cases. All are taken for a use case that counts none that the synthetic feed has."""
        kept: list[Admission] = []
        while len(kept) < count:
            drawn = draw_admissions(self._world, self._rng, 2 * count + 50, begin, end, first)
            cases = [one for one in drawn if self._is_case(one)]
            kept += cases or drawn
        chosen = sorted(kept[:count], key=lambda one: one.arrived)
        return [replace(one, person=first + i) for i, one in enumerate(chosen)]

    def _is_case(self, admission: Admission) -> bool:
        reason = admission.presentation
        content = {
            "admission_method": EMERGENCY_METHOD,
            "age": admission.age,
            "sex": admission.sex,
            "complaint": reason.complaint,
            "diagnoses": [{"code": admission.code}],
            "injury_intent": reason.intent,
            "mechanism": reason.mechanism,
        }
        return failed_condition(content, self._use_case.cases) is None

    def _home(self, shared: tuple[tuple[Shared, int], ...]) -> tuple[int | None, tuple[str, ...]]:
        """The area of the home that somebody lives in, if any, and the tokens of all that they share."""
        home = next((self._homes[kind][number] for kind, number in shared if kind.home), None)
        return home, tuple(f"{kind.kind}:{number:05d}" for kind, number in shared)

    def _revised(self, report: _Report) -> _Report:
        """Some records are amended, concluded or withdrawn later, as the synthetic partners do it."""
        if self._rng.random() >= REVISED_SHARE:
            return report
        kind = draw_kind(self._use_case.records, self._rng)
        at = report.at + timedelta(days=float(self._rng.uniform(*kind.days)))
        changed = kind.change({"age": 40}, self._rng)
        ends = changed["action"] in ("withdrawn", "cancelled") or changed.get("status") == "other_cause"
        return replace(report, ends_at=at) if ends else replace(report, amended_at=at)


def _delay_some(
    reports: Sequence[_Report], region: Region, background: Background, rng: Rng
) -> list[_Report]:
    """The reports of slow areas take `SLOW_TIMES` as long."""
    if background.slow_share <= 0:
        return list(reports)
    slow = _part_of(region, background.slow_share, rng)
    return [_later(report) if _area(report) in slow else report for report in reports]


def _later(report: _Report) -> _Report:
    occurred = datetime.combine(report.day, time(12), UTC)
    more = (SLOW_TIMES - 1) * max(report.at - occurred, timedelta(hours=1))
    return replace(
        report,
        at=report.at + more,
        amended_at=report.amended_at and report.amended_at + more,
        ends_at=report.ends_at and report.ends_at + more,
    )


def _leave_uncovered_out(
    reports: Sequence[_Report], region: Region, background: Background, rng: Rng, first: date
) -> list[_Report]:
    """Nothing is known of areas before a partner covered them."""
    if background.joined_share <= 0:
        return list(reports)
    joined = _part_of(region, background.joined_share, rng)
    since = first - timedelta(days=background.joined_days)
    return [report for report in reports if report.day >= since or _area(report) not in joined]


def _part_of(region: Region, share: float, rng: Rng) -> frozenset[str]:
    """The codes of a connected share of the areas."""
    field = smooth_field(region.inside.positions_km, rng)
    chosen = np.argsort(field)[: round(share * len(field))]
    return frozenset(region.inside.codes[i] for i in chosen.tolist())


def _area(report: _Report) -> str:
    return report.areas.get("residence_area") or report.areas["incident_area"]


def _rows(report: _Report, use_case: UseCase) -> Iterator[ListedRow]:
    for place in use_case.places:
        area = report.areas.get(place.field)
        if area is None:
            continue
        case = Case(
            key=report.key,
            version=1,
            use_case=use_case.id,
            place=place.name,
            area=area,
            day=report.day,
            received_at=report.at,
            person_keys=(report.person,) if report.person else (),
            age=report.age,
            sex=report.sex,
            tokens=tuple(sorted((*report.settings, link_token(report.key)))),
        )
        yield ListedRow(case, report.at, report.amended_at or report.ends_at)
        if report.amended_at is not None:
            yield ListedRow(replace(case, version=2), report.amended_at, report.ends_at)


@lru_cache
def _partner(partner: str) -> Partner:
    return Partner(
        id=partner,
        title=partner,
        organisation=partner.upper(),
        reporter_type=partner,
        topics=("incidents",),
        coverage=(Coverage(areas="simulated", since=date(2000, 1, 1)),),
    )
