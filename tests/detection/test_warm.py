"""A warmed worker compiles nothing: no first event waits for it."""

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from detection_studies import random_study
from numba.core.dispatcher import Dispatcher

from surveillance.detection.scan import expectation, kernel, permutation, quiet, replicates


def _compiled(*modules: ModuleType) -> dict[str, int]:
    return {
        f"{module.__name__}.{name}": len(one.signatures)
        for module in modules
        for name, one in vars(module).items()
        if isinstance(one, Dispatcher)
    }


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("day_of_week", [False, True])
def test_after_warming_no_look_of_the_permutation_scan_compiles_anything(grouped, day_of_week):
    permutation.warm()
    before = _compiled(expectation, kernel, replicates)
    study = random_study(3, areas=30, cases=300, days=60)
    if grouped:
        groups = (np.arange(30) % 2).astype(np.int32)
        study = replace(study, locations=replace(study.locations, reporting=groups))
    scan = permutation.PermutationScan(day_of_week=day_of_week, max_window_days=9)
    scan.detect(study, np.random.default_rng(1))
    rare = replace(scan, max_p=0.001)
    known = quiet.Quiet(1000.0, quiet.counts_of(study, 9, np.zeros(len(study.ids), np.int64)))
    circles = permutation.circles_of(study.locations, None)
    for _ in range(2):  # asked everywhere, then only around what is new
        quiet.remember(circles, (rare, study.place), known)
        assert rare.detect(study, np.random.default_rng(1)) == ()
    assert sum(before.values()) > 0
    assert _compiled(expectation, kernel, replicates) == before
