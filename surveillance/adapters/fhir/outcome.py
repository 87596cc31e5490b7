"""What a sender of FHIR is told: an OperationOutcome with every issue by its path, and no value of theirs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "information"]
Kind = Literal["structure", "required", "value", "not-found", "duplicate", "not-supported", "business-rule"]


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong, or worth telling; `path` is FHIRPath, such as `Bundle.entry[0].resource`."""

    kind: Kind
    path: str
    words: str
    severity: Severity = "error"

    @property
    def as_json(self) -> dict[str, Any]:
        issue = {"severity": self.severity, "code": self.kind, "diagnostics": self.words}
        return {**issue, "expression": [self.path]} if self.path else issue


def outcome_of(issues: Iterable[Issue], published: int) -> dict[str, Any]:
    """The OperationOutcome (R4); where nothing is wrong it says how many events there are."""
    told = [issue.as_json for issue in issues]
    done = {"severity": "information", "code": "informational", "diagnostics": f"{published} admissions"}
    return {"resourceType": "OperationOutcome", "issue": told or [done]}
