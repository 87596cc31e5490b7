"""One count: how it is published, and what a published value says of it."""

from collections.abc import Iterable
from typing import NamedTuple

LEAST_SHOWN = 8
STEP = 5

Published = int | None
"""A count to the nearest five; None: fewer than eight, or none at all."""


class Bounds(NamedTuple):
    """The smallest and the largest count that a published value can stand for."""

    low: int
    high: int

    @property
    def exact(self) -> bool:
        """Whether the two are one."""
        return self.low == self.high


SMALL = Bounds(0, LEAST_SHOWN - 1)


def protect(count: int) -> Published:
    """The count as it is published. Raises ValueError for a negative one."""
    if count < 0:
        raise ValueError(f"count: {count} is negative; give how many cases there are")
    return None if count < LEAST_SHOWN else (count + STEP // 2) // STEP * STEP


def bounds(value: Published) -> Bounds:
    """What a published value can stand for."""
    if value is None:
        return SMALL
    return Bounds(max(LEAST_SHOWN, value - STEP // 2), value + STEP // 2)


def in_words(value: Published) -> str:
    """A published value as people read it: a number to the nearest five, or `0-7`."""
    return f"{SMALL.low}-{SMALL.high}" if value is None else f"{value:,}"


def total(values: Iterable[Published]) -> Bounds:
    """What the sum of separate published values can stand for."""
    low = high = 0
    for value in values:
        one = bounds(value)
        low, high = low + one.low, high + one.high
    return Bounds(low, high)
