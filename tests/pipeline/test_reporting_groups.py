"""Which areas report alike: from the partners' coverage, as of a study, for those that reported its cases."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from surveillance.asking import Question
from surveillance.configuration import load_configuration
from surveillance.detection.study import make_locations
from surveillance.line_list.duplicates import CountedCase
from surveillance.line_list.record import Case, RecordKey
from surveillance.looking import study_of
from surveillance.reporting import Covered, with_reporting

START, AS_OF = date(2024, 1, 1), date(2024, 12, 30)
LOCATIONS = make_locations(list("ABCD"), [(0, 0), (1, 0), (2, 0), (3, 0)])


def _covered(partner, areas, since=date(2020, 1, 1), until=None, delay_days=3.0):
    return Covered(partner, since, until, delay_days, np.array([code in areas for code in "ABCD"]))


def _groups(*coverage, reporters=("police", "coroner", "homes")):
    reporting = with_reporting(LOCATIONS, coverage, reporters, START, AS_OF).reporting
    if reporting is None:
        return None
    return sorted(np.flatnonzero(reporting == n).tolist() for n in np.unique(reporting))


@pytest.mark.parametrize(
    "coverage",
    [
        (),
        (_covered("police", "ABCD"),),
        (_covered("police", "AB"), _covered("police", "CD")),
        (_covered("police", "AB", since=date(2019, 5, 1)), _covered("police", "CD")),
        (_covered("police", "ABCD"), _covered("school", "A")),
        (_covered("police", "ABCD"), _covered("homes", "A", since=date(2025, 1, 1))),
        (_covered("police", "ABCD"), _covered("homes", "A", until=date(2023, 1, 1))),
    ],
    ids=[
        "nothing is known",
        "one partner everywhere",
        "one partner by two entries",
        "since different days before the study",
        "a partner that reported no case",
        "a partner that joins after the study",
        "a partner that left before it",
    ],
)
def test_areas_that_report_alike_are_of_one_group(coverage):
    assert _groups(*coverage) is None


@pytest.mark.parametrize(
    "other",
    [
        _covered("coroner", "CD"),
        _covered("police", "CD", since=date(2024, 11, 1)),
        _covered("police", "CD", until=date(2024, 11, 1)),
        _covered("police", "CD", delay_days=9.0),
    ],
    ids=["by another partner", "since a day in the study", "until a day in the study", "later"],
)
def test_areas_that_report_otherwise_are_of_another_group(other):
    assert _groups(_covered("police", "AB"), other) == [[0, 1], [2, 3]]


def test_each_combination_of_partners_is_a_group_and_so_are_areas_that_nobody_covers():
    groups = _groups(
        _covered("police", "ABC"), _covered("homes", "BC", since=date(2024, 6, 1)), _covered("coroner", "C")
    )
    assert groups == [[0], [1], [2], [3]]


def test_coverage_is_from_the_first_partner_to_the_last():
    located = with_reporting(
        LOCATIONS,
        (
            _covered("police", "AB", since=date(2024, 3, 1)),
            _covered("coroner", "B", since=date(2024, 2, 1), until=date(2024, 8, 1)),
            _covered("homes", "C", until=date(2024, 8, 1)),
        ),
        ("police", "coroner", "homes"),
        START,
        AS_OF,
    )
    first, last = located.covered.T
    assert [date.fromordinal(day) for day in first[:3]] == [
        date(2024, 3, 1),
        date(2024, 2, 1),
        date(2020, 1, 1),
    ]
    assert [date.fromordinal(day) for day in last[:3]] == [date.max, date.max, date(2024, 8, 1)]
    assert first[3] > last[3]


def _counted(number, partner, area, *others):
    received = datetime(2025, 5, 2, 23, 30, tzinfo=UTC)
    case = Case(
        RecordKey(partner, "incident", f"r{number}"),
        1,
        "suspected-suicide",
        "residence",
        area,
        date(2025, 5, 1),
        received,
    )
    return CountedCase(case, (case.member, *others))


@pytest.fixture(scope="module")
def configuration():
    return load_configuration(Path(__file__).parents[2] / "config")


def _study(configuration, *counted):
    use_case, scope = configuration.use_cases["suspected-suicide"], "cheshire-merseyside"
    question = Question(
        use_case=use_case,
        region=configuration.regions[scope],
        start=date(2024, 5, 11),
        as_of=date(2025, 5, 10),
        known_at=datetime(2025, 5, 11, tzinfo=UTC),
        coverage=configuration.covered(use_case, scope),
    )
    return study_of(question, "residence", counted, question.start)


def test_a_late_joiner_makes_a_group_of_its_borough_once_it_reports_a_case(configuration):
    area = configuration.regions["cheshire-merseyside"].read.codes[0]
    plain = _study(configuration, _counted(1, "example-police", area))
    assert plain.locations.reporting is None
    assert plain.outside_coverage == 0
    for joined in (
        _study(configuration, _counted(1, "example-care-homes", area)),
        _study(configuration, _counted(1, "example-police", area, "example-care-homes/incident/9@1")),
    ):
        table = configuration.regions["cheshire-merseyside"].read
        boroughs = np.array(table.units["lad"])[joined.locations.reporting == 1]
        assert set(boroughs) == {"E08000015"}


def test_a_study_knows_the_day_of_receipt_in_the_scopes_time_zone(configuration):
    area = configuration.regions["cheshire-merseyside"].read.codes[0]
    study = _study(configuration, _counted(1, "example-police", area))
    # Half past eleven in the evening, UTC, is the next day of a British summer.
    assert study.received is not None
    assert study.received[0] - study.day[0] == 2
