"""Plain lists of cases -> the Study that detectors take."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Locations, Metric, Study


def make_locations(
    codes: Sequence[str],
    coordinates: npt.ArrayLike,
    metric: Metric = "planar",
    population: npt.ArrayLike | None = None,
    inside: npt.ArrayLike | None = None,
    units: Mapping[str, Sequence[str]] | None = None,
    reporting: npt.ArrayLike | None = None,
    covered: npt.ArrayLike | None = None,
) -> Locations:
    """Locations from n codes and (n, 2) coordinates: km, or degrees of longitude and latitude.

    reporting, covered: how reports come, as `Locations` explains.
    Raises ValueError for a code given twice, coordinates that are not finite, or arrays of another length.
    """
    n = len(codes)
    if len(set(codes)) != n:
        raise ValueError("codes: a code is given twice; give each location once")
    places = np.array(coordinates, np.float64).reshape(-1, 2) if n else np.empty((0, 2))
    people = None if population is None else np.array(population, np.float64)
    scope = None if inside is None else np.array(inside, np.bool_)
    group = None if reporting is None else np.array(reporting, np.int32)
    spells = None if covered is None else np.array(covered, np.int32).reshape(-1, 2)
    for name, array in (
        ("coordinates", places),
        ("population", people),
        ("inside", scope),
        ("reporting", group),
        ("covered", spells),
    ):
        if array is not None and len(array) != n:
            raise ValueError(f"{name}: {len(array)} rows for {n} codes; give one for each")
        if array is not None and not np.isfinite(array).all():
            raise ValueError(f"{name}: not all are finite numbers; leave such locations out")
    higher = {unit: tuple(of_unit) for unit, of_unit in (units or {}).items()}
    for unit, of_unit in higher.items():
        if len(of_unit) != n:
            raise ValueError(f"units.{unit}: {len(of_unit)} codes for {n} locations; give one for each")
    return Locations(tuple(codes), places, metric, people, scope, higher, group, spells)


def make_study(
    ids: Sequence[str],
    codes: Sequence[str],
    days: Sequence[date],
    tokens: Sequence[Sequence[str]],
    locations: Locations,
    start: date,
    as_of: date,
    place: str = "residence",
    ages: Sequence[int | None] = (),
    sexes: Sequence[str | None] = (),
    received: Sequence[date] = (),
    complete_from: Sequence[date] | None = None,
    holidays: Collection[date] = (),
) -> Study:
    """A study of the cases `ids`, each at the location `codes` on the day `days`.

    tokens, ages (years), sexes, received (days): for each case, or empty for none at all. complete_from: for
    each location, see `Study`. Nothing is dropped: raises ValueError for an id given twice, an unknown code,
    a day outside `start` to `as_of`, or lists of different length.
    """
    per_case = {"codes": codes, "days": days, "tokens": tokens, "ages": ages, "sexes": sexes}
    _refuse_mismatch(ids, {name: given or ids for name, given in {**per_case, "received": received}.items()})
    if complete_from is not None and len(complete_from) != len(locations.codes):
        raise ValueError(f"complete_from: {len(complete_from)} days for {len(locations.codes)} locations")
    if as_of < start:
        raise ValueError(f"as_of: {as_of} is before the study starts ({start}); move one of them")
    index = {code: position for position, code in enumerate(locations.codes)}
    _refuse_outside(codes, days, index, start, as_of)
    return Study(
        ids=tuple(ids),
        location=np.array([index[code] for code in codes], np.int32),
        day=np.array([(day - start).days for day in days], np.int32),
        start=start,
        as_of=as_of,
        locations=locations,
        tokens=tuple(tuple(one) for one in tokens) or ((),) * len(ids),
        place=place,
        age=np.array([-1 if age is None else age for age in ages], np.int16),
        sex=tuple(sex or "unknown" for sex in sexes),
        complete_from=None
        if complete_from is None
        else np.array([(day - start).days for day in complete_from], np.int32),
        received=np.array([(day - start).days for day in received], np.int32) if received else None,
        holidays=frozenset(holidays),
    )


def _refuse_mismatch(ids: Sequence[str], per_case: Mapping[str, Sequence[object]]) -> None:
    if len(set(ids)) != len(ids):
        raise ValueError("ids: a case id is given twice; count each person or event once")
    for name, given in per_case.items():
        if len(given) != len(ids):
            raise ValueError(f"{name}: {len(given)} given for {len(ids)} cases; give one for each")


def _refuse_outside(
    codes: Sequence[str], days: Sequence[date], index: Mapping[str, int], start: date, as_of: date
) -> None:
    for code, day in zip(codes, days, strict=True):
        if code not in index:
            raise ValueError(
                f"codes: {code!r} is not among the {len(index)} locations; leave the case out or add it"
            )
        if not start <= day <= as_of:
            raise ValueError(f"days: {day} is outside the study, {start} to {as_of}; leave the case out")
