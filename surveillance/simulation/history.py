"""What partners sent in the past: a year of it is loaded before the service looks at anything new.

The same world and the same state of `rng` give the same bytes. Nobody in it exists.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from surveillance.simulation.admissions import ADMISSIONS_A_YEAR, draw_admissions, messages_of
from surveillance.simulation.deaths import (
    YEAR_DAYS,
    Death,
    count_deaths,
    draw_deaths,
    police_report,
    reports_of,
)
from surveillance.simulation.published import Published
from surveillance.simulation.revisions import draw_kind, merge, repeat, revise
from surveillance.simulation.world import Rng, World

REVISED_SHARE, REPEATED_SHARE, MERGED_SHARE = 0.3, 0.02, 0.03


def history(
    world: World, rng: Rng, until: datetime, days: int = 365, admissions_a_year: float = ADMISSIONS_A_YEAR
) -> Iterator[Published]:
    """What partners sent in the `days` before `until`, in the order in which they sent it.

    Deaths that nobody had reported by `until` are not in it; `live` has such ones.
    """
    start = until - timedelta(days=days)
    deaths = draw_deaths(world, rng, count_deaths(world, rng, days), start, until, first_person=0)
    reports = [report for death in deaths for report in reports_of(world, death)]
    admitted = draw_admission_messages(world, rng, start, until, admissions_a_year, first_person=500_000)
    merged = [message for death in deaths for message in _report_twice(world, rng, death)]
    sent = [*reports, *merged, *_revise_some(world, rng, reports), *admitted]
    sent += _repeat_some(rng, sent)
    yield from in_order(message for message in sent if message.reported_at < until)


def draw_admission_messages(
    world: World, rng: Rng, start: datetime, end: datetime, a_year: float, first_person: int
) -> list[Published]:
    """What the emergency department sends of the admissions in [start, end); none without a department."""
    if world.emergency is None:
        return []
    count = int(rng.poisson(a_year * ((end - start) / timedelta(days=YEAR_DAYS))))
    admissions = draw_admissions(world, rng, count, start, end, first_person)
    return [message for a in admissions for message in messages_of(world, world.emergency, a)]


def in_order(messages: Iterator[Published] | Sequence[Published]) -> list[Published]:
    """By the time at which they are sent."""
    return sorted(messages, key=lambda message: (message.reported_at, message.key, message.note))


def _report_twice(world: World, rng: Rng, death: Death) -> Iterator[Published]:
    """For some deaths a second record of the police, which they merge into the first one later."""
    if death.police_delay_days is None or rng.random() >= MERGED_SHARE:
        return
    at = death.occurred + timedelta(days=death.police_delay_days)
    first = police_report(world, death, at, "background")
    second = police_report(world, death, at + timedelta(days=1), "duplicate", again=True)
    yield second
    yield merge(second, first, world.police, at + timedelta(days=3))


def _revise_some(world: World, rng: Rng, reports: Sequence[Published]) -> Iterator[Published]:
    for report in reports:
        if rng.random() < REVISED_SHARE:
            kind = draw_kind(report.kind, rng)
            at = report.reported_at + timedelta(days=float(rng.uniform(*kind.days)))
            yield revise(report, world.partner(report.partner), kind, rng, at)


def _repeat_some(rng: Rng, sent: Sequence[Published]) -> list[Published]:
    return [
        repeat(message, message.reported_at + timedelta(hours=float(rng.uniform(0.1, 48))))
        for message in sent
        if rng.random() < REPEATED_SHARE
    ]
