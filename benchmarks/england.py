"""A year of England's emergency attendances by its days, and the configuration that counts them. Invented.

Areas and populations are the shipped area file (32,844 LSOAs). What people come with, how many of them stay
and at which hour are round numbers and no published ones, chosen so that each shipped use case meets about as
many cases as it may expect: of 25 million attendances a year a fifth are admitted, among them 100,000 for
self-harm, 600,000 with an acute infection of the airways and 2.2 million of people aged 65 and over. Bank
holidays are days like others.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import yaml

from surveillance.configuration import Configuration
from surveillance.geography.area import AreaTable, load_areas
from surveillance.simulation.admissions import Admission, Presentation, admission_report
from surveillance.simulation.history import in_order
from surveillance.simulation.published import Published, publish, wire_time
from surveillance.simulation.world import World
from surveillance.use_case.model import Partner

ROOT = Path(__file__).resolve().parents[1]
SCOPE = "england"
"""The scope, and the shipped area file."""
ZONE = ZoneInfo("Europe/London")
A_YEAR = 25_000_000
"""About the attendances of all of England's emergency departments."""
PARTNERS = 7
"""Who publishes: the hospitals of six integrated care boards each."""
WEEKDAYS = (1.09, 1.03, 1.0, 0.99, 0.98, 0.94, 0.97)
SEASON_AMPLITUDE, SEASON_PEAK_DAY = 0.03, 180
HOURS = (3, 2.5, 2, 2, 2, 2, 2.5, 3.5, 5, 6, 6.5, 6.5, 6, 6, 5.5, 5.5, 5.5, 5.5, 5.5, 5.5, 5, 4.5, 4, 3.5)
DELAY_HOURS = 4.0, 12.0
"""From arrival to the report: once the person has left the department."""
CODED_LATE_SHARE = 0.3
"""Of those admitted: their codes come a day later, with the discharge."""

# Shares are of all attendances; together they are 1.
ADMITTED = (
    Presentation(0.004, (36, 17), "self_harm", "self_harm", "poisoning", ("X60", "X61", "X62", "X64")),
    Presentation(0.024, (56, 28), "breathlessness", "not_injury", "unknown", ("J189", "J181", "J22", "J069")),
    Presentation(0.005, (86, 7), "fall", "accident", "fall", ("W19", "W06"), care_home=True),
    Presentation(0.020, (79, 10), "fall", "accident", "fall", ("W19", "W01", "W18")),
    Presentation(0.157, (56, 25), "other", "not_injury", "unknown", ("R074", "I509", "K590", "N390", "R55")),
)
SENT_HOME = (
    Presentation(0.004, (29, 13), "self_harm", "self_harm", "sharp_object", ("X78", "X79")),
    Presentation(0.060, (25, 24), "breathlessness", "not_injury", "unknown", ("J069", "J22")),
    Presentation(0.280, (36, 23), "injury", "accident", "unknown", ("S610", "S934", "S099")),
    Presentation(0.446, (38, 24), "other", "not_injury", "unknown", ("R104", "R51", "Z760")),
)
REASONS = (*ADMITTED, *SENT_HOME)
_SHARES = np.array([reason.share for reason in REASONS])


def day_weight(day: date) -> float:
    """How a day's attendances compare with those of an average day."""
    turn = 2 * np.pi * (day.timetuple().tm_yday - SEASON_PEAK_DAY) / 365.25
    return float(WEEKDAYS[day.weekday()] * (1 + SEASON_AMPLITUDE * np.cos(turn)))


def attendances_of(day: date, a_year: int) -> int:
    """How many attendances are reported on a day, of so many in the 365 days that begin with it."""
    weights = [day_weight(day + timedelta(days=n)) for n in range(365)]
    return round(a_year * weights[0] / sum(weights))


def write_config(directory: Path, since: date) -> Path:
    """The shipped configuration with England for its only scope, the use cases that count admissions there,
    and hospitals that cover all of it since a day."""
    shutil.copytree(ROOT / "config", directory)
    main = directory / "surveillance.yaml"
    scope = {"id": SCOPE, "title": "England", "time_zone": str(ZONE), "areas": SCOPE}
    main.write_text(yaml.safe_dump({**yaml.safe_load(main.read_text()), "scopes": [scope]}))
    for file in (directory / "use_cases").glob("*.yaml"):
        use_case = yaml.safe_load(file.read_text())
        file.unlink()
        if use_case["records"] == "admission" and use_case["scopes"] == ["cheshire-merseyside"]:
            file.write_text(yaml.safe_dump({**use_case, "scopes": [SCOPE]}))
    for file in (directory / "partners").iterdir():
        file.unlink()
    for number, boards in enumerate(boards_of_partners(load_areas(SCOPE, directory))):
        partner = _partner(number, boards, since)
        (directory / "partners" / f"{partner['id']}.yaml").write_text(yaml.safe_dump(partner))
    return directory


def boards_of_partners(areas: AreaTable) -> list[list[str]]:
    """The integrated care boards whose hospitals publish as one partner, for each partner."""
    return [part.tolist() for part in np.array_split(np.unique(areas.units["icb"]), PARTNERS)]


def _partner(number: int, boards: Sequence[str], since: date) -> dict[str, Any]:
    return {
        "id": f"hospitals-{number}",
        "title": f"Hospitals {number}",
        "organisation": f"HOSPITALS-{number}",
        "reporter_type": "emergency_department",
        "topics": ["admissions"],
        "coverage": [{"areas": SCOPE, "within": {"icb": board}, "since": since} for board in boards],
        "expected_delay_days": 2,
        "silence_after_hours": 24,
    }


@dataclass
class England:
    """Attendances, each of another person, day after day. The same days in the same order, the same messages.

    a_year: how many there are in 365 days.
    """

    configuration: Configuration
    a_year: int = A_YEAR
    attended: int = 0
    _late: list[Published] = field(default_factory=list)
    _rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def day(self, day: date) -> list[Published]:
        """What is reported on a day, in order: its attendances, and the codes of those of the day before."""
        drawn = self.draw(attendances_of(day, self.a_year))
        firsts, late = [], []
        for admission, reported_at, admitted in self._admissions(drawn, day):
            coded = not admission.coded_late
            firsts.append(self._report(admission, reported_at, admitted, coded))
            if not coded:
                late.append(self._discharge(admission, reported_at + timedelta(days=1)))
        sent, self._late = in_order([*firsts, *self._late]), late
        self.attended += len(firsts)
        return sent

    def draw(self, count: int) -> "Drawn":
        """So many attendances: why, how old, and where the people live."""
        reason = self._rng.choice(len(REASONS), count, p=_SHARES)
        mean, deviation = np.array([one.age for one in REASONS])[reason].T
        age = np.clip(self._rng.normal(mean, deviation), 0, 104).astype(int)
        return Drawn(reason, age, self.world.draw_areas(self._rng, count))

    @cached_property
    def world(self) -> World:
        """England's areas. A hospital stands in for the police and the coroner, who publish nothing here."""
        some = next(iter(self.configuration.partners.values()))
        return World(areas=self.configuration.regions[SCOPE].inside, police=some, coroner=some)

    @cached_property
    def partner_of(self) -> list[Partner]:
        """By area, whose hospitals its people go to."""
        partners, areas = self.configuration.partners, self.world.areas
        by_board = {b: f"hospitals-{n}" for n, boards in enumerate(boards_of_partners(areas)) for b in boards}
        return [partners[by_board[board]] for board in areas.units["icb"]]

    def _admissions(self, drawn: "Drawn", day: date) -> list[tuple[Admission, datetime, bool]]:
        """Each attendance with the time of its report, and whether the person was admitted."""
        count, rng = len(drawn.reason), self._rng
        hour = rng.choice(24, count, p=np.array(HOURS) / sum(HOURS))
        seconds = (hour * 3600 + rng.integers(0, 3600, count)).tolist()
        delays = rng.uniform(*DELAY_HOURS, count).tolist()
        late, female, code = (rng.random(count).tolist() for _ in range(3))
        midnight, found = datetime.combine(day, time(), ZONE), []
        for i, reason in enumerate(drawn.reason.tolist()):
            why, admitted = REASONS[reason], reason < len(ADMITTED)
            reported_at = midnight + timedelta(seconds=seconds[i])
            admission = Admission(
                person=self.attended + i,
                arrived=reported_at - timedelta(hours=delays[i]),
                residence=int(drawn.area[i]),
                age=int(drawn.age[i]),
                sex="female" if female[i] < 0.52 else "male",
                presentation=why,
                code=why.codes[int(code[i] * len(why.codes))],
                delay_days=delays[i] / 24,
                coded_late=admitted and late[i] < CODED_LATE_SHARE,
            )
            found.append((admission, reported_at, admitted))
        return found

    def _report(self, admission: Admission, at: datetime, admitted: bool, coded: bool) -> Published:
        partner = self.partner_of[admission.residence]
        payload = admission_report(self.world, partner, admission, coded)
        if not admitted:
            del payload["admitted_at"], payload["admission_method"]
            payload |= {"action": "attended", "discharge_status": "home"}
        return publish(payload, "admission", partner, at, "background")

    def _discharge(self, admission: Admission, at: datetime) -> Published:
        partner = self.partner_of[admission.residence]
        left = {"version": 2, "action": "discharged", "discharged_at": wire_time(at - timedelta(hours=1))}
        coded = admission_report(self.world, partner, admission, coded=True)
        payload = {**coded, **left, "discharge_status": "home"}
        return publish(payload, "admission", partner, at, "revision:discharged")


@dataclass(frozen=True)
class Drawn:
    """Attendances as arrays: index of the reason, age in years, index of the area."""

    reason: np.ndarray[Any, Any]
    age: np.ndarray[Any, Any]
    area: np.ndarray[Any, Any]

    def counted(self, use_case: str) -> np.ndarray[Any, Any]:
        """Indices of those that a use case counts."""
        admitted = self.reason < len(ADMITTED)
        of_use_case = {
            "self-harm-admissions": self.reason == 0,
            "respiratory-admissions": self.reason == 1,
            "emergency-admissions-over-65": self.age >= 65,
        }
        return np.flatnonzero(admitted & of_use_case[use_case])
