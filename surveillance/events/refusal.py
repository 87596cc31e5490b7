"""Why a message was refused: a code to count by, and field, rule and fix for the partner.

A refusal never repeats a value of the message: values may identify a person.
"""

from dataclasses import dataclass
from enum import StrEnum


class RefusalCode(StrEnum):
    """Every reason there is: the bounded label of the refusal metric."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    EMPTY = "empty"
    ENVELOPE = "envelope"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    INVALID_VALUE = "invalid_value"
    TIME_ORDER = "time_order"
    FUTURE_TIME = "future_time"
    IDENTIFIER = "identifier"  # a raw identifier where only a pseudonym may stand
    UNKNOWN_AREA = "unknown_area"
    WRONG_ORGANISATION = "wrong_organisation"
    ERASED = "erased"  # the record was erased for good; what comes of it again is not kept
    UNSTORABLE = "unstorable"  # the database refuses this one record; a defect of ours, kept for replay


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule. `field` is a dotted path of known field names, never a name the sender chose."""

    code: RefusalCode
    field: str
    rule: str
    fix: str


class Refused(ValueError):
    """A message breaks the contract; `faults` holds every broken rule, the first one is counted.

    `test`: the message says that it is a test record.
    """

    def __init__(self, faults: tuple[Fault, ...], test: bool = False) -> None:
        self.faults = faults
        self.test = test
        super().__init__("; ".join(f"{f.field}: {f.rule}. {f.fix}" for f in faults))
