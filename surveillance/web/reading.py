"""What pages and commands read: alerts in words, with the cases and the timeliness around them."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from statistics import median, quantiles
from threading import Lock
from time import monotonic
from typing import Any

from surveillance.alerting import wording
from surveillance.alerting.alert import Alert, AlertChange
from surveillance.alerting.finding import record_of
from surveillance.configuration import Configuration, load_configuration
from surveillance.geography.area import AreaTable
from surveillance.line_list.duplicates import CountedCase, count_once
from surveillance.line_list.record import RecordKey
from surveillance.settings import Settings
from surveillance.store import alerts, deliveries, evaluations, line_list, links, partners, queue
from surveillance.store.around import Near, cases_around
from surveillance.store.codec import to_json
from surveillance.store.database import Store
from surveillance.store.deliveries import Attempt, Delivery
from surveillance.store.queue import Choice, Cut, Listed, Mark, Reach, Revision, Step, View
from surveillance.store.seen import Seen, seen_by
from surveillance.store.timeliness import report_delays
from surveillance.use_case.model import Scope, UseCase
from surveillance.web.partners import PartnerRow, partner_rows
from surveillance.web.source import Known, Ties, Timeliness, leading_place

_RECENT = timedelta(days=90)
_FEWEST_DELAYS = 10
_DELAYS_KEPT_SECONDS = 300.0


@dataclass
class _Kept:
    """What a process need not compute for every page."""

    lock: Lock = field(default_factory=Lock)
    at: float = -math.inf
    delays: Mapping[tuple[str, str], tuple[float | None, float | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """Reads the stored alerts. Every call sees what is stored now; nothing is written."""

    configuration: Configuration
    store: Store
    _kept: _Kept = field(default_factory=_Kept, repr=False, compare=False)

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator["Reading"]:
        """For as long as the block lasts. Raises SchemaFault where the database is not ready."""
        store = Store.open(settings.database)
        try:
            store.check_schema()
            yield cls(load_configuration(settings.config_dir), store)
        finally:
            store.close()

    @property
    def use_cases(self) -> Mapping[str, UseCase]:
        return self.configuration.use_cases

    @property
    def scopes(self) -> Mapping[str, Scope]:
        return {scope: region.scope for scope, region in self.configuration.regions.items()}

    def areas(self, scope: str) -> AreaTable:
        """Every area whose cases an evaluation of the scope reads."""
        return self.configuration.regions[scope].read

    def is_ready(self) -> bool:
        """Whether alerts can be read now; raises what keeps them from it."""
        self.store.check_schema()
        return True

    def alerts(self) -> Sequence[tuple[Alert, AlertChange]]:
        """Every alert that the configuration knows, the newest first, with its last change."""
        with self.store.reading() as tx:
            found = [a for a in alerts.listed(tx, newest_first=True) if self._known(a)]
            last = alerts.last_changes(tx)
        return [(alert, last[alert.id]) for alert in found]

    def counts(self, choice: Choice) -> Mapping[View, int]:
        """How many of the alerts chosen each view shows."""
        with self.store.reading() as tx:
            return queue.count_views(tx, choice)

    def listed(self, choice: Choice, cut: Cut) -> Sequence[Listed]:
        """A part of one view of the alerts chosen, in its order."""
        with self.store.reading() as tx:
            return queue.page(tx, choice, cut)

    def in_full(self, alert_ids: Collection[str]) -> Mapping[str, Alert]:
        """Those few alerts, by id."""
        with self.store.reading() as tx:
            return queue.whole(tx, alert_ids)

    def steps(self, after: Mapping[str, int]) -> Mapping[str, Sequence[Step]]:
        """By alert, its history after a revision, the oldest first."""
        with self.store.reading() as tx:
            return queue.steps(tx, after)

    def seen(self, person: str, alert_id: str) -> Seen | None:
        """What a person was shown of an alert."""
        with self.store.reading() as tx:
            return seen_by(tx, person, [alert_id]).get(alert_id)

    def revisions(self, known: Mapping[str, int]) -> Mapping[str, Revision]:
        """Every alert whose revision is not the one known."""
        with self.store.reading() as tx:
            if queue.mark_of_changes(tx) == (len(known), sum(known.values())):
                return {}
            return queue.revisions(tx, known)

    def mark(self, within: Reach) -> Mark:
        """What rises with every change of an alert within reach."""
        with self.store.reading() as tx:
            return queue.mark_of_changes(tx, within)

    def known(self, alert_id: str, revision: int) -> Known | None:
        """One revision of an alert with the evaluation behind it."""
        with self.store.reading() as tx:
            stored = alerts.at_revision(tx, alert_id, revision)
            if stored is None:
                return None
            alert, behind = stored.change.alert, stored.evaluation_id
            evaluation = None if behind is None else evaluations.show(tx, behind)
            if evaluation is None:
                return Known(stored.change, None, {})
            place = leading_place(alert, self.use_cases[alert.use_case])
            days = line_list.days_known(tx, alert.use_case, place, alert.areas, evaluation.known_at)
            return Known(stored.change, evaluation, days)

    def ties(self, records: Collection[RecordKey]) -> Ties:
        """What is stored about pairs of these records."""
        within = frozenset(records)
        with self.store.reading() as tx:
            linked, proposed = links.confirmed_links(tx), line_list.duplicates_in(tx, "proposed")
        return Ties(
            tuple(p for p in linked if within.issuperset(p)),
            tuple(p for p in proposed if within.issuperset(p)),
        )

    def alert(self, alert_id: str) -> Alert | None:
        """One alert, or None."""
        if "\0" in alert_id:  # no text of PostgreSQL holds one
            return None
        with self.store.reading() as tx:
            found = alerts.show(tx, alert_id)
        return found if found is not None and self._known(found) else None

    def history(self, alert_id: str) -> Sequence[AlertChange]:
        """Every change of an alert, the oldest first."""
        with self.store.reading() as tx:
            return [row.change for row in alerts.history(tx, alert_id)]

    def deliveries(self, alert_id: str, now: datetime) -> tuple[Sequence[Delivery], Sequence[Attempt]]:
        """Everything that was to be told of an alert, and every attempt."""
        with self.store.reading() as tx:
            owed = deliveries.deliveries_of_alert(tx, alert_id, now)
            return owed, deliveries.attempts_of_alert(tx, alert_id)

    def sentence(self, alert: Alert) -> str:
        """What a lead reads first."""
        return wording.sentence(alert, self.use_cases[alert.use_case].wording, self._names[alert.scope])

    @cached_property
    def _names(self) -> Mapping[str, Mapping[str, str]]:
        """By scope, what its areas and higher units are called; the empty code is the scope itself."""
        return {scope.id: _names_in(self.areas(scope.id), scope.title) for scope in self.scopes.values()}

    def cases(self, alert: Alert, first: date, last: date) -> Sequence[CountedCase]:
        """The counted cases of the alert's use case at every place, as known now, in its areas; its members
        wherever they are."""
        use_case = self.use_cases[alert.use_case]
        areas = self.areas(alert.scope).index
        members = {RecordKey.parse(record_of(member)) for member in alert.members}
        with self.store.reading() as tx:
            confirmed, rejected = line_list.duplicate_decisions(tx)
            near = Near(use_case.id, tuple(p.name for p in use_case.places), alert.areas, first, last)
            around = cases_around(tx, near, members, confirmed)
        found: list[CountedCase] = []
        for place in use_case.places:
            inside = [case for case in around if case.place == place.name and case.area in areas]
            found += count_once(inside, rejected, confirmed, use_case.count)
        return found

    def timeliness(self) -> Sequence[Timeliness]:
        """When each partner was last heard of, and how late its records of the last 90 days ran."""
        with self.store.reading() as tx:
            heard = {(seen.partner, seen.kind): seen.last_received_at for seen in partners.heard_of(tx)}
            judged = partners.judged(tx)
        delays = self._delays()
        return [
            Timeliness(
                self.configuration.partners[source.partner],
                source.kind,
                heard.get((source.partner, source.kind)),
                *delays.get((source.partner, source.kind), (None, None)),
                judged.get((source.partner, source.kind), (None, None))[1],
            )
            for source in self.configuration.sources()
        ]

    def _delays(self) -> Mapping[tuple[str, str], tuple[float | None, float | None]]:
        """By partner and kind, the typical delays over 90 days; taken anew every few minutes, for so many
        records do not change them sooner."""
        with self._kept.lock:
            if monotonic() - self._kept.at > _DELAYS_KEPT_SECONDS:
                with self.store.reading() as tx:
                    delays = report_delays(tx, (datetime.now(UTC) - _RECENT).date())
                self._kept.delays = {source: _typical(found) for source, found in delays.items()}
                self._kept.at = monotonic()
            return self._kept.delays

    def local(self, alert: Alert, at: datetime) -> str:
        """A time in the alert's scope, with the zone's name."""
        return f"{at.astimezone(self.configuration.regions[alert.scope].zone):%Y-%m-%d %H:%M %Z}"

    def describe(self, alert: Alert) -> dict[str, Any]:
        """An alert with its sentence and history, as JSON values."""
        history = [to_json(change) for change in self.history(alert.id)]
        silent = [row.warning for row in self._unheard(alert)]
        return {
            **to_json(alert),
            "sentence": self.sentence(alert),
            "silent_partners": silent,
            "history": history,
        }

    def in_words(self, alert: Alert) -> str:
        """An alert for a terminal."""
        lines = [
            self.sentence(alert),
            "",
            f"alert      {alert.id}, revision {alert.revision}",
            f"use case   {self.use_cases[alert.use_case].title}",
            f"severity   {alert.severity}",
            f"state      {alert.state}",
            *(f"partner    {row.warning}" for row in self._unheard(alert)),
            "",
            "History",
        ]
        for change in self.history(alert.id):
            lines.append(f"  {self.local(alert, change.at)}  {change.change}: {change.reason} ({change.by})")
        support = self.use_cases[alert.use_case].wording.support_lines
        return "\n".join([*lines, "", *support])

    def _unheard(self, alert: Alert) -> Iterator[PartnerRow]:
        """Partners of the alert's kind of record that are silent or unusually quiet now: cases may be
        missing."""
        kind = self.use_cases[alert.use_case].records
        zone = self.configuration.regions[alert.scope].zone
        rows = partner_rows((t for t in self.timeliness() if t.kind == kind), datetime.now(UTC), zone)
        return (row for row in rows if row.warning)

    def _known(self, alert: Alert) -> bool:
        return alert.use_case in self.use_cases and alert.scope in self.configuration.regions


def _names_in(areas: AreaTable, title: str) -> Mapping[str, str]:
    names = {"": title}
    for of_unit in areas.unit_names.values():
        names |= of_unit
    return names | dict(zip(areas.codes, areas.names, strict=True))


def _typical(delays: Sequence[float]) -> tuple[float | None, float | None]:
    """Median and 90th percentile, or None where there are too few to say."""
    if len(delays) < _FEWEST_DELAYS:
        return None, None
    return median(delays), quantiles(delays, n=10)[-1]
