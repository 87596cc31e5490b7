"""Links against a search through all pairs of cases."""

from itertools import combinations

import numpy as np
from detection_studies import random_study, small_studies
from hypothesis import given, settings
from hypothesis import strategies as st

from surveillance.detection.links import Links


def _brute_force(study, rule):
    group = {one: {one} for one in range(len(study.ids))}
    kinds = {}
    for one, other in combinations(range(len(study.ids)), 2):
        shared = {
            token.split(":")[0]
            for token in set(study.tokens[one]) & set(study.tokens[other])
            if rule.token_types is None or token.split(":")[0] in rule.token_types
        }
        if shared and abs(int(study.day[one]) - int(study.day[other])) <= rule.window_days:
            kinds[one, other] = shared
            joined = group[one] | group[other]
            for moved in joined:
                group[moved] = joined
    last = study.days - 1
    result = {}
    for members in group.values():
        alive = max(study.day[list(members)]) >= last - rule.window_days
        scope = study.locations.inside
        ours = scope is None or any(scope[study.location[one]] for one in members)
        if len(members) >= rule.min_cases and alive and ours:
            types = set().union(*(found for pair, found in kinds.items() if set(pair) <= members))
            result[tuple(sorted(study.ids[one] for one in members))] = tuple(sorted(types))
    return result


@settings(max_examples=150, deadline=None)
@given(
    study=small_studies(),
    window=st.integers(1, 6),
    least=st.integers(2, 4),
    types=st.sampled_from([None, ("school",), ("ward", "link")]),
)
def test_clusters_and_their_link_types_are_those_of_a_search_through_all_pairs(study, window, least, types):
    rule = Links(window_days=window, min_cases=least, token_types=types)
    found = {cluster.members: cluster.linked_by for cluster in rule.detect(study, np.random.default_rng(1))}
    assert found == _brute_force(study, rule)


def test_a_cluster_names_the_type_of_the_link_and_never_the_setting():
    for cluster in Links(window_days=60).detect(random_study(1), np.random.default_rng(1)):
        assert cluster.linked_by == ("school",)
        assert "school:" not in repr(cluster)


def test_no_expected_count_is_claimed():
    for cluster in Links(window_days=60).detect(random_study(1), np.random.default_rng(1)):
        assert cluster.expected is None
        assert cluster.expected_basis.startswith("not estimated")
