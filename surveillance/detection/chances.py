"""The distributions that counts are judged by, from scipy.special: scipy.stats gives the same numbers, and
takes many times as long over one of them."""

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincc, chdtrc, nbdtrik, ndtr, ndtri, pdtr, pdtrc, pdtrik, stdtr


@dataclass(frozen=True, slots=True)
class CountLaw:
    """Counts whose variance is dispersion x mean: negative binomial, Poisson where that is at most
    1 + rounding."""

    mean: float
    dispersion: float
    rounding: float = 0.0

    def at_most(self, count: float) -> float:
        """P(a count <= this one)."""
        k = np.floor(count)
        if k < 0:
            return 0.0
        if self._is_poisson:
            return float(pdtr(k, self.mean))
        return float(betainc(self._size, k + 1, 1 / self.dispersion))

    def at_least(self, count: float) -> float:
        """P(a count >= this one), exact in the far tail."""
        k = np.ceil(count)
        if k <= 0:
            return 1.0
        if self._is_poisson:
            return float(pdtrc(k - 1, self.mean))
        return float(betaincc(self._size, k, 1 / self.dispersion))

    def quantile(self, p: float) -> float:
        """The smallest count that is reached or stayed below with probability `p` or more."""
        found = pdtrik(p, self.mean) if self._is_poisson else nbdtrik(p, self._size, 1 / self.dispersion)
        count = float(np.ceil(np.maximum(found, 0.0)))
        return count - 1 if count and self.at_most(count - 1) >= p else count

    @property
    def _is_poisson(self) -> bool:
        return self.dispersion <= 1 + self.rounding

    @property
    def _size(self) -> float:
        return self.mean / (self.dispersion - 1)


def normal_above(z: float) -> float:
    """P(a standard normal value > z)."""
    return float(ndtr(-z))


def normal_quantile(p: float) -> float:
    """The standard normal value that is exceeded with probability 1 - p."""
    return float(ndtri(p))


def student_above(t: float, freedom: float) -> float:
    """P(a value of Student's t > t)."""
    return float(stdtr(freedom, -t))


def chi_squared_above(statistic: float, freedom: float) -> float:
    """P(a chi-squared value > statistic)."""
    return float(chdtrc(freedom, statistic))
