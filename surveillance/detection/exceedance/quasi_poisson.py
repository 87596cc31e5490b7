"""A quasi-Poisson regression with log link: the model under Farrington's bounds.

Ours rather than statsmodels': it is forty lines, its conventions (starting values, stopping rule, weights)
are those of R's `glm`, to which the bounds are held, and pandas with all its weight stays out of a worker.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from surveillance.detection.chances import student_above

Floats = npt.NDArray[np.float64]

_TOLERANCE = 1e-8
_MOST_STEPS = 25
_LEAST_SPARE = 1e-9  # of 1 - leverage: a count that has a coefficient to itself has no residual


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model of n counts and k coefficients.

    coefficients: (k,). covariance: (k, k), to be multiplied by a dispersion. fitted: (n,) expected counts.
    weights: (n,) prior weights. leverage: (n,) diagonal of the hat matrix. dispersion: Pearson's, by
    residual degrees of freedom; NaN without any. `converged` False: the rest means nothing.
    """

    coefficients: Floats
    covariance: Floats
    fitted: Floats
    weights: Floats
    leverage: Floats
    dispersion: float
    freedom: int
    converged: bool

    @property
    def overdispersion(self) -> float:
        """The dispersion, at least 1: counts never vary less than Poisson."""
        return max(self.dispersion, 1.0) if np.isfinite(self.dispersion) else 1.0

    def p_of(self, coefficient: int, dispersion: float) -> float:
        """Two-sided p of a coefficient being 0, by Student's t."""
        error = np.sqrt(dispersion * self.covariance[coefficient, coefficient])
        return 2 * student_above(abs(self.coefficients[coefficient]) / error, self.freedom)


def fit(design: Floats, counts: Floats, weights: Floats | None = None) -> Fit:
    """Iteratively reweighted least squares of log(expected) on design (n, k), from counts + 0.1.

    weights: (n,) prior weights, 1 where not given. Source: McCullagh and Nelder (1989), Generalized Linear
    Models, 2nd edition; the conventions are those of R's `glm`.
    """
    prior = np.ones(len(counts)) if weights is None else weights
    expected = counts + 0.1
    deviance, converged = _deviance(counts, expected, prior), False
    working = prior * expected
    for _ in range(_MOST_STEPS):
        working = prior * expected
        root = np.sqrt(working)
        response = np.log(expected) + (counts - expected) / expected
        solved = np.linalg.lstsq(design * root[:, None], response * root, rcond=None)[0]
        expected = np.exp(np.clip(design @ solved, -300, 300))
        before, deviance = deviance, _deviance(counts, expected, prior)
        if abs(deviance - before) / (abs(deviance) + 0.1) < _TOLERANCE:
            converged = True
            break
    covariance = np.linalg.pinv((design * working[:, None]).T @ design)
    freedom = len(counts) - design.shape[1]
    pearson = float(np.sum(prior * (counts - expected) ** 2 / expected))
    return Fit(
        coefficients=solved.astype(np.float64),
        covariance=covariance.astype(np.float64),
        fitted=expected,
        weights=prior,
        leverage=np.einsum("ij,jk,ik->i", design, covariance, design) * working,
        dispersion=pearson / freedom if freedom > 0 else float("nan"),
        freedom=freedom,
        converged=converged,
    )


def anscombe_weights(model: Fit, counts: Floats, threshold: float) -> Floats:
    """(n,) weights that take past outbreaks down: s ** -2 where the residual s is above the threshold.

    s is the standardised Anscombe residual; the weights sum to n (Farrington et al. 1996, section 3.4).
    """
    spare = np.maximum(1 - model.leverage, _LEAST_SPARE)
    raw = 1.5 * (counts ** (2 / 3) * model.fitted ** (-1 / 6) - np.sqrt(model.fitted))
    residual = raw / np.sqrt(model.overdispersion * spare)
    above = residual > threshold
    weights = np.ones(len(counts))
    weights[above] = residual[above] ** -2.0
    scaled: Floats = weights * (len(counts) / weights.sum())
    return scaled


def _deviance(counts: Floats, expected: Floats, prior: Floats) -> float:
    logs = np.zeros(len(counts))
    np.log(counts / expected, out=logs, where=counts > 0)
    return float(2 * np.sum(prior * (counts * logs - (counts - expected))))
