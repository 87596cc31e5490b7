"""Which offsets of a partition were handled: a mark below which all are, and ranges above it. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Offsets:
    """A set of offsets, as small as what is missing from it.

    Holds every offset below `mark`, and those of `spans`: [first, end), sorted, apart from one another
    and from the mark.
    """

    mark: int = 0
    spans: tuple[Span, ...] = ()

    def __contains__(self, offset: int) -> bool:
        return offset < self.mark or any(first <= offset < end for first, end in self.spans)

    def add(self, spans: Iterable[Span]) -> "Offsets":
        """With these offsets too, each span as [first, end)."""
        mark = self.mark
        apart: list[Span] = []
        for first, end in sorted(chain(self.spans, (s for s in spans if s[0] < s[1]))):
            if first <= mark:
                mark = max(mark, end)
            elif apart and first <= apart[-1][1]:
                apart[-1] = (apart[-1][0], max(apart[-1][1], end))
            else:
                apart.append((first, end))
        return Offsets(mark, tuple(apart))

    def missing(self, first: int, end: int) -> tuple[range, ...]:
        """The offsets of [first, end) that are not in the set."""
        gaps = []
        at = max(first, self.mark)
        for span_first, span_end in self.spans:
            if at < min(span_first, end):
                gaps.append(range(at, min(span_first, end)))
            at = max(at, span_end)
        if at < end:
            gaps.append(range(at, end))
        return tuple(gaps)

    def count_missing(self, spans: Iterable[Span]) -> int:
        """How many of these offsets are not in the set, each counted once."""
        return sum(len(gap) for first, end in join(spans) for gap in self.missing(first, end))


def join(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same offsets in as few spans as there can be, sorted."""
    return Offsets(_BELOW_ALL).add(spans).spans


def spans_of(offsets: Iterable[int]) -> Iterator[Span]:
    """Offsets, in any order and with repeats, as sorted spans."""
    first = end = None
    for offset in sorted(offsets):
        if first is None or end is None or offset > end:
            if first is not None and end is not None:
                yield first, end
            first = offset
        end = offset + 1
    if first is not None and end is not None:
        yield first, end


_BELOW_ALL = -2  # no span of offsets touches it
