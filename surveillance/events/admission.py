"""An attendance or admission as a provider publishes it: the full state, with every revision."""

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from surveillance.events import fields, rules
from surveillance.events.fields import choice_words, time_words

Action = Literal["attended", "admitted", "amended", "discharged", "cancelled", "merged"]
Intent = Literal["self_harm", "accident", "assault", "undetermined", "not_injury", "other", "unknown"]
Mechanism = Literal[
    "poisoning",
    "fall",
    "sharp_object",
    "blunt_force",
    "hanging_or_suffocation",
    "drowning",
    "burn",
    "firearm",
    "transport",
    "other",
    "unknown",
]
DischargeStatus = Literal[
    "in_hospital", "home", "care_home", "transferred", "left_early", "died", "other", "unknown"
]


class AdmissionEvent(fields.Part):
    """One version of an encounter. A field that is left out is not known; nothing is inferred."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "encounter_id": "enc-0001",
        "version": 1,
        "action": "attended",
        "reporter_org": "EXAMPLE",
        "provider_site": "RXX01",
        "arrived_at": "2024-03-01T22:00:00+00:00",
        "reported_at": "2024-03-02T09:00:00+00:00",
        "residence_area": {"missing": "unknown"},
    }

    encounter_id: fields.RecordId = Field(description=fields.RECORD_ID_WORDS)
    version: fields.Version = Field(description=fields.VERSION_WORDS)
    action: Action = Field(description=choice_words("what happened to the encounter", get_args(Action)))
    merged_into: fields.RecordId | None = Field(None, description="the id of your encounter that goes on")
    reporter_org: fields.Organisation = Field(description=fields.ORGANISATION_WORDS)
    provider_site: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{3,12}$")] = Field(
        description="the ODS code of the site: 3 to 12 letters and digits"
    )
    arrived_at: fields.Time = Field(description=time_words("when the person arrived"))
    admitted_at: fields.Time | None = Field(None, description=time_words("when the person was admitted"))
    discharged_at: fields.Time | None = Field(None, description=time_words("when the person was discharged"))
    reported_at: fields.Time = Field(description=time_words("when this version was reported"))
    admission_method: Annotated[str, StringConstraints(pattern=r"^[0-9][0-9A-Z]$")] | None = Field(
        None,
        description="the code of the admission method: a digit and a digit or capital letter, such as 21",
    )
    person_key: fields.PersonKey | None = Field(
        None, description="a pseudonym of the person, an object with scheme, key_id and value"
    )
    person_keys: Annotated[tuple[fields.PersonKey, ...], fields.at_most(8)] = Field(
        (),
        max_length=8,
        description="a list of at most 8 pseudonyms of the person, where there are several (schemes, or the "
        "old and the new secret while one rotates)",
    )
    age: fields.Age | None = Field(None, description=fields.AGE_WORDS)
    sex: fields.Sex = Field("unknown", description=choice_words("the sex", get_args(fields.Sex)))
    residence_area: fields.AreaReference = Field(
        description="where the person lived, an object with code, postcode or missing"
    )
    complaint: fields.Name | None = Field(None, description=f"the chief complaint, {fields.NAME_WORDS}")
    diagnoses: Annotated[tuple[fields.Diagnosis, ...], fields.at_most(50)] = Field(
        (), max_length=50, description="a list of at most 50 diagnoses"
    )
    injury_intent: Intent = Field(
        "unknown", description=choice_words("the intent of an injury", get_args(Intent))
    )
    mechanism: Mechanism = Field(
        "unknown", description=choice_words("the mechanism of an injury", get_args(Mechanism))
    )
    care_home_id: fields.Identifier | None = Field(
        None, description=f"the care home the person lived in, {fields.IDENTIFIER_WORDS}"
    )
    discharge_status: DischargeStatus = Field(
        "unknown", description=choice_words("where the person went", get_args(DischargeStatus))
    )

    @property
    def key_id(self) -> str:
        """The partner's own id of the encounter, by one name for both kinds of event."""
        return self.encounter_id

    @model_serializer(mode="wrap")
    def _leave_out_what_came_later(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """No empty list of keys: what was stored before the contract had one keeps its hash."""
        content: dict[str, Any] = dump(self)
        if not self.person_keys:
            content.pop("person_keys", None)
        return content

    @model_validator(mode="after")
    def _obey_rules(self, context: ValidationInfo) -> Self:
        rules.obey(self, RULES, context)
        return self


RULES: tuple[rules.Rule, ...] = (
    rules.OWN_ORGANISATION,
    rules.in_order("arrived_at", "admitted_at"),
    rules.in_order("arrived_at", "discharged_at"),
    rules.in_order("admitted_at", "discharged_at"),
    *(rules.in_order(field, "reported_at") for field in ("arrived_at", "admitted_at", "discharged_at")),
    *(rules.not_in_future(field) for field in ("arrived_at", "admitted_at", "discharged_at", "reported_at")),
    *rules.merge_rules("encounter_id"),
    rules.value_rule(
        "admitted_at",
        "action admitted_at",
        "An admission has a time of admission",
        "Send admitted_at with the action admitted",
        lambda event: event.action == "admitted" and event.admitted_at is None,
    ),
    rules.value_rule(
        "discharged_at",
        "action discharged_at",
        "A discharge has a time of discharge",
        "Send discharged_at with the action discharged",
        lambda event: event.action == "discharged" and event.discharged_at is None,
    ),
    rules.area_rule("residence_area"),
)
