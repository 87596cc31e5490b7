"""Which partners cover which areas since when, as scans need it: in groups of areas that report alike."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Locations
from surveillance.geography.area import AreaTable
from surveillance.use_case.model import Partner

Mask = npt.NDArray[np.bool_]
_NEVER = date.max.toordinal()


@dataclass(frozen=True, eq=False)
class Covered:
    """Areas that a partner covers from one day on, with one delay. areas: (n,) which of a region's areas."""

    partner: str
    since: date
    until: date | None
    delay_days: float
    areas: Mask


def covered_areas(partners: Iterable[Partner], read: AreaTable, records: str) -> tuple[Covered, ...]:
    """What partners cover of the areas that a region reads, for one kind of records, partner by partner."""
    return tuple(
        Covered(
            partner.id,
            one.since,
            one.until,
            partner.expected_delay_days if one.expected_delay_days is None else one.expected_delay_days,
            read.mask(read.whole.within(one.within)),
        )
        for partner in sorted(partners, key=lambda partner: partner.id)
        if f"{records}s" in partner.topics
        for one in partner.coverage
        if one.areas == read.name
    )


def with_reporting(
    locations: Locations, coverage: Sequence[Covered], reporters: Collection[str], start: date, as_of: date
) -> Locations:
    """The locations with their reporting groups and their days of coverage, for a study of these days.

    Areas are of one group when the same partners have covered them since the same days, with the same
    delays. Only the partners that reported a case of the study (`reporters`) are asked: one that covers an
    area but never reports such cases changes nothing there. Coverage from before the study is alike, however
    long before. Without coverage in the configuration nothing is known, and all areas are taken as alike.
    """
    asked = [one for one in coverage if one.partner in reporters and _meets(one, start, as_of)]
    if not asked:
        return locations
    return replace(
        locations, reporting=_groups(asked, start, as_of), covered=_spells(asked, len(locations.codes))
    )


def _meets(one: Covered, start: date, as_of: date) -> bool:
    return one.since <= as_of and (one.until is None or one.until >= start)


def _groups(coverage: Sequence[Covered], start: date, as_of: date) -> npt.NDArray[np.int32] | None:
    """(n,) the group of each area, None where all are of one."""
    alike: dict[tuple[str, date, date, float], Mask] = {}
    for one in coverage:
        key = (one.partner, max(one.since, start), min(one.until or as_of, as_of), one.delay_days)
        alike[key] = alike[key] | one.areas if key in alike else one.areas
    group = np.zeros(len(coverage[0].areas), np.int64)
    for mask in alike.values():
        group = np.unique(group * 2 + mask, return_inverse=True)[1].reshape(-1)
    return group.astype(np.int32) if group.any() else None


def _spells(coverage: Sequence[Covered], areas: int) -> npt.NDArray[np.int32]:
    """(n, 2) first and last day of coverage by anybody; a gap between two partners counts as covered."""
    spells = np.empty((areas, 2), np.int32)
    spells[:] = _NEVER, 0
    for one in coverage:
        last = _NEVER if one.until is None else one.until.toordinal()
        spells[one.areas, 0] = np.minimum(spells[one.areas, 0], one.since.toordinal())
        spells[one.areas, 1] = np.maximum(spells[one.areas, 1], last)
    return spells
