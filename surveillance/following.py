"""The counted cases of a use case, kept in memory and followed as the line list changes.

A page of counts over any days needs every case, each person once; counting 200,000 anew takes seconds. Only
the persons whose records changed are counted again, so the answer is always that of counting everything.
"""

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from surveillance.line_list.duplicates import MOST_RECORDS_OF_A_PERSON, Pair, count_once
from surveillance.line_list.record import Case, RecordKey
from surveillance.store import current_cases, line_list
from surveillance.store.current_cases import Stamp
from surveillance.store.database import Store, Transaction
from surveillance.use_case.model import Count

UNKNOWN_AGE = -1
SEXES = ("unknown", "female", "male", "other")


@dataclass(frozen=True, eq=False)
class Counted:
    """n counted cases as arrays. area: index among `areas`. day: ordinal. age: years, -1 unknown. sex: index
    among SEXES."""

    areas: tuple[str, ...]
    area: npt.NDArray[np.int32]
    day: npt.NDArray[np.int32]
    age: npt.NDArray[np.int16]
    sex: npt.NDArray[np.int8]


@dataclass
class CountedOnce:
    """Cases with each person (or event) counted once, kept right under changes. Not for several threads."""

    count: Count
    areas: tuple[str, ...]
    cases: dict[RecordKey, Case] = field(default_factory=dict)
    confirmed: frozenset[Pair] = frozenset()
    rejected: frozenset[Pair] = frozenset()

    def __post_init__(self) -> None:
        self._index = {code: i for i, code in enumerate(self.areas)}
        self._bearing: defaultdict[str, set[RecordKey]] = defaultdict(set)
        self._tied: defaultdict[RecordKey, set[RecordKey]] = defaultdict(set)
        self._counted: dict[RecordKey, tuple[int, int, int, int]] = {}
        self._crowded: set[str] = set()
        self._arrays: Counted | None = None

    def change(
        self,
        gone: Iterable[RecordKey],
        new: Iterable[Case],
        confirmed: Collection[Pair],
        rejected: Collection[Pair],
    ) -> None:
        """Takes records out, puts cases in (or in place of those of their records), and counts anew whoever
        that touches, or a decision that people changed."""
        new = list(new)
        decided = (self.confirmed ^ frozenset(confirmed)) | (self.rejected ^ frozenset(rejected))
        changed = {*gone, *(case.key for case in new)}
        touched = {key for pair in decided for key in pair} | changed
        reached = self._reach(touched)
        crowds = self._crowds()
        for key in changed:
            self._remove(key)
        for case in new:
            if case.area in self._index:
                self._add(case)
        self._decide(frozenset(confirmed), frozenset(rejected))
        parted = {key for person in crowds ^ self._crowds() for key in self._bearing[person]}
        self._count_anew(reached | self._reach(reached | parted))

    def is_decided_otherwise(self, confirmed: Collection[Pair], rejected: Collection[Pair]) -> bool:
        """Whether people decided something since the last change."""
        return self.confirmed != frozenset(confirmed) or self.rejected != frozenset(rejected)

    @property
    def arrays(self) -> Counted:
        """The counted cases now."""
        if self._arrays is None:
            rows = np.array(list(self._counted.values()), np.int32).reshape(-1, 4)
            self._arrays = Counted(
                self.areas,
                rows[:, 0].copy(),
                rows[:, 1].copy(),
                rows[:, 2].astype(np.int16),
                rows[:, 3].astype(np.int8),
            )
        return self._arrays

    def _reach(self, keys: Iterable[RecordKey]) -> set[RecordKey]:
        """The records that may count as one with some of these. A key that too many bear joins nobody."""
        found: set[RecordKey] = set()
        waiting = list(keys)
        while waiting:
            key = waiting.pop()
            if key in found:
                continue
            found.add(key)
            waiting += self._tied.get(key, ())
            case = self.cases.get(key)
            for person in case.person_keys if case else ():
                bearing = self._bearing[person]
                if len(bearing) <= MOST_RECORDS_OF_A_PERSON:
                    waiting += bearing
        return found

    def _crowds(self) -> frozenset[str]:
        """The person keys that too many records bear."""
        return frozenset(self._crowded)

    def _add(self, case: Case) -> None:
        self.cases[case.key] = case
        for person in case.person_keys:
            self._bearing[person].add(case.key)
            self._judge(person)

    def _remove(self, key: RecordKey) -> None:
        case = self.cases.pop(key, None)
        for person in case.person_keys if case else ():
            self._bearing[person].discard(key)
            self._judge(person)

    def _judge(self, person: str) -> None:
        if len(self._bearing[person]) > MOST_RECORDS_OF_A_PERSON:
            self._crowded.add(person)
        else:
            self._crowded.discard(person)

    def _decide(self, confirmed: frozenset[Pair], rejected: frozenset[Pair]) -> None:
        if confirmed != self.confirmed:
            self._tied.clear()
            for one, other in confirmed:
                self._tied[one].add(other)
                self._tied[other].add(one)
        self.confirmed, self.rejected = confirmed, rejected

    def _count_anew(self, keys: Collection[RecordKey]) -> None:
        for key in keys:
            self._counted.pop(key, None)
        cases = [self._without_crowds(self.cases[key]) for key in keys if key in self.cases]
        near = frozenset(keys)
        confirmed = [pair for pair in self.confirmed if near.issuperset(pair)]
        rejected = {pair for pair in self.rejected if near.issuperset(pair)}
        for one in count_once(cases, rejected, confirmed, self.count):
            case = one.case
            age = UNKNOWN_AGE if case.age is None else case.age
            sex = SEXES.index(case.sex) if case.sex in SEXES else 0
            self._counted[case.key] = (self._index[case.area], case.day.toordinal(), age, sex)
        self._arrays = None

    def _without_crowds(self, case: Case) -> Case:
        kept = tuple(p for p in case.person_keys if len(self._bearing[p]) <= MOST_RECORDS_OF_A_PERSON)
        return case if len(kept) == len(case.person_keys) else replace(case, person_keys=kept)


class Following:
    """Follows one use case at one place in the areas of one scope. Safe to share between threads."""

    def __init__(self, store: Store, use_case: str, place: str, count: Count, areas: tuple[str, ...]) -> None:
        self._store, self._use_case, self._place = store, use_case, place
        self._counted = CountedOnce(count, areas)
        self._rows: dict[int, RecordKey] = {}
        self._stamp = Stamp(0, 0)
        self._lock = threading.Lock()

    def counted(self) -> Counted:
        """The counted cases as they are stored now."""
        with self._lock, self._store.reading() as tx:
            confirmed, rejected = line_list.duplicate_decisions(tx)
            now = current_cases.stamp(tx, self._use_case, self._place)
            if now != self._stamp or self._counted.is_decided_otherwise(confirmed, rejected):
                gone, new = self._changes(tx, now)
                self._counted.change(gone, new.values(), confirmed, rejected)
                self._stamp = now
            return self._counted.arrays

    def _changes(self, tx: Transaction, now: Stamp) -> tuple[list[RecordKey], Mapping[int, Case]]:
        """The records that have no case any more, and the rows that are new."""
        last = max(self._rows, default=0)
        added = current_cases.row_numbers(tx, self._use_case, self._place, last)
        new = current_cases.rows(tx, added)
        replaced = {case.key for case in new.values()}
        before = {n: key for n, key in self._rows.items() if key not in replaced} if new else self._rows
        rows = before | {number: case.key for number, case in new.items()}
        if now == Stamp(len(rows), sum(rows)):
            self._rows = rows
            return [], new
        numbers = current_cases.row_numbers(tx, self._use_case, self._place)
        missed = current_cases.rows(tx, numbers - rows.keys())
        gone = [key for number, key in rows.items() if number not in numbers]
        self._rows = {n: key for n, key in rows.items() if n in numbers}
        self._rows |= {number: case.key for number, case in missed.items()}
        return gone, {**new, **missed}


def days_between(counted: Counted, first: date, last: date) -> npt.NDArray[np.bool_]:
    """(n,) which of the cases are of these days, both included."""
    return (counted.day >= first.toordinal()) & (counted.day <= last.toordinal())
