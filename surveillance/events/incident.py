"""An incident as a partner publishes it: the full state of its record, with every revision."""

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, ValidationInfo, model_validator

from surveillance.events import fields, rules
from surveillance.events.fields import choice_words, time_words
from surveillance.events.refusal import RefusalCode

Action = Literal["reported", "amended", "withdrawn", "merged", "concluded"]
Status = Literal["suspected", "confirmed", "suicide", "undetermined", "other_cause", "withdrawn"]
Precision = Literal["exact", "hour", "day", "interval", "unknown"]
LocationType = Literal[
    "private_home",
    "public_place",
    "open_space",
    "water",
    "railway",
    "road",
    "school_or_college",
    "workplace",
    "health_setting",
    "care_home",
    "custody",
    "temporary_accommodation",
    "other",
    "unknown",
]
MethodGroup = Literal[
    "hanging_or_suffocation",
    "poisoning",
    "drowning",
    "fall",
    "moving_object",
    "sharp_object",
    "firearm",
    "fire",
    "other",
    "unknown",
]

FINAL_STATUSES = frozenset({"confirmed", "suicide", "undetermined", "other_cause"})


class IncidentEvent(fields.Part):
    """One version of an incident. A field that is left out is not known; nothing is inferred."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "record_id": "inc-0001",
        "version": 1,
        "action": "reported",
        "status": "suspected",
        "category": "fall",
        "reporter_org": "EXAMPLE",
        "occurred_from": "2024-03-01T22:00:00+00:00",
        "occurred_to": "2024-03-02T06:00:00+00:00",
        "occurred_precision": "interval",
        "reported_at": "2024-03-03T09:00:00+00:00",
        "residence_area": {"missing": "unknown"},
    }

    record_id: fields.RecordId = Field(description=fields.RECORD_ID_WORDS)
    version: fields.Version = Field(description=fields.VERSION_WORDS)
    action: Action = Field(description=choice_words("what happened to the record", get_args(Action)))
    status: Status = Field(description=choice_words("what the incident is held to be", get_args(Status)))
    category: fields.Name = Field(description=f"the kind of incident, {fields.NAME_WORDS}")
    merged_into: fields.RecordId | None = Field(None, description="the id of your record that goes on")
    reporter_type: fields.ReporterType = Field(
        "unknown", description=choice_words("who reports", get_args(fields.ReporterType))
    )
    reporter_org: fields.Organisation = Field(description=fields.ORGANISATION_WORDS)
    occurred_from: fields.Time = Field(description=time_words("the earliest moment it can have occurred"))
    occurred_to: fields.Time = Field(description=time_words("the latest moment it can have occurred"))
    occurred_precision: Precision = Field(
        description=choice_words("how exactly the moment is known", get_args(Precision))
    )
    reported_at: fields.Time = Field(description=time_words("when this version was reported"))
    person_keys: Annotated[tuple[fields.PersonKey, ...], fields.at_most(8)] = Field(
        (), max_length=8, description="a list of at most 8 pseudonyms of the person"
    )
    age: fields.Age | None = Field(None, description=fields.AGE_WORDS)
    sex: fields.Sex = Field("unknown", description=choice_words("the sex", get_args(fields.Sex)))
    ethnicity: fields.Ethnicity = Field(
        "unknown", description=choice_words("the ethnic group", get_args(fields.Ethnicity))
    )
    residence_area: fields.AreaReference | None = Field(
        None, description="where the person lived, an object with code, postcode or missing"
    )
    incident_area: fields.AreaReference | None = Field(
        None, description="where it happened, an object with code, postcode or missing"
    )
    location_type: LocationType = Field(
        "unknown", description=choice_words("the kind of place where it happened", get_args(LocationType))
    )
    point: fields.Point | None = Field(
        None, description="where it happened, an object with longitude, latitude and uncertainty_m"
    )
    location_of_concern: fields.Identifier | None = Field(
        None, description=f"the agreed code of a known location, {fields.IDENTIFIER_WORDS}"
    )
    method_group: MethodGroup = Field(
        "unknown", description=choice_words("the broad group of the method", get_args(MethodGroup))
    )
    settings: Annotated[tuple[fields.Setting, ...], fields.at_most(16)] = Field(
        (), max_length=16, description="a list of at most 16 settings the person belonged to"
    )
    links: Annotated[tuple[fields.Link, ...], fields.at_most(32)] = Field(
        (), max_length=32, description="a list of at most 32 ties to other records"
    )
    service_contact: fields.YesNo = Field(
        "unknown", description="whether services knew the person, one of: yes, no, unknown"
    )
    self_harm_history: fields.YesNo = Field(
        "unknown", description="whether the person had harmed themselves before, one of: yes, no, unknown"
    )

    @property
    def key_id(self) -> str:
        """The partner's own id of the record, by one name for both kinds of event."""
        return self.record_id

    @model_validator(mode="after")
    def _obey_rules(self, context: ValidationInfo) -> Self:
        rules.obey(self, RULES, context)
        return self


RULES: tuple[rules.Rule, ...] = (
    rules.OWN_ORGANISATION,
    rules.in_order("occurred_from", "occurred_to"),
    rules.in_order("occurred_to", "reported_at"),
    rules.not_in_future("occurred_from"),
    rules.not_in_future("occurred_to"),
    rules.not_in_future("reported_at"),
    *rules.merge_rules("record_id"),
    rules.value_rule(
        "status",
        "action status",
        "The status withdrawn goes with the action withdrawn, and with no other",
        "Send both as withdrawn, or neither",
        lambda event: (event.action == "withdrawn") != (event.status == "withdrawn"),
    ),
    rules.value_rule(
        "status",
        "action status",
        "A concluded record has a final status",
        f"Send one of: {', '.join(sorted(FINAL_STATUSES))}",
        lambda event: event.action == "concluded" and event.status not in FINAL_STATUSES,
    ),
    rules.area_rule("residence_area"),
    rules.area_rule("incident_area"),
    rules.Rule(
        RefusalCode.MISSING_FIELD,
        "residence_area",
        frozenset({"residence_area", "incident_area", "point"}),
        "An incident has a place, or says why it has none",
        'Send residence_area, incident_area or point; where it is not known, the area {"missing": "unknown"}',
        lambda event, _: event.residence_area is None and event.incident_area is None and event.point is None,
    ),
)
