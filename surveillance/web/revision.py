"""What was known at one revision of an alert: from the snapshot that its evaluation stored."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from surveillance.alerting.alert import Alert
from surveillance.alerting.finding import record_of
from surveillance.alerting.wording import over_days
from surveillance.line_list.record import RecordKey
from surveillance.store.codec import cluster_from_json
from surveillance.web import words
from surveillance.web.epicurve import Epicurve, draw_epicurve
from surveillance.web.evidence import Evidence, read_evidence
from surveillance.web.source import AlertSource, Known, leading_place
from surveillance.web.summary import HistoryRow, history_row, step_of


@dataclass(frozen=True, slots=True)
class Counted:
    """How many cases were counted at a place, from how many records, sent by whom."""

    place: str
    cases: int
    records: int
    partners: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an evaluation looked at and found; `others` are clusters beside those of the alert."""

    number: int
    known_words: str
    days: str
    as_of: date
    counted: tuple[Counted, ...]
    links: int
    found: int
    evidence: tuple[Evidence, ...]
    epicurve: Epicurve
    seconds: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RevisionPage:
    """An alert as it stood at one revision, and what was known then."""

    id: str
    revision: int
    title: str
    time_zone: str
    change: HistoryRow
    sentence: str
    severity: str
    state_words: str
    owner: str | None
    period: str
    evidence: tuple[Evidence, ...]
    members: tuple[str, ...]
    joined: frozenset[str]
    left: tuple[str, ...]
    snapshot: Snapshot | None
    before: int | None
    after: int | None


def revision_page(source: AlertSource, current: Alert, known: Known) -> RevisionPage:
    """One revision of an alert, beside the one before it."""
    alert, scope = known.change.alert, source.scopes[current.scope]
    zone, areas = ZoneInfo(scope.time_zone), source.areas(current.scope)
    earlier = source.known(alert.id, alert.revision - 1)
    former = earlier.change.alert.members if earlier else ()
    held, held_before = set(map(record_of, alert.members)), set(map(record_of, former))
    return RevisionPage(
        id=alert.id,
        revision=alert.revision,
        title=f"{source.use_cases[alert.use_case].title}, {scope.title}",
        time_zone=scope.time_zone,
        change=history_row(step_of(known.change), zone),
        sentence=source.sentence(alert),
        severity=alert.severity,
        state_words=words.STATES[alert.state],
        owner=alert.owner,
        period=over_days(alert.start, alert.end),
        evidence=tuple(read_evidence(cluster, areas) for cluster in alert.clusters),
        members=alert.members,
        joined=frozenset(m for m in alert.members if record_of(m) not in held_before)
        if former
        else frozenset(),
        left=tuple(m for m in former if record_of(m) not in held),
        snapshot=_snapshot(known, source, zone),
        before=alert.revision - 1 if alert.revision > 1 else None,
        after=alert.revision + 1 if alert.revision < current.revision else None,
    )


def _snapshot(known: Known, source: AlertSource, zone: ZoneInfo) -> Snapshot | None:
    alert, evaluation = known.change.alert, known.evaluation
    if evaluation is None or evaluation.snapshot is None:
        return None
    stored = evaluation.snapshot
    clusters = [cluster_from_json(cluster) for cluster in stored["clusters"]]
    areas = source.areas(alert.scope)
    titles = {t.partner.id: t.partner.title for t in source.timeliness()}
    place = leading_place(alert, source.use_cases[alert.use_case])
    return Snapshot(
        number=evaluation.id,
        known_words=words.at_time(evaluation.known_at, zone),
        days=over_days(date.fromisoformat(stored["start"]), evaluation.as_of),
        as_of=evaluation.as_of,
        counted=tuple(_counted(name, cases, titles) for name, cases in stored["cases"].items()),
        links=len(stored["links"]),
        found=len(clusters),
        evidence=tuple(read_evidence(c, areas) for c in clusters if c not in alert.clusters),
        epicurve=_epicurve(alert, stored["cases"].get(place, []), known.days, evaluation.as_of),
        seconds=tuple((stage, f"{taken:.2f} s") for stage, taken in evaluation.seconds.items()),
    )


def _epicurve(
    alert: Alert, cases: Iterable[Sequence[str]], days: Mapping[RecordKey, date], as_of: date
) -> Epicurve:
    """The curve as it was: cases as they were counted then, on the days that were known then."""
    members = set(map(record_of, alert.members))
    inside: list[date] = []
    others: list[date] = []
    for of_case in cases:
        keys = [record_of(record) for record in of_case]
        known = [days[key] for key in map(RecordKey.parse, keys) if key in days]
        if known:
            (others if members.isdisjoint(keys) else inside).append(min(known))
    return draw_epicurve(inside, others, alert.start, alert.end, as_of, 0.0)


def _counted(place: str, cases: Sequence[Iterable[str]], titles: Mapping[str, str]) -> Counted:
    records = [record for of_case in cases for record in of_case]
    partners = Counter(record.partition("/")[0] for record in records)
    named = tuple((titles.get(partner, partner), count) for partner, count in partners.most_common())
    return Counted(place, len(cases), len(records), named)
