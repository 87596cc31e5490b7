"""Use cases choose detectors by name; a mistake is told with the parameter, the problem and the fix."""

import re

import pytest

from surveillance.detection import registry


def test_all_detectors_are_there():
    assert registry.names() == ("permutation-scan", "poisson-scan", "proximity", "links", "exceedance")


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("dbscan", {}, ["dbscan", "no such detector", "permutation-scan"]),
        ("proximity", {"radius": 2}, ["proximity.radius", "no such parameter", "radius_km"]),
        ("proximity", {"radius_km": "2"}, ["proximity.radius_km", "'2'", "a number above 0"]),
        ("proximity", {"radius_km": -1}, ["proximity.radius_km", "-1", "above 0"]),
        ("proximity", {"radius_km": float("nan")}, ["proximity.radius_km", "a number"]),
        ("proximity", {"window_days": 2.5}, ["proximity.window_days", "a whole number"]),
        ("proximity", {"min_cases": True}, ["proximity.min_cases", "a whole number"]),
        ("links", {"token_types": "school"}, ["links.token_types", "a list of words", "or null"]),
        ("exceedance", {"period": "month"}, ["exceedance.period", "'month'", "one of week, day"]),
        ("exceedance", {"level": " "}, ["exceedance.level", "a word", "or null"]),
        ("exceedance", {"strata": ["young"]}, ["exceedance.strata", "'young'", "10-24 female"]),
        ("exceedance", {"strata": ["24-10"]}, ["exceedance.strata", "'24-10'"]),
        ("exceedance", {"strata": ["all", "all"]}, ["exceedance.strata", "names one twice"]),
        ("exceedance", {"years": 2}, ["exceedance.years", "at least 3"]),
        ("links", {"token_types": []}, ["links.token_types", "at least one"]),
        ("permutation-scan", {"max_share": 1.5}, ["permutation-scan.max_share", "at most 1"]),
        ("permutation-scan", {"replicates": None}, ["permutation-scan.replicates", "a whole number"]),
        (
            "permutation-scan",
            {"min_window_days": 9, "max_window_days": 7},
            ["permutation-scan.min_window_days", "longer than max_window_days"],
        ),
    ],
)
def test_a_wrong_choice_says_what_is_wrong_and_what_would_be_right(name, parameters, words):
    with pytest.raises(ValueError, match=re.escape(words[0])) as fault:
        registry.build(name, parameters)
    for word in words:
        assert word in str(fault.value)


def test_lists_and_whole_numbers_from_a_file_are_taken():
    assert registry.build("links", {"token_types": ["school"]}).token_types == ("school",)
    assert registry.build("proximity", {"radius_km": 2}).radius_km == 2
    assert registry.build("permutation-scan", {"max_radius_km": None}).max_radius_km is None
