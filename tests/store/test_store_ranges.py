"""A set of offsets answers as a plain set does, whatever comes in whatever order."""

from hypothesis import given
from hypothesis import strategies as st

from surveillance.store.ranges import Offsets, join, spans_of

SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda s: (s[0], s[0] + s[1])), max_size=8
)
MARKS = st.integers(0, 10)
TOP = 60


def _members(spans: list[tuple[int, int]], mark: int = 0) -> set[int]:
    return set(range(mark)).union(*(range(first, end) for first, end in spans))


@given(MARKS, st.lists(SPANS, max_size=5))
def test_adding_spans_is_adding_to_a_set(mark: int, batches: list[list[tuple[int, int]]]) -> None:
    offsets, model = Offsets(mark), set(range(mark))
    for spans in batches:
        model |= _members(spans)
        offsets = offsets.add(spans)
        assert {n for n in range(TOP) if n in offsets} == model


@given(MARKS, SPANS)
def test_spans_stay_sorted_and_apart_and_above_the_mark(mark: int, spans: list[tuple[int, int]]) -> None:
    kept = Offsets(mark).add(spans)
    ends = [kept.mark, *(end for _, end in kept.spans)]
    assert all(before < first < end for before, (first, end) in zip(ends, kept.spans, strict=False))


@given(st.lists(SPANS, max_size=4).flatmap(lambda b: st.tuples(st.just(b), st.permutations(b))))
def test_any_order_of_the_same_spans_ends_in_the_same_value(
    orders: tuple[list[list[tuple[int, int]]], list[list[tuple[int, int]]]],
) -> None:
    one, other = Offsets(), Offsets()
    for spans in orders[0]:
        one = one.add(spans)
    for spans in orders[1]:
        other = other.add(reversed(spans))
    assert one == other == one.add(spans_of(range(one.mark)))


@given(MARKS, SPANS, st.integers(0, TOP), st.integers(0, TOP))
def test_what_is_missing_is_what_a_set_lacks(
    mark: int, spans: list[tuple[int, int]], first: int, end: int
) -> None:
    missing = Offsets(mark).add(spans).missing(first, end)
    assert [n for gap in missing for n in gap] == sorted(set(range(first, end)) - _members(spans, mark))
    assert all(len(gap) for gap in missing)


@given(MARKS, SPANS, SPANS)
def test_missing_offsets_are_counted_once_each(
    mark: int, spans: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    missing = Offsets(mark).add(spans).count_missing(asked)
    assert missing == len(_members(asked) - _members(spans, mark))


@given(st.lists(st.integers(0, 40)))
def test_single_offsets_become_the_fewest_spans(offsets: list[int]) -> None:
    spans = list(spans_of(offsets))
    assert _members(spans) == set(offsets)
    assert tuple(spans) == join(spans)
    assert len(spans) == sum(n - 1 not in set(offsets) for n in set(offsets))
