"""All configuration, loaded and checked together: use cases, partners, scopes, areas and detectors."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from surveillance.alerting.due import WorkingTime
from surveillance.delivery.registry import check_channel
from surveillance.detection import registry
from surveillance.detection.cluster import Detector, Locations
from surveillance.detection.study import make_locations
from surveillance.events.admission import AdmissionEvent
from surveillance.events.incident import IncidentEvent
from surveillance.events.topics import Source, topic_name
from surveillance.geography.area import AreaTable, load_areas
from surveillance.geography.lookup import Gazetteer
from surveillance.reporting import Covered, covered_areas
from surveillance.settings import Settings
from surveillance.use_case.fault import ConfigError, ConfigFault
from surveillance.use_case.load import (
    load_partners,
    load_receivers,
    load_scopes,
    load_use_cases,
    receivers_against,
)
from surveillance.use_case.model import Coverage, Partner, Scope, UseCase
from surveillance.use_case.receiver import ALERTS_TOPIC, DEFAULT, Receiver, ReceiversFile

M = TypeVar("M")
RECORD_MODELS: Mapping[str, type[BaseModel]] = {"incident": IncidentEvent, "admission": AdmissionEvent}


@dataclass(frozen=True)
class Region:
    """A scope with its areas: those inside, and the neighbours that are read for their cases only."""

    scope: Scope
    inside: AreaTable
    read: AreaTable

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.scope.time_zone)

    @cached_property
    def locations(self) -> Locations:
        """The areas as detectors take them; made once, so that what is computed of them is kept."""
        table = self.read
        inside = table.mask(self.inside)
        return make_locations(
            table.codes, table.coordinates, table.metric, table.population, inside, table.units
        )

    @cached_property
    def levels(self) -> Mapping[str, tuple[str, frozenset[str]]]:
        """By code, each area of any level with its name and the codes of the areas inside that it is made of.

        The largest units first, the areas themselves last.
        """
        table, found = self.inside, dict[str, tuple[str, set[str]]]()
        for unit, of_units in reversed(list(table.units.items())):
            names = table.unit_names.get(unit, {})
            for code, of_unit in zip(table.codes, of_units, strict=True):
                found.setdefault(of_unit, (names.get(of_unit, of_unit), set()))[1].add(code)
        for code, name in zip(table.codes, table.names, strict=True):
            found.setdefault(code, (name, set()))[1].add(code)
        return {code: (name, frozenset(codes)) for code, (name, codes) in found.items()}

    @cached_property
    def working_time(self) -> WorkingTime:
        """When the scope's people work; the targets for acknowledging count these hours."""
        return WorkingTime(self.zone, self.scope.bank_holidays)


@dataclass(frozen=True)
class Configuration:
    """What is counted, where, from whom. Immutable: a change of configuration is a restart."""

    directory: Path
    use_cases: Mapping[str, UseCase]
    partners: Mapping[str, Partner]
    regions: Mapping[str, Region]
    detectors: Mapping[str, tuple[Detector, ...]]
    gazetteer: Gazetteer
    receivers: Mapping[str, Receiver] = field(default_factory=lambda: {ALERTS_TOPIC.id: ALERTS_TOPIC})
    escalate_every: timedelta = timedelta(minutes=DEFAULT.escalate_every_minutes)

    def use_cases_of(self, kind: str) -> Iterator[UseCase]:
        """The use cases that count records of this kind."""
        return (u for u in self.use_cases.values() if u.records == kind)

    def evaluates(self, use_case: str, scope: str) -> bool:
        """Whether this use case is evaluated in this scope."""
        return use_case in self.use_cases and scope in self.use_cases[use_case].scopes

    def zone_of(self, use_case: UseCase) -> ZoneInfo:
        """The time zone of a use case's days; one for all its scopes, which loading checks."""
        return self.regions[use_case.scopes[0]].zone

    def scopes_reading(self, use_case: UseCase, area: str) -> Iterator[str]:
        """The scopes whose evaluations look at this area."""
        return (s for s in use_case.scopes if area in self.regions[s].read.index)

    def first_covered(self, use_case: UseCase, scope: str, as_of: date) -> date | None:
        """The day from which any partner that covers areas of the scope as of a day has covered them."""
        days = [
            coverage.since
            for coverage in self._coverages(use_case)
            if (coverage.until is None or coverage.until >= as_of) and self._covers(coverage, scope)
        ]
        return min(days, default=None)

    def complete_from(self, use_case: UseCase, scope: str, as_of: date) -> tuple[date, ...]:
        """Per area that the scope reads, the day of the last change in which partners cover it."""
        changes = sum(day <= as_of for day in self._changes(use_case))
        key = use_case.records, scope, changes
        if key not in self._complete_from:
            self._complete_from[key] = self._last_changes(use_case, scope, as_of)
        return self._complete_from[key]

    @cached_property
    def _complete_from(self) -> dict[tuple[str, str, int], tuple[date, ...]]:
        """Kept, since each look asks: by kind of records, scope, and the number of changes until then."""
        return {}

    def _changes(self, use_case: UseCase) -> Iterator[date]:
        """The days on which coverage begins or has ended."""
        for coverage in self._coverages(use_case):
            yield coverage.since
            if coverage.until is not None:
                yield coverage.until + timedelta(days=1)

    def _last_changes(self, use_case: UseCase, scope: str, as_of: date) -> tuple[date, ...]:
        region = self.regions[scope]
        days = [date.min] * len(region.read)
        for coverage in self._coverages(use_case):
            if coverage.areas != region.inside.name:
                continue
            covered = region.read.mask(region.inside.whole.within(coverage.within))
            ended = coverage.until and coverage.until + timedelta(days=1)
            for day in (coverage.since, ended):
                if day is not None and day <= as_of:
                    days = [max(was, day) if here else was for was, here in zip(days, covered, strict=True)]
        return tuple(days)

    def covered(self, use_case: UseCase, scope: str) -> tuple[Covered, ...]:
        """What partners cover of the areas that the scope reads, for the use case's kind of records."""
        key = use_case.records, scope
        if key not in self._covered:
            self._covered[key] = covered_areas(
                self.partners.values(), self.regions[scope].read, use_case.records
            )
        return self._covered[key]

    @cached_property
    def _covered(self) -> dict[tuple[str, str], tuple[Covered, ...]]:
        """Kept, since each look asks; it never changes."""
        return {}

    def _coverages(self, use_case: UseCase) -> Iterator[Coverage]:
        for partner in self.partners.values():
            if f"{use_case.records}s" in partner.topics:
                yield from partner.coverage

    def _covers(self, coverage: Coverage, scope: str) -> bool:
        inside = self.regions[scope].inside
        if coverage.areas != inside.name:
            return False
        return not coverage.within or bool(inside.mask(inside.whole.within(coverage.within)).any())

    @cached_property
    def scopes_of(self) -> Mapping[str, tuple[str, ...]]:
        """By partner, the scopes with areas that it has ever covered."""
        return {
            partner.id: tuple(s for s in self.regions if any(self._covers(c, s) for c in partner.coverage))
            for partner in self.partners.values()
        }

    def study_start(self, use_case: UseCase, scope: str, as_of: date) -> date:
        """First day of the study: of the longest past that a detector asks for, but none before the use
        case's start or any coverage."""
        start = min(baseline_start(use_case, one, as_of) for one in self.detectors[use_case.id])
        known = (start, use_case.study_start, self.first_covered(use_case, scope, as_of))
        return min(as_of, max(day for day in known if day is not None))

    def sources(self, backfill: bool = False) -> Iterator[Source]:
        """Every partner's topics, or those on which the operator loads its history."""
        for partner in self.partners.values():
            for topic in partner.topics:
                yield Source(topic.removesuffix("s"), partner.id, backfill)  # type: ignore[arg-type]

    def topics(self, prefix: str = "") -> tuple[str, ...]:
        """The names of every topic that events arrive on."""
        both = (*self.sources(), *self.sources(backfill=True))
        return tuple(topic_name(s.kind, s.partner, prefix, s.backfill) for s in both)


def baseline_start(use_case: UseCase, detector: Detector, as_of: date) -> date:
    """First day that a detector looks at: its own baseline's where it needs more than the use case's."""
    days = max(use_case.baseline_days, getattr(detector, "baseline_days", 0))
    return as_of - timedelta(days=days - 1)


def fingerprint(directory: Path) -> str:
    """Another text whenever a file of the configuration is another, came or went."""
    found = sha256()
    for path in sorted(directory.rglob("*.yaml")):
        with suppress(FileNotFoundError):  # it went in this moment: the next look sees it gone
            found.update(f"{path.relative_to(directory)}\0".encode() + sha256(path.read_bytes()).digest())
    return found.hexdigest()


def load_configuration(directory: Path) -> Configuration:
    """Loads everything below `directory`; raises ConfigError with every fault: file, key, problem, fix."""
    if not directory.is_dir():
        fix = "Name that of the configuration (SURVEILLANCE_CONFIG_DIR), or run the command beside it"
        raise ConfigError([ConfigFault(str(directory), "", "there is no such directory", fix)])
    faults: list[ConfigFault] = []
    scopes = _collect(faults, lambda: load_scopes(directory, settings=tuple(Settings.model_fields)))
    regions = {scope.id: _collect_region(faults, scope, directory) for scope in scopes.values()}
    partners = _collect(faults, lambda: load_partners(directory, scopes=scopes, record_models=RECORD_MODELS))
    told = _collect_receivers(faults, directory)
    receivers = None if told is None else {receiver.id: receiver for receiver in told.receivers}
    use_cases = _collect(
        faults,
        lambda: load_use_cases(
            directory,
            scopes=scopes,
            check_detector=_check_detector,
            record_models=RECORD_MODELS,
            receivers=receivers,
        ),
    )
    if told is not None and use_cases:  # else everything that receivers say of them would look wrong
        faults += receivers_against(told.receivers, use_cases, scopes)
    known = {scope: region for scope, region in regions.items() if region is not None}
    faults += [fault for use_case in use_cases.values() for fault in _level_faults(use_case, known)]
    if faults or told is None:
        raise ConfigError(faults)
    return Configuration(
        directory=directory,
        use_cases=use_cases,
        partners=partners,
        regions=known,
        detectors={
            u.id: tuple(registry.build(d.name, d.parameters) for d in u.detectors) for u in use_cases.values()
        },
        gazetteer=Gazetteer.load(
            tuple({r.inside.name: r.inside.whole for r in regions.values() if r}.values())
        ),
        receivers=receivers or {},
        escalate_every=timedelta(minutes=told.escalate_every_minutes),
    )


def _collect(faults: list[ConfigFault], load: Callable[[], dict[str, M]]) -> dict[str, M]:
    """What `load` gives; its faults join the others, so that people see all of them at once."""
    try:
        return load()
    except ConfigError as error:
        faults += error.faults
        return {}


def _collect_receivers(faults: list[ConfigFault], directory: Path) -> ReceiversFile | None:
    try:
        return load_receivers(directory, check_channel=check_channel)
    except ConfigError as error:
        faults += error.faults
        return None


def _collect_region(faults: list[ConfigFault], scope: Scope, directory: Path) -> Region | None:
    try:
        return _region(scope, directory)
    except ConfigError as error:
        faults += error.faults
        return None


def _level_faults(use_case: UseCase, regions: Mapping[str, Region]) -> Iterator[ConfigFault]:
    """A detector that counts by a higher unit which the areas of a scope do not have."""
    for i, chosen in enumerate(use_case.detectors):
        level = chosen.parameters.get("level")
        for scope in use_case.scopes:
            if level is None or scope not in regions or level in regions[scope].read.units:
                continue
            units = ", ".join(regions[scope].read.units)
            fix = f"Use one of: {units}" if units else "Leave it out: the areas have no higher units"
            key = f"detectors[{i}].parameters.level"
            yield ConfigFault(f"use_cases/{use_case.id}.yaml", key, f"no such unit in scope {scope}", fix)


def _check_detector(name: str, parameters: Mapping[str, object]) -> None:
    registry.build(name, parameters)


def _region(scope: Scope, directory: Path) -> Region:
    table = load_areas(scope.areas, directory)
    inside = table.within(scope.within)
    return Region(scope, inside, table.around(inside, scope.neighbours_km) if scope.neighbours_km else inside)
