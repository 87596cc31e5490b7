"""Published counts: written once, read by everybody who must not see small numbers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, select

from surveillance.store.database import Transaction
from surveillance.store.statements import execute_many, insert_into, insert_missing
from surveillance.store.tables_releases import release_blocks, release_starts, release_tallies, releases


@dataclass(frozen=True)
class Release:
    """A period as it is published. `cases` is None where they are fewer than eight."""

    use_case: str
    scope: str
    place: str
    first_day: date
    last_day: date
    cases: int | None
    plan: Mapping[str, Any]
    known_at: datetime


@dataclass(frozen=True)
class Block:
    """The tables of a block of periods as they are published; None: withheld."""

    use_case: str
    scope: str
    first_day: date
    last_day: date
    tables: Mapping[str, Mapping[str, int] | None]
    made_at: datetime


class Cell(NamedTuple):
    """Where a case is tallied: its area, and its cells in the tables of sexes and of age bands."""

    area: str
    sex: str
    age: str


def publish(tx: Transaction, release: Release, tally: Mapping[Cell, int]) -> bool:
    """Stores a period with its tally. Idempotent by use case, scope and first day: a release that is there
    stays as it is, and the answer is False."""
    statement = insert_into(tx, releases).values(_columns(release)).on_conflict_do_nothing()
    number = tx.execute(statement.returning(releases.c.id)).scalar()
    if number is None:
        return False
    rows = [{"release": number, **cell._asdict(), "cases": n} for cell, n in sorted(tally.items()) if n]
    execute_many(tx, insert_into(tx, release_tallies), rows)
    return True


def publish_block(tx: Transaction, block: Block) -> bool:
    """Stores the tables of a block. Idempotent by use case, scope and first day: what is there stays."""
    return bool(insert_missing(tx, release_blocks, [{**vars(block), "tables": dict(block.tables)}]))


def tally_of(tx: Transaction, use_case: str, scope: str, first: date, last: date) -> dict[Cell, int]:
    """What the releases of these days counted, to the case. For making tables; never to be shown."""
    rows = tx.execute(
        select(
            release_tallies.c.area,
            release_tallies.c.sex,
            release_tallies.c.age,
            func.sum(release_tallies.c.cases),
        )
        .join(releases, releases.c.id == release_tallies.c.release)
        .where(_between(releases, use_case, scope, first, last))
        .group_by(release_tallies.c.area, release_tallies.c.sex, release_tallies.c.age)
    )
    return {Cell(area, sex, age): int(cases) for area, sex, age, cases in rows}


def published(
    tx: Transaction, use_case: str, scope: str, first: date = date.min, last: date = date.max
) -> list[Release]:
    """The periods that lie within these days, the earliest first."""
    rows = tx.execute(
        select(*(releases.c[name] for name in Release.__dataclass_fields__))
        .where(_between(releases, use_case, scope, first, last))
        .order_by(releases.c.first_day)
    )
    return [Release(*row) for row in rows]


def published_blocks(
    tx: Transaction, use_case: str, scope: str, first: date = date.min, last: date = date.max
) -> list[Block]:
    """The blocks that lie within these days, the earliest first."""
    rows = tx.execute(
        select(*(release_blocks.c[name] for name in Block.__dataclass_fields__))
        .where(_between(release_blocks, use_case, scope, first, last))
        .order_by(release_blocks.c.first_day)
    )
    return [Block(*row) for row in rows]


def published_series(tx: Transaction) -> list[tuple[str, str]]:
    """Every use case and scope of which something is published."""
    of_periods = select(releases.c.use_case, releases.c.scope)
    of_blocks = select(release_blocks.c.use_case, release_blocks.c.scope)
    return sorted((use_case, scope) for use_case, scope in tx.execute(of_periods.union(of_blocks)))


def taken_days(tx: Transaction, use_case: str, scopes: Collection[str]) -> list[tuple[date, date]]:
    """First and last day of every period that is published in one of these scopes."""
    rows = tx.execute(
        select(releases.c.first_day, releases.c.last_day).where(
            releases.c.use_case == use_case, releases.c.scope.in_(scopes)
        )
    )
    return [(first, last) for first, last in rows]


def start(tx: Transaction, use_case: str, scope: str, today: date) -> date:
    """Since when the clock publishes; `today` where it never did. Idempotent by use case and scope."""
    insert_missing(tx, release_starts, [{"use_case": use_case, "scope": scope, "since": today}])
    found = select(release_starts.c.since).where(
        release_starts.c.use_case == use_case, release_starts.c.scope == scope
    )
    since: date = tx.execute(found).scalar_one()
    return since


def _between(table: Any, use_case: str, scope: str, first: date, last: date) -> Any:
    return and_(
        table.c.use_case == use_case,
        table.c.scope == scope,
        table.c.first_day >= first,
        table.c.last_day <= last,
    )


def _columns(release: Release) -> dict[str, Any]:
    return {**vars(release), "plan": dict(release.plan)}
