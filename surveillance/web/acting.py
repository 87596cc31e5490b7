"""An alert's forms as a page shows them: what this person may do now, the response, notes, duplicates."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.alerting.alert import Alert
from surveillance.alerting.finding import record_of
from surveillance.alerting.identifying import Fragment, find_identifying
from surveillance.deciding.response import plans_of
from surveillance.line_list.duplicates import Pair
from surveillance.line_list.record import RecordKey
from surveillance.store import alerts, line_list, notes
from surveillance.store.notes import Note
from surveillance.store.responses import Plan, TaskState
from surveillance.web import words
from surveillance.web.deeds import ACTS, DECISIONS, MOST_CHARACTERS, Circumstances, Deed, Field, Typed
from surveillance.web.house import House

PATHS: Mapping[Permission, tuple[str, tuple[Deed, ...]]] = {
    Permission.ACT: ("acts", ACTS),
    Permission.DECIDE: ("decisions", DECISIONS),
}
"""By permission, under which path of an alert its deeds are."""
_TYPED_KINDS = ("words", "line")


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with what was typed: by field, with the fragments that may identify somebody; or with
    all of it."""

    fields: Mapping[str, str] = field(default_factory=dict)
    doubts: Mapping[str, tuple[Fragment, ...]] = field(default_factory=dict)
    whole: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A form as it is shown: where it is sent, on which revision it rests, what was typed, what is wrong."""

    deed: Deed
    action: str
    seen: int
    fields: tuple[Field, ...]
    typed: Typed = field(default_factory=Typed)
    wrong: Wrong = field(default_factory=Wrong)
    number: str = ""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task in words, with its forms where it is open and the person may act."""

    title: str
    what: str
    role: str
    owner: str
    due_words: str
    overdue: bool
    state: str
    resolved_words: str
    reason: str
    forms: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """A response in words."""

    started_words: str
    ended_words: str
    worked: str
    not_worked: str
    tasks: tuple[TaskRow, ...]

    def count(self, state: str) -> int:
        """Tasks in a state."""
        return sum(1 for task in self.tasks if task.state == state)

    @property
    def overdue(self) -> int:
        return sum(1 for task in self.tasks if task.overdue)


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A note in words."""

    at_words: str
    by: str
    text: str
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class AlertActs:
    """All of it."""

    alert_id: str
    main: tuple[Shown, ...]
    note: Shown | None
    add_task: Shown | None
    plans: tuple[PlanView, ...]
    guidance: tuple[str, ...]
    notes: tuple[NoteRow, ...]
    duplicates: tuple[tuple[Pair, str], ...]
    may_decide: bool
    goes_on: bool


def read_circumstances(house: House, alert: Alert) -> Circumstances:
    """What the forms of an alert are made of, as it is stored now."""
    with house.desk.store.reading() as tx:
        plans = tuple(plans_of(tx, alert))
    owners = tuple(house.people(alert.scope, alert.use_case, Permission.ACT))
    return Circumstances(alert, plans, owners, zone_of(house, alert))


def zone_of(house: House, alert: Alert) -> ZoneInfo:
    """The time zone of the alert's scope."""
    return ZoneInfo(house.source.scopes[alert.scope].time_zone)


def show(around: Circumstances, permission: Permission, deed: Deed, **given: object) -> Shown:
    """A form with nothing typed but what is given: hidden values by field, `seen` a revision."""
    path, _ = PATHS[permission]
    seen = given.pop("seen", around.alert.revision)
    typed = Typed({name: (str(value),) for name, value in given.items()})
    action = f"/alerts/{around.alert.id}/{path}/{deed.name}"
    number = "-".join(["", *map(str, given.values())])
    return Shown(deed, action, int(str(seen)), deed.fields(around), typed, number=number)


def alert_acts(house: House, person: Person, alert: Alert) -> AlertActs:
    """What this person may do with the alert now, and what was done beside its workflow."""
    around = read_circumstances(house, alert)
    members = {RecordKey.parse(record_of(member)) for member in alert.members}
    with house.desk.store.reading() as tx:
        written = notes.of_alerts(tx, alerts.family(tx, alert))
        pairs = line_list.pairs_among(tx, members)
    offered = [
        (permission, deed)
        for permission, (_, deeds) in PATHS.items()
        if person.may(permission, alert.scope, alert.use_case)
        for deed in deeds
        if deed.offered(around)
    ]
    forms = {deed.name: show(around, permission, deed) for permission, deed in offered if not _of_task(deed)}
    plan = house.source.use_cases[alert.use_case].response_plan
    of_tasks = [deed for _, deed in offered if _of_task(deed)]
    return AlertActs(
        alert_id=alert.id,
        main=tuple(form for form in forms.values() if not form.deed.own_place),
        note=forms.get("note"),
        add_task=forms.get("add-task"),
        plans=tuple(_plan(one, around, of_tasks, house.now()) for one in reversed(around.plans)),
        guidance=plan.guidance if plan and around.plans else (),
        notes=tuple(_note(one, alert, around.zone) for one in reversed(written)),
        duplicates=tuple(pairs.items()),
        may_decide=person.may(Permission.DECIDE, alert.scope, alert.use_case),
        goes_on="duplicate" in forms,
    )


def check(form: Shown, typed: Typed, now: datetime) -> Wrong:
    """What is missing, too long, not among the choices, or may identify somebody, field by field."""
    missing = dict(_missing(form.fields, typed))
    doubts = dict(_doubts(form.fields, typed, now))
    return Wrong(missing | dict.fromkeys(doubts, "This may identify somebody."), doubts)


def _missing(fields: Iterable[Field], typed: Typed) -> Iterator[tuple[str, str]]:
    for one in fields:
        values = [value for value in typed.all(one.name) if value.strip()]
        if one.required and not values:
            yield one.name, "This is needed."
        elif any(len(value) > MOST_CHARACTERS for value in values):
            yield one.name, f"At most {MOST_CHARACTERS:,} characters."
        elif one.choices and not {choice.value for choice in one.choices}.issuperset(values):
            yield one.name, "Choose one of those that are offered."


def _doubts(
    fields: Iterable[Field], typed: Typed, now: datetime
) -> Iterator[tuple[str, tuple[Fragment, ...]]]:
    confirmed = frozenset(typed.all("confirmed"))
    for one in fields:
        if one.kind not in _TYPED_KINDS or one.name == "owner":  # an owner is an id, which may be an address
            continue
        found = find_identifying(typed.one(one.name), now.date())
        open_ones = tuple(f for f in found if f.refused or f.text not in confirmed)
        if open_ones:
            yield one.name, open_ones


def responses_in_words(house: House, alert: Alert) -> tuple[PlanView, ...]:
    """The alert's responses, the newest first, to be read only."""
    around = read_circumstances(house, alert)
    return tuple(_plan(one, around, (), house.now()) for one in reversed(around.plans))


def _of_task(deed: Deed) -> bool:
    return deed.name in ("assign-task", "resolve-task")


def _plan(plan: Plan, around: Circumstances, deeds: Sequence[Deed], now: datetime) -> PlanView:
    zone = around.zone
    ended = f"{words.at_time(plan.ended_at, zone)} by {plan.ended_by}" if plan.ended_at else ""
    return PlanView(
        started_words=f"{words.at_time(plan.started_at, zone)} by {plan.started_by}",
        ended_words=ended,
        worked=plan.worked or "",
        not_worked=plan.not_worked or "",
        tasks=tuple(_tasks(plan, around, deeds if plan.ended_at is None else (), now)),
    )


def _tasks(plan: Plan, around: Circumstances, deeds: Sequence[Deed], now: datetime) -> Iterator[TaskRow]:
    for task in plan.tasks:
        open_now = task.state is TaskState.OPEN
        due = task.due_at and f"{words.at_time(task.due_at, around.zone)}"
        resolved = (
            task.resolved_at and f"{words.at_time(task.resolved_at, around.zone)} by {task.resolved_by}"
        )
        late = task.overdue(now) and plan.ended_at is None
        yield TaskRow(
            title=task.title,
            what=task.what,
            role=task.role,
            owner=task.owner or "",
            due_words=f"{due} ({words.due(task.due_at, now)})" if task.due_at and open_now else due or "",
            overdue=late,
            state=task.state.value,
            resolved_words=resolved or "",
            reason=task.reason or "",
            forms=tuple(
                show(around, Permission.ACT, deed, task=task.id, seen=task.revision)
                for deed in deeds
                if open_now
            ),
        )


def _note(note: Note, alert: Alert, zone: ZoneInfo) -> NoteRow:
    return NoteRow(words.at_time(note.at, zone), note.by, note.text, note.alert_id != alert.id)
