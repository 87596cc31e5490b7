"""What simulated people share by chance: schools, workplaces, care homes. Two who share one are linked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from surveillance.simulation.world import Indices, Rng, World


@dataclass(frozen=True)
class Shared:
    """A kind of setting. ages: of the people who have one. known: share of them whose partner names it.

    settings: how many there are; the k-th largest has people in proportion to 1 / (k + `flat`): workplaces
    differ much in size (the largest of 20,000 with flat = 10 has 1.2 % of all), schools little. home: people
    live in it, so that its area is theirs.
    """

    kind: str
    ages: tuple[int, int]
    known: float
    settings: int
    flat: float
    home: bool = False

    def draw(self, rng: Rng, count: int) -> Indices:
        """(count,) numbers of settings."""
        weights = 1 / (np.arange(self.settings) + 1 + self.flat)
        return rng.choice(self.settings, size=count, p=weights / weights.sum())


# For a region of 2.4 million people. Assumed, not measured: about 180 secondary schools and colleges; one
# death in three of people of working age comes with a workplace; 420 care homes.
SHARED: Mapping[str, tuple[Shared, ...]] = {
    "incident": (
        Shared("school", (11, 18), 0.9, 180, 500),
        Shared("workplace", (19, 66), 0.3, 20_000, 10),
    ),
    "admission": (Shared("care_home", (75, 120), 0.15, 420, 300, home=True),),
}
CARE_HOMES = Shared("care_home", (0, 120), 1.0, 420, 300, home=True)  # where every case is in one
_HOMES_SEED = 20_190_101


def draw_shared(
    kinds: Sequence[Shared], ages: Sequence[int], rng: Rng
) -> list[tuple[tuple[Shared, int], ...]]:
    """For each person the settings that are named."""
    of_person: list[list[tuple[Shared, int]]] = [[] for _ in ages]
    for kind in kinds:
        named, number = rng.random(len(ages)) < kind.known, kind.draw(rng, len(ages))
        for i, age in enumerate(ages):
            if named[i] and kind.ages[0] <= age <= kind.ages[1]:
                of_person[i].append((kind, int(number[i])))
    return [tuple(settings) for settings in of_person]


def areas_of_homes(world: World, kind: Shared) -> Indices:
    """(settings,) the area of each home; the same in every history."""
    return world.draw_areas(np.random.default_rng(_HOMES_SEED), kind.settings)
