"""A FHIR R4 bundle as admission events: all of it or nothing, and every fault by its path."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from surveillance.adapters.encounter import version_of
from surveillance.adapters.fhir.encounter import Setting, fields_of, is_test
from surveillance.adapters.fhir.outcome import Issue, outcome_of
from surveillance.adapters.fhir.pseudonymous import not_taken
from surveillance.adapters.fhir.reading import Bundle, Resource, parse, read_bundle
from surveillance.adapters.publishing import Partner, checked, tested
from surveillance.events.refusal import Refused


@dataclass(frozen=True)
class Converted:
    """The events as they travel, by the id of their record, and what to tell the sender.

    `outcome` is an OperationOutcome. Where it holds an error there is no event at all.
    """

    events: tuple[tuple[str, bytes], ...]
    outcome: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        return all(issue["severity"] != "error" for issue in self.outcome["issue"])


def fhir_to_events(
    bundle: bytes | Mapping[str, Any], partner: Partner, setting: Setting, now: datetime
) -> Converted:
    """The admission events of a transaction, message or collection. Raises nothing, whatever it is given.

    Each encounter becomes one event with its full state; its version is the second of the newest change of
    what it is made of (`meta.lastUpdated`, `Bundle.timestamp`): the same bundle again changes nothing.
    `now` is when it was received (aware). Nothing is published here: that is for the caller, and before the
    sender is told that all is well.
    """
    content = parse(bundle) if isinstance(bundle, bytes) else bundle
    if isinstance(content, Issue):
        return Converted((), outcome_of([content], 0))
    found, issues = read_bundle(content)
    if setting.pseudonymous and not issues:
        issues += not_taken(found)
    events: list[tuple[str, bytes]] = []
    if not issues:  # else the resources are not what they seem
        issues += _strays(found)
        for encounter in found.all("Encounter"):
            event, told = _event(found, encounter, partner, setting, now)
            events += [event] if event else []
            issues += told
        issues += _twice(events)
    wrong = any(issue.severity == "error" for issue in issues)
    return Converted(() if wrong else tuple(events), outcome_of(dict.fromkeys(issues), len(events)))


def _event(
    bundle: Bundle, encounter: Resource, partner: Partner, setting: Setting, now: datetime
) -> tuple[tuple[str, bytes] | None, list[Issue]]:
    fields, issues = fields_of(bundle, encounter, setting)
    if fields is None:
        return None, issues
    version = version_of(datetime.fromisoformat(fields["reported_at"]))
    try:
        value = checked(fields, partner, setting.gazetteer, version, now)
    except Refused as refused:
        words = [f"{fault.field}: {fault.rule}. {fault.fix}" for fault in refused.faults]
        return None, [*issues, *(Issue("business-rule", encounter.path, one) for one in words)]
    if is_test(bundle, encounter):
        marked = "marked as a test: checked and answered as a test record, never counted"
        issues = [*issues, Issue("business-rule", encounter.path, marked, "information")]
        value = tested(value, partner, version)
    return (fields["encounter_id"], value), issues


def _strays(bundle: Bundle) -> Iterator[Issue]:
    """A condition without its encounter would be lost, and a bundle without one says nothing."""
    encounters = list(bundle.all("Encounter"))
    for condition in bundle.all("Condition"):
        named = condition.content.get("encounter")
        if named is not None and bundle.find(named, condition) not in encounters:
            words = "its encounter is not in the bundle: send the encounter with all of its conditions"
            yield Issue("not-found", f"{condition.path}.encounter", words)
    if not encounters:
        yield Issue("required", "Bundle.entry", "the bundle holds no Encounter")


def _twice(events: list[tuple[str, bytes]]) -> Iterator[Issue]:
    records = [record for record, _ in events]
    if len(set(records)) < len(records):
        yield Issue("duplicate", "Bundle.entry", "two encounters have the same identifier")
