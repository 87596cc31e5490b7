"""Compiles the scan over files once, so that no first run waits for it."""

from dataclasses import replace
from datetime import date

import numpy as np

from surveillance.detection.scan.analysis import Analysis, Counts, Population, ScanStudy
from surveillance.detection.scan.engine import run_scan
from surveillance.detection.study import make_locations


def warm_scan() -> None:
    """Scans a few cases by every model; numba keeps what it compiles where NUMBA_CACHE_DIR says."""
    where, day = np.array([0, 0, 1, 1], np.int32), np.array([9, 9, 0, 1], np.int32)
    none = np.zeros(4, np.int32)
    rows = Counts(where, day, np.ones(4, np.int64), none)
    study = ScanStudy(
        locations=make_locations(["a", "b"], [(0.0, 0.0), (1.0, 1.0)]),
        cases=rows,
        start=date(2000, 1, 1),
        end=date(2000, 1, 10),
        controls=rows,
        population=Population(where, day, np.ones(4), none),
    )
    asked = Analysis("permutation", "prospective", max_share=1.0, max_window=2, replicates=2)
    for analysis in (asked, replace(asked, model="poisson"), replace(asked, model="bernoulli")):
        run_scan(study, analysis, np.random.default_rng(0))
