from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from surveillance.line_list.chronicle import chronicle
from surveillance.line_list.merges import merge_target, merge_targets, survivors
from surveillance.line_list.record import RecordKey, RecordVersion
from surveillance.line_list.versions import history, revise

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
KEYS = [RecordKey("police", "incident", name) for name in "abcdef"]
A, B, C, *_ = KEYS

graphs = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(KEYS))


def version(key: RecordKey, number: int, into: RecordKey | None = None, minute: int = 0) -> RecordVersion:
    content = {"action": "merged", "merged_into": into.record_id} if into else {"action": "amended"}
    return RecordVersion(key, number, str(into), NOON + timedelta(minutes=minute), content)


@given(graphs, st.sets(st.sampled_from(KEYS)))
def test_merges_never_go_in_circles(edges, known):
    found = survivors(edges, known)
    assert found.keys() == known
    for survivor in found.values():
        assert found[survivor] == survivor


@given(graphs)
def test_of_a_circle_the_smallest_record_survives_and_a_chain_ends_at_its_last(edges):
    found = survivors(edges, KEYS)
    for key in KEYS:
        path = [key]
        while (target := edges.get(path[-1])) is not None and target not in path:
            path.append(target)
        circle = path[path.index(target) :] if target in path else path[-1:]
        assert found[key] == min(circle)


def test_a_merge_into_an_unknown_record_leaves_the_record_itself():
    assert survivors({A: B}, {A}) == {A: A}
    assert survivors({A: B}, {A, B}) == {A: B, B: B}


def test_a_very_long_chain_of_merges_has_one_survivor():
    chain = [RecordKey("police", "incident", f"{n:06}") for n in range(20_000)]
    found = survivors(dict(pairwise(chain)), chain)
    assert set(found.values()) == {chain[-1]}


def test_only_the_action_merged_merges_and_only_into_the_partners_own_records():
    assert merge_target(version(A, 1, into=B)) == B
    assert merge_target(version(A, 1)) is None
    assert merge_targets([version(A, 1, into=B), version(A, 2)]) == {B}


def test_a_merge_takes_effect_when_its_target_arrives():
    spells = chronicle({A: [version(A, 1), version(A, 2, into=B, minute=1)], B: [version(B, 1, minute=5)]})
    assert [(s.version.version, s.survivor, s.known_from.minute) for s in spells[A]] == [
        (1, A, 0),
        (2, A, 1),
        (2, B, 5),
    ]
    assert [s.known_until for s in spells[A]] == [
        NOON + timedelta(minutes=1),
        NOON + timedelta(minutes=5),
        None,
    ]


def test_an_amendment_after_a_merge_brings_the_record_back():
    spells = chronicle(
        {A: [version(A, 1, into=B), version(A, 2, minute=3)], B: [version(B, 1)]},
    )
    assert [s.survivor for s in spells[A]] == [B, A]


merging = st.builds(
    version,
    st.sampled_from([A, B, C]),
    st.integers(1, 3),
    st.sampled_from([None, A, B, C]),
    st.integers(0, 4),
)


@given(st.lists(merging, min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_the_chronicle_is_the_same_for_any_order_and_repetition(arrivals, random):
    def told(messages):
        records: dict[RecordKey, tuple[RecordVersion, ...]] = {}
        for message in messages:
            records[message.key] = revise(records.get(message.key, ()), message).versions
        return chronicle(records)

    again = arrivals * 2
    random.shuffle(again)
    assert told(again) == told(arrivals)


@given(st.lists(st.builds(version, st.just(A), st.integers(1, 4), st.none(), st.integers(0, 4)), min_size=1))
def test_without_merges_the_chronicle_is_the_history(arrivals):
    versions: tuple[RecordVersion, ...] = ()
    for arrival in arrivals:
        versions = revise(versions, arrival).versions
    spells = [(s.version, s.known_from, s.known_until) for s in chronicle({A: versions})[A]]
    assert spells == [(k.version, k.known_from, k.known_until) for k in history(versions)]
