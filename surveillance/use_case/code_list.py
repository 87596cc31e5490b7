"""Lists of codes as versioned files: `code_lists/<id>@<version>.yaml`, named by conditions of use cases.

A list is never edited once it is in use: the next edition is the next file, and a use case says which one it
counts by. Codes are told by their systems' own rules, so that a mistyped one is found before it matches
nothing for a year.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from surveillance.use_case.fault import ConfigFault
from surveillance.use_case.read import read_yaml, validate

FOLDER = "code_lists"
System = Literal["icd10", "icd11", "snomed", "nhs-admission-method"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CodeSource(_Model):
    """Where a list comes from, and by which licence it may be used."""

    title: str = Field(min_length=1)
    link: Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
    licence: str = Field(min_length=1)


class ListedCode(_Model):
    """One code and what it means, in words for people who read the file."""

    code: str
    title: str = Field(min_length=1)


class CodeList(_Model):
    """Codes of one system. ICD codes stand for everything below them, all others for themselves."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    version: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,31}$")]
    title: str = Field(min_length=1)
    system: System
    source: CodeSource
    valid_from: date
    codes: tuple[ListedCode, ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        """As conditions name it: `self-harm-icd10@2016`."""
        return f"{self.id}@{self.version}"

    def holds(self, value: Any) -> bool:
        """Whether a code is on the list. A coded object (`diagnoses`) must be of the list's system too."""
        if isinstance(value, Mapping):
            return value.get("system") == self.system and self.holds(value.get("code"))
        if not isinstance(value, str):
            return False
        plain = _plain(value)
        if not _SYSTEMS[self.system].stands_for_those_below:
            return plain in self._plain_codes
        return any(plain[:length] in self._plain_codes for length in self._lengths)

    @cached_property
    def _plain_codes(self) -> frozenset[str]:
        return frozenset(_plain(one.code) for one in self.codes)

    @cached_property
    def _lengths(self) -> frozenset[int]:
        return frozenset(map(len, self._plain_codes))


def _plain(code: str) -> str:
    """ICD codes are written with and without the point, and in either case."""
    return code.replace(".", "").upper()


def _is_concept(code: str) -> bool:
    """A SNOMED CT concept id: partition 00 or 10, and Verhoeff's check digit.

    Source: SNOMED CT Release File Specifications, "Component identifier" and "Check-digit".
    """
    return re.fullmatch(r"[1-9][0-9]{5,17}", code) is not None and code[-3:-1] in ("00", "10") and _fits(code)


def _fits(digits: str) -> bool:
    """Verhoeff's check over the dihedral group of order ten, the check digit included."""
    sum_so_far = 0
    for place, digit in enumerate(reversed(digits)):
        turned = int(digit)
        for _ in range(place % 8):
            turned = int("1576283094"[turned])
        sum_so_far = _turn(sum_so_far, turned)
    return sum_so_far == 0


def _turn(first: int, second: int) -> int:
    """The product in the dihedral group: five rotations (0-4) and five reflections (5-9)."""
    rotation = (first + second) % 5 if first < 5 else (first - second) % 5
    return rotation + 5 * ((first < 5) != (second < 5))


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda code: re.fullmatch(pattern, code) is not None


@dataclass(frozen=True)
class _System:
    """What a code of a system looks like."""

    is_code: Callable[[str], bool]
    words: str
    stands_for_those_below: bool = False


_SYSTEMS: Mapping[str, _System] = {
    "icd10": _System(_matches(r"[A-Z][0-9]{2}(?:\.[0-9]{1,2})?"), "such as X60 or X60.9", True),
    "icd11": _System(_matches(r"[0-9A-Z]{4}(?:\.[0-9A-Z]{1,2})?"), "such as PB80 or PB80.1", True),
    "snomed": _System(_is_concept, "6 to 18 digits of a concept, the last of which is its check digit"),
    "nhs-admission-method": _System(_matches(r"[0-9][0-9A-Z]"), "such as 21 or 2A"),
}


def read_code_lists(directory: Path) -> tuple[dict[str, CodeList], list[ConfigFault]]:
    """Every list below `directory` by its name, and every mistake in the files."""
    found: dict[str, CodeList] = {}
    faults: list[ConfigFault] = []
    for path in sorted((directory / FOLDER).glob("*.y*ml")):
        file = f"{FOLDER}/{path.name}"
        content, wrong = read_yaml(path, file)
        listed, invalid = (None, []) if content is None else validate(CodeList, content, file)
        faults += wrong + invalid
        if listed is not None:
            faults += _mistakes(listed, path, file)
            found[listed.name] = listed
    return found, faults


def _mistakes(listed: CodeList, path: Path, file: str) -> Iterator[ConfigFault]:
    if path.name != f"{listed.name}.yaml":
        fix = f"Rename the file to {listed.name}.yaml"
        yield ConfigFault(file, "id", "id and version are not the file's name", fix)
    system, seen = _SYSTEMS[listed.system], set[str]()
    for i, one in enumerate(listed.codes):
        if not system.is_code(one.code):
            fix = f"Give a code {system.words}, in quotes where it is a number"
            yield ConfigFault(file, f"codes[{i}].code", f"is no code of {listed.system}", fix)
        if one.code in seen:
            yield ConfigFault(file, f"codes[{i}].code", "stands twice", "Give every code once")
        seen.add(one.code)
