"""Simulated deaths, and what the police and the coroner report of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from surveillance.simulation.published import Published, publish, wire_time
from surveillance.simulation.world import Rng, World

# In one evaluation of real-time surveillance 36.5 % of deaths had no police report, and the police were
# almost three days faster than the coroner.
POLICE_SHARE, CORONER_SHARE = 0.635, 0.95
POLICE_DELAY_DAYS, CORONER_DELAY_DAYS = (1.0, 3.0), (4.0, 9.0)
LONGEST_DELAY_DAYS = CORONER_DELAY_DAYS[1]
DEATHS_PER_100_000_A_YEAR = 11.0  # about the rate registered in England
YEAR_DAYS = 365.25
AWAY_SHARE, AWAY_KM = 0.35, 5.0
WEEKDAY_WEIGHTS = np.array([1.08, 1.02, 1.0, 0.98, 0.96, 0.98, 0.98])  # Monday first
SEASON_AMPLITUDE, SEASON_PEAK_DAY = 0.05, 135  # a mild peak in May

AT_HOME = ("private_home", "private_home", "temporary_accommodation")
AWAY = ("public_place", "open_space", "railway", "water", "road", "workplace", "other", "unknown")
METHODS = (
    ("hanging_or_suffocation", 0.55),
    ("poisoning", 0.2),
    ("drowning", 0.05),
    ("fall", 0.05),
    ("moving_object", 0.05),
    ("other", 0.05),
    ("unknown", 0.05),
)


@dataclass(frozen=True, slots=True)
class Death:
    """A simulated death. residence, incident: indices of areas; unseen_hours: how long before `occurred` it
    may have happened; missing: why there is no residence; delays run from `occurred` to a partner's report,
    None where that partner never hears of it."""

    person: int
    occurred: datetime
    unseen_hours: float
    residence: int
    incident: int
    age: int
    sex: str
    location_type: str
    method_group: str
    police_delay_days: float | None
    coroner_delay_days: float | None
    missing: str | None = None
    keyless: bool = False  # the police had no number to make a person key from
    school: str | None = None


def count_deaths(world: World, rng: Rng, days: float) -> int:
    """How many deaths there are in `days`: Poisson, at the stated rate."""
    expected = DEATHS_PER_100_000_A_YEAR * world.population / 100_000 * days / YEAR_DAYS
    return int(rng.poisson(expected))


def draw_moments(rng: Rng, count: int, start: datetime, end: datetime) -> list[datetime]:
    """`count` times in [start, end), by weekday and season, in order."""
    days = max(1, round((end - start) / timedelta(days=1)))
    weights = np.array([_day_weight(start + timedelta(days=k)) for k in range(days)])
    drawn = rng.choice(days, size=count, p=weights / weights.sum()) + rng.random(count)
    seconds = np.sort(drawn) * (end - start).total_seconds() / days
    return [start + timedelta(seconds=float(int(s))) for s in seconds]


def draw_deaths(
    world: World, rng: Rng, count: int, start: datetime, end: datetime, first_person: int
) -> list[Death]:
    """`count` deaths in [start, end) over the region, in order; persons numbered from `first_person`."""
    moments = draw_moments(rng, count, start, end)
    residences = world.draw_areas(rng, count).tolist()
    away = (rng.random(count) < AWAY_SHARE).tolist()
    shares = rng.random((count, 4)).tolist()
    persons, delays = _draw_persons(rng, count), _draw_delays(rng, count)
    return [
        Death(
            person=first_person + i,
            occurred=moments[i],
            residence=residences[i],
            incident=_incident_area(world, residences[i], away[i], shares[i][0]),
            location_type=_pick(AWAY if away[i] else AT_HOME, shares[i][1]),
            missing=_missing(shares[i][2]),
            keyless=delays[i][1] is None and shares[i][3] < 0.5,
            police_delay_days=delays[i][0],
            coroner_delay_days=delays[i][1],
            **persons[i],
        )
        for i in range(count)
    ]


def reports_of(
    world: World, death: Death, note: str = "background", latest: datetime | None = None
) -> Iterator[Published]:
    """What the police and the coroner send about a death, the first one first, none after `latest`.

    A report that is due later is brought forward, and knows then what it can know.
    """
    if death.police_delay_days is not None:
        at = _after(death, death.police_delay_days)
        yield police_report(world, death, min(at, latest or at), note)
    if death.coroner_delay_days is not None:
        at = _after(death, death.coroner_delay_days)
        duplicate = death.police_delay_days is not None
        yield coroner_report(world, death, min(at, latest or at), _second(note, duplicate))


def first_report_at(death: Death) -> datetime:
    """When the first partner reports a death."""
    delays = (death.police_delay_days, death.coroner_delay_days)
    return _after(death, min(delay for delay in delays if delay is not None))


def police_report(world: World, death: Death, at: datetime, note: str, again: bool = False) -> Published:
    """Fast, to the hour, places by code or point. again: the same death under a second record id."""
    exact = death.unseen_hours == 0
    payload = {
        **_common(world, death),
        "record_id": f"{world.tag}pol-{death.person:07d}{'-b' if again else ''}",
        "reporter_type": world.police.reporter_type,
        "reporter_org": world.police.organisation,
        "occurred_from": wire_time(death.occurred - timedelta(hours=death.unseen_hours)),
        "occurred_to": wire_time(death.occurred),
        "occurred_precision": "exact" if exact else "interval",
        "residence_area": {"missing": death.missing}
        if death.missing
        else world.area_by_code(death.residence),
        "person_keys": [] if death.keyless else [world.person_key(death.person)],
    }
    if death.person % 5:
        payload["incident_area"] = world.area_by_code(death.incident)
    else:
        payload["point"] = world.point(death.incident)
    return publish(payload, "incident", world.police, at, note)


def coroner_report(world: World, death: Death, at: datetime, note: str) -> Published:
    """Slower, to the day, the residence by postcode; in a CloudEvents envelope."""
    midnight = death.occurred.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    payload = {
        **_common(world, death),
        "record_id": f"{world.tag}cor-{(death.person * 7919 + 13) % 9_999_991:07d}",
        "reporter_type": world.coroner.reporter_type,
        "reporter_org": world.coroner.organisation,
        "occurred_from": wire_time(midnight),
        "occurred_to": wire_time(min(midnight + timedelta(days=1, seconds=-1), at)),
        "occurred_precision": "day",
        "residence_area": {"missing": death.missing}
        if death.missing
        else world.area_by_postcode(death.residence),
        "incident_area": world.area_by_code(death.incident),
        "person_keys": [world.person_key(death.person)],
        "service_contact": ("yes", "no", "unknown")[death.person % 3],
    }
    return publish(payload, "incident", world.coroner, at, note, enveloped=True)


def _common(world: World, death: Death) -> dict[str, Any]:
    settings = [{"type": "school", "identifier": f"{world.tag}{death.school}"}] if death.school else []
    return {
        "version": 1,
        "action": "reported",
        "status": "suspected",
        "category": "suspected_suicide",
        "age": death.age,
        "sex": death.sex,
        "location_type": death.location_type,
        "method_group": death.method_group,
        "settings": settings,
    }


def _day_weight(day: datetime) -> float:
    turn = 2 * np.pi * (day.timetuple().tm_yday - SEASON_PEAK_DAY) / 365.25
    return float(WEEKDAY_WEIGHTS[day.weekday()] * (1 + SEASON_AMPLITUDE * np.cos(turn)))


def _draw_persons(rng: Rng, count: int) -> list[dict[str, Any]]:
    """What does not depend on where and when."""
    ages = np.clip(rng.normal(46, 17, count), 12, 97).astype(int).tolist()
    sexes = np.where(rng.random(count) < 0.75, "male", "female").tolist()
    unseen = np.where(rng.random(count) < 0.4, 0.0, rng.uniform(1, 12, count)).tolist()
    methods = rng.choice(len(METHODS), size=count, p=[weight for _, weight in METHODS]).tolist()
    return [
        {"age": ages[i], "sex": sexes[i], "unseen_hours": unseen[i], "method_group": METHODS[methods[i]][0]}
        for i in range(count)
    ]


def _draw_delays(rng: Rng, count: int) -> list[tuple[float | None, float | None]]:
    """Days until the police and until the coroner report; None where one never hears of the death."""
    by_police = rng.random(count) < POLICE_SHARE
    # A death that nobody reports is in no feed: the coroner hears of every one that the police miss.
    by_coroner = (rng.random(count) < 1 - (1 - CORONER_SHARE) / POLICE_SHARE) | ~by_police
    police = rng.uniform(*POLICE_DELAY_DAYS, count).tolist()
    coroner = rng.uniform(*CORONER_DELAY_DAYS, count).tolist()
    return [
        (police[i] if by_police[i] else None, coroner[i] if by_coroner[i] else None) for i in range(count)
    ]


def _incident_area(world: World, residence: int, away: bool, share: float) -> int:
    if not away:
        return residence
    nearby = world.near(residence, AWAY_KM)
    return int(nearby[int(share * len(nearby))])


def _missing(share: float) -> str | None:
    reasons = ((0.015, "no_fixed_abode"), (0.025, "unknown"), (0.03, "outside_country"))
    return next((reason for limit, reason in reasons if share < limit), None)


def _pick(choices: tuple[str, ...], share: float) -> str:
    return choices[int(share * len(choices))]


def _after(death: Death, delay_days: float) -> datetime:
    return death.occurred + timedelta(seconds=int(delay_days * 86_400))


def _second(note: str, duplicate: bool) -> str:
    if not duplicate:
        return note
    return "duplicate" if note == "background" else f"{note}:duplicate"
