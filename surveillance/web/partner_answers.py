"""Makes the page of a partner, and of all, from what is stored."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import accumulate
from zoneinfo import ZoneInfo

from surveillance.configuration import Configuration
from surveillance.events.decode import event_model
from surveillance.events.known_fields import known_fields
from surveillance.events.refusal import RefusalCode
from surveillance.events.topics import Kind as KindName
from surveillance.events.topics import topic_name
from surveillance.line_list.quality import FIELDS
from surveillance.store import dead_letters, duplicates, ledger, partner_months, partners, quality, receipts
from surveillance.store.conflicts import Conflict, conflicts_of
from surveillance.store.database import Transaction
from surveillance.store.dead_letters import StoredLetter, Tally, Wanted
from surveillance.use_case.model import Partner
from surveillance.web import answers, words
from surveillance.web.partners import PartnerRow, partner_rows
from surveillance.web.source import Timeliness

MONTHS, MONTHS_OF_FIELDS, PAIRS, CONFLICTS = 12, 3, 10, 10
REFUSALS = 25
_HALF, _NINE_IN_TEN = 0.5, 0.9

CODES: Mapping[RefusalCode, str] = {
    RefusalCode.NOT_UTF8: "is no UTF-8 text",
    RefusalCode.NOT_JSON: "is no JSON object",
    RefusalCode.TOO_LARGE: "is too large",
    RefusalCode.TOO_DEEP: "is nested too deeply",
    RefusalCode.EMPTY: "has no content",
    RefusalCode.ENVELOPE: "has an envelope that is none",
    RefusalCode.UNKNOWN_FIELD: "has a field that the contract does not know",
    RefusalCode.MISSING_FIELD: "lacks a field that is required",
    RefusalCode.INVALID_VALUE: "has a value that its field does not take",
    RefusalCode.TIME_ORDER: "has times in the wrong order",
    RefusalCode.FUTURE_TIME: "has a time in the future",
    RefusalCode.IDENTIFIER: "holds a number of a person",
    RefusalCode.UNKNOWN_AREA: "has an area that is not known",
    RefusalCode.WRONG_ORGANISATION: "names another organisation",
    RefusalCode.ERASED: "is of a record that was erased",
    RefusalCode.UNSTORABLE: "could not be stored: a defect of the service",
}
RESOLUTIONS = {"correction": "corrected", "replay": "accepted when read again", "erasure": "erased"}


def partner_page(
    tx: Transaction,
    configuration: Configuration,
    partner: Partner,
    now: datetime,
    zone: ZoneInfo,
) -> answers.PartnerPage:
    """Everything that a partner is answered."""
    tallies = dead_letters.tallies(tx, partner.id)
    pairs, found = duplicates.proposed_within(tx, partner.id, PAIRS)
    conflicts, conflicting = conflicts_of(tx, partner.id, CONFLICTS)
    return answers.PartnerPage(
        partner=partner.id,
        title=partner.title,
        organisation=partner.organisation,
        at=now,
        at_words=words.at_time(now, zone),
        time_zone=str(zone),
        kinds=tuple(_kind(tx, row, partner, now) for row in _heard(tx, configuration, now, zone, partner)),
        reasons=tuple(_reason(tally, now) for tally in tallies),
        refused=sum(tally.refused for tally in tallies),
        open=sum(tally.open for tally in tallies),
        pairs=tuple(
            answers.Pair(
                kind=a.kind,
                record_id=a.record_id,
                other_record_id=b.record_id,
                proposed_at=at,
                proposed_words=words.at_time(at, zone),
            )
            for a, b, at in pairs
        ),
        pairs_found=found,
        conflicts=tuple(_conflict(one, zone) for one in conflicts),
        conflicts_found=conflicting,
        receipts=partner.receipts,
        receipts_waiting=receipts.waiting(tx, partner.id)[0],
    )


def partners_page(
    tx: Transaction, configuration: Configuration, shown: Sequence[Partner], now: datetime, zone: ZoneInfo
) -> answers.PartnersPage:
    """A line for each partner and kind of record, those that have gone silent first."""
    month = _month(now)
    counted = {(m.partner, m.kind): m for m in partner_months.months_of(tx, since=month)}
    waiting: Counter[str] = Counter()
    for (partner, _), number in dead_letters.open_by_partner(tx).items():
        waiting[partner] += number
    chosen = {partner.id: partner for partner in shown}
    lines = []
    for row in _heard(tx, configuration, now, zone):
        if row.partner not in chosen:
            continue
        kind = kind_of(row)
        this = counted.get((row.partner, kind), partner_months.Month(row.partner, kind, month))
        late = _all(quality.delays(tx, row.partner, kind, _months_before(month, 2)))
        expected = chosen[row.partner].expected_delay_days
        lines.append(
            answers.PartnerLine(
                partner=row.partner,
                title=row.title,
                sends=row.sends,
                last_words=row.last_words,
                standing="Silent" if row.silent else "Unusually quiet" if row.quiet else "As usual",
                well=not row.warning,
                received=this.received,
                refused=this.refused,
                open=waiting[row.partner],
                timeliness_words=_timeliness(late, expected),
                on_time=_on_time(late, expected),
            )
        )
    return answers.PartnersPage(at_words=words.at_time(now, zone), rows=tuple(lines))


def refusals_page(
    tx: Transaction, partner: Partner, wanted: Wanted, size: int, zone: ZoneInfo
) -> answers.Refusals:
    """A page of a partner's refused messages."""
    found = dead_letters.found(tx, wanted, size + 1)
    rows = tuple(_refusal(one, zone) for one in found[:size])
    more = rows[-1].id if len(found) > size else None
    return answers.Refusals(partner=partner.id, title=partner.title, rows=rows, next=more)


def kind_of(row: PartnerRow) -> KindName:
    """The kind of record that a row is about."""
    return "incident" if row.sends == "incidents" else "admission"


def _heard(
    tx: Transaction, configuration: Configuration, now: datetime, zone: ZoneInfo, only: Partner | None = None
) -> Iterable[PartnerRow]:
    heard = {(seen.partner, seen.kind): seen.last_received_at for seen in partners.heard_of(tx)}
    judged = partners.judged(tx)
    rows = [
        Timeliness(
            configuration.partners[source.partner],
            source.kind,
            heard.get((source.partner, source.kind)),
            quietness=judged.get((source.partner, source.kind), (None, None))[1],
        )
        for source in configuration.sources()
        if only is None or source.partner == only.id
    ]
    return partner_rows(rows, now, zone)


def _kind(tx: Transaction, row: PartnerRow, partner: Partner, now: datetime) -> answers.Kind:
    kind, since = kind_of(row), _months_before(_month(now), MONTHS - 1)
    delays = quality.delays(tx, partner.id, kind, since)
    messages = {m.month: m for m in partner_months.months_of(tx, partner.id, since) if m.kind == kind}
    totals, having = quality.filled(tx, partner.id, kind, since)
    expected = partner.expected_delay_days
    topic = topic_name(kind, partner.id)
    return answers.Kind(
        kind=kind,
        sends=row.sends,
        topic=topic,
        last_received_at=row.last_received_at,
        last_words=row.last_words,
        silent=row.silent,
        silence_words=row.silence_words,
        quiet=row.quiet,
        quiet_words=row.quiet_words,
        expected_delay_days=expected,
        timeliness_words=_timeliness(_all(delays), expected),
        months=tuple(
            _of_month(
                messages.get(m, partner_months.Month(partner.id, kind, m)), delays.get(m, Counter()), expected
            )
            for m in sorted({*messages, *delays}, reverse=True)
        ),
        records=sum(totals.values()),
        fields=tuple(_fields(kind, totals, having)),
        being_fetched=_being_fetched(tx, topic),
    )


def _of_month(month: partner_months.Month, late: Counter[int], expected: float) -> answers.Month:
    return answers.Month(
        month=month.month,
        words=f"{month.month:%B %Y}",
        received=month.received,
        accepted=month.accepted,
        repeated=month.repeated,
        refused=month.refused,
        tested=month.tested,
        records=late.total(),
        median_delay_days=_within(late, _HALF),
        delay_90_percent_days=_within(late, _NINE_IN_TEN),
        on_time=_on_time(late, expected),
    )


def _fields(
    kind: KindName, totals: Mapping[date, int], having: Mapping[date, Counter[str]]
) -> Iterable[answers.Field]:
    """The optional fields in the contract's order, as far as there are records."""
    if not totals:
        return
    known, have = known_fields(event_model(kind)), sum(having.values(), Counter[str]())
    newest = sorted(totals)[-MONTHS_OF_FIELDS:]
    for name in FIELDS[kind]:
        yield answers.Field(
            field=name,
            meaning=known[name].words if name in known else "",
            share=have[name] / sum(totals.values()),
            months=tuple(answers.Share(month=m, share=having[m][name] / totals[m]) for m in newest),
        )


def _reason(tally: Tally, now: datetime) -> answers.Reason:
    return answers.Reason(
        code=tally.code.value,
        words=CODES[tally.code],
        refused=tally.refused,
        open=tally.open,
        last_received_at=tally.last_received_at,
        last_words=words.ago(tally.last_received_at, now),
    )


def _refusal(one: StoredLetter, zone: ZoneInfo) -> answers.Refusal:
    letter = one.letter
    resolved = ""
    if one.resolved_at is not None:
        resolved = (
            f"{RESOLUTIONS.get(one.resolved_by or '', 'resolved')}, {words.at_time(one.resolved_at, zone)}"
        )
    return answers.Refusal(
        id=one.id,
        kind=letter.kind,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        record_id=letter.record_id,
        version=letter.version,
        received_at=letter.received_at,
        received_words=words.at_time(letter.received_at, zone),
        faults=tuple(
            answers.Rule(code=f.code.value, field=f.field or "message", rule=f.rule, fix=f.fix)
            for f in letter.faults
        ),
        resolved_at=one.resolved_at,
        resolved_words=resolved,
    )


def _conflict(one: Conflict, zone: ZoneInfo) -> answers.Conflict:
    return answers.Conflict(
        kind=one.record.kind,
        record_id=one.record.record_id,
        version=one.version,
        received_at=one.received_at,
        received_words=words.at_time(one.received_at, zone),
    )


def _being_fetched(tx: Transaction, topic: str) -> int:
    """Messages below one that was handled already: the repair fetches them again."""
    of_topic = (p for p in ledger.positions(tx).values() if p.place.topic == topic)
    return sum(
        len(gap) for p in of_topic if p.handled.spans for gap in ledger.gaps(p, p.handled.spans[-1][1])
    )


def _timeliness(late: Counter[int], expected: float) -> str:
    half, most = _within(late, _HALF), _within(late, _NINE_IN_TEN)
    if half is None or most is None:
        return f"No record yet; {words.days(expected)} agreed"
    agreed = f"{'within' if most <= expected else 'longer than'} the {words.days(expected)} agreed"
    return (
        f"Half within {words.days(round(half, 1))}, nine in ten within {words.days(round(most, 1))}: {agreed}"
    )


def _on_time(late: Counter[int], expected: float) -> bool | None:
    most = _within(late, _NINE_IN_TEN)
    return None if most is None else most <= expected


def _within(late: Counter[int], share: float) -> float | None:
    """The days within which such a share of records came, to the hour above."""
    hours = sorted(late)
    reached = accumulate(late[hour] for hour in hours)
    needed = share * late.total()
    return next(
        ((hour + 1) / 24 for hour, so_far in zip(hours, reached, strict=True) if so_far >= needed), None
    )


def _all(delays: Mapping[date, Counter[int]]) -> Counter[int]:
    return sum(delays.values(), Counter[int]())


def _month(now: datetime) -> date:
    return now.astimezone(UTC).date().replace(day=1)


def _months_before(month: date, months: int) -> date:
    years, index = divmod(month.month - 1 - months, 12)
    return date(month.year + years, index + 1, 1)
