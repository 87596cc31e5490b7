"""Alerts in full for programs, a page of one view at a time: only those of the page are loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.alerting.alert import Alert
from surveillance.store.queue import Cut, View
from surveillance.web import words
from surveillance.web.partners import PartnerRow, partner_rows
from surveillance.web.queue import Asked, choice_of, ranks_of
from surveillance.web.source import AlertSource
from surveillance.web.summary import Summary, Watched, page_zone, summarise, watched


@dataclass(frozen=True, slots=True)
class Part:
    """The alerts of one page. `found`: how many the view has. `next`: the address of the page after it."""

    found: int
    next: str | None
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class AlertsPage:
    """A page of one view, with what is watched and by whom it is fed."""

    at_words: str
    view: View
    page: int
    found: int
    next: str | None
    alerts: tuple[Summary, ...]
    watched: tuple[Watched, ...]
    partners: tuple[PartnerRow, ...]


def part_of_alerts(
    source: AlertSource, person: Person, asked: Asked, size: int, now: datetime, path: str
) -> Part:
    """So many of the person's alerts whose cases they may read, as of `now`; `path`: where the pages are."""
    choice = choice_of(source, person, asked, now, Permission.READ_CASES)
    found = source.counts(choice)[asked.view]
    cut = Cut(asked.view, ranks_of(source), (asked.page - 1) * size, size)
    ids = [one.id for one in source.listed(choice, cut)]
    in_full = source.in_full(ids)
    following = {"view": asked.view.value, **asked.filters, "page": asked.page + 1, "size": size}
    return Part(
        found=found,
        next=f"{path}?{urlencode(following)}" if cut.first + size < found else None,
        alerts=tuple(in_full[one] for one in ids if one in in_full),
    )


def alerts_page(source: AlertSource, person: Person, asked: Asked, size: int, now: datetime) -> AlertsPage:
    """A page of the person's alerts in words."""
    part = part_of_alerts(source, person, asked, size, now, "/api/alerts")
    zone = page_zone(source)
    return AlertsPage(
        at_words=words.at_time(now, zone),
        view=asked.view,
        page=asked.page,
        found=part.found,
        next=part.next,
        alerts=tuple(_summaries(source, part.alerts, now)),
        watched=watched(source),
        partners=partner_rows(source.timeliness(), now, zone),
    )


def _summaries(source: AlertSource, alerts: Sequence[Alert], now: datetime) -> Sequence[Summary]:
    last = source.steps({alert.id: alert.revision - 1 for alert in alerts})
    return [summarise(source, alert, last[alert.id][-1], now) for alert in alerts if last.get(alert.id)]
