"""Which runs an evaluation is made of."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from surveillance.evaluation.simulated import Background, Injection
from surveillance.evaluation.subject import Run

NULL_DAYS = 365
AFTER_DAYS = 14  # that a replay goes on after an injected cluster's last day
_FIRST = date(2031, 1, 1)


@dataclass(frozen=True)
class Plan:
    """Years without a cluster, and so many injected clusters of each relative risk and each size."""

    background: Background
    years: int
    clusters: int
    relative_risks: tuple[float, ...] = ()
    extras: tuple[int, ...] = ()
    radius_km: float = 5.0
    days: int = 14
    first_seed: int = 0
    detectors: tuple[str, ...] | None = None

    @property
    def null_cell(self) -> str:
        """Names the null histories: by how they differ from the plainest ones."""
        background = self.background
        parts = (
            f"{background.cases_a_year:g} cases a year",
            f"areas differ by {background.unmodelled_log_sd:g}" if background.unmodelled_log_sd else "",
            f"{background.slow_share:.0%} report late" if background.slow_share else "",
            f"{background.joined_share:.0%} joined lately" if background.joined_share else "",
            f"reported for {background.past_days} days" if background.past_days is not None else "",
        )
        return ", ".join(part for part in parts if part)


def runs_of(plan: Plan) -> tuple[Run, ...]:
    """Every run of a plan. A longer plan holds all runs of a shorter one."""
    return (*_null(plan), *_injected(plan))


def _null(plan: Plan) -> Iterator[Run]:
    for seed in range(plan.first_seed, plan.first_seed + plan.years):
        yield Run(plan.null_cell, seed, plan.background, NULL_DAYS, None, _FIRST, plan.detectors)


def _injected(plan: Plan) -> Iterator[Run]:
    size = Injection(plan.radius_km, plan.days)
    where = f"{plan.radius_km:g} km, {plan.days} days"
    cells = [
        *(
            (f"relative risk {risk:g}, {where}", replace(size, relative_risk=risk))
            for risk in plan.relative_risks
        ),
        *((f"{extra} more, {where}", replace(size, extra=extra)) for extra in plan.extras),
    ]
    # Seed by seed, so that an evaluation that is ended early has some of every cell.
    for seed in range(plan.first_seed, plan.first_seed + plan.clusters):
        # Any day of a year, so that season and weekday are as they come.
        first = _FIRST + timedelta(days=int(np.random.default_rng(seed).integers(365)))
        for cell, injection in cells:
            name = f"{cell}; {plan.null_cell}"
            days = plan.days + AFTER_DAYS
            yield Run(name, seed, plan.background, days, injection, first, plan.detectors)
