"""What pages and commands read: alerts in words, with the cases and the timeliness around them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median, quantiles
from typing import Any

from surveillance.alerting import wording
from surveillance.alerting.alert import Alert, AlertChange
from surveillance.configuration import Configuration, load_configuration
from surveillance.geography.area import AreaTable
from surveillance.line_list.duplicates import CountedCase, count_once
from surveillance.settings import Settings
from surveillance.store import alerts, line_list, partners
from surveillance.store.codec import to_json
from surveillance.store.database import Store
from surveillance.store.timeliness import report_delays
from surveillance.use_case.model import Scope, UseCase
from surveillance.web.partners import PartnerRow, partner_rows
from surveillance.web.source import Timeliness

_RECENT = timedelta(days=90)
_FEWEST_DELAYS = 10


@dataclass(frozen=True)
class Reading:
    """Reads the stored alerts. Every call sees what is stored now; nothing is written."""

    configuration: Configuration
    store: Store

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator["Reading"]:
        """For as long as the block lasts. Raises SchemaFault where the database is not ready."""
        store = Store.open(settings.database_url.get_secret_value())
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
        """Whether alerts can be read now."""
        try:
            self.store.check_schema()
        except Exception:  # whatever is wrong with the database, the answer is no
            return False
        return True

    def alerts(self) -> Sequence[tuple[Alert, AlertChange]]:
        """Every alert that the configuration knows, the newest first, with its last change."""
        with self.store.reading() as tx:
            found = [a for a in alerts.listed(tx, newest_first=True) if self._known(a)]
            last = alerts.last_changes(tx)
        return [(alert, last[alert.id]) for alert in found]

    def alert(self, alert_id: str) -> Alert | None:
        """One alert, or None."""
        if "\x00" in alert_id:  # which PostgreSQL takes for no text
            return None
        with self.store.reading() as tx:
            found = alerts.show(tx, alert_id)
        return found if found is not None and self._known(found) else None

    def history(self, alert_id: str) -> Sequence[AlertChange]:
        """Every change of an alert, the oldest first."""
        with self.store.reading() as tx:
            return [row.change for row in alerts.history(tx, alert_id)]

    def sentence(self, alert: Alert) -> str:
        """What a lead reads first."""
        table = self.areas(alert.scope)
        names = {"": self.scopes[alert.scope].title}
        for of_unit in table.unit_names.values():
            names |= of_unit
        names |= dict(zip(table.codes, table.names, strict=True))
        return wording.sentence(alert, self.use_cases[alert.use_case].wording, names)

    def cases(self, alert: Alert, first: date, last: date) -> Sequence[CountedCase]:
        """The counted cases of the alert's use case and scope at every place, as known now."""
        use_case = self.use_cases[alert.use_case]
        areas = self.areas(alert.scope).index
        now = datetime.now(UTC)
        with self.store.reading() as tx:
            confirmed, rejected = line_list.duplicate_decisions(tx)
            found: list[CountedCase] = []
            for place in use_case.places:
                known = line_list.cases_known(tx, use_case.id, place.name, first, last, now)
                inside = [case for case in known if case.area in areas]
                found += count_once(inside, rejected, confirmed, use_case.count)
        return found

    def timeliness(self) -> Sequence[Timeliness]:
        """When each partner was last heard of, and how late its records of the last 90 days ran."""
        with self.store.reading() as tx:
            heard = {(seen.partner, seen.kind): seen.last_received_at for seen in partners.heard_of(tx)}
            judged = partners.judged(tx)
            delays = report_delays(tx, (datetime.now(UTC) - _RECENT).date())
        return [
            Timeliness(
                self.configuration.partners[source.partner],
                source.kind,
                heard.get((source.partner, source.kind)),
                *_typical(delays.get((source.partner, source.kind), [])),
                judged.get((source.partner, source.kind), (None, None))[1],
            )
            for source in self.configuration.sources()
        ]

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


def _typical(delays: Sequence[float]) -> tuple[float | None, float | None]:
    """Median and 90th percentile, or None where there are too few to say."""
    if len(delays) < _FEWEST_DELAYS:
        return None, None
    return median(delays), quantiles(delays, n=10)[-1]
