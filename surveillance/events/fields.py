"""The parts that both kinds of event are made of.

Every text has a pattern that no sentence, name or address fits, and every description completes
"Send ...": refusals and the published contract use the same words.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

_WITHOUT_OFFSET = r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?"
_OFFSET = r"(?:Z|[+-]\d\d:\d\d)"
_TIME = re.compile(f"{_WITHOUT_OFFSET}{_OFFSET}?", re.ASCII)  # one without an offset is told so by itself
TIME_PATTERN = f"^{_WITHOUT_OFFSET}{_OFFSET}$"
_OLDEST_YEAR = 1900
_LAST_YEAR = 9000  # beyond it, a change of offset could leave the calendar

MISSING_OFFSET = "time_offset"
FAR_FUTURE = "time_future"
NOT_A_HASH = "not_a_hash"
TOO_LONG = "list_too_long"


class Part(BaseModel):
    """A piece of the wire: frozen, closed, and without any conversion of types."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


def read_time(value: object) -> object:
    """A text with date, time and offset as an aware datetime in UTC, so that one instant has one hash."""
    if isinstance(value, str):
        value = _parse_time(value)
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise PydanticCustomError(MISSING_OFFSET, "a time without an offset")
    if value.year < _OLDEST_YEAR:
        raise PydanticCustomError("time_past", "a time before 1900")
    if value.year > _LAST_YEAR:
        raise PydanticCustomError(FAR_FUTURE, "a time in the far future")
    return value.astimezone(UTC)


def _parse_time(text: str) -> datetime:
    found = _TIME.fullmatch(text)
    if found is None:
        raise PydanticCustomError("time_form", "not a time")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("time_form", "not a day or time of the calendar") from None


def at_most(count: int) -> BeforeValidator:
    """A list's limit, looked at before its elements: a fault for each of a million tells nobody anything."""

    def refuse_more(value: object) -> object:
        if not isinstance(value, list):
            return value
        if len(value) > count:
            raise PydanticCustomError(TOO_LONG, "a list that is too long")
        return tuple(value)  # strict about Python values from here on, and lists are not tuples

    return BeforeValidator(refuse_more)


def _refuse_bare_digits(value: str) -> str:
    # 64 digits without a letter come from padding a number, not from an HMAC.
    if value.isdigit() or len(set(value)) == 1:
        raise PydanticCustomError(NOT_A_HASH, "not an HMAC")
    return value.lower()


Time = Annotated[datetime, BeforeValidator(read_time)]
RecordId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
Organisation = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Hmac = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$"), AfterValidator(_refuse_bare_digits)]
AreaCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,31}$")]
Postcode = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{1,2}[0-9][A-Za-z0-9]? {0,2}[0-9][A-Za-z]{2}$")
]
Version = Annotated[int, Field(ge=1, le=2_147_483_647)]
Age = Annotated[int, Field(ge=0, le=120)]

YesNo = Literal["yes", "no", "unknown"]
Sex = Literal["female", "male", "other", "unknown"]
Ethnicity = Literal["asian", "black", "mixed", "white", "other", "not_stated", "unknown"]
ReporterType = Literal[
    "police",
    "coroner",
    "ambulance",
    "emergency_department",
    "hospital",
    "general_practice",
    "mental_health_service",
    "care_provider",
    "prison",
    "education",
    "local_authority",
    "laboratory",
    "public_health",
    "other",
    "unknown",
]

RECORD_ID_WORDS = (
    "the id of the record in your own system: 1 to 64 letters, digits and . _ : - "
    "(never the number or name of a person)"
)
VERSION_WORDS = "a whole number from 1 that grows with every revision of the record"
ORGANISATION_WORDS = "the code of your organisation as it was agreed for this topic"
NAME_WORDS = "1 to 48 lower-case letters, digits, _ and - (an agreed name or code, no free text)"
IDENTIFIER_WORDS = "an agreed code: 1 to 64 letters, digits and . _ - (no free text)"
AGE_WORDS = "the age in whole years, a number from 0 to 120, or null where it is unknown"


def time_words(what: str) -> str:
    """How a time is to be sent, in the words of every refusal about one."""
    return (
        f"{what} as date, time and offset from UTC, such as 2024-03-01T14:30:00+00:00, from the year 1900 on"
    )


def choice_words(what: str, choices: tuple[str, ...]) -> str:
    """A closed list in words."""
    return f"{what}, one of: {', '.join(choices)}"


NoArea = Literal["no_fixed_abode", "unknown", "outside_country", "elsewhere"]


class AreaReference(Part):
    """A place as a code, a postcode (resolved at the edge, never kept) or the reason why there is none."""

    code: AreaCode | None = Field(
        None,
        description="the code of an area: up to 32 letters, digits and hyphens (in England an LSOA code)",
    )
    postcode: Postcode | None = Field(
        None, description="a full postcode of the United Kingdom, such as CH1 1AB"
    )
    missing: NoArea | None = Field(
        None,
        description="why there is no area, one of: no_fixed_abode, unknown, outside_country, elsewhere "
        "(in the country, where this service holds no areas)",
    )

    @property
    def given(self) -> int:
        """How many of the three ways were used; one is right."""
        return (self.code is not None) + (self.postcode is not None) + (self.missing is not None)


class Point(Part):
    """A place as coordinates (WGS84, degrees)."""

    longitude: float = Field(ge=-180, le=180, description="degrees east, a number from -180 to 180 (WGS84)")
    latitude: float = Field(ge=-90, le=90, description="degrees north, a number from -90 to 90 (WGS84)")
    uncertainty_m: float | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="the uncertainty of the point in metres, a number from 0 to 1000000",
    )


class PersonKey(Part):
    """A pseudonym that only partners who share a secret can make, and nobody can turn back."""

    scheme: Name = Field(description=f"what the key was made from and how, {NAME_WORDS}")
    key_id: Identifier = Field(description=f"which shared secret was used, {IDENTIFIER_WORDS}")
    value: Hmac = Field(
        description="an HMAC-SHA256 made with the shared secret: 64 hexadecimal digits, never a raw number"
    )


class Setting(Part):
    """A place that a person belonged to, which may link cases that lived far apart."""

    type: Literal[
        "school",
        "college",
        "university",
        "workplace",
        "ward",
        "prison",
        "care_home",
        "other_institution",
    ] = Field(
        description="the kind of setting, one of: school, college, university, workplace, ward, prison, "
        "care_home, other_institution"
    )
    identifier: Identifier = Field(description=IDENTIFIER_WORDS)


class Link(Part):
    """A tie to another record that somebody knows of."""

    record: Annotated[
        str,
        StringConstraints(
            pattern=r"^(?:[a-z0-9][a-z0-9-]{0,62}/(?:incident|admission)/)?[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
        ),
    ] = Field(description="the id of your other record, or partner/incident/id or partner/admission/id")
    type: Literal[
        "family",
        "household",
        "relationship",
        "friend",
        "peer_group",
        "online",
        "same_event",
        "other",
        "unknown",
    ] = Field(
        description="the kind of tie, one of: family, household, relationship, friend, peer_group, online, "
        "same_event, other, unknown"
    )
    confidence: Literal["confirmed", "probable", "possible", "unknown"] = Field(
        description="how sure it is, one of: confirmed, probable, possible, unknown"
    )
    source: Literal[
        "police",
        "coroner",
        "family",
        "health_service",
        "education",
        "employer",
        "analyst",
        "other",
        "unknown",
    ] = Field(
        description="who says so, one of: police, coroner, family, health_service, education, employer, "
        "analyst, other, unknown"
    )


class Diagnosis(Part):
    """A coded diagnosis; the version is that of the code list."""

    system: Literal["icd10", "icd11", "snomed", "other"] = Field(
        description="the code system, one of: icd10, icd11, snomed, other"
    )
    code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.]{0,17}$")] = Field(
        description="a code of that system: 1 to 18 letters, digits and points"
    )
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")] = Field(
        "unknown", description="the version of the code list: 1 to 32 letters, digits and . _ -"
    )
