"""Codes that hospitals send in either format, and what an event calls them."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from surveillance.events.fields import Diagnosis, RecordId
from surveillance.events.identifiers import holds_identifier

# NHS Data Dictionary, DISCHARGE METHOD and DISCHARGE DESTINATION.
DISCHARGE_METHODS: Mapping[str, str] = {"2": "left_early", "3": "left_early", "4": "died"}
_PLACES = {"19": "home", "29": "home", "54": "care_home", "65": "care_home", "85": "care_home"}
_PLACES |= dict.fromkeys(("49", "50", "51", "52", "53", "84", "87"), "transferred")
_PLACES |= {"79": "died", "88": "other", "98": "in_hospital", "99": "unknown"}
DISCHARGE_DESTINATIONS: Mapping[str, str] = _PLACES

_RECORD_ID: TypeAdapter[Any] = TypeAdapter(RecordId)
_DIAGNOSIS: TypeAdapter[Any] = TypeAdapter(Diagnosis)


def is_record_id(text: str) -> bool:
    """Whether a visit's number can be a record's id as it is: no number of a person is in it."""
    return _fits(_RECORD_ID, text) and not holds_identifier(text)


def is_diagnosis(coded: Mapping[str, str]) -> bool:
    """Whether it is a code, and no words."""
    return _fits(_DIAGNOSIS, coded)


def is_site(code: str) -> bool:
    """Whether it is written like an ODS code."""
    return code.isascii() and code.isalnum() and 3 <= len(code) <= 12


def is_admission_method(code: str) -> bool:
    """Whether it is written like a national admission method: a digit and a digit or capital letter."""
    return len(code) == 2 and code.isascii() and code[0].isdigit() and code.isalnum() and code.upper() == code


def _fits(kind: TypeAdapter[Any], value: object) -> bool:
    try:
        kind.validate_python(value)
    except ValidationError:
        return False
    return True
