"""The report of one alert: its page made for print, with what is not known and how it was found."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from surveillance.access.role import Permission
from surveillance.alerting.alert import Alert
from surveillance.web.acting import PlanView, responses_in_words
from surveillance.web.detail import AlertPage, alert_page
from surveillance.web.house import House
from surveillance.web.reports.words import HANDLING, methods_of, readers, safe
from surveillance.web.summary import HistoryRow, Summary


@dataclass(frozen=True, slots=True)
class AlertReport:
    """An alert's page, and what stands on paper only."""

    page: AlertPage
    plans: tuple[PlanView, ...]
    unknown: tuple[str, ...]
    methods: tuple[str, ...]
    handling: str
    readers: str


def alert_report(house: House, alert: Alert) -> AlertReport:
    """The report of an alert as of now."""
    page = _safe(alert_page(house.source, alert, house.now()))
    return AlertReport(
        page=page,
        plans=tuple(_safe_plan(plan) for plan in responses_in_words(house, alert)),
        unknown=tuple(_unknown(page)),
        methods=methods_of(row.detector for row in page.evidence),
        handling=HANDLING[True],
        readers=readers(Permission.READ_CASES),
    )


def _safe(page: AlertPage) -> AlertPage:
    """Without the harmful words that people may have written."""
    return replace(
        page,
        summary=_safe_summary(page.summary),
        history=tuple(_safe_row(row) for row in page.history),
    )


def _safe_summary(summary: Summary) -> Summary:
    return replace(summary, last_change=_safe_row(summary.last_change))


def _safe_row(row: HistoryRow) -> HistoryRow:
    return replace(row, reason=safe(row.reason))


def _safe_plan(plan: PlanView) -> PlanView:
    tasks = tuple(replace(t, title=safe(t.title), reason=safe(t.reason)) for t in plan.tasks)
    return replace(plan, worked=safe(plan.worked), not_worked=safe(plan.not_worked), tasks=tasks)


def _unknown(page: AlertPage) -> Iterator[str]:
    """What an alert cannot say, and whoever acts on it must know."""
    yield "Why these cases happened, and whether one led to another: an alert tells no causes."
    if page.evidence:
        yield "Whether it is more than chance. The evidence says how often chance alone gives one as strong."
    else:
        yield "How many would be usual, and how often chance does this: no detector has found it."
    if page.epicurve.unsettled_days:
        yield (
            f"How many cases of the last {page.epicurve.unsettled_days} days are still to be reported: few "
            "cases there are not yet a fall."
        )
    for partner in page.partners:
        if partner.warning:
            yield f"What is missing from a partner: {partner.warning}."
    gone = sum(len(member.records) for member in page.members if member.day is None)
    if gone:
        yield f"What became of records that are no case in this period now: {gone}."
    yield "Whether two records are one person, where partners gave them no key in common."
