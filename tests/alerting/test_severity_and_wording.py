from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.alerting.finding import Finding
from surveillance.alerting.severity import band_of, grade
from surveillance.alerting.wording import amount, duration, notice, over_days, sentence
from surveillance.detection.cluster import Cluster
from surveillance.use_case.model import Band, Wording
from surveillance.use_case.wording import harmful_words

NOON = datetime(2024, 5, 12, 12, tzinfo=UTC)
WORDING = Wording(one="suspected suicide", many="suspected suicides", usual_unit="deaths")
NAMES = {"E1": "Northbank", "E2": "Northbank", "E3": "Southbank", "E4": "Westbank", "E5": "Eastbank"}
SCAN = Cluster(
    detector="permutation-scan",
    detector_version="1",
    place="residence",
    members=("a", "b", "c"),
    areas=("E1", "E2", "E3"),
    centre="E1",
    radius_km=1.2,
    start=date(2024, 5, 3),
    end=date(2024, 5, 11),
    observed=3,
    expected=0.6712,
    relative_risk=4.5,
    statistic=3.8,
    p_value=0.0025,
    recurrence_interval_days=400.0,
)
TIES = replace(
    SCAN,
    detector="links",
    place="incident",
    observed=2,
    expected=None,
    recurrence_interval_days=None,
    linked_by=("school:st-elsewhere", "link:police/incident/a"),
)
ALERT = Alert(
    id="0c4f",
    revision=2,
    use_case="invented",
    scope="somewhere",
    state=State.OPEN,
    severity="high",
    members=("police/incident/a@1", "police/incident/b@1", "police/incident/c@1"),
    areas=("E1", "E2", "E3"),
    start=date(2024, 5, 3),
    end=date(2024, 5, 11),
    clusters=(SCAN, TIES),
    alive=True,
    as_of=date(2024, 5, 12),
    opened_at=NOON,
    changed_at=NOON,
)


def bands(*criteria: dict[str, object]) -> list[Band]:
    return [
        Band.model_validate({"name": f"band{n}", "any_of": [criterion]})
        for n, criterion in enumerate(criteria)
    ]


@pytest.mark.parametrize(
    ("criterion", "reached"),
    [
        ({"recurrence_interval_days": 400}, True),
        ({"recurrence_interval_days": 400.1}, False),
        ({"observed": 3}, True),
        ({"observed": 4}, False),
        ({"relative_risk": 4.4}, True),  # 3 / 0.6712 = 4.47, whatever the detector's own ratio is
        ({"relative_risk": 4.48}, False),
        ({"observed": 3, "recurrence_interval_days": 1000}, False),
    ],
)
def test_a_criterion_is_met_where_every_number_is_reached(criterion, reached):
    band = band_of(SCAN, bands({"detector": "permutation-scan", **criterion}))
    assert (band is not None) is reached


def test_another_detector_and_what_was_not_estimated_never_reach_a_band():
    assert band_of(SCAN, bands({"detector": "links", "observed": 1})) is None
    assert band_of(TIES, bands({"detector": "links", "recurrence_interval_days": 1})) is None
    assert band_of(TIES, bands({"detector": "links", "relative_risk": 0.1})) is None


def test_nothing_expected_is_no_division_by_zero():
    some = bands({"detector": "permutation-scan", "relative_risk": 1000})
    assert band_of(replace(SCAN, expected=0.0), some) is not None


def test_the_first_band_of_the_list_counts():
    two = bands(
        {"detector": "permutation-scan", "observed": 4},
        {"detector": "permutation-scan", "observed": 3},
        {"detector": "permutation-scan", "observed": 2},
    )
    band = band_of(SCAN, two)
    assert band is not None
    assert band.name == "band1"


def test_grading_leaves_out_what_reaches_no_band_and_names_every_record_behind_a_case():
    found = grade(
        [SCAN, TIES],
        bands({"detector": "permutation-scan", "observed": 3}),
        {"a": ("p/incident/a@1",), "b": ("p/incident/b@2", "c/incident/x@1"), "c": ("p/incident/c@1",)},
    )
    behind = ("c/incident/x@1", "p/incident/a@1", "p/incident/b@2", "p/incident/c@1")
    assert found == (Finding(SCAN, "band0", "open", behind),)


def test_the_sentence_says_how_many_who_where_when_what_is_usual_what_links_and_that_it_may_be_chance():
    assert sentence(ALERT, WORDING, NAMES, "15 to 24") == (
        "3 suspected suicides aged 15 to 24 among residents of Northbank and Southbank within 9 days "
        "(3 May to 11 May 2024). Seen by permutation scan. Usual would be 0.67 deaths there in that time. "
        "What links cases: the same school, a reported tie. "
        "This may be chance: chance alone gives one as strong about once in 400 days. "
        "Also seen: links by incident, 2."
    )


COUNT = replace(
    SCAN,
    detector="exceedance",
    observed=12,
    expected=4.1,
    recurrence_interval_days=None,
    expected_basis="its own last 7 weeks only",
    unit="L1",
    stratum="female, aged 10 to 24",
)


def test_a_count_of_a_whole_unit_says_of_whom_and_of_where():
    text = sentence(replace(ALERT, clusters=(COUNT,)), WORDING, {**NAMES, "L1": "Riverside"})
    assert text == (
        "12 suspected suicides (female, aged 10 to 24) among residents of Riverside within 9 days "
        "(3 May to 11 May 2024). Seen by exceedance. Usual would be 4.1 deaths there in that time "
        "(its own last 7 weeks only). "
        "This may be chance; how often chance alone does this was not estimated."
    )
    everywhere = replace(COUNT, unit="", stratum="")
    assert "among residents of Mersey" in sentence(
        replace(ALERT, clusters=(everywhere,)), WORDING, {"": "Mersey"}
    )


def test_what_another_detector_counted_of_a_whole_unit_is_said_too():
    text = sentence(replace(ALERT, clusters=(SCAN, COUNT)), WORDING, {**NAMES, "L1": "Riverside"})
    assert text.endswith(
        "Also seen: exceedance by residence, 12 (female, aged 10 to 24) in Riverside "
        "where 4.1 would be usual."
    )


def test_the_sentence_names_no_setting_and_holds_no_word_that_harms():
    for alert in (
        ALERT,
        replace(ALERT, alive=False),
        replace(ALERT, clusters=()),
        replace(ALERT, clusters=(TIES,)),
    ):
        text = sentence(alert, WORDING, NAMES)
        assert "elsewhere" not in text
        assert harmful_words(text) == ()
        assert "chance" in text


def test_what_was_not_estimated_is_said():
    text = sentence(replace(ALERT, clusters=(TIES,)), WORDING, NAMES)
    assert "How many would be usual was not estimated." in text
    assert "how often chance alone does this was not estimated" in text


def test_an_alert_that_is_no_longer_found_says_so_first():
    assert sentence(replace(ALERT, alive=False), WORDING, NAMES).startswith("No longer found on 12 May 2024.")


def test_an_alert_opened_by_hand_speaks_of_records_and_claims_nothing_else():
    text = sentence(replace(ALERT, clusters=()), WORDING, NAMES)
    assert text.startswith("Opened by a person: 3 records of suspected suicides in Northbank and Southbank")


def test_many_areas_are_counted_and_unknown_ones_stand_for_themselves():
    many = replace(SCAN, areas=("E3", "E4", "E5", "E9"))
    assert "Southbank, Westbank and 2 more areas" in sentence(
        replace(ALERT, clusters=(many,)), WORDING, NAMES
    )


def test_numbers_in_words():
    assert [amount(x) for x in (0.004, 0.0671, 1.26, 12.4)] == ["less than 0.01", "0.067", "1.3", "12"]
    assert [duration(x) for x in (0.5, 1.0, 99.6, 3653, float("inf"))] == [
        "1 day",
        "1 day",
        "100 days",
        "10 years",
        "2738 years",
    ]
    assert over_days(date(2023, 12, 31), date(2024, 1, 1)) == "2 days (31 December 2023 to 1 January 2024)"
    assert over_days(date(2024, 1, 1), date(2024, 1, 1)) == "1 day (1 January 2024)"


def test_a_notice_holds_nothing_but_what_may_leave_the_system():
    assert notice(AlertChange(Change.STRENGTHENED, ALERT, NOON, "service", "3 records", told=True)) == {
        "id": "0c4f",
        "revision": 2,
        "use_case": "invented",
        "severity": "high",
        "state": "open",
        "change": "strengthened",
        "due": None,
        "link": "/alerts/0c4f",
    }
