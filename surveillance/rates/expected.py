"""How many cases each area would have if its people had the rates of the whole: indirect standardisation."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def expected_counts(population: Floats, cases: Floats) -> Floats:
    """(n,) expected cases of n areas, summing to all cases.

    population: (n, bands) people by age band; one band gives expectations by crude rates. cases: (bands,)
    cases of all areas by age band; cases of unknown age are left out of `cases` and can be spread by scaling.
    Source: indirect standardisation, e.g. Breslow and Day (1987), Statistical Methods in Cancer Research II,
    chapter 2. Direct standardisation to the European Standard Population needs bands of five years.
    """
    people = population.sum(axis=0)
    rates = np.divide(cases, people, out=np.zeros_like(cases), where=people > 0)
    expected: Floats = population @ rates
    total = float(expected.sum())
    return expected * (float(cases.sum()) / total) if total else expected
