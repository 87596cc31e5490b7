"""The distributions of counts, held to scipy.stats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, nbinom, norm, poisson, t

from surveillance.detection.chances import (
    CountLaw,
    chi_squared_above,
    normal_above,
    normal_quantile,
    student_above,
)

means = st.floats(1e-3, 1e4)
counts = st.integers(0, 20_000)
shares = st.floats(1e-6, 1 - 1e-6)
tightly = {"rel": 1e-10, "abs": 0.0}


@given(means, st.one_of(st.just(1.0), st.floats(1.001, 100.0)), counts, shares)
def test_a_law_of_counts_is_scipys_poisson_or_negative_binomial(mean, dispersion, count, p):
    law = CountLaw(mean, dispersion)
    theirs = poisson(mean) if dispersion == 1 else nbinom(mean / (dispersion - 1), 1 / dispersion)
    assert law.at_most(count) == pytest.approx(theirs.cdf(count), **tightly)
    assert law.at_least(count) == pytest.approx(theirs.sf(count - 1), **tightly)
    assert law.quantile(p) == theirs.ppf(p)


def test_a_dispersion_within_rounding_of_one_is_none():
    assert CountLaw(3.0, 1 + 1e-10, rounding=1e-9).at_least(7) == CountLaw(3.0, 1.0).at_least(7)


@given(st.floats(-30, 30), st.floats(0.5, 500), shares)
def test_tails_and_quantiles_are_scipys(value, freedom, p):
    assert normal_above(value) == norm.sf(value)
    assert normal_quantile(p) == norm.ppf(p)
    assert student_above(value, freedom) == t.sf(value, freedom)
    assert chi_squared_above(abs(value), freedom) == chi2.sf(abs(value), freedom)
