"""Whatever happened since the last look, the proximity rule says what it says from nothing."""

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
from detection_studies import START
from hypothesis import given, settings
from hypothesis import strategies as st
from proximity_search import brute_force, expected

from surveillance.detection.proximity import Proximity, near, remembered
from surveillance.detection.proximity.cases import Cases
from surveillance.detection.study import make_locations, make_study

AREAS, DAYS = 12, 14
GRID = [(x, y) for x in range(4) for y in range(3)]
LOOKS = st.sampled_from(["all", "all", "residents", "other use case", "after a restart"])
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["new", "new", "new", "late", "withdrawn", "moved", "revised", "crowd", "next day", "day before"]
        ),
        st.integers(0, 10**6),
        LOOKS,
    ),
    min_size=3,
    max_size=30,
)


@dataclass(frozen=True)
class World:
    """Cases known at one time: area and day by id. `as_of` and days are counted from one origin."""

    cases: dict[str, tuple[int, int]]
    as_of: int = DAYS
    made: int = 0


def _after(world, event, number):
    cases, as_of = dict(world.cases), world.as_of
    area, back = number % AREAS, number // AREAS % DAYS
    old = sorted(cases)[number % len(cases)] if cases else None
    # Ids in no order, so that neither a place in the list nor who is nearest by id follows from the time.
    fresh = [f"{(number + one) % 97:02}-{world.made + one}" for one in range(4)]
    if event in ("new", "late"):
        cases[fresh[0]] = (area, as_of - (back if event == "late" else back % 2))
    elif event == "crowd":
        cases |= {name: (area, as_of - one % 2) for one, name in enumerate(fresh)}
    elif event == "withdrawn" and old:
        del cases[old]
    elif event == "moved" and old:
        cases[old] = (area, cases[old][1])
    elif event == "revised" and old:
        cases[old] = (cases[old][0], as_of - back)
    elif event in ("next day", "day before"):
        as_of += 1 if event == "next day" else -1
    return World(cases, as_of, world.made + 4)


def _study(world, locations, whose="all"):
    """The cases of the last days, those that expired and those to come left out, in order of id or not."""
    first = world.as_of - DAYS + 1
    known = sorted(world.cases.items(), reverse=whose == "residents")
    inside = [(name, case) for name, case in known if first <= case[1] <= world.as_of]
    if whose == "other use case":
        inside = [(name, case) for name, case in inside if hash((case, len(name))) % 3]
    start = START + timedelta(days=first)
    return make_study(
        [name for name, _ in inside],
        [locations.codes[area] for _, (area, _) in inside],
        [START + timedelta(days=day) for _, (_, day) in inside],
        [],
        locations,
        start,
        start + timedelta(days=DAYS - 1),
    )


def _answer(rule, study):
    return rule.detect(study, np.random.default_rng(1))


def _check_by_search(study, rule, clusters):
    groups = {tuple(sorted(study.ids[one] for one in group)): group for group in brute_force(study, rule)}
    assert {one.members for one in clusters} == set(groups)
    for one in clusters:
        assert one.expected == pytest.approx(expected(study, rule, groups[one.members]))


@settings(max_examples=250, deadline=None)
@given(
    events=EVENTS,
    begin=st.lists(st.tuples(st.integers(0, AREAS - 1), st.integers(1, DAYS)), max_size=25),
    radius=st.sampled_from([0.5, 1.0, 1.5]),
    window=st.integers(1, 4),
    least=st.integers(2, 4),
    people=st.none() | st.lists(st.integers(1, 9), min_size=AREAS, max_size=AREAS),
)
def test_after_any_events_the_clusters_and_expected_counts_are_those_from_nothing_and_those_of_a_search(
    events, begin, radius, window, least, people
):
    locations = make_locations([f"A{n:02}" for n in range(AREAS)], GRID, population=people)
    rule = Proximity(radius_km=radius, window_days=window, min_cases=least)
    world = World({f"{n * 37 % 89:02}-b{n}": case for n, case in enumerate(begin)})
    studies, restarts = [_study(world, locations)], []
    for event, number, whose in events:
        world = _after(world, event, number)
        restarts += [len(studies)] if whose == "after a restart" else []
        studies.append(_study(world, locations, whose))
    followed = []
    remembered.forget()
    for number, study in enumerate(studies):
        if number in restarts:
            remembered.forget()
        followed.append(_answer(rule, study))
    for study, clusters in zip(studies, followed, strict=True):
        remembered.forget()
        assert _answer(rule, study) == clusters
        _check_by_search(study, rule, clusters)
    # Seen out of order by one more worker, which knows other looks than those before each.
    for study, clusters in sorted(zip(studies, followed, strict=True), key=lambda one: len(one[0].ids)):
        assert _answer(rule, study) == clusters


@settings(max_examples=40, deadline=None)
@given(numbers=st.lists(st.integers(0, 10**6), min_size=4, max_size=12), seed=st.integers(0, 99))
def test_coverage_population_scope_and_codes_that_change_between_looks_change_the_evidence(numbers, seed):
    rng = np.random.default_rng(seed)
    codes = [f"A{n:02}" for n in range(AREAS)]
    variants = [
        make_locations(codes, GRID),
        make_locations(codes, GRID, population=rng.integers(1, 9, AREAS)),
        make_locations(codes, GRID, population=rng.integers(1, 9, AREAS), inside=rng.random(AREAS) < 0.5),
        make_locations(codes, GRID, covered=START.toordinal() + rng.integers([0, 8], [8, 16], (AREAS, 2))),
        make_locations(codes, GRID, reporting=rng.integers(0, 3, AREAS)),
        make_locations([f"B{n:02}" for n in range(AREAS)], GRID),
    ]
    rule = Proximity(radius_km=1, window_days=3, min_cases=3)
    world = World({f"c{n}": (int(rng.integers(AREAS)), int(rng.integers(1, DAYS))) for n in range(25)})
    looks = []
    for number in numbers:
        world = _after(world, "new", number) if number % 2 else world
        looks.append(_study(world, variants[number % len(variants)]))
    remembered.forget()
    followed = [_answer(rule, study) for study in looks]
    for study, clusters in zip(looks, followed, strict=True):
        remembered.forget()
        assert _answer(rule, study) == clusters


def _spread_out(areas, cases, seed=1):
    """Many areas far apart with a few cases each, among them clusters."""
    rng = np.random.default_rng(seed)
    locations = make_locations([f"A{n:03}" for n in range(areas)], [(10.0 * n, 0.0) for n in range(areas)])
    world = World({f"c{n:04}": (int(rng.integers(areas)), int(rng.integers(1, DAYS))) for n in range(cases)})
    return locations, world


FOUR = Proximity(radius_km=1, window_days=3, min_cases=4)


def test_a_cluster_whose_only_core_lost_a_neighbour_of_another_cluster_is_told_no_longer():
    # x is near the core c too, but belongs to the cluster of h, which is nearer.
    places = {"a": 0.0, "aa": 0.1, "c": 1.0, "x": 1.9, "h": 2.4, "y": 3.1, "yy": 3.2, "yyy": 3.3}
    followed = _after_one_went(places, "x")
    assert followed[0] == {("a", "aa", "c"), ("h", "x", "y", "yy", "yyy")}
    assert followed[1] == {("h", "y", "yy", "yyy")}


def test_a_case_whose_core_is_none_any_more_goes_to_the_next_one_which_nothing_else_touched():
    places = {"k": 0.0, "l": -0.5, "m": -0.6, "b": 0.9, "c": 1.5, "e": 2.3, "f": 2.4}
    followed = _after_one_went(places, "f")
    assert followed[0] == {("k", "l", "m"), ("b", "c", "e", "f")}
    assert followed[1] == {("b", "k", "l", "m")}


def _after_one_went(places, name):
    """The members of the clusters of cases at these km of a line, before and after one of them went."""
    locations = make_locations([*places], [(at, 0.0) for at in places.values()])
    answers = []
    remembered.forget()
    for ids in ([*places], [one for one in places if one != name]):
        study = make_study(ids, ids, [START] * len(ids), [], locations, START, START)
        clusters = _answer(FOUR, study)
        _check_by_search(study, FOUR, clusters)
        answers.append({one.members for one in clusters})
    return answers


def test_a_look_after_one_new_case_asks_for_the_neighbours_of_few(monkeypatch):
    locations, world = _spread_out(areas=100, cases=400)
    rule = Proximity(radius_km=1, window_days=5, min_cases=3)
    remembered.forget()
    assert len(_answer(rule, _study(world, locations))) > 20
    asked = []
    ranges_of = Cases._ranges

    def watched(self, spot):
        asked.append(len(spot))
        return ranges_of(self, spot)

    monkeypatch.setattr(Cases, "_ranges", watched)
    world = replace(world, cases={**world.cases, "new": (7, DAYS)})
    assert any("new" in one.members for one in _answer(rule, _study(world, locations)))
    assert 0 < sum(asked) < 40


def test_what_is_remembered_stays_within_its_bound(monkeypatch):
    monkeypatch.setattr(remembered, "KEPT_CASES", 1000)
    locations, world = _spread_out(areas=100, cases=400)
    remembered.forget()
    for radius in (1, 2, 3, 4, 5):
        _answer(Proximity(radius_km=radius), _study(world, locations))
        _answer(Proximity(radius_km=radius), _study(world, locations))
    assert len(remembered._kept) == 2
    monkeypatch.setattr(near, "KEPT_BYTES", 0)
    _answer(Proximity(radius_km=6), _study(world, locations))
    assert len(near._kept) == 1
