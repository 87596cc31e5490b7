"""The counted cases of a use case in a scope: each person or event once, with what tables tell apart."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from surveillance.configuration import Region
from surveillance.geography.bands import AgeBand, age_bands
from surveillance.line_list.duplicates import CountedCase, count_once
from surveillance.store import line_list
from surveillance.store.database import Transaction
from surveillance.store.releases import Cell
from surveillance.use_case.model import UseCase

FEMALE, NOT_FEMALE = "female", "male-or-not-recorded"
SEXES = (FEMALE, NOT_FEMALE)
BEGINNING = date(1900, 1, 1)


def counted_cases(
    tx: Transaction, use_case: UseCase, region: Region, place: str, until: date, known_at: datetime
) -> Sequence[CountedCase]:
    """Every case of the scope's own areas up to a day, as known at a time, each person or event once."""
    known = line_list.cases_known(tx, use_case.id, place, BEGINNING, until, known_at)
    confirmed, rejected = line_list.duplicate_decisions(tx)
    inside = region.inside.index
    return count_once((c for c in known if c.area in inside), rejected, confirmed, use_case.count)


def bands_of(region: Region) -> tuple[AgeBand, ...]:
    """The age bands of a scope's population."""
    return age_bands(region.inside.measures)


def unknown_band(bands: Sequence[AgeBand]) -> AgeBand:
    """The band that cases of unknown age are published with: a cell of their own would nearly always be
    small, and left out they could be subtracted."""
    return bands[len(bands) // 2]


def band_of(age: int | None, bands: Sequence[AgeBand]) -> AgeBand:
    """The published band of a case."""
    found = (band for band in bands if age is not None and band.holds(age))
    return next(found, unknown_band(bands))


def cells_of(cases: Iterable[CountedCase], bands: Sequence[AgeBand]) -> list[tuple[date, Cell]]:
    """The day of each case, and its cell in the tables of a release."""
    return [
        (
            one.case.day,
            Cell(
                one.case.area,
                FEMALE if one.case.sex == FEMALE else NOT_FEMALE,
                band_of(one.case.age, bands).name,
            ),
        )
        for one in cases
    ]
