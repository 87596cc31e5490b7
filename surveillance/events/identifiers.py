"""Raw identifiers of persons, wherever they hide: NHS numbers with a valid check digit.

Source of the check: NHS Data Dictionary, "NHS NUMBER" (modulus 11).
"""

import re
from collections.abc import Container, Iterator
from typing import Any

# Ten digits in one run, or written 3-3-4 as on a letter; no digit before or after.
_CANDIDATE = re.compile(r"(?<![0-9])([0-9]{3})[\W_]{0,3}([0-9]{3})[\W_]{0,3}([0-9]{4})(?![0-9])")
# The same over a text whose digits are 0 and whose letters are a: what begins with a character as it stands
# is looked for ten times as fast.
_SHAPE = re.compile(r"000(?<!0000)-{0,3}000-{0,3}0000(?!0)")
_CLASSES = {code: "0" if chr(code).isdigit() else "a" if chr(code).isalpha() else "-" for code in range(128)}
# Texts whose form proves that digits in them are no one's number: times, UUIDs, HMACs (digits in a
# random hexadecimal text would be refused by chance otherwise).
_HARMLESS = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,18}(?:Z|[+-][0-9]{2}:?[0-9]{2})"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    r"|(?=[0-9]*[a-f])[0-9a-f]{64}",
    re.IGNORECASE,
)
_WEIGHTS = range(10, 1, -1)
_CODED = frozenset({"complaint", "diagnoses.code"})
_CONCEPT = re.compile(r"[1-9][0-9]{6}[01]0[0-9]")  # digits 8 and 9 of a SNOMED concept are 00 or 10


def is_nhs_number(digits: str) -> bool:
    """Whether ten digits carry a valid check digit.

    >>> is_nhs_number("9434765919"), is_nhs_number("9434765918")
    (True, False)
    """
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=False))
    return (11 - total % 11) % 11 == int(digits[9]) and total % 11 != 1


def holds_identifier(text: str) -> bool:
    """Whether a text holds an NHS number, alone or inside something longer."""
    if len(text) < 10 or _HARMLESS.fullmatch(text):
        return False
    return any(is_nhs_number("".join(found.groups())) for found in _CANDIDATE.finditer(text))


def may_hold_identifier(text: str) -> bool:
    """A quick look at a whole JSON text: False is certain, True means look at every value."""
    if "\\" in text or not text.isascii():
        return True
    return _SHAPE.search(text.translate(_CLASSES)) is not None


def identifier_paths(value: Any, known: Container[str], path: str = "") -> Iterator[str]:
    """The dotted path of known names at or above each raw identifier in a parsed JSON value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if holds_identifier(name):
                yield path
            below = f"{path}.{name}" if path else name
            yield from identifier_paths(inner, known, below if below in known else path)
    elif isinstance(value, list):
        for inner in value:
            yield from identifier_paths(inner, known, path)
    elif _is_identifier(value, path):
        yield path


def _is_identifier(value: Any, path: str) -> bool:
    if isinstance(value, int | float):
        return 10**9 <= abs(value) < 10**10 and holds_identifier(str(int(abs(value))))
    if not isinstance(value, str) or (path in _CODED and _CONCEPT.fullmatch(value)):
        return False
    return holds_identifier(value)
