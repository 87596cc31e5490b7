"""Simulated emergency admissions: what an emergency department sends, and sends again once it is coded."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from surveillance.simulation.deaths import draw_moments
from surveillance.simulation.published import Published, publish, wire_time
from surveillance.simulation.world import Rng, World
from surveillance.use_case.model import Partner

ADMISSIONS_A_YEAR = 2000.0  # a sample: the region's hospitals have far more
CODED_LATE_SHARE = 0.3
EMERGENCY_METHOD = "21"  # through an emergency department
SITES = ("ZZZ01", "ZZZ02", "ZZZ03", "ZZZ04")  # of the form of ODS codes; no organisation has these
LONGEST_DELAY_DAYS = 2.0


@dataclass(frozen=True, slots=True)
class Presentation:
    """Why people come: its share, their ages (mean and spread in years), and how it is coded (ICD-10)."""

    share: float
    age: tuple[float, float]
    complaint: str
    intent: str
    mechanism: str
    codes: tuple[str, ...]
    care_home: bool = False


PRESENTATIONS = (
    Presentation(0.35, (32, 14), "self_harm", "self_harm", "poisoning", ("X60", "X61", "X62", "X64")),
    Presentation(0.1, (30, 13), "self_harm", "self_harm", "sharp_object", ("X78", "X79")),
    Presentation(0.05, (35, 15), "poisoning", "undetermined", "poisoning", ("Y11", "Y12", "Y14")),
    Presentation(0.25, (58, 24), "breathlessness", "not_injury", "unknown", ("J189", "J181", "J22", "J069")),
    Presentation(0.1, (84, 7), "fall", "accident", "fall", ("W19", "W06"), care_home=True),
    Presentation(0.15, (70, 15), "chest_pain", "not_injury", "unknown", ("R074", "I200", "I509")),
)


@dataclass(frozen=True, slots=True)
class Admission:
    """A simulated admission; residence: index of an area; delay_days: from arrival to the first report."""

    person: int
    arrived: datetime
    residence: int
    age: int
    sex: str
    presentation: Presentation
    code: str
    delay_days: float
    coded_late: bool


def draw_admissions(
    world: World, rng: Rng, count: int, start: datetime, end: datetime, first_person: int
) -> list[Admission]:
    """`count` admissions in [start, end) over the whole region, in order of arrival."""
    moments = draw_moments(rng, count, start, end)
    residences = world.draw_areas(rng, count)
    kinds = rng.choice(len(PRESENTATIONS), size=count, p=[p.share for p in PRESENTATIONS])
    spread = rng.normal(size=count)
    delays = rng.uniform(0.3, LONGEST_DELAY_DAYS, count)
    late, female, code = rng.random(count), rng.random(count), rng.random(count)
    return [
        Admission(
            person=first_person + i,
            arrived=moments[i],
            residence=int(residences[i]),
            age=_age(PRESENTATIONS[kinds[i]], float(spread[i])),
            sex="female" if female[i] < 0.55 else "male",
            presentation=PRESENTATIONS[kinds[i]],
            code=_code(PRESENTATIONS[kinds[i]], float(code[i])),
            delay_days=float(delays[i]),
            coded_late=bool(late[i] < CODED_LATE_SHARE),
        )
        for i in range(count)
    ]


def messages_of(world: World, partner: Partner, admission: Admission) -> Iterator[Published]:
    """What the department sends: the admission, and where the codes came later, its discharge with them."""
    at = admission.arrived + timedelta(seconds=int(admission.delay_days * 86_400))
    first = admission_report(world, partner, admission, coded=not admission.coded_late)
    yield publish(first, "admission", partner, at, "background")
    if admission.coded_late:
        left = at + timedelta(days=1 + admission.delay_days)
        discharged = {"version": 2, "action": "discharged", "discharged_at": wire_time(left)}
        coded = admission_report(world, partner, admission, coded=True)
        yield publish(
            {**coded, **discharged, "discharge_status": "home"},
            "admission",
            partner,
            left + timedelta(hours=6),
            "revision:discharged",
        )


def admission_report(world: World, partner: Partner, admission: Admission, coded: bool) -> dict[str, Any]:
    """The first version of an admission, without the time of its report."""
    reason = admission.presentation
    diagnosis = {"system": "icd10", "code": admission.code, "version": "2016"}
    payload = {
        "encounter_id": f"{world.tag}adm-{admission.person:07d}",
        "version": 1,
        "action": "admitted",
        "reporter_org": partner.organisation,
        "provider_site": SITES[admission.residence % len(SITES)],
        "arrived_at": wire_time(admission.arrived),
        "admitted_at": wire_time(admission.arrived + timedelta(hours=3)),
        "admission_method": EMERGENCY_METHOD,
        "person_key": world.person_key(admission.person),
        "age": admission.age,
        "sex": admission.sex,
        "residence_area": world.area_by_postcode(admission.residence),
        "complaint": reason.complaint,
        "diagnoses": [diagnosis] if coded else [],
        "injury_intent": reason.intent,
        "mechanism": reason.mechanism,
        "discharge_status": "in_hospital",
    }
    if reason.care_home:
        payload["care_home_id"] = f"home-{admission.residence:04d}"
    return payload


def _age(reason: Presentation, spread: float) -> int:
    mean, deviation = reason.age
    return int(np.clip(mean + deviation * spread, 10, 104))


def _code(reason: Presentation, share: float) -> str:
    return reason.codes[int(share * len(reason.codes))]
