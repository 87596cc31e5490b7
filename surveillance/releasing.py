"""Publishes counts: periods as they become complete, and the tables of each block of them. Once, for ever.

What is published, and why nobody recovers a small count from it, is in surveillance.disclosure.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from surveillance.configuration import Configuration, Region
from surveillance.disclosure.block import Table, publish_block
from surveillance.disclosure.calendar import Calendar, Days
from surveillance.disclosure.protection import protect
from surveillance.events.canonical import canonical_hash
from surveillance.geography.levels import AREA, Level, nested_levels, parents
from surveillance.store import audit, releases
from surveillance.store.database import Store, Transaction
from surveillance.store.releases import Block, Cell, Release
from surveillance.tallying import SEXES, bands_of, cells_of, counted_cases
from surveillance.use_case.model import Publication, UseCase

BY = "service"
_RELEASED = "released"
Listed = Sequence[tuple[date, Cell]]


@dataclass(frozen=True)
class Series:
    """What is published of a use case in a scope: one place, one calendar, one chain of levels."""

    use_case: UseCase
    region: Region
    publication: Publication
    delay_days: int

    @property
    def scope(self) -> str:
        return self.region.scope.id

    @property
    def place(self) -> str:
        """The use case's first place. A second one would count the same people again."""
        return self.use_case.places[0].name

    @property
    def calendar(self) -> Calendar:
        return Calendar(self.publication.period, self.publication.block_periods)

    @cached_property
    def levels(self) -> list[Level]:
        """The chain of levels, the coarsest first."""
        return nested_levels(self.region.inside)

    @property
    def plan(self) -> dict[str, Any]:
        """What the tables of a block must have in common in all its periods."""
        areas = hashlib.sha256("\n".join(self.region.inside.codes).encode()).hexdigest()
        chosen = self.publication.model_dump(mode="json", include={"period", "block_periods"})
        return {**chosen, "place": self.place, "areas": areas}


def series_of(configuration: Configuration, use_case: UseCase, scope: str) -> Series | None:
    """What is published there; None where nothing is: the use case is not published, or a scope before this
    one shares areas with it, so that one could be subtracted from the other."""
    if use_case.publication is None or shares_areas(configuration, use_case, scope):
        return None
    covered = configuration.covered(use_case, scope)
    slowest = math.ceil(max((one.delay_days for one in covered), default=0))
    delay = use_case.publication.delay_days
    return Series(
        use_case, configuration.regions[scope], use_case.publication, slowest if delay is None else delay
    )


def release_due(store: Store, configuration: Configuration, now: datetime, audit_key: bytes) -> int:
    """Publishes every period that became complete since the clock first saw its use case; returns how many.

    Idempotent by use case, scope and period: what is published stays as it is.
    """
    return sum(
        _release(store, configuration, one, now, audit_key, None) for one in _all_series(configuration)
    )


def release_history(
    store: Store, configuration: Configuration, since: date, now: datetime, audit_key: bytes
) -> int:
    """Publishes also the periods before the clock began, from the first whole block since a day; returns how
    many. For an operator, once the partners' history is loaded: what is published is never counted again."""
    made = (_release(store, configuration, one, now, audit_key, since) for one in _all_series(configuration))
    return sum(made)


def _all_series(configuration: Configuration) -> Iterator[Series]:
    for use_case in configuration.use_cases.values():
        for scope in use_case.scopes:
            series = series_of(configuration, use_case, scope)
            if series is not None:
                yield series


def shares_areas(configuration: Configuration, use_case: UseCase, scope: str) -> bool:
    """Whether an earlier scope of the use case has areas of this one: counts are made of the first."""
    before = use_case.scopes[: use_case.scopes.index(scope)]
    return any(_overlap(configuration, scope, other) for other in before)


def areas_shared_with(configuration: Configuration, scope: str) -> list[str]:
    """The scope, and every other one that has some of its areas."""
    return [one for one in configuration.regions if one == scope or _overlap(configuration, scope, one)]


def _overlap(configuration: Configuration, scope: str, other: str) -> bool:
    mine, theirs = configuration.regions[scope].inside, configuration.regions[other].inside
    return mine.file == theirs.file and not mine.index.keys().isdisjoint(theirs.index)


def _release(
    store: Store,
    configuration: Configuration,
    series: Series,
    now: datetime,
    audit_key: bytes,
    since: date | None,
) -> int:
    today = now.astimezone(series.region.zone).date()
    with store.transaction() as tx:
        began = releases.start(tx, series.use_case.id, series.scope, today)
    with store.reading() as tx:
        due = _due(tx, configuration, series, today, began, since)
        if not due:
            return 0
        cases = counted_cases(
            tx, series.use_case, series.region, series.place, series.calendar.days(due[-1]).last, now
        )
    listed = cells_of(cases, bands_of(series.region))
    made = 0
    for number in due:
        with store.transaction() as tx:
            made += _publish(tx, series, number, listed, now, audit_key)
    return made


def _due(
    tx: Transaction,
    configuration: Configuration,
    series: Series,
    today: date,
    began: date,
    since: date | None,
) -> list[int]:
    """The periods to publish now. None of them shares a day with one that is published already, here or in
    another scope with the same areas."""
    taken = releases.taken_days(tx, series.use_case.id, areas_shared_with(configuration, series.scope))
    calendar = series.calendar
    earliest = calendar.number(began - timedelta(days=series.delay_days + 7)) - 1
    first = earliest if since is None else calendar.first_whole_block(since)
    found = []
    for number in calendar.complete(first, today, series.delay_days):
        days = calendar.days(number)
        is_new = since is not None or calendar.release_day(number, series.delay_days) > began
        if is_new and not any(start <= days.last and days.first <= end for start, end in taken):
            found.append(number)
    return found


def _publish(
    tx: Transaction, series: Series, number: int, listed: Listed, now: datetime, audit_key: bytes
) -> bool:
    """One period with its tally, the tables of its block where it was the last one missing, and the entry in
    the audit chain."""
    days = series.calendar.days(number)
    tally = Counter(cell for day, cell in listed if days.first <= day <= days.last)
    release = Release(
        series.use_case.id,
        series.scope,
        series.place,
        days.first,
        days.last,
        protect(tally.total()),
        series.plan,
        now,
    )
    if not releases.publish(tx, release, tally):
        return False  # another worker was faster
    _sign(tx, audit_key, now, release.use_case, release.scope, days, {"cases": release.cases})
    tables = _tables_of_block(tx, series, number)
    if tables is not None:
        whole = series.calendar.block_days(number)
        releases.publish_block(tx, Block(release.use_case, release.scope, *whole, tables, now))
        _sign(tx, audit_key, now, release.use_case, release.scope, whole, tables)
    return True


def _tables_of_block(tx: Transaction, series: Series, number: int) -> dict[str, Any] | None:
    """The block's tables; None while a period of it is missing, or was counted under another plan."""
    days = series.calendar.block_days(number)
    done = releases.published(tx, series.use_case.id, series.scope, *days)
    if len(done) < series.calendar.block_periods or any(dict(one.plan) != series.plan for one in done):
        return None
    tally = releases.tally_of(tx, series.use_case.id, series.scope, *days)
    return publish_block([one.cases for one in done], tables_of(series, tally))


def tables_of(series: Series, tally: dict[Cell, int]) -> list[Table]:
    """The tables of a tally in the order in which they are asked: the coarsest areas, ages, sexes, then the
    finer areas."""
    area, *finer = _area_tables(series.levels, tally)
    ages = _count({band.name: 0 for band in bands_of(series.region)}, tally, "age")
    sexes = _count(dict.fromkeys(SEXES, 0), tally, "sex")
    return [area, Table("age", "age", ages, {}), Table("sex", "sex", sexes, {}), *finer]


def _area_tables(levels: Sequence[Level], tally: dict[Cell, int]) -> Iterator[Table]:
    coarser: Level | None = None
    for level in levels:
        counts = dict.fromkeys(level.units, 0)
        for cell, cases in tally.items():
            counts[level.of_area[cell.area]] += cases
        within = {} if coarser is None else parents(level, coarser) or {}
        yield Table(level.name, AREA, counts, within)
        coarser = level


def _count(counts: dict[str, int], tally: dict[Cell, int], by: str) -> dict[str, int]:
    for cell, cases in tally.items():
        counts[getattr(cell, by)] += cases
    return counts


def _sign(
    tx: Transaction, key: bytes, now: datetime, use_case: str, scope: str, days: Days, values: Any
) -> None:
    facts = {
        "first_day": days.first.isoformat(),
        "last_day": days.last.isoformat(),
        "sha256": canonical_hash(values),
    }
    audit.append(tx, key, audit.Entry(BY, _RELEASED, _subject(use_case, scope), now, facts))


def verify_releases(tx: Transaction) -> int:
    """How many releases are stored, each being what the audit chain says was published. Raises Broken, which
    names those that were changed, removed or added. The chain itself is for `audit.verify` to check."""
    signed = {
        (entry.subject, *(str(entry.facts[name]) for name in ("first_day", "last_day", "sha256")))
        for _, entry in audit.listed(tx, act=_RELEASED, limit=None)
    }
    stored = set(_stored(tx))
    if signed != stored:
        named = sorted({f"{subject}, {first} to {last}" for subject, first, last, _ in signed ^ stored})
        raise audit.Broken(f"not as published, or not published by the service: {'; '.join(named)}")
    return len(stored)


def _stored(tx: Transaction) -> Iterator[tuple[str, str, str, str]]:
    """What stands in the tables, as `_sign` would enter it into the chain."""
    for use_case, scope in releases.published_series(tx):
        subject = _subject(use_case, scope)
        for one in releases.published(tx, use_case, scope):
            yield subject, *_days_in_text(one), canonical_hash({"cases": one.cases})
        for block in releases.published_blocks(tx, use_case, scope):
            yield subject, *_days_in_text(block), canonical_hash(dict(block.tables))


def _days_in_text(one: Release | Block) -> tuple[str, str]:
    return one.first_day.isoformat(), one.last_day.isoformat()


def _subject(use_case: str, scope: str) -> str:
    return f"release/{use_case}/{scope}"
