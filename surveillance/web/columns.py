"""What of a record is shown to whom: one table for the line list, its export and its API, one for a record.

Never shown to anybody: pseudonymous keys of persons, postcodes, coordinates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from surveillance.access.role import Permission

_P = Permission


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the line list: the field of a row, what it is called, and what it needs to be seen."""

    field: str
    title: str
    needs: Permission


COLUMNS = (
    Column("record", "Record and version", _P.READ_CASES),
    Column("partner", "Partner", _P.READ_CASES),
    Column("status", "Status", _P.READ_CASES),
    Column("day", "Case day", _P.READ_CASES),
    Column("places", "Area", _P.READ_CASES),
    Column("ages", "Age", _P.READ_CASES),
    Column("sex", "Sex", _P.READ_CASES),
    Column("received", "First received", _P.READ_CASES),
    Column("delay_days", "Report delay", _P.READ_CASES),
    Column("links", "Links", _P.READ_CASES),
    Column("shared", "Shared settings", _P.DECIDE),  # which school, which ward: an exact place
    Column("alerts", "Alerts", _P.READ_CASES),
    Column("duplicates", "May be the same as", _P.READ_CASES),
)

FIELDS: Mapping[str, Permission] = {
    **dict.fromkeys(
        (
            "action",
            "status",
            "category",
            "merged_into",
            "reporter_type",
            "reporter_org",
            "provider_site",
            "occurred_from",
            "occurred_to",
            "occurred_precision",
            "reported_at",
            "arrived_at",
            "admitted_at",
            "discharged_at",
            "admission_method",
            "age",
            "sex",
            "residence_area",
            "incident_area",
            "complaint",
            "diagnoses",
            "injury_intent",
            "discharge_status",
        ),
        _P.READ_CASES,
    ),
    **dict.fromkeys(
        (
            "ethnicity",
            "location_type",
            "location_of_concern",
            "method_group",
            "mechanism",
            "settings",
            "links",
            "service_contact",
            "self_harm_history",
            "care_home_id",
        ),
        _P.DECIDE,
    ),
}
"""Fields of a record whose values are shown, and what that needs; of any other only that it changed."""


def columns_for(may: Callable[[Permission], bool]) -> tuple[Column, ...]:
    """The columns that somebody sees."""
    return tuple(column for column in COLUMNS if may(column.needs))
