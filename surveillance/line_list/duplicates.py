"""One person, several records: proposals for people to decide, and counting each person once meanwhile.

Records are never merged here. Counting once is undone by a rejection and made firm by a confirmation.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter

from surveillance.line_list.components import components
from surveillance.line_list.record import Case, RecordKey
from surveillance.use_case.model import Count

Pair = tuple[RecordKey, RecordKey]

# A partner that makes its keys of an empty text gives all its people the same one. To count them as one
# person would hide every cluster; a person who attends very often has fewer records than this.
MOST_RECORDS_OF_A_PERSON = 100


@dataclass(frozen=True, slots=True)
class CountedCase:
    """A case that is counted once, and every record behind it as record@version, sorted.

    `case` is that of the representative record (the earliest day, then the smallest key) with the tokens
    and person keys of all of them, with their first known age and sex, and when the first became known.
    """

    case: Case
    records: tuple[str, ...]

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens of all its records."""
        return self.case.tokens


def pair(first: RecordKey, second: RecordKey) -> Pair:
    """Two records in the one order in which a pair is stored."""
    return (first, second) if first <= second else (second, first)


def propose(cases: Iterable[Case], count: Count, of: Collection[RecordKey]) -> set[Pair]:
    """Pairs of records that share a person key, for a person to confirm or reject.

    Only pairs with one of the records `of`, and only where the use case counts persons; with
    `episode_days`, only pairs within so many days.
    """
    if count.unit != "person":
        return set()
    return {
        pair(first.key, second.key)
        for sharing in _by_person_key(cases)
        for first in sharing
        if first.key in of
        for second in sharing
        if first.key != second.key and _in_one_episode(first, second, count)
    }


def count_once(
    cases: Iterable[Case], rejected: Collection[Pair], confirmed: Collection[Pair], count: Count
) -> tuple[CountedCase, ...]:
    """The cases that are counted, each person (or event) once, in the order of day and key.

    Persons are the connected records over shared person keys, without the pairs that a person rejected,
    with the pairs that a person confirmed. Without `episode_days` a person counts once for ever; with n, a
    record within n days (n included) of the one counted last is the same episode. Records of a confirmed
    pair are one event in any case. `cases` holds one case per record.
    """
    ordered = sorted(sorted(cases, key=attrgetter("key")), key=attrgetter("day"))
    keys = {case.key for case in ordered}
    same_event = [p for p in confirmed if p[0] in keys and p[1] in keys]
    same_person = [] if count.unit == "event" else list(_shared_keys(ordered, frozenset(rejected)))
    joined = {key for p in (*same_event, *same_person) for key in p}
    at = {case.key: case for case in ordered if case.key in joined}
    represents = {one.case.key: one for one in _count_joined(at, same_event, same_person, count)}
    return tuple(
        represents.get(case.key) or _count_as_one([case])  # nearly all of them alone
        for case in ordered
        if case.key in represents or case.key not in joined
    )


def _count_joined(
    at: Mapping[RecordKey, Case], same_event: Sequence[Pair], same_person: Sequence[Pair], count: Count
) -> Iterator[CountedCase]:
    events = components(at, same_event)
    if count.unit == "event":
        yield from (_count_as_one([at[key] for key in event]) for event in events)
        return
    event_of = {key: number for number, event in enumerate(events) for key in event}
    for person in components(at, (*same_event, *same_person)):
        numbers = dict.fromkeys(event_of[key] for key in person)
        of_person = [[at[key] for key in events[number]] for number in numbers]
        yield from (_count_as_one(episode) for episode in _episodes(of_person, count))


def _episodes(events: Sequence[list[Case]], count: Count) -> Iterator[list[Case]]:
    """Join a person's events, in order of time, into the episodes that count once."""
    current: list[Case] = []
    for event in events:
        if current and not _in_one_episode(current[0], event[0], count):
            yield current
            current = []
        current = [*current, *event]
    if current:
        yield current


def _in_one_episode(first: Case, second: Case, count: Count) -> bool:
    return count.episode_days is None or abs((second.day - first.day).days) <= count.episode_days


def crowd(cases: Iterable[Case]) -> set[RecordKey]:
    """The records that bear a key which more records bear than one person can have."""
    bearing: defaultdict[str, set[RecordKey]] = defaultdict(set)
    for case in cases:
        for key in case.person_keys:
            bearing[key].add(case.key)
    return {k for keys in bearing.values() if len(keys) > MOST_RECORDS_OF_A_PERSON for k in keys}


def _by_person_key(cases: Iterable[Case]) -> list[list[Case]]:
    """The cases that bear each key. A key that too many bear is nobody's, and joins nobody."""
    sharing: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        for key in case.person_keys:
            sharing[key].append(case)
    return [together for together in sharing.values() if len(together) <= MOST_RECORDS_OF_A_PERSON]


def _shared_keys(cases: Iterable[Case], rejected: frozenset[Pair]) -> Iterator[Pair]:
    """Edges between records that share a person key, enough of them to connect what is connected."""
    doubted = {key for p in rejected for key in p}
    for sharing in _by_person_key(cases):
        firm = [case.key for case in sharing if case.key not in doubted]
        yield from pairwise(firm)  # nobody objects: a chain connects as much as all pairs do
        for case in sharing:
            if case.key in doubted:
                edges = {pair(case.key, other.key) for other in sharing if other.key != case.key}
                yield from edges - rejected


def _count_as_one(cases: Sequence[Case]) -> CountedCase:
    if len(cases) == 1:
        return CountedCase(cases[0], (cases[0].member,))
    ordered = sorted(cases, key=lambda case: (case.day, case.key))
    joined = replace(
        ordered[0],
        received_at=min(case.received_at for case in ordered),
        tokens=tuple(sorted({token for case in ordered for token in case.tokens})),
        person_keys=tuple(sorted({key for case in ordered for key in case.person_keys})),
        age=next((case.age for case in ordered if case.age is not None), None),
        sex=next((case.sex for case in ordered if case.sex not in (None, "unknown")), ordered[0].sex),
    )
    return CountedCase(joined, tuple(sorted(case.member for case in ordered)))
