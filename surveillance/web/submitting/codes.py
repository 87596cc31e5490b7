"""The codes that a form proposes: those of the configured code lists, with their words."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from surveillance.use_case.code_list import read_code_lists

_DIAGNOSES = {"icd10": "ICD-10", "icd11": "ICD-11", "snomed": "SNOMED CT"}
_METHODS = {"nhs-admission-method": ""}
# The field of a form, without the number of its entry -> the systems whose codes it takes.
_SYSTEMS_OF: Mapping[str, Mapping[str, str]] = {
    "diagnoses.code": _DIAGNOSES,
    "admission_method": _METHODS,
}


@dataclass(frozen=True)
class Offered:
    """A code and what it stands for."""

    code: str
    words: str


@cache
def offered_codes(config_dir: Path) -> Mapping[str, tuple[Offered, ...]]:
    """Field -> the codes to propose for it. Lists are read once: a change of them is a restart."""
    lists, _ = read_code_lists(config_dir)
    offered: dict[str, dict[str, Offered]] = {field: {} for field in _SYSTEMS_OF}
    for field, systems in _SYSTEMS_OF.items():
        for one in lists.values():
            for code in one.codes if one.system in systems else ():
                words = f"{systems[one.system]}: {code.title}".removeprefix(": ")
                offered[field].setdefault(code.code, Offered(code.code, words))
    return {field: tuple(codes.values()) for field, codes in offered.items() if codes}
