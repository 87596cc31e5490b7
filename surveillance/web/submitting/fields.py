"""The fields of an event as a form has them: made from the event's model, so that no list is kept twice."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from surveillance.events.decode import event_model
from surveillance.events.known_fields import known_fields
from surveillance.events.refusal import Fault, RefusalCode
from surveillance.events.topics import Kind
from surveillance.use_case.model import UseCase
from surveillance.web.submitting.plainly import in_plain_words, plainly
from surveillance.web.words import spaced, title

# What the sender need not say: the organisation is that of the partner.
_NOT_ASKED = frozenset({"reporter_org"})
_COMPLETED = _NOT_ASKED | {"version", "action", "occurred_to", "occurred_precision"}
# What mends a question that was left empty; what is typed has the words of the contract.
_ANSWERS = {"choice": "Choose one", "time": "Give the day"}
# Where they stand on the page; a field that is in none of these stands in the last.
_GROUPS: Mapping[str, str] = {
    "The record": "record_id encounter_id version action status category merged_into",
    "When": "occurred_from occurred_to occurred_precision arrived_at admitted_at discharged_at reported_at",
    "Where": "residence_area incident_area point location_type location_of_concern provider_site",
    "The person": "care_home_id age sex ethnicity person_keys person_key service_contact self_harm_history",
    "What is known": "",
}
_LAST = "What is known"
_GROUP_OF = {name: group for group, names in _GROUPS.items() for name in names.split()}
_MEANT = {"version": "1", "action": "reported"}
_LABELS = {
    "record_id": "Your record's id",
    "encounter_id": "Your encounter's id",
    "age": "Age in years",
    "occurred_from": "Occurred, from",
    "occurred_to": "Occurred, to",
    "residence_area.code": "Where the person lived: area code",
    "residence_area.postcode": "Where the person lived: postcode",
    "residence_area.missing": "Where the person lived: why there is none",
    "incident_area.code": "Where it happened: area code",
    "incident_area.postcode": "Where it happened: postcode",
    "incident_area.missing": "Where it happened: why there is none",
    "point.uncertainty_m": "Point: uncertainty in metres",
}


@dataclass(frozen=True)
class FormField:
    """One question. `choices`: the closed list of its values, empty where there is none."""

    path: str
    label: str
    hint: str
    kind: str
    required: bool
    choices: tuple[str, ...]

    @property
    def id(self) -> str:
        """What it is called on the page."""
        return "f-" + self.path.replace(".", "-")


@dataclass(frozen=True)
class FormList:
    """What may be said several times: an entry is its questions, in which its number stands."""

    path: str
    label: str
    entries: tuple[tuple[FormField, ...], ...]


@dataclass(frozen=True)
class FormGroup:
    """Questions that belong together."""

    title: str
    fields: tuple[FormField, ...]
    lists: tuple[FormList, ...] = ()

    @property
    def every(self) -> tuple[FormField, ...]:
        """All its questions, those of its lists included."""
        return self.fields + tuple(f for one in self.lists for entry in one.entries for f in entry)


def known_names(use_cases: Iterable[UseCase], kind: Kind) -> tuple[str, ...]:
    """The categories, or complaints, that a use case counts: what a form proposes."""
    field = "category" if kind == "incident" else "complaint"
    conditions = (use_case.cases.get(field) for use_case in use_cases if use_case.records == kind)
    named = {str(value) for condition in conditions if condition for value in condition.one_of or ()}
    return tuple(sorted(named))


def form_groups(kind: Kind, entries: Mapping[str, int] | None = None) -> tuple[FormGroup, ...]:
    """The whole form for one record, with so many entries of each list; one where nothing is said."""
    groups: dict[str, tuple[list[FormField], dict[str, list[FormField]]]] = {g: ([], {}) for g in _GROUPS}
    for field in _fields(kind):
        top = field.path.split(".")[0]
        fields, lists = groups[_GROUP_OF.get(top, _LAST)]
        if top in list_paths(kind):
            lists.setdefault(top, []).append(field)
        else:
            fields.append(field)
    number = {path: (entries or {}).get(path, 1) for path in list_paths(kind)}
    return tuple(
        FormGroup(
            title, tuple(fields), tuple(_list(path, asked, number[path]) for path, asked in lists.items())
        )
        for title, (fields, lists) in groups.items()
        if fields or lists
    )


@cache
def list_paths(kind: Kind) -> tuple[str, ...]:
    """What of a record may be said several times."""
    known = known_fields(event_model(kind)).items()
    return tuple(path for path, field in known if field.many and field.form == "object")


def _list(path: str, fields: list[FormField], number: int) -> FormList:
    return FormList(
        path, label_of(path), tuple(tuple(_entry(f, path, n) for f in fields) for n in range(number))
    )


def _entry(field: FormField, path: str, number: int) -> FormField:
    """The question as it is asked in one entry: `settings.1.type`."""
    rest = field.path.removeprefix(f"{path}.")
    label = f"{label_of(path)} {number + 1}: {spaced(rest.replace('.', ' '))}"
    return replace(field, path=f"{path}.{number}.{rest}", label=label)


def meant(kind: Kind) -> dict[str, str]:
    """What stands in an empty form."""
    return _MEANT if kind == "incident" else _MEANT | {"action": "attended"}


def label_of(path: str) -> str:
    """`residence_area.code` -> `Residence area: code`."""
    if path in _LABELS:
        return _LABELS[path]
    first, _, rest = path.partition(".")
    return title(first) + (f": {spaced(rest.replace('.', ' '))}" if rest else "")


def required_fields(kind: Kind) -> frozenset[str]:
    """What the sender has to say: not what is completed from the rest."""
    fields = event_model(kind).model_fields.items()
    return frozenset(name for name, field in fields if field.is_required()) - _COMPLETED


def by_field(faults: tuple[Fault, ...], groups: tuple[FormGroup, ...]) -> dict[str, list[Fault]]:
    """Faults in plain words by the question that they stand beside: that of the field, or the first one below
    it."""
    asked = {field.path: field for group in groups for field in group.every}
    names = {path: field.label for path, field in asked.items()}
    placed: dict[str, list[Fault]] = {}
    for fault in faults:
        said, field = plainly(fault, names), asked.get(fault.field)
        if field is not None:
            said = replace(said, fix=_fix(said, field))
        placed.setdefault(_question(fault.field, list(asked)), []).append(said)
    return placed


def _fix(fault: Fault, field: FormField) -> str:
    """Nothing where it would say again what stands above the question."""
    if fault.code is RefusalCode.MISSING_FIELD and field.kind in _ANSWERS:
        return _ANSWERS[field.kind]
    return "" if fault.fix.removeprefix("Give ").lower() == field.hint.lower() else fault.fix


def _question(field: str, paths: list[str]) -> str:
    """Faults of what is not asked for stand at the top of the page, under no question."""
    if field in paths:
        return field
    return next((path for path in paths if path.startswith(f"{field}.")), "")


@cache
def _fields(kind: Kind) -> tuple[FormField, ...]:
    return tuple(_each_field(kind))


def _each_field(kind: Kind) -> Iterator[FormField]:
    model = event_model(kind)
    required = required_fields(kind)
    for path, known in known_fields(model).items():
        if known.form == "object" or path in _NOT_ASKED:
            continue
        yield FormField(
            path=path,
            label=label_of(path),
            hint=_hint(known.words, bool(known.choices), known.form == "time"),
            kind="choice" if known.choices else known.form,
            required=path in required,
            choices=known.choices,
        )


def _hint(words: str, has_choices: bool, is_time: bool) -> str:
    said = words.partition(", one of: ")[0] if has_choices else words
    if is_time:
        said = said.partition(" as date, time")[0]
    return in_plain_words(said, {})
