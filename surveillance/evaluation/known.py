"""The counted cases of one place, kept up to date from moment to moment, without a database."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from surveillance.asking import Question
from surveillance.line_list.components import components
from surveillance.line_list.duplicates import CountedCase
from surveillance.line_list.record import Case, RecordKey
from surveillance.looking import Decided, count
from surveillance.store.line_list import ListedRow


class Known:
    """What `looking.look` would count at one place, as time moves on.

    Whatever is counted once is counted among the records of one group: those that share a person key at
    any time, or that a person confirmed. Only groups that something happened to are counted anew, by the
    service's own `looking.count`; so the answer is that of counting all of them.
    """

    def __init__(self, place: str, rows: Iterable[ListedRow], decided: Decided) -> None:
        self.place = place
        self._decided = decided
        cases = [(row, row.entry) for row in rows if isinstance(row.entry, Case) and row.entry.place == place]
        self._begins = sorted(((r.known_from, c.key, c) for r, c in cases), key=lambda b: b[:2])
        self._ends = sorted((r.known_until, c.key, c) for r, c in cases if r.known_until is not None)
        self._group = _groups([case for _, case in cases], decided)
        self._by_day: defaultdict[date, set[int]] = defaultdict(set)
        for _, case in cases:
            self._by_day[case.day].add(self._group[case.key])
        self._current: defaultdict[int, dict[RecordKey, Case]] = defaultdict(dict)
        self._counted: dict[int, tuple[CountedCase, ...]] = {}
        # Day and key, which no two share, and what is counted there; always in order.
        self._ordered: list[tuple[date, RecordKey, CountedCase]] = []
        self._begun = self._ended = 0
        self._window: tuple[date, date] | None = None

    def advance(self, question: Question) -> None:
        """Moves on to what was known then, of the question's days; never back in time."""
        for group in sorted(self._news(question.known_at) | self._moved(question.start, question.as_of)):
            self._count(question, group)

    @property
    def total(self) -> int:
        """How many cases are counted."""
        return len(self._ordered)

    def counted(self) -> tuple[CountedCase, ...]:
        """All counted cases, in the order of `count_once`."""
        return tuple(one for _, _, one in self._ordered)

    def behind(self, ids: set[str]) -> tuple[CountedCase, ...]:
        """The counted cases of these ids."""
        groups = {self._group[key] for key in map(RecordKey.parse, ids) if key in self._group}
        every = (one for group in sorted(groups) for one in self._counted.get(group, ()))
        return tuple(one for one in every if one.case.id in ids)

    def standing(self, records: Iterable[str], as_of: date) -> dict[str, str]:
        """Of these records, those that are cases now, with their versions."""
        found = {}
        for record in records:
            key = RecordKey.parse(record)
            case = self._current[self._group[key]].get(key) if key in self._group else None
            if case is not None and case.day <= as_of:
                found[record] = case.member
        return found

    def _news(self, known_at: datetime) -> set[int]:
        """The groups of records that began or ceased to be known as they are, since the last moment."""
        groups = set()
        while self._begun < len(self._begins) and self._begins[self._begun][0] <= known_at:
            _, key, case = self._begins[self._begun]
            self._current[self._group[key]][key] = case
            groups.add(self._group[key])
            self._begun += 1
        while self._ended < len(self._ends) and self._ends[self._ended][0] <= known_at:
            _, key, case = self._ends[self._ended]
            if self._current[self._group[key]].get(key) is case:  # else a later version took its place
                del self._current[self._group[key]][key]
            groups.add(self._group[key])
            self._ended += 1
        return groups

    def _moved(self, start: date, as_of: date) -> set[int]:
        """The groups with cases on days that entered or left the study."""
        old, self._window = self._window, (start, as_of)
        if old == self._window:
            return set()
        return {
            group
            for day, groups in self._by_day.items()
            if (start <= day <= as_of) != (old is not None and old[0] <= day <= old[1])
            for group in groups
        }

    def _count(self, question: Question, group: int) -> None:
        known = [c for c in self._current[group].values() if question.start <= c.day <= question.as_of]
        counted = count(question, {self.place: known}, self._decided)[0][self.place]
        before = self._counted.get(group, ())
        if counted == before:
            return
        self._counted[group] = counted
        for one in before:
            del self._ordered[bisect_left(self._ordered, (one.case.day, one.case.key))]
        for one in counted:
            insort(self._ordered, (one.case.day, one.case.key, one))


def _groups(cases: Sequence[Case], decided: Decided) -> dict[RecordKey, int]:
    """Record -> the number of its group, over all that was ever known."""
    keys = dict.fromkeys(case.key for case in cases)
    last_with: dict[str, RecordKey] = {}
    edges = [pair for pair in decided.confirmed if pair[0] in keys and pair[1] in keys]
    for case in cases:
        for person in case.person_keys:
            edges.append((last_with.setdefault(person, case.key), case.key))
    groups = components(keys, edges)
    return {key: number for number, group in enumerate(groups) for key in group}
