"""The forms of an alert, as a table: who may do what when, what is typed, and what the desk then does."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from surveillance.alerting.alert import Alert, State
from surveillance.alerting.finding import record_of
from surveillance.alerting.matching import FINISHED
from surveillance.alerting.workflow import Act, Details, NotAllowed, Outcome, allowed_acts
from surveillance.deciding import Decision, Desk, Lessons, Unknown
from surveillance.line_list.duplicates import Pair, pair
from surveillance.line_list.record import RecordKey
from surveillance.store.responses import NewTask, Plan, TaskState, under_way
from surveillance.web import words

MOST_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values, and how it reads."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to type or to choose. kind: line, words, choice, records, moment or hidden."""

    name: str
    label: str
    kind: str = "words"
    hint: str = ""
    required: bool = False
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody sent with a form: texts by field, each once or several times."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The first text of a field, trimmed; empty where there is none."""
        return next(iter(self.values.get(name, ())), "").strip()

    def all(self, name: str) -> tuple[str, ...]:
        """Every text of a field."""
        return self.values.get(name, ())

    def number(self, name: str) -> int | None:
        """A field as a whole number, None where it is none."""
        text = self.one(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What forms are made of: the alert, its responses, who can be given work, and its local time."""

    alert: Alert
    plans: tuple[Plan, ...]
    owners: tuple[str, ...]
    zone: ZoneInfo

    @property
    def responds(self) -> bool:
        return bool(under_way(self.plans))


Fields = Callable[[Circumstances], tuple[Field, ...]]
Do = Callable[[Desk, Circumstances, Typed, Decision], Any]


@dataclass(frozen=True, slots=True)
class Deed:
    """A form: its title and button, when it is offered, its fields, and what it does."""

    name: str
    title: str
    button: str
    offered: Callable[[Circumstances], bool]
    fields: Fields
    do: Do
    explains: str = ""
    own_place: bool = False  # shown beside what it is about, not among the others


REASON = Field("reason", "Why", hint="In words that identify nobody.", required=True)
NOTE = Field("reason", "Remark", hint="If something is to be remembered. In words that identify nobody.")
_WORDS: dict[Act, tuple[str, str]] = {
    Act.OPEN: ("Open the alert", "This candidate is worth a look."),
    Act.ACKNOWLEDGE: ("Acknowledge", "You have seen it and take it up."),
    Act.ASSESS: ("Begin the assessment", "You look at the evidence with the partners."),
    Act.RESPOND: ("Respond", "A response is needed: its plan begins now, with owners and due times."),
    Act.MONITOR: ("Monitor", "Nothing to be done now, but it is watched."),
    Act.DISMISS: ("Not a cluster", "Assessed: nothing connects these cases but chance or reporting."),
    Act.CLOSE: ("Close the alert", "It has ended, with an outcome."),
    Act.REOPEN: ("Reopen", "It goes on: due times begin anew."),
    Act.ASSIGN: ("Assign", "Who sees to it from now on."),
}
OUTCOMES: dict[Outcome, str] = {
    Outcome.RESPONSE_COMPLETED: "The response is completed",
    Outcome.NO_RESPONSE_NEEDED: "No response was needed",
    Outcome.NOT_A_CLUSTER: "It was not a cluster",
    Outcome.REPORTING_ARTEFACT: "It was an artefact of reporting",
}
_LESSONS = (
    Field("worked", "What worked in the response", required=True),
    Field("not_worked", "What did not, and is to change", required=True),
)


def _fields_of(act: Act) -> Fields:
    def fields(around: Circumstances) -> tuple[Field, ...]:
        needed = REASON if act in (Act.DISMISS, Act.CLOSE, Act.REOPEN) else NOTE
        if act is Act.ASSIGN:
            return owner_field(around), needed
        if act is not Act.CLOSE:
            return (needed,)
        choices = tuple(Choice(str(outcome), text) for outcome, text in OUTCOMES.items())
        outcome = Field("outcome", "Outcome", "choice", required=True, choices=choices)
        return (outcome, *(_LESSONS if around.responds else ()), needed)

    return fields


def owner_field(around: Circumstances) -> Field:
    """Who is to do it: one of the people who may, or any id where nobody has accounts."""
    choices = tuple(Choice(owner, owner) for owner in around.owners)
    return Field("owner", "Owner", "choice" if choices else "line", required=True, choices=choices)


def _owner(around: Circumstances, typed: Typed) -> str:
    owner = typed.one("owner")
    if around.owners and owner not in around.owners:
        raise Unknown("the owner is nobody who may act on this alert")
    return owner


def _move(act: Act) -> Do:
    def do(desk: Desk, around: Circumstances, typed: Typed, why: Decision) -> None:
        outcome = Outcome(typed.one("outcome")) if act is Act.CLOSE else None
        owner = _owner(around, typed) if act is Act.ASSIGN else None
        lessons = Lessons(typed.one("worked"), typed.one("not_worked"))
        desk.move(around.alert.id, act, why, Details(outcome, owner), lessons)

    return do


def _allows(act: Act) -> Callable[[Circumstances], bool]:
    return lambda around: str(act) in allowed_acts(around.alert.state)


def _goes_on(around: Circumstances) -> bool:
    return around.alert.state not in FINISHED and around.alert.state is not State.MERGED


def _responds(around: Circumstances) -> bool:
    return around.responds


def _always(_: Circumstances) -> bool:
    return True


def _task_fields(_: Circumstances) -> tuple[Field, ...]:
    return (
        Field("title", "Task", "line", required=True),
        Field("what", "How", hint="In words that identify nobody."),
        Field("role", "Which role is to do it", "line"),
        Field("due", "Due", "moment", hint="Local time of the scope. Leave it empty where no time is set."),
    )


def _add_task(desk: Desk, around: Circumstances, typed: Typed, why: Decision) -> None:
    task = NewTask(None, typed.one("title"), typed.one("what"), typed.one("role"), _moment(around, typed))
    desk.add_task(around.alert.id, task, why)


def _moment(around: Circumstances, typed: Typed) -> datetime | None:
    text = typed.one("due")
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=around.zone)
    except ValueError as error:
        raise NotAllowed("the due time is no date and time") from error


_TASK = Field("task", "", "hidden", required=True)


def _assign_task_fields(around: Circumstances) -> tuple[Field, ...]:
    return _TASK, owner_field(around)


def _resolve_task_fields(_: Circumstances) -> tuple[Field, ...]:
    choices = (Choice("done", "It is done"), Choice("not_needed", "It is not needed"))
    state = Field("state", "What became of it", "choice", required=True, choices=choices)
    return _TASK, state, Field("reason", "How, or why not", hint="Needed where it is not needed.")


def _assign_task(desk: Desk, around: Circumstances, typed: Typed, why: Decision) -> None:
    desk.assign_task(around.alert.id, _number(typed), _owner(around, typed), why)


def _resolve_task(desk: Desk, around: Circumstances, typed: Typed, why: Decision) -> None:
    desk.resolve_task(around.alert.id, _number(typed), TaskState(typed.one("state")), why)


def _number(typed: Typed) -> int:
    number = typed.number("task")
    if number is None:
        raise Unknown("no such task")
    return number


def _note(desk: Desk, around: Circumstances, typed: Typed, why: Decision) -> None:
    desk.note(around.alert.id, typed.one("text"), why)


def members_as_choices(members: Iterable[str]) -> tuple[Choice, ...]:
    """Members by the partner's own id, to be chosen by their key."""
    keys = (RecordKey.parse(record_of(member)) for member in members)
    return tuple(Choice(str(key), f"{key.record_id} ({words.spaced(key.partner)})") for key in keys)


def _remove_fields(around: Circumstances) -> tuple[Field, ...]:
    members = members_as_choices(around.alert.members)
    return Field("record", "Members to remove", "records", required=True, choices=members), REASON


def _link_fields(around: Circumstances) -> tuple[Field, ...]:
    members = members_as_choices(around.alert.members)
    first = Field("first", "One member", "choice", required=True, choices=members)
    second = Field("second", "Another member", "choice", required=True, choices=members)
    return first, second, REASON


def _remove(desk: Desk, around: Circumstances, typed: Typed, why: Decision) -> None:
    desk.remove(around.alert.id, records_of(typed), why)


def _link(desk: Desk, around: Circumstances, typed: Typed, why: Decision) -> None:
    desk.link(_both(typed), why, around.alert.id)


def _duplicate_fields(_: Circumstances) -> tuple[Field, ...]:
    choices = (
        Choice("confirmed", "One person: count them once"),
        Choice("rejected", "Two persons: count both"),
    )
    state = Field("state", "What are they", "choice", required=True, choices=choices)
    pair_fields = Field("first", "", "hidden", required=True), Field("second", "", "hidden", required=True)
    return (*pair_fields, state, REASON)


def _decide_duplicate(desk: Desk, around: Circumstances, typed: Typed, why: Decision) -> None:
    state = typed.one("state")
    if state == "confirmed":
        desk.decide_duplicate(_both(typed), "confirmed", why, around.alert.id)
    elif state == "rejected":
        desk.decide_duplicate(_both(typed), "rejected", why, around.alert.id)
    else:
        raise Unknown("say whether they are one person or two")


def records_of(typed: Typed, name: str = "record") -> set[RecordKey]:
    """The records that were chosen. Raises Unknown where a text is none."""
    try:
        return {RecordKey.parse(text) for text in typed.all(name)}
    except (ValueError, TypeError) as error:
        raise Unknown("a record is given as partner/kind/record id") from error


def _both(typed: Typed) -> Pair:
    keys = records_of(Typed({"record": (typed.one("first"), typed.one("second"))}))
    if len(keys) != 2:
        raise NotAllowed("choose two different records")
    first, second = keys
    return pair(first, second)


ACTS: tuple[Deed, ...] = (
    *(
        Deed(str(act), title, title, _allows(act), _fields_of(act), _move(act), explains)
        for act, (title, explains) in _WORDS.items()
    ),
    Deed("add-task", "Add a task", "Add", _responds, _task_fields, _add_task, own_place=True),
    Deed(
        "assign-task",
        "Assign the task",
        "Assign",
        _responds,
        _assign_task_fields,
        _assign_task,
        own_place=True,
    ),
    Deed(
        "resolve-task",
        "Done or not needed",
        "Save",
        _responds,
        _resolve_task_fields,
        _resolve_task,
        own_place=True,
    ),
)
"""What only those do who may act."""

DECISIONS: tuple[Deed, ...] = (
    Deed(
        "note",
        "Write a note",
        "Save the note",
        _always,
        lambda _: (Field("text", "Note", required=True, hint="In words that identify nobody. Notes stay."),),
        _note,
        own_place=True,
    ),
    Deed("remove", "Remove members", "Remove", _goes_on, _remove_fields, _remove, "They do not come back."),
    Deed(
        "link", "Link two members", "Link", _goes_on, _link_fields, _link, "You know of a tie between them."
    ),
    Deed(
        "duplicate",
        "One person or two",
        "Decide",
        _goes_on,
        _duplicate_fields,
        _decide_duplicate,
        own_place=True,
    ),
)
"""What those do who may decide about records."""
