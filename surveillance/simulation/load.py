"""Many events for load and fault tests, and what must be true of the service when all were handled."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, islice

from surveillance.line_list.record import RecordKey
from surveillance.simulation.admissions import draw_admissions, messages_of
from surveillance.simulation.deaths import draw_deaths, reports_of
from surveillance.simulation.history import in_order
from surveillance.simulation.injected import InjectedCluster, draw_cluster
from surveillance.simulation.published import Published, payload_of, retell
from surveillance.simulation.refusals import CODES, spoil
from surveillance.simulation.revisions import draw_kind, repeat, revise
from surveillance.simulation.world import Rng, World

DEATHS, ADMISSIONS, CLUSTER = 2_000_000, 3_000_000, 4_000_000


@dataclass(frozen=True)
class Truth:
    """What the store must hold in the end, whatever failed in between.

    highest: every record that is in the line list -> its highest version. refused: reason -> number of
    dead letters. shared: the pairs of records with a person key in common.
    """

    highest: Mapping[RecordKey, int]
    refused: Mapping[str, int]
    shared: frozenset[frozenset[RecordKey]]


def load_mix(
    world: World,
    rng: Rng,
    n: int,
    until: datetime,
    *,
    days: int = 365,
    refused: float = 0.01,
    revised: float = 0.02,
    repeated: float = 0.02,
    incidents: float = 0.5,
    cluster: InjectedCluster | None = None,
) -> tuple[list[Published], Truth]:
    """Exactly `n` messages of the `days` before `until`, in the order of their reports, and the truth.

    refused, revised, repeated: shares of `n`. incidents: share of new records that are incidents, all where
    the world has no emergency department. No record is revised twice, and none of a `cluster` is.
    """
    bad, later, again = (round(n * share) for share in (refused, revised, repeated))
    told = _cluster_reports(world, rng, cluster, until)
    records = n - later - again - len(told)
    wanted = records if world.emergency is None else round(records * incidents)
    start = until - timedelta(days=days)
    fresh = list(islice(_incidents(world, rng, wanted, start, until), wanted))
    fresh += _admissions(world, rng, records - wanted, start, until)
    order = rng.permutation(records).tolist()
    spoiled = [spoil(fresh[at], CODES[i % len(CODES)]) for i, at in enumerate(order[:bad])]
    kept = [fresh[at] for at in order[bad:]]
    revisions = [_revise(world, rng, message, until) for message in kept[:later]]
    valid = [*told, *kept, *revisions]
    chosen = rng.choice(len(valid), again, replace=False).tolist()
    repeats = [repeat(valid[i], _soon_after(rng, valid[i], until)) for i in chosen]
    return in_order([*valid, *spoiled, *repeats]), _truth(valid, spoiled)


def _cluster_reports(
    world: World, rng: Rng, cluster: InjectedCluster | None, until: datetime
) -> list[Published]:
    deaths = [] if cluster is None else draw_cluster(world, rng, cluster, until, CLUSTER)
    return [report for death in deaths for report in reports_of(world, death, "cluster")]


def _incidents(world: World, rng: Rng, count: int, start: datetime, until: datetime) -> Iterator[Published]:
    """At least `count` reports, none after `until`."""
    deaths = draw_deaths(world, rng, count, start, until, DEATHS)
    for i in rng.permutation(count).tolist():
        yield from reports_of(world, deaths[i], latest=until)


def _admissions(world: World, rng: Rng, count: int, start: datetime, until: datetime) -> Iterator[Published]:
    """`count` admissions, each as first reported, none after `until`."""
    if world.emergency is None:
        return
    for admission in draw_admissions(world, rng, count, start, until - timedelta(hours=4), ADMISSIONS):
        first = next(messages_of(world, world.emergency, admission))
        yield first if first.reported_at <= until else retell(first, world.emergency, until)


def _revise(world: World, rng: Rng, message: Published, until: datetime) -> Published:
    kind = draw_kind(message.kind, rng)
    return revise(message, world.partner(message.partner), kind, rng, _soon_after(rng, message, until))


def _soon_after(rng: Rng, message: Published, until: datetime) -> datetime:
    return min(until, message.reported_at + timedelta(hours=24 * float(rng.random())))


def _truth(valid: Sequence[Published], spoiled: Sequence[Published]) -> Truth:
    highest: dict[RecordKey, int] = {}
    persons: defaultdict[str, set[RecordKey]] = defaultdict(set)
    for message in valid:
        payload = payload_of(message)
        key = message.record_key
        highest[key] = max(payload["version"], highest.get(key, 0))
        for person in payload.get("person_keys") or filter(None, [payload.get("person_key")]):
            persons[person["value"]].add(key)
    refused = Counter(message.note.removeprefix("refused:") for message in spoiled)
    pairs = (pair for keys in persons.values() for pair in combinations(sorted(keys), 2))
    return Truth(highest, refused, frozenset(map(frozenset, pairs)))
