"""What somebody asks of the line list: the parameters of page, export and API, and what they come to.

Asked is as it came; Chosen is within what the person may see. A use case or scope out of reach is like one
that does not exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.configuration import Configuration, Region
from surveillance.events.fields import Sex
from surveillance.line_list.classify import Reason
from surveillance.store.cases import After, Wanted
from surveillance.use_case.model import Scope, UseCase

UNKNOWN = "unknown"
AGES: Mapping[str, tuple[int | None, int | None]] = {
    "0-14": (0, 14),
    "15-24": (15, 24),
    "25-34": (25, 34),
    "35-44": (35, 44),
    "45-54": (45, 54),
    "55-64": (55, 64),
    "65-74": (65, 74),
    "75+": (75, None),
    UNKNOWN: (None, None),
}
SEXES: tuple[Sex, ...] = get_args(Sex)
Ages = Literal["0-14", "15-24", "25-34", "35-44", "45-54", "55-64", "65-74", "75+", "unknown"]
Sort = Literal["day", "-day", "received", "-received"]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", strip_whitespace=True)]
AreaText = Annotated[str, StringConstraints(pattern=r"^[\w .,'()&/-]{1,80}$", strip_whitespace=True)]
AfterText = Annotated[str, StringConstraints(pattern=r"^[0-9TZ:.-]{1,40}~[0-9]{1,18}$")]
_LARGEST = 2**62


def _nothing(value: Any) -> Any:
    """A field of a form that was left empty is not given."""
    return None if isinstance(value, str) and not value.strip() else value


_BLANK = BeforeValidator(_nothing)
Name = Annotated[Slug | None, _BLANK]
Day = Annotated[date | None, _BLANK]


class Asked(BaseModel):
    """Which rows of the line list. Everything may be left out."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    use_case: Name = Field(None, description="Id of the use case; the first that you may see where left out")
    scope: Name = Field(None, description="Id of a scope; all that you may see where left out")
    place: Name = Field(None, description="Where cases count: residence, incident, ...; the first one")
    first: Day = Field(None, description="First case day")
    last: Day = Field(None, description="Last case day, included")
    area: Annotated[AreaText | None, _BLANK] = Field(
        None, description="Code or name of an area, of any level"
    )
    ages: Annotated[Ages | None, _BLANK] = Field(None, description="Age in years")
    sex: Annotated[Sex | None, _BLANK] = Field(None, description="Sex as the partner stated it")
    partner: Name = Field(None, description="Id of the partner that sent the record")
    in_alert: Annotated[Literal["yes", "no"] | None, _BLANK] = Field(
        None, description="Whether the record is a member of an alert that you may see"
    )
    reason: Annotated[Reason | None, _BLANK] = Field(
        None, description="Records that do not count, for this reason; cases where left out"
    )

    def told(self) -> dict[str, str]:
        """What was given, for the audit chain and the links of a page."""
        given = self.model_dump(mode="json", exclude_none=True, include=_FILTER)
        return {name: str(value) for name, value in given.items()}


_FILTER = {*Asked.model_fields, "sort", "after"}


class AskedPage(Asked):
    """Which rows, in which order, from where on."""

    sort: Annotated[Sort | None, _BLANK] = Field(
        None, description="By case day or by receipt; with `-` the latest first, which is usual"
    )
    after: Annotated[AfterText | None, _BLANK] = Field(
        None, description="`next` of the page before; its order must be the same"
    )


class AskedExport(Asked):
    """What is to be taken out of the service."""

    what: Literal["counts", "line-list"] = Field(description="Published counts, or the line list itself")
    format: Literal["csv", "xlsx"] = Field("csv", description="The kind of file")
    purpose: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)] = Field(
        "", description="Why the line list is taken out, in words that identify nobody; it must be given"
    )


@dataclass(frozen=True)
class Chosen:
    """A filter within what a person may see. `area`: what the chosen area is called; empty: all."""

    use_case: UseCase
    regions: tuple[Region, ...]
    wanted: Wanted
    area: str

    @property
    def scopes(self) -> tuple[Scope, ...]:
        return tuple(region.scope for region in self.regions)

    def may(self, person: Person, permission: Permission) -> bool:
        """Whether the person has the permission in all of it."""
        return all(person.may(permission, scope.id, self.use_case.id) for scope in self.scopes)


class BadParameter(Exception):
    """A parameter that can be read but not met: its name, and what to do."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field, self.problem = field, problem


def readable(
    configuration: Configuration, person: Person, permission: Permission = Permission.READ_CASES
) -> dict[str, tuple[Region, ...]]:
    """By use case, where the person has the permission."""
    found = {
        use_case.id: tuple(
            configuration.regions[scope]
            for scope in use_case.scopes
            if person.may(permission, scope, use_case.id)
        )
        for use_case in configuration.use_cases.values()
    }
    return {use_case: regions for use_case, regions in found.items() if regions}


def choose(
    asked: Asked,
    configuration: Configuration,
    person: Person,
    permission: Permission = Permission.READ_CASES,
) -> Chosen:
    """What was asked, within where the person has the permission. Raises 404, or BadParameter."""
    within = readable(configuration, person, permission)
    name = asked.use_case or next(iter(within), "")
    regions = tuple(r for r in within.get(name, ()) if asked.scope in (None, r.scope.id))
    if not regions:
        raise HTTPException(404)
    use_case = configuration.use_cases[name]
    codes, area = _codes(regions, asked.area)
    wanted = Wanted(
        use_case=name,
        place=_place(use_case, asked.place),
        areas=codes,
        scopes=frozenset(region.scope.id for region in regions),
        everywhere=asked.area is None and len(regions) == len(use_case.scopes),
        first=asked.first,
        last=asked.last,
        ages=AGES[asked.ages] if asked.ages else None,
        sex=asked.sex,
        partner=asked.partner,
        in_alert=None if asked.in_alert is None else asked.in_alert == "yes",
        reason=asked.reason and str(asked.reason),
    )
    if asked.first and asked.last and asked.first > asked.last:
        raise BadParameter("last", "The last day lies before the first: exchange them")
    return Chosen(use_case, regions, wanted, area)


def _place(use_case: UseCase, asked: str | None) -> str:
    names = [place.name for place in use_case.places]
    if asked is not None and asked not in names:
        raise BadParameter("place", f"This use case does not count there: use one of {', '.join(names)}")
    return names[0] if asked is None else asked


def _codes(regions: Sequence[Region], asked: str | None) -> tuple[frozenset[str], str]:
    """The areas of the regions, or those of the one area that was asked for, by code or name."""
    if asked is None:
        return frozenset(code for region in regions for code in region.inside.codes), ""
    for region in regions:
        for code, (name, codes) in region.levels.items():
            if asked.casefold() in (code.casefold(), name.casefold()):
                inside = (r.levels[code][1] for r in regions if code in r.levels)
                return codes.union(*inside), name
    raise BadParameter("area", "No area of this code or name within what you may see: check its spelling")


def read_after(asked: AskedPage) -> After | None:
    """Where the page before ended. Raises BadParameter."""
    if asked.after is None:
        return None
    value, _, record = asked.after.partition("~")
    try:
        return _value(value, asked), int(record)
    except ValueError:
        raise BadParameter("after", "Not the end of a page in this order: take it from `next`") from None


def write_after(value: Any, record: int) -> str:
    """The same as text."""
    text = value.isoformat().replace("+00:00", "Z") if isinstance(value, date) else value
    return f"{text}~{record}"


def _value(text: str, asked: AskedPage) -> Any:
    if asked.reason is not None:
        return min(int(text), _LARGEST)
    if not (asked.sort or "-day").endswith("received"):
        return date.fromisoformat(text)
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    return value
