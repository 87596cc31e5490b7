"""What people decide: each act is one transaction with its history, and is looked at anew where it must be.

Raises NotAllowed, with what is allowed, where an alert does not admit the act; Unknown where something that
was named does not exist; StaleAlert where somebody else changed the alert at the same moment.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from surveillance.alerting import hand, workflow
from surveillance.alerting.alert import Alert, AlertChange
from surveillance.alerting.due import with_due_times
from surveillance.alerting.workflow import NotAllowed
from surveillance.configuration import Configuration
from surveillance.line_list.duplicates import Pair
from surveillance.line_list.record import Case, RecordKey
from surveillance.pipeline import notices_of
from surveillance.store import alerts, line_list, links, outbox, pending
from surveillance.store.database import Store, Transaction
from surveillance.store.duplicates import State


class Unknown(LookupError):
    """An alert, a record or a use case that does not exist was named."""


@dataclass(frozen=True)
class Decision:
    """Who decides, when (aware), and why, in words that identify nobody."""

    by: str
    at: datetime
    reason: str

    def __post_init__(self) -> None:
        if not self.by.strip():
            raise NotAllowed("a decision needs the person who decides")

    def grounds(self) -> str:
        """The reason, which this kind of decision must have."""
        if not self.reason.strip():
            raise NotAllowed("this decision needs a reason")
        return self.reason


@dataclass(frozen=True)
class Desk:
    """Where people decide."""

    configuration: Configuration
    store: Store

    def move(
        self, alert_id: str, act: workflow.Act, why: Decision, details: workflow.Details | None = None
    ) -> Alert:
        """Moves an alert along its workflow."""
        with self.store.transaction() as tx:
            alert = _alert(tx, alert_id)
            change = workflow.step(alert, act, why.by, why.at, why.reason, details)
            return self._save(tx, change)

    def open(
        self, use_case: str, scope: str, severity: str, records: Collection[RecordKey], why: Decision
    ) -> Alert:
        """Opens an alert that no detector raised. `severity` is a band of the use case."""
        with self.store.transaction() as tx:
            cases = self._cases(tx, use_case, scope, records)
            bands = [band.name for band in self.configuration.use_cases[use_case].bands]
            if severity not in bands:
                raise Unknown(f"no severity {severity}; use one of: {', '.join(bands)}")
            days = [case.day for case in cases]
            seen = hand.Sighting(
                use_case=use_case,
                scope=scope,
                severity=severity,
                members=tuple(sorted({case.member for case in cases})),
                areas=tuple(sorted({case.area for case in cases})),
                start=min(days),
                end=max(days),
            )
            others = alerts.of_scope(tx, use_case, scope, seen.start)
            as_of = why.at.astimezone(self.configuration.regions[scope].zone).date()
            return self._save(tx, hand.open_by_hand(seen, why.by, why.at, as_of, why.grounds(), others))

    def add(self, alert_id: str, records: Collection[RecordKey], why: Decision) -> Alert:
        """Adds members that stay, whatever evaluations find."""
        with self.store.transaction() as tx:
            alert = _alert(tx, alert_id)
            cases = self._cases(tx, alert.use_case, alert.scope, records)
            others = alerts.of_scope(tx, alert.use_case, alert.scope, alert.start)
            members = {case.member for case in cases}
            return self._save(tx, hand.add_members(alert, members, why.by, why.at, why.grounds(), others))

    def remove(self, alert_id: str, records: Collection[RecordKey], why: Decision) -> Alert:
        """Removes members that evaluations do not bring back."""
        with self.store.transaction() as tx:
            alert = _alert(tx, alert_id)
            removed = [str(record) for record in records]
            return self._save(tx, hand.remove_members(alert, removed, why.by, why.at, why.grounds()))

    def link(self, both: Pair, why: Decision) -> None:
        """Links two records, as a detector of links will see from now on."""
        with self.store.transaction() as tx:
            links.confirm_link(tx, both, why.by, why.at, why.grounds())
            self._look_again(tx, both, why.at)

    def decide_duplicate(self, both: Pair, state: State, why: Decision) -> None:
        """Says whether two records are one person's; from now on they count accordingly."""
        with self.store.transaction() as tx:
            line_list.decide_duplicate(tx, both, state, why.by, why.at, why.reason)
            self._look_again(tx, both, why.at)

    def _save(self, tx: Transaction, change: AlertChange) -> Alert:
        alert = change.alert
        due = with_due_times(change, self.configuration.regions[alert.scope].working_time)
        alerts.save(tx, [due])
        outbox.add(tx, notices_of([due], self.configuration))
        self._request(tx, {(alert.use_case, alert.scope)}, change.at)
        return due.alert

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

    def _look_again(self, tx: Transaction, records: Iterable[RecordKey], at: datetime) -> None:
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
        self._request(tx, touched, at)

    def _request(self, tx: Transaction, touched: Iterable[tuple[str, str]], at: datetime) -> None:
        zones = self.configuration.regions
        asked = [pending.Request(u, s, at.astimezone(zones[s].zone).date()) for u, s in touched]
        pending.request(tx, asked, at)


def _alert(tx: Transaction, alert_id: str) -> Alert:
    alert = alerts.show(tx, alert_id)
    if alert is None:
        raise Unknown(f"no alert {alert_id}")
    return alert
