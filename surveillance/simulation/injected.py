"""A cluster that is put into the feed on purpose, and said where."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from surveillance.simulation.deaths import Death, draw_deaths
from surveillance.simulation.world import Rng, World

ENDS_DAYS_AGO = 0.5  # so that a report of today comes after the last death
LONGEST_UNSEEN_DAYS = 0.5


@dataclass(frozen=True, slots=True)
class InjectedCluster:
    """`deaths` in the `window_days` before the feed starts, all within `radius_km` of the centre's centroid.

    centre: an area code. both: how many the police and the coroner report. same_school: how many went to
    one school; the others share nothing.
    """

    centre: str
    deaths: int = 7
    radius_km: float = 1.5
    window_days: float = 10.0
    both: int = 3
    same_school: int = 2


def choose_centre(world: World, rng: Rng, radius_km: float = 1.5, areas: int = 4) -> str:
    """An area, by population, with at least `areas` areas within `radius_km`, itself included."""
    drawn: list[int] = world.draw_areas(rng, 1000).tolist()
    found = next((area for area in drawn if len(world.near(area, radius_km)) >= areas), drawn[0])
    return world.areas.codes[found]


def draw_cluster(
    world: World, rng: Rng, cluster: InjectedCluster, end: datetime, first_person: int
) -> list[Death]:
    """The deaths of an injected cluster, in the order in which they occurred.

    Every one lived and died within the circle; of `window_days` half a day at either end stays free.
    """
    start = end - timedelta(days=cluster.window_days - LONGEST_UNSEEN_DAYS)
    last = end - timedelta(days=ENDS_DAYS_AGO)
    areas = world.near(world.areas.index[cluster.centre], cluster.radius_km)
    drawn = draw_deaths(world, rng, cluster.deaths, start, last, first_person)
    places = rng.choice(areas, size=cluster.deaths)
    ages = rng.integers(19, 60, cluster.deaths)
    pupils = set(rng.permutation(cluster.deaths)[: cluster.same_school].tolist())
    return [
        replace(
            death,
            residence=int(places[i]),
            incident=int(places[i]),
            location_type="private_home",
            missing=None,
            keyless=False,
            age=16 + i % 2 if i in pupils else int(ages[i]),
            school="school-001" if i in pupils else None,
            police_delay_days=0.0,
            coroner_delay_days=0.0 if i < cluster.both else None,
        )
        for i, death in enumerate(drawn)
    ]
