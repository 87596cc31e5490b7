"""A study drops nothing silently."""

from datetime import date

import pytest

from surveillance.detection.study import make_locations, make_study

LOCATIONS = make_locations(["A", "B"], [(0, 0), (1, 1)])
DAYS = [date(2024, 1, 1), date(2024, 1, 5)]


def _study(ids=("1", "2"), codes=("A", "B"), days=DAYS, tokens=(), start=DAYS[0], as_of=DAYS[1]):
    return make_study(ids, codes, days, tokens, LOCATIONS, start, as_of)


def test_cases_become_indices_and_days_since_the_start():
    study = _study(tokens=[["school:1"], []])
    assert study.location.tolist() == [0, 1]
    assert study.day.tolist() == [0, 4]
    assert study.days == 5
    assert study.tokens == (("school:1",), ())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"codes": ("A", "Z")}, "codes: 'Z'"),
        ({"ids": ("1", "1")}, "ids: a case id is given twice"),
        ({"codes": ("A",)}, "codes: 1 given for 2 cases"),
        ({"days": DAYS[:1]}, "days: 1 given for 2 cases"),
        ({"tokens": [[]]}, "tokens: 1 given for 2 cases"),
        ({"as_of": date(2024, 1, 4)}, "days: 2024-01-05 is outside the study"),
        ({"start": date(2024, 1, 6)}, "as_of: 2024-01-05 is before"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(change, word):
    with pytest.raises(ValueError, match=word):
        _study(**change)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((["A", "A"], [(0, 0), (1, 1)]), "given twice"),
        ((["A"], [(0, 0), (1, 1)]), "coordinates: 2 rows for 1"),
        ((["A"], [(0, float("nan"))]), "coordinates: not all are finite"),
    ],
)
def test_locations_that_cannot_be_used_are_refused(arguments, word):
    with pytest.raises(ValueError, match=word):
        make_locations(*arguments)


def test_ages_and_sexes_are_kept_and_what_is_not_known_is_said():
    study = make_study(
        ("1", "2"), ("A", "B"), DAYS, (), LOCATIONS, *DAYS, ages=[14, None], sexes=["female", None]
    )
    assert (study.age.tolist(), study.sex) == ([14, -1], ("female", "unknown"))
    assert len(_study().age) == len(_study().sex) == 0


def test_units_are_those_of_every_location_or_refused():
    assert make_locations(["A"], [(0, 0)], units={"lad": ["L"]}).units == {"lad": ("L",)}
    with pytest.raises(ValueError, match=r"units\.lad: 1 codes for 2 locations"):
        make_locations(["A", "B"], [(0, 0), (1, 1)], units={"lad": ["L"]})
