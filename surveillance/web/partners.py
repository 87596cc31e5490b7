"""How late each partner's records run, and who has gone silent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from surveillance.alerting.wording import amount, on_day
from surveillance.web import words
from surveillance.web.source import Timeliness

KINDS = {"incident": "incidents", "admission": "admissions"}


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """A partner and one kind of record that it sends."""

    partner: str
    title: str
    sends: str
    last_received_at: datetime | None
    last_words: str
    silent: bool
    silence_words: str
    quiet: bool
    quiet_words: str
    median_delay_days: float | None
    delay_90_percent_days: float | None
    delay_words: str
    covered_since: str

    @property
    def warning(self) -> str:
        """What is missing from it, in words; empty where it reports as it always did."""
        if self.silent:
            return f"{self.title} is silent: last report {self.last_words} ({self.silence_words})"
        return f"{self.title} is unusually quiet: {self.quiet_words}" if self.quiet else ""


def partner_rows(rows: Iterable[Timeliness], now: datetime, zone: ZoneInfo) -> tuple[PartnerRow, ...]:
    """Partners in words, those that have gone silent first, then the quiet ones."""
    return tuple(
        sorted(
            (_row(r, now, zone) for r in rows), key=lambda r: (not r.silent, not r.quiet, r.title, r.sends)
        )
    )


def settled_after_days(rows: Iterable[Timeliness]) -> float:
    """How many days most records take to arrive: the slowest partner's nine in ten, or what it promised."""
    known = [r.delay_90_percent_days or r.partner.expected_delay_days for r in rows]
    return max(known, default=0.0)


def _row(row: Timeliness, now: datetime, zone: ZoneInfo) -> PartnerRow:
    allowed = timedelta(hours=row.partner.silence_after_hours)
    last = row.last_received_at
    return PartnerRow(
        partner=row.partner.id,
        title=row.partner.title,
        sends=KINDS.get(row.kind, row.kind),
        last_received_at=last,
        last_words="nothing yet" if last is None else f"{words.ago(last, now)}, {words.at_time(last, zone)}",
        silent=last is None or now - last > allowed,
        silence_words=f"expected at least every {words.duration(allowed)}",
        quiet=row.quietness is not None and row.quietness.quiet,
        quiet_words=_quiet(row),
        median_delay_days=row.median_delay_days,
        delay_90_percent_days=row.delay_90_percent_days,
        delay_words=_delay(row),
        covered_since=on_day(min(c.since for c in row.partner.coverage)),
    )


def _quiet(row: Timeliness) -> str:
    found = row.quietness
    if found is None:
        return "not enough past to compare with"
    sent = f"{words.plural(found.observed, 'new record')} in {words.plural(found.window_days, 'day')}"
    return f"{sent} up to the last midnight, {amount(found.expected)} would be usual"


def _delay(row: Timeliness) -> str:
    if row.median_delay_days is None or row.delay_90_percent_days is None:
        return f"not measured yet; {words.days(row.partner.expected_delay_days)} agreed"
    half, most = words.days(row.median_delay_days), words.days(row.delay_90_percent_days)
    return f"half within {half}, nine in ten within {most}"
