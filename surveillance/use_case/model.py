"""A use case: one YAML file that says what is counted, where, by which detectors, and who is told.

Nothing in Python names a use case; a new one is a new file.
"""

from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from surveillance.use_case.code_list import CodeList

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]

Address = Annotated[str, StringConstraints(pattern=r"^(?:[^@\s<>]+@[^@\s<>]+|\+?[0-9][0-9 ]{5,20})$")]
"""An email address or a telephone number."""


class Model(BaseModel):
    """Frozen, and strict about keys: a misspelt key fails at start."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _as_several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Condition(Model):
    """A test on one field of a record; exactly one key is given. For a list, any value may hold.

    one_of: the value is one of these. starts_with: the text starts with one of these.
    between: the first characters lie between two codes, both included (`[X60, X84]`).
    in_list: the code is on one of these lists (`self-harm-icd10@2016`, see `code_list.py`); loading puts the
    list in the place of its name.
    at_least, at_most: a number. known: present and not `unknown`.
    """

    one_of: tuple[str | int | bool, ...] | None = None
    starts_with: tuple[str, ...] | None = None
    between: tuple[str, str] | None = None
    in_list: Annotated[tuple[CodeList | str, ...], BeforeValidator(_as_several)] | None = None
    at_least: float | None = None
    at_most: float | None = None
    known: bool | None = None

    @cached_property
    def given(self) -> dict[str, Any]:
        """What is asked of a value, by test; `known` is asked of all values together."""
        tests = ("one_of", "starts_with", "between", "in_list", "at_least", "at_most")
        return {name: wanted for name in tests if (wanted := getattr(self, name)) is not None}


class Place(Model):
    """Where a case counts, and which field of the record holds the area (`residence_area`, ...)."""

    name: Slug
    field: str


class Count(Model):
    """Persons or events. A person counts once per `episode_days`, or once for ever where that is null."""

    unit: Literal["person", "event"] = "event"
    episode_days: int | None = Field(default=None, ge=1)


class DetectorChoice(Model):
    """A detector of the registry with its parameters; the service checks both at start."""

    name: str
    parameters: dict[str, Any] = {}


class Criterion(Model):
    """What a cluster must show to reach a band: every key given must hold."""

    detector: str
    recurrence_interval_days: float | None = Field(default=None, gt=0)
    observed: int | None = Field(default=None, ge=1)
    relative_risk: float | None = Field(default=None, gt=0)


class Band(Model):
    """A severity. The first band of the list with a criterion that a cluster meets is the cluster's."""

    name: Slug
    opens: Literal["candidate", "open"] = "open"
    any_of: tuple[Criterion, ...] = Field(min_length=1)


class Wording(Model):
    """The words for people. Checked against the list of words that harm."""

    one: str
    many: str
    person: str = "person"
    usual_unit: str = "cases"
    next_steps: tuple[str, ...] = ()
    support_lines: tuple[str, ...] = ()


class PlanTask(Model):
    """One thing to do in a response. Exactly one of the two due times is given, from its beginning on."""

    id: Slug
    title: str = Field(min_length=1)
    what: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    due_hours: float | None = Field(default=None, gt=0)
    due_working_hours: float | None = Field(default=None, gt=0)


class ResponsePlan(Model):
    """What a response consists of: the template from which every alert's own plan is made.

    `owner` of a task is a role, never a person. `guidance` names the publications that it follows.
    """

    guidance: tuple[str, ...] = ()
    tasks: tuple[PlanTask, ...] = Field(min_length=1)


class Publication(Model):
    """How counts are released to people who must not see small ones (see surveillance.disclosure).

    A period is published once, on the first Monday when reports have had `delay_days` to arrive (the slowest
    partner's where it is null); areas, ages and sexes once a block of so many periods is complete. Rare cases
    need long periods: what is under eight is not shown.
    """

    period: Literal["week", "month", "quarter"] = "month"
    block_periods: int = Field(default=12, ge=1, le=53)
    delay_days: int | None = Field(default=None, ge=0, le=366)


class Retention(Model):
    """How long cases are kept: so many days after no detector looks at their day any more, and no alert that
    holds them goes on. They go with their calendar month; snapshots of evaluations are kept as long."""

    keep_days: int = Field(ge=0, le=36_600)


class UseCase(Model):
    """One use case as its file states it; see config/use_cases for examples."""

    id: Slug
    title: str
    records: Literal["incident", "admission"]
    cases: dict[str, Condition]
    places: tuple[Place, ...] = Field(min_length=1)
    case_day: str
    count: Count = Count()
    scopes: tuple[Slug, ...] = Field(min_length=1)
    looks: Literal["every_event", "daily"] = "every_event"
    shadow: bool = False
    baseline_days: int = Field(default=365, ge=7, le=3660)
    study_start: date | None = None
    detectors: tuple[DetectorChoice, ...] = Field(min_length=1)
    bands: tuple[Band, ...] = Field(min_length=1)
    receivers: tuple[str, ...] = ("alerts-topic",)
    publication: Publication | None = Publication()
    retention: Retention | None = None
    wording: Wording
    response_plan: ResponsePlan | None = None
    columns: dict[str, str] = {}


class Scope(Model):
    """Areas that are evaluated together, and the time zone of their days.

    `areas` is an area file: the name of a shipped one, or a path relative to the configuration. `within`
    restricts it to areas of a higher unit: `{icb: E54000008}`.
    """

    id: Slug
    title: str
    time_zone: str
    areas: str
    within: dict[str, str] = {}
    neighbours_km: float = Field(default=0.0, ge=0.0)
    bank_holidays: frozenset[date] = frozenset()


class Coverage(Model):
    """Areas a partner reports for, and since when. `within` as in a scope.

    `expected_delay_days` where it differs from the partner's: areas that report later than others have days
    of their own in a scan.
    """

    areas: str
    within: dict[str, str] = {}
    since: date
    until: date | None = None
    expected_delay_days: float | None = Field(default=None, ge=0)


class Partner(Model):
    """Who publishes, what, and for where; one file per partner.

    `receipts`: every message is answered on the topic receipts.v1.<partner>.
    `columns`: by topic, event field -> the column of their files that fills it, or `=constant`.
    `contacts` by role, such as `duty-officer`: an address of the role, never of a person.
    """

    id: Slug
    title: str
    organisation: str
    reporter_type: str
    topics: tuple[Literal["incidents", "admissions"], ...] = Field(min_length=1)
    coverage: tuple[Coverage, ...] = Field(min_length=1)
    expected_delay_days: float = Field(default=7.0, ge=0)
    silence_after_hours: float = Field(default=72.0, gt=0)
    receipts: bool = False
    columns: dict[Literal["incidents", "admissions"], dict[str, str]] = {}
    contacts: dict[Slug, Address] = {}
