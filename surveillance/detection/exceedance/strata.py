"""Strata: which cases are counted together, by age and sex, as a use case writes them."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Study

_AGES = re.compile(r"(\d{1,3})(?:-(\d{1,3})|(\+))")
_SEXES = ("female", "male")
_OLDEST = 199
FORM = "`all`, ages such as `10-24` or `65+`, `female`, `male`, or ages and a sex: `10-24 female`"


@dataclass(frozen=True, slots=True)
class Stratum:
    """Cases of these ages (years, both included) and this sex; None: of any, those not known too."""

    ages: tuple[int, int] | None = None
    sex: str | None = None

    def holds(self, study: Study) -> npt.NDArray[np.bool_]:
        """(cases,) which cases belong to it. Where age or sex is not known, a case is in no such stratum."""
        chosen = np.ones(len(study.ids), np.bool_)
        if self.ages is not None:
            low, high = self.ages
            chosen &= (study.age >= low) & (study.age <= high) if len(study.age) else False
        if self.sex is not None:
            chosen &= np.array([sex == self.sex for sex in study.sex], np.bool_) if study.sex else False
        return chosen

    @property
    def words(self) -> str:
        """`female, aged 10 to 24`; empty for all cases."""
        parts = [self.sex] if self.sex else []
        if self.ages is not None:
            low, high = self.ages
            parts.append(f"aged {low} and over" if high == _OLDEST else f"aged {low} to {high}")
        return ", ".join(parts)


def read_stratum(text: str) -> Stratum:
    """A stratum from its text, such as `10-24 female`. Raises ValueError with what may stand there."""
    ages: tuple[int, int] | None = None
    sex: str | None = None
    parts = text.split()
    for part in parts if parts != ["all"] else []:
        found = _AGES.fullmatch(part)
        if found and ages is None:
            ages = (int(found[1]), _OLDEST if found[3] else int(found[2]))
        elif part in _SEXES and sex is None:
            sex = part
        else:
            raise ValueError(f"strata: {text!r} cannot be used; give {FORM}")
    if not parts or (ages is not None and ages[0] > ages[1]):
        raise ValueError(f"strata: {text!r} cannot be used; give {FORM}")
    return Stratum(ages, sex)
