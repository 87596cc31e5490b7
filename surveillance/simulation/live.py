"""What arrives from now on: some of everything that happens, and one injected cluster."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from surveillance.simulation.admissions import ADMISSIONS_A_YEAR
from surveillance.simulation.deaths import (
    LONGEST_DELAY_DAYS,
    coroner_report,
    count_deaths,
    draw_deaths,
    first_report_at,
    police_report,
    reports_of,
)
from surveillance.simulation.history import draw_admission_messages, in_order
from surveillance.simulation.injected import InjectedCluster, draw_cluster
from surveillance.simulation.published import Published, retell
from surveillance.simulation.refusals import CODES, spoil
from surveillance.simulation.revisions import INCIDENT_KINDS, is_open, latest, repeat, revise
from surveillance.simulation.world import Rng, World

ONE_MINUTE = timedelta(seconds=60)
LATE_COUNT, REPEATED_COUNT = 2, 3
LATE_DAYS = (21, 56)
# Shares of the duration: the first report of the cluster, the last one, and the second partner's delay.
CLUSTER_FROM, CLUSTER_TO, CLUSTER_SECOND = 0.05, 0.65, 0.2
# Persons are numbered apart from those of history, so that no two parts report the same one by accident.
DEATHS, ADMISSIONS, CLUSTER, LATE, REFUSED = 1_000_000, 1_100_000, 1_200_000, 1_300_000, 1_400_000


def live(
    world: World,
    rng: Rng,
    start: datetime,
    cluster: InjectedCluster,
    earlier: Sequence[Published] = (),
    duration: timedelta = ONE_MINUTE,
    admissions_a_year: float = ADMISSIONS_A_YEAR,
) -> Iterator[Published]:
    """What arrives in `duration` from `start` on, in the order of its `reported_at`.

    earlier: what was sent before (`history`), some of which is revised now. The deaths of `cluster` are
    told in the order in which they occurred. A message that is received over 5 minutes before its
    `reported_at` is refused as of the future, so none may be sent much too early.
    """
    pending = [*_unreported_deaths(world, rng, start)]
    pending += _unreported_admissions(world, rng, start, admissions_a_year)
    pending += _late(world, rng, start)
    sent = [retell(m, world.partner(m.partner), _moment(rng, start, duration)) for m in pending]
    sent += _cluster(world, rng, cluster, start, duration)
    end = start + duration
    sent += _revise_now(world, rng, [*earlier, *(m for m in sent if m.note == "late")], start, end)
    chosen = rng.choice(len(sent), min(REPEATED_COUNT, len(sent)), replace=False)
    sent += [repeat(sent[i], _moment_after(rng, sent[i].reported_at, end)) for i in chosen]
    sent += _refused(world, rng, start, duration)
    yield from in_order(sent)


def _unreported_deaths(world: World, rng: Rng, start: datetime) -> Iterator[Published]:
    """The first reports of deaths before `start` that were not due by then: as many as there would be."""
    since = start - timedelta(days=LONGEST_DELAY_DAYS)
    count = count_deaths(world, rng, LONGEST_DELAY_DAYS)
    for death in draw_deaths(world, rng, count, since, start, DEATHS):
        if first_report_at(death) >= start:
            yield next(reports_of(world, death, latest=start))


def _unreported_admissions(world: World, rng: Rng, start: datetime, a_year: float) -> list[Published]:
    since = start - timedelta(days=3)
    drawn = draw_admission_messages(world, rng, since, start - timedelta(hours=4), a_year, ADMISSIONS)
    return [m for m in drawn if m.note == "background" and m.reported_at >= start]


def _late(world: World, rng: Rng, start: datetime) -> Iterator[Published]:
    """Deaths of weeks ago that are reported only now."""
    longest, shortest = (start - timedelta(days=days) for days in reversed(LATE_DAYS))
    for death in draw_deaths(world, rng, LATE_COUNT, longest, shortest, LATE):
        yield next(reports_of(world, death, "late"))


def _cluster(
    world: World, rng: Rng, cluster: InjectedCluster, start: datetime, duration: timedelta
) -> Iterator[Published]:
    step = (CLUSTER_TO - CLUSTER_FROM) / max(1, cluster.deaths - 1)
    for i, death in enumerate(draw_cluster(world, rng, cluster, start, CLUSTER)):
        at = start + duration * (CLUSTER_FROM + i * step)
        yield police_report(world, death, at, "cluster")
        if death.coroner_delay_days is not None:
            yield coroner_report(world, death, at + duration * CLUSTER_SECOND, "cluster:duplicate")


def _revise_now(
    world: World, rng: Rng, known: Sequence[Published], start: datetime, end: datetime
) -> Iterator[Published]:
    """One revision of each kind, of incidents that are still open."""
    candidates = [m for m in latest(known).values() if m.kind == "incident" and is_open(m)]
    count = min(len(candidates), len(INCIDENT_KINDS))
    chosen = rng.choice(len(candidates), count, replace=False)
    for kind, i in zip(INCIDENT_KINDS, chosen.tolist(), strict=False):
        base = candidates[i]
        at = _moment_after(rng, max(base.reported_at, start), end)
        yield revise(base, world.partner(base.partner), kind, rng, at)


def _refused(world: World, rng: Rng, start: datetime, duration: timedelta) -> Iterator[Published]:
    """One message for every reason to refuse one."""
    since = start - timedelta(days=5)
    deaths = draw_deaths(world, rng, len(CODES), since, start - timedelta(days=1), REFUSED)
    for code, death in zip(CODES, deaths, strict=True):
        at = _moment(rng, start, duration)
        yield spoil(police_report(world, death, at, "background"), code)


def _moment(rng: Rng, start: datetime, duration: timedelta) -> datetime:
    return start + duration * float(rng.random())


def _moment_after(rng: Rng, earliest: datetime, end: datetime) -> datetime:
    return earliest + (end - earliest) * float(rng.random())
