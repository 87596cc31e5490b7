"""Passing over looks at which nothing stands out never changes an answer."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveillance.detection.cluster import Study
from surveillance.detection.scan import kernel, permutation, quiet
from surveillance.detection.scan.permutation import PermutationScan
from surveillance.detection.study import make_locations

DAYS = 60
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["today", "today", "today", "late", "withdrawn", "moved"]), st.integers(0, 10**6)
    ),
    min_size=5,
    max_size=25,
)


def _null_study(seed: int, areas: int, cases: int) -> Study:
    """Any place with any day: nothing stands out but by chance."""
    rng = np.random.default_rng(seed)
    location, day = (rng.integers(0, most, cases).astype(np.int32) for most in (areas, DAYS))
    return Study(
        ids=tuple(f"old-{number:04d}" for number in range(cases)),
        location=location,
        day=day,
        start=date(2024, 1, 1),
        as_of=date(2024, 1, 1) + timedelta(days=DAYS - 1),
        locations=make_locations([f"A{n:02d}" for n in range(areas)], rng.uniform(0, 8, (areas, 2))),
        tokens=((),) * cases,
        received=np.minimum(day + location % 4, DAYS - 1),
    )


def _counts(study: Study) -> quiet.Counts:
    return quiet.counts_of(study, 14, np.zeros(len(study.ids), np.int64))


def _changed(study: Study, change: str, number: int) -> Study:
    """One case more, one less, or one that is elsewhere now."""
    one = number % len(study.ids)
    area, day = number % len(study.locations.codes), (number // 7) % DAYS
    if change == "withdrawn":
        return replace(
            study,
            ids=study.ids[:one] + study.ids[one + 1 :],
            location=np.delete(study.location, one),
            day=np.delete(study.day, one),
            received=np.delete(study.received, one),
            tokens=study.tokens[:-1],
        )
    if change == "moved":
        location = study.location.copy()
        location[one] = area
        return replace(study, location=location)
    return _with(study, area, DAYS - 1 if change == "today" else day, f"new-{len(study.ids)}-{number}")


def _with(study: Study, area: int, day: int, name: str) -> Study:
    return replace(
        study,
        ids=(*study.ids, name),
        location=np.append(study.location, area).astype(np.int32),
        day=np.append(study.day, day).astype(np.int32),
        received=np.append(study.received, DAYS - 1),
        tokens=(*study.tokens, ()),
    )


def _answers(studies: list[Study], scan: PermutationScan, from_nothing: bool) -> list[object]:
    quiet.forget()
    answers = []
    for number, study in enumerate(studies):
        if from_nothing:
            quiet.forget()
        answers.append(scan.detect(study, np.random.default_rng(number)))
    return answers


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    changes=CHANGES,
    share=st.sampled_from([0.1, 0.3, 0.5]),
    radius=st.sampled_from([None, 2.0]),
    within=st.sampled_from(["", "day_of_week", "report_delay"]),
)
def test_after_any_changes_the_answer_is_that_of_a_scan_from_nothing(seed, changes, share, radius, within):
    studies = [_null_study(seed, areas=20, cases=300)]
    for change, number in changes:
        studies.append(_changed(studies[-1], change, number))
    scan = PermutationScan(max_share=share, max_radius_km=radius, max_window_days=14, max_p=0.005)
    scan = replace(scan, **dict.fromkeys(filter(None, [within]), True))
    assert _answers(studies, scan, from_nothing=False) == _answers(studies, scan, from_nothing=True)


def _builds_up(study: Study, how: str) -> Iterator[Study]:
    """A cluster in one area, step by step, by changes of one kind."""
    area = int(np.bincount(study.location).argmax())
    here = np.flatnonzero(study.location == area)
    if how == "withdrawn":
        for number in range(6):
            study = _with(study, area, DAYS - 2, f"recent-{number}")
            yield study
    for number in range(12):
        if how == "withdrawn":  # fewer old cases where many are recent
            old = int(np.flatnonzero((study.location == area) & (study.day < DAYS - 20))[0])
            study = _changed(study, "withdrawn", old)
        elif how == "revised":  # the same cases in the same area, but of later days
            day = study.day.copy()
            day[here[number]] = DAYS - 2
            study = replace(study, day=day)
        else:
            study = _with(study, area, DAYS - 1 if how == "today" else DAYS - 2, f"new-{number}")
        yield study


@pytest.mark.parametrize("how", ["today", "late", "revised", "withdrawn"])
@pytest.mark.parametrize("within", [{}, {"report_delay": True}], ids=["all", "within delays"])
def test_a_cluster_that_builds_up_after_quiet_looks_is_told_as_soon_as_a_scan_from_nothing_tells_it(
    how, within
):
    study = _null_study(5, areas=40, cases=600)
    studies = [study, study, study, *_builds_up(study, how)]
    scan = PermutationScan(max_radius_km=2.0, max_window_days=14, max_p=0.005, **within)
    answers = _answers(studies, scan, from_nothing=False)
    assert answers == _answers(studies, scan, from_nothing=True)
    assert answers[2] == ()
    assert answers[-1] != ()


@given(cases=st.integers(100, 5000), more=st.floats(0, 0.05), share=st.floats(0.01, 1))
def test_every_circle_that_more_cases_can_admit_is_asked_from_the_start(cases, more, share):
    among, now = (_counts(_null_study(1, areas=5, cases=n)) for n in (cases, cases + int(more * cases)))
    found = quiet.Quiet(1.0, among)
    if quiet._alike(found, now):
        assert found.largest(share) >= int(share * now.by_location.sum() + 1e-9)


def test_only_cases_of_today_are_new_where_nothing_else_changed_anywhere():
    study = _null_study(2, areas=20, cases=300)
    old = int(np.flatnonzero(study.day < DAYS - 20)[0])
    before, today = _counts(study), _with(study, 7, DAYS - 1, "new")
    gained = quiet.only_new_today(before, _counts(today))
    assert gained is not None
    assert gained.tolist() == [7]
    for other in (
        _changed(today, "withdrawn", old),
        _with(today, 3, 5, "old"),
        _with(today, 3, DAYS - 2, "late"),
    ):
        assert quiet.only_new_today(before, _counts(other)) is None


def test_a_quiet_look_after_a_case_of_today_simulates_nothing_and_asks_only_circles_around_it(monkeypatch):
    study = _null_study(4, areas=100, cases=600)
    scan = PermutationScan(max_radius_km=1.5, max_window_days=14, max_p=0.005)
    quiet.forget()
    scan.detect(study, np.random.default_rng(1))
    scan.detect(study, np.random.default_rng(1))
    asked = []
    reaches = kernel.reaches

    def watched(*arguments):
        asked.append(len(arguments[-1]))
        return reaches(*arguments)

    monkeypatch.setattr(kernel, "reaches", watched)
    monkeypatch.setattr(kernel, "scan_replicates", None)
    assert scan.detect(_changed(study, "today", 5), np.random.default_rng(1)) == ()
    assert 0 < asked[0] < 50


@pytest.mark.parametrize("within", [{}, {"day_of_week": True}, {"report_delay": True}])
def test_after_a_case_of_today_a_quiet_look_is_not_laid_out_anew(within, monkeypatch):
    study = _null_study(12, areas=100, cases=600)
    scan = PermutationScan(max_radius_km=1.5, max_window_days=14, max_p=0.005, **within)
    quiet.forget()
    for _ in range(2):
        assert scan.detect(study, np.random.default_rng(1)) == ()
    monkeypatch.setattr(permutation, "lay_out", None)
    for number in (5, 41):
        study = _changed(study, "today", number)
        assert scan.detect(study, np.random.default_rng(1)) == ()
