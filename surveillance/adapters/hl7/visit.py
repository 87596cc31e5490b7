"""PV1 and DG1: which encounter, when, how, with which diagnoses."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from surveillance.adapters.codes import (
    DISCHARGE_DESTINATIONS,
    DISCHARGE_METHODS,
    is_admission_method,
    is_diagnosis,
    is_record_id,
    is_site,
)
from surveillance.adapters.encounter import BEGUN_AT
from surveillance.adapters.hl7.answer import FIELD_MISSING, KEY_TWICE, Reason
from surveillance.adapters.hl7.reader import Reader, known
from surveillance.adapters.hl7.reading import NULL, Segment
from surveillance.adapters.person import Person, keyed
from surveillance.events.pseudonym import Secret

_SYSTEMS = {
    "I10": "icd10",
    "ICD10": "icd10",
    "ICD-10": "icd10",
    "10": "icd10",
    "I11": "icd11",
    "ICD11": "icd11",
    "SCT": "snomed",
    "SNOMED": "snomed",
    "SNM": "snomed",
    "SNOMED-CT": "snomed",
}


def visit_number(reader: Reader, visit: Segment) -> str:
    """The visit's number, or else its alternate one. An account (PID-18) may hold several visits."""
    number = known(visit.text(19)) or known(visit.text(50))
    if not number:
        reader.faults.append(Reason(FIELD_MISSING, "PV1-19", "the visit number is missing"))
    return number


def encounter_id(
    reader: Reader, number: str, person: Person, secrets: Sequence[Secret], knows: Callable[[str], bool]
) -> str:
    """The visit number as it is, or as an HMAC where it could be taken for a number of a person."""
    if person.number and _digits(number) == _digits(person.number):
        words = "the visit number is the patient's NHS number: visits could not be told apart"
        reader.faults.append(Reason(KEY_TWICE, "PV1-19", words))
    if is_record_id(number):
        return number
    candidates = [f"visit-{keyed(secret, f'visit:{number}')[:40]}" for secret in secrets]
    return next(filter(knows, candidates), candidates[0])


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdigit())


def visit_fields(
    reader: Reader, trigger: str, visit: Segment, at: datetime, begun: datetime | None
) -> Iterator[tuple[str, Any]]:
    """The fields that PV1 and DG1 say something of."""
    yield "provider_site", _site(reader, visit)
    if begun is not None:
        yield BEGUN_AT, begun.isoformat()
    if method := _method(reader, visit):
        yield "admission_method", method
    ended = reader.moment(visit, 45)
    if ended is not None:
        # A day without a time ends no later than the message that tells of it.
        last = min(ended.last, max(at, ended.first)) if ended.is_whole_day else ended.first
        yield "discharged_at", last.isoformat()
    elif trigger == "A03":
        reader.faults.append(Reason(FIELD_MISSING, "PV1-45", "a discharge has a time of discharge"))
    if status := DISCHARGE_METHODS.get(visit.text(36)) or DISCHARGE_DESTINATIONS.get(visit.text(37)):
        yield "discharge_status", status
    if any(reader.message.all("DG1")):
        yield "diagnoses", list(_diagnoses(reader))


def _site(reader: Reader, visit: Segment) -> str | None:
    """PV1-3.4, MSH-4 or what was agreed: the first that is written like an ODS code."""
    for code in (visit.text(3, 4), reader.message.segments[0].text(4), reader.dialect.site or ""):
        if is_site(code):
            return code.upper()
    reader.faults.append(Reason(FIELD_MISSING, "PV1-3", "no ODS code of the site, and none was agreed"))
    return None


def _method(reader: Reader, visit: Segment) -> str | None:
    code = visit.text(4).upper()
    if code in ("", NULL):
        return None
    method = reader.dialect.methods.get(code, code)
    if is_admission_method(method):
        return method
    reader.note("PV1-4", "no national admission method, and none was agreed for it: published without one")
    return None


def _diagnoses(reader: Reader) -> Iterator[dict[str, str]]:
    """Codes of DG1-3; their texts, and DG1-4, are dropped."""
    for segment in reader.message.all("DG1"):
        code = segment.text(3)
        named = (segment.text(3, 3) or segment.text(2)).upper()
        coded = {"system": _SYSTEMS.get(named, "other"), "code": code}
        if code and is_diagnosis(coded):
            yield coded
        else:
            reader.note("DG1-3", "no code of a code system: published without it")
