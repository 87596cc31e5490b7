"""What goes wrong in a schedule, and when: a pure function of a seed and a number."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

LOAD_SECONDS = 8.0
"""How long events are published; every fault begins within this."""
MOST_WORKERS = 4
GAP_SECONDS = 0.5

Database = Literal["postgresql", "sqlite"]


@dataclass(frozen=True)
class Kind:
    """A kind of fault. `target`: what it takes hold of; two faults of one target follow each other.

    shortest, longest: seconds until it is undone. sizes: what `size` is drawn from, in the unit that `unit`
    names. needs: a database without which it makes no sense.
    """

    target: str
    shortest: float
    longest: float
    sizes: tuple[float, ...] = (0.0,)
    unit: str = ""
    needs: Database | None = None


KINDS: Mapping[str, Kind] = {
    "worker killed": Kind("worker", 0.2, 2.0),
    "worker frozen": Kind("worker", 2.0, 11.0),
    "worker joins": Kind("worker", 0.0, 0.0),
    "worker leaves": Kind("worker", 0.0, 0.0),
    "gateway killed": Kind("gateway", 0.2, 2.0),
    "spool full": Kind("spool", 2.0, 5.0),
    "broker killed": Kind("broker", 0.5, 4.0),
    "broker restarted": Kind("broker", 0.0, 3.0),
    "broker line slow": Kind("broker line", 3.0, 8.0, (0.02, 0.1, 0.3), "s each way, 200 kB/s"),
    "broker line cut": Kind("broker line", 0.1, 5.0),
    "broker line half-open": Kind("broker line", 2.0, 7.0),
    "database killed": Kind("database", 0.5, 4.0, needs="postgresql"),
    "database restarted": Kind("database", 0.0, 3.0, needs="postgresql"),
    "database read-only": Kind("database", 1.0, 5.0, needs="postgresql"),
    "database a standby": Kind("database", 1.0, 4.0, needs="postgresql"),
    "database line slow": Kind("database line", 3.0, 8.0, (0.005, 0.02, 0.05), "s each way", "postgresql"),
    "database line cut": Kind("database line", 0.1, 5.0, needs="postgresql"),
    "database line half-open": Kind("database line", 2.0, 7.0, needs="postgresql"),
    "disk full": Kind("disk", 2.0, 5.0, needs="sqlite"),
    "clock jumps": Kind("clock", 2.0, 6.0, (-3600.0, -300.0, -5.0, 5.0, 300.0, 3600.0), "s"),
}

THEMES: tuple[tuple[str, ...], ...] = (
    ("worker killed", "broker line slow", "poison"),
    ("broker killed", "worker joins", "worker frozen"),
    ("broker restarted", "worker joins", "worker leaves", "reordered"),
    ("database killed", "worker killed", "repeated"),
    ("database a standby", "broker line cut"),
    ("database read-only", "gateway killed", "database line slow"),
    ("disk full", "worker killed"),
    ("spool full", "broker line half-open"),
    ("clock jumps", "database line half-open", "worker killed", "repeated"),
    ("database restarted", "database line cut", "worker joins", "worker joins", "reordered", "poison"),
)
"""What ten schedules in a row are about, in an order that the seed chooses: together, every kind."""

FEEDS = ("poison", "repeated", "reordered")
"""What can be wrong with the events themselves, all the time."""


@dataclass(frozen=True)
class Fault:
    """One fault: begins `at` seconds after the first event, undone `seconds` later. `which`: of several."""

    at: float
    kind: str
    seconds: float
    size: float = 0.0
    which: int = 0

    def __str__(self) -> str:
        kind = KINDS[self.kind]
        size = f" ({self.size:g} {kind.unit})" if kind.unit else ""
        lasts = f" for {self.seconds:.1f} s" if kind.longest else ""
        return f"{self.at:4.1f} s  {self.kind}{size}{lasts}"


@dataclass(frozen=True)
class Schedule:
    """One schedule: where, with how many workers at first, with which events, and what goes wrong."""

    seed: int
    number: int
    database: Database
    workers: int
    events: int
    feeds: tuple[str, ...]
    faults: tuple[Fault, ...]

    @property
    def gateway(self) -> bool:
        """Whether a part of the events is handed in at the gateway."""
        return any(KINDS[fault.kind].target in ("gateway", "spool") for fault in self.faults)

    @property
    def jumping(self) -> bool:
        """Whether the workers' clock is not the machine's."""
        return any(fault.kind == "clock jumps" for fault in self.faults)

    def as_json(self) -> dict[str, Any]:
        """Everything that was drawn."""
        return asdict(self)

    def __str__(self) -> str:
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        events = ", ".join((f"{self.events} events", *self.feeds))
        head = f"seed {self.seed}, schedule {self.number}: {self.database}, {workers}, {events}"
        return "\n  ".join((head, *map(str, self.faults)))


def draw(seed: int, number: int) -> Schedule:
    """The schedule of this number; numbers count from 0."""
    rng = random.Random(f"{seed}/{number}")
    kinds = list(_theme(seed, number))
    needs = {KINDS[kind].needs for kind in kinds if kind in KINDS}
    database: Database = "sqlite" if "sqlite" in needs else "postgresql"
    kinds += rng.sample(_offered(database), rng.randint(0, 2))
    feeds = tuple(feed for feed in FEEDS if feed in kinds or rng.random() < 0.2)
    faults = _in_turn(_fault(rng, kind) for kind in kinds if kind in KINDS)
    return Schedule(seed, number, database, rng.randint(1, 2), rng.randrange(200, 500, 50), feeds, faults)


def _theme(seed: int, number: int) -> tuple[str, ...]:
    block, place = divmod(number, len(THEMES))
    return random.Random(f"{seed}/block {block}").sample(THEMES, len(THEMES))[place]


def _offered(database: Database) -> list[str]:
    """What may happen besides; more gateways would only cost time."""
    return [
        name
        for name, kind in KINDS.items()
        if kind.needs in (None, database) and kind.target not in ("gateway", "spool", "disk", "clock")
    ]


def _fault(rng: random.Random, name: str) -> Fault:
    kind = KINDS[name]
    return Fault(
        at=round(rng.uniform(0.5, LOAD_SECONDS - 1.0), 1),
        kind=name,
        seconds=round(rng.uniform(kind.shortest, kind.longest), 1),
        size=rng.choice(kind.sizes),
        which=rng.randrange(MOST_WORKERS),
    )


def _in_turn(drawn: Iterator[Fault]) -> tuple[Fault, ...]:
    """By time. A fault whose target has another one begins when that is undone; those of workers may meet."""
    ends: dict[str, float] = {}
    faults = []
    for fault in sorted(drawn, key=lambda f: (f.at, f.kind)):
        target = KINDS[fault.kind].target
        at = fault.at if target == "worker" else max(fault.at, ends.get(target, 0.0))
        ends[target] = at + fault.seconds + GAP_SECONDS
        faults.append(Fault(round(at, 1), fault.kind, fault.seconds, fault.size, fault.which))
    return tuple(sorted(faults, key=lambda f: (f.at, f.kind)))
