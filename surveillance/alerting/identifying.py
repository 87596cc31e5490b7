"""What in a free text may identify a person: shown back to whoever typed it, before anything is stored.

Some kinds have no place in a note at all and are refused; the others may be harmless, and somebody who has
looked at the exact fragment may keep it. Nothing here is ever logged.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date

_LONG_AGO_YEARS = 5  # a full date this far back is rather a birthday than a day of the response


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a text as it stands there, what it looks like, and whether it is refused outright."""

    text: str
    kind: str
    refused: bool


class Identifying(ValueError):
    """A text may identify somebody. Its words name kinds only: the fragments are for the page alone."""

    def __init__(self, fragments: tuple[Fragment, ...]) -> None:
        self.fragments = fragments
        kinds = ", ".join(dict.fromkeys(fragment.kind for fragment in fragments))
        super().__init__(f"this may identify somebody: {kinds}. Leave it out")

    @property
    def refused(self) -> bool:
        """Whether no confirmation helps."""
        return any(fragment.refused for fragment in self.fragments)


def refuse_identifying(text: str, as_of: date, confirmed: Collection[str] = ()) -> None:
    """Raises Identifying where a text holds what is refused, or what nobody has confirmed.

    confirmed: the fragments that whoever typed them has looked at, and says that they identify nobody.
    """
    found = find_identifying(text, as_of)
    open_ones = tuple(f for f in found if f.refused or f.text not in confirmed)
    if open_ones:
        raise Identifying(open_ones)


def find_identifying(text: str, as_of: date) -> tuple[Fragment, ...]:
    """The fragments of a text that may identify a person, in the order of the table, each once.

    as_of: today, against which a date is long ago. Characters that nobody sees hide nothing.
    """
    plain = _plain(text)
    found: dict[str, Fragment] = {}
    for kind, refused, pattern, holds in _TABLE:
        for match in pattern.finditer(plain):
            piece = match.group().strip()
            if holds(piece, as_of) and not any(piece in other for other in found):
                found[piece] = Fragment(piece, kind, refused)
    return tuple(found.values())


def _plain(text: str) -> str:
    """Wide digits as digits, every dash as a hyphen, spaces alike, invisible characters gone."""
    folded = unicodedata.normalize("NFKC", text)
    seen = (c for c in folded if unicodedata.category(c) != "Cf")
    return "".join("-" if unicodedata.category(c) == "Pd" else " " if c.isspace() else c for c in seen)


def _digits(text: str) -> list[int]:
    return [int(c) for c in text if c.isdecimal()]


def _is_nhs_number(text: str, _as_of: date) -> bool:
    """Modulus 11: the first nine digits times 10 to 2; the tenth is 11 less the remainder, 11 being 0."""
    *first, check = _digits(text)
    total = sum(digit * weight for digit, weight in zip(first, range(10, 1, -1), strict=True))
    return (11 - total % 11) % 11 == check


def _always(_text: str, _as_of: date) -> bool:
    return True


def _is_phone(text: str, _as_of: date) -> bool:
    return 10 <= len(_digits(text)) <= 15


def _is_long_ago(text: str, as_of: date) -> bool:
    years = [int(year) for year in re.findall(r"\d{4}", text)]
    return bool(years) and as_of.year - max(years) >= _LONG_AGO_YEARS


_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = (
    rf"(?:\d{{1,2}}[ ./-]\d{{1,2}}[ ./-](?:\d{{4}}|\d{{2}})|\d{{4}}[./-]\d{{1,2}}[./-]\d{{1,2}}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MONTHS},? \d{{4}}|{_MONTHS} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_STREET = (
    r"(?:street|st|road|rd|avenue|ave|lane|drive|close|court|crescent|place|terrace|way|gardens|grove|mews"
    r"|square|walk|row|hill|park)"
)
_GAP = r"[ ./-]{0,2}"

Holds = Callable[[str, date], bool]
# What it looks like, whether it is refused outright, where it stands, and what must hold of it besides.
_TABLE: tuple[tuple[str, bool, re.Pattern[str], Holds], ...] = (
    ("an e-mail address", True, re.compile(r"[^\s@<>()]+@[^\s@<>()]+\.[A-Za-z]{2,}"), _always),
    (
        "an NHS number",
        True,
        re.compile(rf"(?<![\w-])\d{{3}}{_GAP}\d{{3}}{_GAP}\d{{4}}(?![\w-])"),
        _is_nhs_number,
    ),
    (
        "a phone number",
        True,
        re.compile(r"(?<![\w-])(?:\+\d|00\d|\(?0\d)(?:[ ().-]{0,2}\d){7,13}(?![\w-])"),
        _is_phone,
    ),
    (
        "a postcode",
        True,
        re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? {0,2}\d[ABD-HJLNP-UW-Z]{2}\b|\bGIR ?0AA\b", re.IGNORECASE),
        _always,
    ),
    (
        "ten digits, like an NHS number",
        False,
        re.compile(rf"(?<![\w-])\d{{3}}{_GAP}\d{{3}}{_GAP}\d{{4}}(?![\w-])"),
        _always,
    ),
    (
        "a date of birth",
        False,
        re.compile(rf"\b(?:d\.?o\.?b\.?|born|birth(?:day|date)?)\b[^.;\n]{{0,20}}?{_DATE}", re.IGNORECASE),
        _always,
    ),
    ("a date of long ago", False, re.compile(rf"(?<![\w-]){_DATE}(?![\w-])", re.IGNORECASE), _is_long_ago),
    (
        "an address",
        False,
        re.compile(
            rf"\b(?:flat|apartment|apt|room|house)\.? (?:no\.? ?)?\d+[a-z]?\b"
            rf"|\b\d{{1,4}}[a-z]?,? (?:[a-z'-]+ ){{1,3}}?{_STREET}\b",
            re.IGNORECASE,
        ),
        _always,
    ),
    ("a name", False, re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr)\.? [A-Z][\w'-]+(?: [A-Z][\w'-]+)?"), _always),
)
