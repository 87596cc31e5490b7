"""Where people decide: each act is one transaction with its history and its entry in the audit chain.

An act raises NotAllowed, with what is allowed, where an alert does not admit it; Unknown where something that
was named does not exist; StaleAlert or StaleTask where somebody else was faster; Identifying where a text may
name somebody. Then nothing is stored. What a person decides about records is looked at anew.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from surveillance import narrate
from surveillance.alerting import hand, workflow
from surveillance.alerting.alert import Alert, AlertChange
from surveillance.alerting.due import with_due_times
from surveillance.alerting.finding import record_of
from surveillance.alerting.workflow import Act, NotAllowed
from surveillance.configuration import Configuration
from surveillance.deciding import erasing, response
from surveillance.deciding.decision import Decision, Lessons, Unknown
from surveillance.line_list.duplicates import Pair, pair
from surveillance.line_list.record import Case, RecordKey
from surveillance.pipeline import notices_of
from surveillance.store import alerts, audit, erasures, line_list, links, notes, outbox, pending, responses
from surveillance.store.database import Store, Transaction
from surveillance.store.duplicates import State
from surveillance.store.responses import NewTask, Task, TaskState


@dataclass
class _Doing:
    """An act while it is done: its transaction, and what the audit chain is to say of it."""

    tx: Transaction
    subject: str
    facts: dict[str, Any] = field(default_factory=dict)
    changes: list[AlertChange] = field(default_factory=list)
    notices: list[outbox.Notice] = field(default_factory=list)


@dataclass(frozen=True)
class Desk:
    """Where people decide.

    audit_key: of the audit chain. erasure_key: of the HMACs that stand for records where their ids must not,
    the same as that of the workers' dead letters.
    """

    configuration: Configuration
    store: Store
    audit_key: bytes = b""
    erasure_key: bytes = b""

    def move(
        self,
        alert_id: str,
        act: Act,
        why: Decision,
        details: workflow.Details | None = None,
        lessons: Lessons | None = None,
    ) -> Alert:
        """Moves an alert along its workflow. To respond begins its plan; to close ends and evaluates it."""
        lessons = lessons or Lessons()
        why.check(lessons.worked, lessons.not_worked)
        with self._doing(why, str(act), f"alert/{alert_id}") as doing:
            alert = _alert(doing.tx, alert_id, why)
            change = workflow.step(alert, act, why.by, why.at, why.reason, details)
            if act is Act.CLOSE:
                response.end(doing.tx, alert, details, lessons, why)
            moved = self._save(doing, change)
            if act is Act.RESPOND:
                template = self.configuration.use_cases[alert.use_case].response_plan
                working = self.configuration.regions[alert.scope].working_time
                response.begin(doing.tx, alert, template, working, why)
            doing.facts |= {"revision": moved.revision, "state": str(moved.state), "owner": moved.owner or ""}
            doing.facts |= {"outcome": moved.outcome} if moved.outcome else {}
        return moved

    def open(
        self, use_case: str, scope: str, severity: str, records: Collection[RecordKey], why: Decision
    ) -> Alert:
        """Opens an alert that no detector raised. `severity` is a band of the use case."""
        with self._doing(why, "open-by-hand", "") as doing:
            cases = self._cases(doing.tx, use_case, scope, records)
            bands = [band.name for band in self.configuration.use_cases[use_case].bands]
            if severity not in bands:
                raise Unknown(f"no severity {severity}; use one of: {', '.join(bands)}")
            seen = hand.Sighting(
                use_case=use_case,
                scope=scope,
                severity=severity,
                members=tuple(sorted({case.member for case in cases})),
                areas=tuple(sorted({case.area for case in cases})),
                start=min(case.day for case in cases),
                end=max(case.day for case in cases),
            )
            others = alerts.of_scope(doing.tx, use_case, scope, seen.start)
            as_of = why.at.astimezone(self.configuration.regions[scope].zone).date()
            change = hand.open_by_hand(seen, why.by, why.at, as_of, why.grounds(), others)
            opened = self._save(doing, change)
            doing.subject = f"alert/{opened.id}"
            doing.facts |= {"severity": severity, "records": self._tokens(records)}
        return opened

    def add(self, alert_id: str, records: Collection[RecordKey], why: Decision) -> Alert:
        """Adds members that stay, whatever evaluations find."""
        with self._doing(why, "add-members", f"alert/{alert_id}") as doing:
            alert = _alert(doing.tx, alert_id, why)
            cases = self._cases(doing.tx, alert.use_case, alert.scope, records)
            others = alerts.of_scope(doing.tx, alert.use_case, alert.scope, alert.start)
            members = {case.member for case in cases}
            extent = self._extent(doing.tx, alert, {*map(record_of, alert.members), *map(str, records)})
            change = hand.add_members(alert, members, why.by, why.at, why.grounds(), others, extent)
            changed = self._save(doing, change)
            doing.facts |= {"revision": changed.revision, "records": self._tokens(records)}
        return changed

    def remove(self, alert_id: str, records: Collection[RecordKey], why: Decision) -> Alert:
        """Removes members that evaluations do not bring back."""
        with self._doing(why, "remove-members", f"alert/{alert_id}") as doing:
            alert = _alert(doing.tx, alert_id, why)
            removed = {str(record) for record in records}
            extent = self._extent(doing.tx, alert, {*map(record_of, alert.members)} - removed)
            change = hand.remove_members(alert, removed, why.by, why.at, why.grounds(), extent)
            changed = self._save(doing, change)
            doing.facts |= {"revision": changed.revision, "records": self._tokens(records)}
        return changed

    def link(self, both: Pair, why: Decision, about: str | None = None) -> None:
        """Links two records, as a detector of links will see from now on. `about`: the alert it concerns."""
        with self._doing(why, "link", self._subject(both, about)) as doing:
            _among_members(doing.tx, both, about)
            links.confirm_link(doing.tx, both, why.by, why.at, why.grounds())
            self._look_again(doing.tx, both, why)
            doing.facts["records"] = self._tokens(both)

    def decide_duplicate(self, both: Pair, state: State, why: Decision, about: str | None = None) -> None:
        """Says whether two records, which the service proposed, are one person's; they count accordingly."""
        with self._doing(why, f"duplicate-{state}", self._subject(both, about)) as doing:
            _among_members(doing.tx, both, about)
            if line_list.duplicate_state(doing.tx, both) is None:
                named = " and ".join(map(str, pair(*both)))
                raise Unknown(f"nobody proposed that these are one person's: {named}")
            line_list.decide_duplicate(doing.tx, both, state, why.by, why.at, why.reason)
            self._look_again(doing.tx, both, why)
            doing.facts["records"] = self._tokens(both)

    def note(self, alert_id: str, text: str, why: Decision) -> None:
        """Adds a note to an alert; nobody changes or removes it."""
        why.check(text)
        if not text.strip():
            raise NotAllowed("a note needs words")
        with self._doing(why, "note", f"alert/{alert_id}") as doing:
            _alert(doing.tx, alert_id, why)
            doing.facts["note"] = notes.add(doing.tx, notes.Note(alert_id, why.at, why.by, text.strip()))

    def add_task(self, alert_id: str, task: NewTask, why: Decision) -> int:
        """Adds a task to the response under way; returns its number."""
        why.check(task.title, task.what, task.role)
        if not task.title.strip():
            raise NotAllowed("a task needs a title")
        with self._doing(why, "add-task", f"alert/{alert_id}") as doing:
            plan = response.plan_to_add_to(doing.tx, _alert(doing.tx, alert_id))
            number = responses.add_task(doing.tx, plan.id, task, why.by, why.at)
            doing.facts["task"] = number
        return number

    def assign_task(self, alert_id: str, task_id: int, owner: str, why: Decision) -> None:
        """Says who does a task."""
        if not owner.strip():
            raise NotAllowed("assign needs an owner")
        with self._task(alert_id, task_id, "assign-task", why) as (doing, task):
            responses.change_task(doing.tx, task, owner=owner.strip())
            doing.facts["owner"] = owner.strip()

    def resolve_task(self, alert_id: str, task_id: int, state: TaskState, why: Decision) -> None:
        """Says that a task is done, or is not needed and why."""
        reason = why.grounds() if state is TaskState.NOT_NEEDED else why.reason
        with self._task(alert_id, task_id, f"task-{state}", why) as (doing, task):
            resolved = {"resolved_at": why.at, "resolved_by": why.by, "reason": reason.strip() or None}
            responses.change_task(doing.tx, task, state=state.value, **resolved)

    def erase(self, record: RecordKey, why: Decision) -> erasing.Erased:
        """Erases a record for good, as the law may ask. Once more changes nothing, and says so.

        Alerts that held it are told and looked at anew; what comes under its id again is refused.
        """
        subject = f"record/{erasures.token(self.erasure_key, record)}"
        with self._doing(why, "erase", subject, alone=True) as doing:
            pending.void_claims(doing.tx)  # whoever looks just now has read the record
            erased = erasing.erase(doing.tx, record, self.configuration, self.erasure_key, why)
            for alert in erased.unfinished:
                self._save(doing, hand.drop_erased(alert, erased.stand_in, why.by, why.at))
            self._request(doing.tx, erased.places, why)
            doing.facts |= {"partner": record.partner, "kind": record.kind, "before": erased.before}
            doing.facts |= {"versions": erased.versions, "alerts": list(erased.alerts)}
        self.store.forget()
        return erased

    @contextmanager
    def _doing(self, why: Decision, act: str, subject: str, *, alone: bool = False) -> Iterator[_Doing]:
        """One transaction, at whose end the act is entered into the audit chain: both are stored or none."""
        why.check()
        with self.store.transaction(alone=alone) as tx:
            doing = _Doing(tx, subject)
            yield doing
            entry = audit.Entry(why.by, act, doing.subject, why.at, doing.facts)
            last = audit.append(tx, self.audit_key, entry)
        narrate.acted(act, doing.subject, last.sequence, doing.changes, doing.facts.get("records", ()))
        narrate.owed(doing.notices)

    @contextmanager
    def _task(self, alert_id: str, task_id: int, act: str, why: Decision) -> Iterator[tuple[_Doing, Task]]:
        with self._doing(why, act, f"alert/{alert_id}") as doing:
            doing.facts["task"] = task_id
            yield doing, response.open_task(doing.tx, _alert(doing.tx, alert_id), task_id, why)

    def _tokens(self, records: Iterable[RecordKey]) -> list[str]:
        """What stands for records in the audit chain, from which nothing can be erased."""
        return sorted(erasures.token(self.erasure_key, record) for record in records)

    def _subject(self, both: Pair, about: str | None) -> str:
        return (
            f"record/{erasures.token(self.erasure_key, pair(*both)[0])}"
            if about is None
            else f"alert/{about}"
        )

    def _save(self, doing: _Doing, change: AlertChange) -> Alert:
        alert, tx = change.alert, doing.tx
        due = with_due_times(change, self.configuration.regions[alert.scope].working_time)
        notices = list(notices_of([due], self.configuration))
        alerts.save(tx, [due])
        outbox.add(tx, notices)
        doing.changes.append(due)
        doing.notices += notices
        self._request(tx, {(alert.use_case, alert.scope)}, Decision(change.by, change.at))
        return due.alert

    def _extent(self, tx: Transaction, alert: Alert, records: Collection[str]) -> hand.Extent | None:
        """Where and when the cases of these records are now; None where none is a case."""
        entries = line_list.current_entries(tx, {RecordKey.parse(record) for record in records})
        cases = [e for e in entries if isinstance(e, Case) and e.use_case == alert.use_case]
        if not cases:
            return None
        days = [case.day for case in cases]
        return hand.Extent(tuple(sorted({case.area for case in cases})), min(days), max(days))

    def _cases(
        self, tx: Transaction, use_case: str, scope: str, records: Collection[RecordKey]
    ) -> list[Case]:
        """The current cases of these records, every one of which must be one."""
        chosen = self.configuration.use_cases.get(use_case)
        if chosen is None or scope not in chosen.scopes:
            raise Unknown(f"no use case {use_case} with scope {scope}")
        areas = self.configuration.regions[scope].read.index
        found = [
            entry
            for entry in line_list.current_entries(tx, records)
            if isinstance(entry, Case) and entry.use_case == use_case and entry.area in areas
        ]
        missing = set(records) - {case.key for case in found}
        if missing or not found:
            named = ", ".join(map(str, sorted(missing))) or "no record given"
            raise Unknown(f"not a case of {use_case} in {scope}: {named}")
        return found

    def _look_again(self, tx: Transaction, records: Iterable[RecordKey], why: Decision) -> None:
        """Asks for an evaluation wherever one of the records is a case."""
        entries = line_list.current_entries(tx, set(records))
        missing = set(records) - {entry.key for entry in entries}
        if missing:
            raise Unknown(f"no such record: {', '.join(map(str, sorted(missing)))}")
        touched = {
            (case.use_case, scope)
            for case in entries
            if isinstance(case, Case)
            for scope in self.configuration.scopes_reading(
                self.configuration.use_cases[case.use_case], case.area
            )
        }
        self._request(tx, touched, why)

    def _request(self, tx: Transaction, touched: Iterable[tuple[str, str]], why: Decision) -> None:
        zones = self.configuration.regions
        asked = [pending.Request(u, s, why.at.astimezone(zones[s].zone).date()) for u, s in touched]
        pending.request(tx, asked, why.at)


def _alert(tx: Transaction, alert_id: str, why: Decision | None = None) -> Alert:
    alert = alerts.show(tx, alert_id)
    if alert is None:
        raise Unknown(f"no alert {alert_id}")
    if why is not None:
        why.refuse_stale(alert)
    return alert


def _among_members(tx: Transaction, both: Pair, about: str | None) -> None:
    """Whoever decides about an alert decides about its members, and about no other record."""
    if about is None:
        return
    members = {record_of(member) for member in _alert(tx, about).members}
    if not members.issuperset(map(str, both)):
        raise Unknown(f"not both are members of alert {about}")
