"""One FHIR Encounter, with its Patient and Conditions, as the fields of an AdmissionEvent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from surveillance.adapters.codes import (
    DISCHARGE_DESTINATIONS,
    is_admission_method,
    is_diagnosis,
    is_record_id,
    is_site,
)
from surveillance.adapters.fhir.outcome import Issue, Kind, Severity
from surveillance.adapters.fhir.patient import about, read_patient
from surveillance.adapters.fhir.pseudonymous import about_keyed
from surveillance.adapters.fhir.reading import Bundle, Resource, dicts_at, text_at
from surveillance.adapters.times import NotATime, Span, read_fhir_span
from surveillance.events.pseudonym import Secret
from surveillance.geography.lookup import Gazetteer

ODS_SYSTEMS = ("https://fhir.nhs.uk/Id/ods-organization-code", "https://fhir.nhs.uk/Id/ods-site-code")
ADMISSION_METHOD = "Extension-UKCore-AdmissionMethod"
_CANCELLED = ("cancelled", "entered-in-error")
_NOT_YET = ("planned",)
# v3 ActCode: emergency is an attendance, these are admissions; ambulatory, home, virtual, field and
# pre-admission encounters are neither.
_ATTENDANCES = ("EMER",)
_ADMISSIONS = ("IMP", "ACUTE", "NONAC", "OBSENC", "SS")
_TEST = "HTEST"
# http://terminology.hl7.org/CodeSystem/discharge-disposition, and NHS codes of discharge destination.
_DISPOSITIONS = {
    "home": "home",
    "alt-home": "home",
    "other-hcf": "transferred",
    "hosp": "transferred",
    "psy": "transferred",
    "rehab": "transferred",
    "long": "care_home",
    "snf": "care_home",
    "aadvice": "left_early",
    "exp": "died",
    "oth": "other",
    **DISCHARGE_DESTINATIONS,
}
_SYSTEMS = {
    "http://hl7.org/fhir/sid/icd-10": "icd10",
    "http://hl7.org/fhir/sid/icd-10-uk": "icd10",
    "http://hl7.org/fhir/sid/icd-10-gb": "icd10",
    "http://id.who.int/icd/release/11/mms": "icd11",
    "http://snomed.info/sct": "snomed",
}


@dataclass(frozen=True)
class Setting:
    """What has to be known beside a bundle. `site` is the ODS code where an encounter names none.

    pseudonymous: it has left the hospital, and no more of a person may stand in it than their keys.
    """

    secrets: Sequence[Secret]
    gazetteer: Gazetteer
    zone: ZoneInfo
    site: str | None = None
    pseudonymous: bool = False


@dataclass
class _Reader:
    """One encounter while it is read; what is wrong with it gathers."""

    bundle: Bundle
    encounter: Resource
    setting: Setting
    issues: list[Issue] = field(default_factory=list)

    def tell(self, kind: Kind, path: str, words: str, severity: Severity = "error") -> None:
        self.issues.append(Issue(kind, path, words, severity))

    def span(self, resource: Resource, *names: str) -> Span | None:
        path = ".".join((resource.path, *names))
        try:
            span = read_fhir_span(text_at(resource.content, *names), self.setting.zone)
        except NotATime as fault:
            self.tell("value", path, str(fault))
            return None
        if span is not None and not span.is_day:
            self.tell("value", path, "the day is missing")
            return None
        return span


def fields_of(
    bundle: Bundle, encounter: Resource, setting: Setting
) -> tuple[dict[str, Any] | None, list[Issue]]:
    """The event's fields, `version` and `reporter_org` aside; None where there is nothing to publish."""
    reader = _Reader(bundle, encounter, setting)
    if why_not := _why_not(encounter.content):
        reader.tell("business-rule", encounter.path, f"{why_not}: not published", "information")
        return None, reader.issues
    conditions = list(_conditions(reader))
    patient = _patient(reader)
    reported = _reported(reader, [encounter, *conditions, *([patient] if patient else [])])
    fields = dict(_course(reader, reported)) if reported is not None else {}
    if fields and patient is not None:
        details, notes = _about(encounter, patient, datetime.fromisoformat(fields["arrived_at"]), setting)
        fields |= details
        reader.issues += notes
    diagnoses = [coded for condition in conditions for coded in _diagnoses(reader, condition)]
    if diagnoses:
        fields["diagnoses"] = list({tuple(coded.items()): coded for coded in diagnoses}.values())
    fields |= {"encounter_id": _record_id(reader), "provider_site": _site(reader)}
    if any(issue.severity == "error" for issue in reader.issues):
        return None, reader.issues
    return fields, reader.issues


def _about(
    encounter: Resource, patient: Resource, arrived: datetime, setting: Setting
) -> tuple[dict[str, Any], list[Issue]]:
    if setting.pseudonymous:
        return about_keyed(encounter, patient, setting.gazetteer)
    person = read_patient(patient.content, setting.zone)
    return about(person, patient, arrived, setting.secrets, setting.gazetteer, setting.zone)


def _why_not(content: Mapping[str, Any]) -> str | None:
    if text_at(content, "status") in _NOT_YET:
        return "the encounter is planned and has not begun"
    if text_at(content, "class", "code") not in (*_ATTENDANCES, *_ADMISSIONS):
        return "the class is no attendance or admission"
    return None


def is_test(bundle: Bundle, encounter: Resource) -> bool:
    """Whether the sender marked the bundle, the encounter or its patient as a test (v3 ActReason HTEST)."""
    patient = bundle.find(encounter.content.get("subject"), encounter)
    marked = [bundle.content, encounter.content, *([patient.content] if patient else [])]
    return any(map(_has_test_mark, marked))


def _has_test_mark(content: Mapping[str, Any]) -> bool:
    marks = dicts_at(content, "meta", "security") + dicts_at(content, "meta", "tag")
    return any(text_at(mark, "code") == _TEST for mark in marks)


def _course(reader: _Reader, reported: datetime) -> Iterator[tuple[str, Any]]:
    """When it began and ended, and so what became of it."""
    content = reader.encounter.content
    status, admitted = text_at(content, "status"), text_at(content, "class", "code") in _ADMISSIONS
    began, ended = (
        reader.span(reader.encounter, "period", "start"),
        reader.span(reader.encounter, "period", "end"),
    )
    if began is None:
        if not any(issue.path.endswith("period.start") for issue in reader.issues):
            reader.tell("required", f"{reader.encounter.path}.period.start", "the encounter has no beginning")
        return
    yield "reported_at", reported.isoformat()
    yield "arrived_at", began.first.isoformat()
    if admitted:
        yield "admitted_at", began.first.isoformat()
    if ended is not None and status == "finished":
        last = min(ended.last, max(reported, ended.first)) if ended.is_whole_day else ended.first
        yield "discharged_at", last.isoformat()
    yield "action", _action(status, admitted, ended)
    for extension in dicts_at(content, "hospitalization", "extension") + dicts_at(content, "extension"):
        for coding in dicts_at(extension, "valueCodeableConcept", "coding"):
            named = text_at(extension, "url").endswith(ADMISSION_METHOD)
            if named and is_admission_method(code := text_at(coding, "code")):
                yield "admission_method", code
    for coding in dicts_at(content, "hospitalization", "dischargeDisposition", "coding"):
        if known := _DISPOSITIONS.get(text_at(coding, "code")):
            yield "discharge_status", known


def _action(status: str, admitted: bool, ended: Span | None) -> str:
    if status in _CANCELLED:
        return "cancelled"
    if status == "finished":
        return "discharged" if ended is not None else "amended"
    return "admitted" if admitted else "attended"


def _reported(reader: _Reader, resources: Sequence[Resource]) -> datetime | None:
    """The newest change of all that the event is made of, or the time of the bundle."""
    spans = [reader.span(resource, "meta", "lastUpdated") for resource in resources]
    spans.append(reader.span(Resource("Bundle", "Bundle", reader.bundle.content), "timestamp"))
    known = [span.last for span in spans if span is not None]
    if not known:
        words = "neither meta.lastUpdated nor Bundle.timestamp: without them no version is newer than another"
        reader.tell("required", f"{reader.encounter.path}.meta.lastUpdated", words)
    return max(known, default=None)


def _record_id(reader: _Reader) -> str:
    content = reader.encounter.content
    candidates = [text_at(one, "value") for one in dicts_at(content, "identifier")]
    for candidate in (*candidates, text_at(content, "id")):
        if candidate and is_record_id(candidate):
            return candidate
    words = "no identifier and no id of 1 to 64 letters, digits and . _ : - without a run of ten digits"
    reader.tell("required", f"{reader.encounter.path}.identifier", words)
    return ""


def _site(reader: _Reader) -> str:
    provider = reader.encounter.content.get("serviceProvider")
    found = reader.bundle.find(provider, reader.encounter)
    identifiers = dicts_at(found.content, "identifier") if found else []
    if isinstance(provider, Mapping) and isinstance(provider.get("identifier"), Mapping):
        identifiers.append(provider["identifier"])
    codes = [text_at(one, "value") for one in identifiers if text_at(one, "system") in ODS_SYSTEMS]
    for code in (*codes, reader.setting.site or ""):
        if is_site(code):
            return code.upper()
    words = "no ODS code of the organisation, and none was agreed"
    reader.tell("required", f"{reader.encounter.path}.serviceProvider", words)
    return ""


def _patient(reader: _Reader) -> Resource | None:
    """Every event carries the whole state: an update without its patient would take the keys away."""
    subject = reader.encounter.content.get("subject")
    found = reader.bundle.find(subject, reader.encounter)
    if found is not None and found.kind == "Patient":
        return found
    if isinstance(subject, Mapping) and isinstance(subject.get("identifier"), Mapping):
        path = f"{reader.encounter.path}.subject"
        return Resource("Patient", path, {"identifier": [subject["identifier"]]})
    words = "the patient is not in the bundle: send it with every encounter"
    reader.tell("not-found", f"{reader.encounter.path}.subject", words)
    return None


def _conditions(reader: _Reader) -> Iterator[Resource]:
    """Those that point to the encounter, and those that it points to."""
    mine = [
        reader.bundle.find(one.get("condition"), reader.encounter)
        for one in dicts_at(reader.encounter.content, "diagnosis")
    ]
    for condition in reader.bundle.all("Condition"):
        of = reader.bundle.find(condition.content.get("encounter"), condition)
        if condition not in mine and of is not reader.encounter:
            continue
        if _has_test_mark(condition.content) and not is_test(reader.bundle, reader.encounter):
            words = "marked as a test: the encounter, which is none, is published without it"
            reader.tell("business-rule", condition.path, words, "information")
            continue
        yield condition


def _diagnoses(reader: _Reader, condition: Resource) -> Iterator[dict[str, str]]:
    """Its codes; what is refuted or was entered in error is no diagnosis."""
    verified = [text_at(c, "code") for c in dicts_at(condition.content, "verificationStatus", "coding")]
    if "entered-in-error" in verified or "refuted" in verified:
        return
    found = False
    for coding in dicts_at(condition.content, "code", "coding"):
        system, code = _SYSTEMS.get(text_at(coding, "system"), "other"), text_at(coding, "code")
        if code and is_diagnosis(coded := {"system": system, "code": code}):
            found = True
            yield coded
    if not found:
        words = "no code of a code system: published without this diagnosis"
        reader.tell("value", f"{condition.path}.code", words, "warning")
