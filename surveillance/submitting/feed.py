"""A partner's file as its events: every row is an event to send, or is told every rule that it breaks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from surveillance.configuration import Configuration
from surveillance.events.canonical import canonical_json
from surveillance.events.columns import ColumnsError
from surveillance.events.decode import AnyEvent
from surveillance.events.envelope import as_test
from surveillance.events.refusal import Fault, RefusalCode, Refused
from surveillance.events.topics import Kind, Source
from surveillance.geography.lookup import Gazetteer
from surveillance.submitting.outgoing import Outgoing
from surveillance.submitting.rows import Row, encode, event_of, name_column, read_rows
from surveillance.submitting.shape import File, Shape, shape_of
from surveillance.use_case.model import Partner

ID_FIELD: Mapping[Kind, str] = {"incident": "record_id", "admission": "encounter_id"}
DEFAULT_ZONE = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a row: an event to send, or the faults that say why not."""

    line: int
    outgoing: Outgoing | None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Feed:
    """A file as a partner's events. `columns` is for tables (see `events/columns.py`)."""

    path: File
    partner: Partner
    kind: Kind
    columns: Mapping[str, str]
    zone: ZoneInfo
    backfill: bool = False
    named: Shape | None = None
    test: bool = False

    @cached_property
    def shape(self) -> Shape:
        return self.named or shape_of(self.path)

    @property
    def source(self) -> Source:
        return Source(self.kind, self.partner.id, self.backfill)

    def rows(self) -> Iterator[Row]:
        """Every row, once more from the start."""
        defaults = {"reporter_org": self.partner.organisation}
        return read_rows(self.path, self.columns, defaults, kind=self.kind, zone=self.zone, shape=self.shape)

    def judged(self, gazetteer: Gazetteer, now: datetime) -> Iterator[Judged]:
        """Every row, judged as if it were received now. Raises ColumnsError where no row can be read."""
        rows, key = self.rows(), ID_FIELD[self.kind]
        if self.shape.is_table and key not in self.columns:
            raise ColumnsError(
                [f"no column is the {key}; without it a second file would overwrite the first"]
            )
        seen = _Said()
        return (self._judge(row, seen, gazetteer, now) for row in rows)

    def _judge(self, row: Row, seen: "_Said", gazetteer: Gazetteer, now: datetime) -> Judged:
        payload = row.payload or {}
        faults: tuple[Fault, ...] = ()
        try:
            event = event_of(row, self.source, self.partner.organisation, now)
        except Refused as refused:
            faults = _own_faults(refused.faults) if self.shape.is_table else refused.faults
        faults += _places_unknown(payload, faults, gazetteer) + seen.otherwise(row)
        if faults:
            return Judged(row.line, None, tuple(name_column(fault, self.columns) for fault in faults))
        sent = as_test(_event_in(payload), self.kind, self.partner.id, row.line) if self.test else payload
        return Judged(row.line, outgoing(event, sent))


def outgoing(event: AnyEvent, payload: Mapping[str, Any]) -> Outgoing:
    """A valid event as it goes to its topic, in the words that it came in."""
    return Outgoing(f"{event.key_id}@{event.version}", event.key_id.encode(), encode(payload))


def zone_of(configuration: Configuration, partner: Partner) -> ZoneInfo:
    """The zone of the days that a partner writes: that of the first scope of its areas."""
    covered = [coverage.areas for coverage in partner.coverage]
    zones = (region.zone for region in configuration.regions.values() if region.scope.areas in covered)
    return next(zones, DEFAULT_ZONE)


def _event_in(payload: Mapping[str, Any]) -> Any:
    """An event may lie in an envelope."""
    return payload.get("data") if "specversion" in payload else payload


def _own_faults(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Without those of fields that a table's reader makes of the start of an occurrence that is wrong."""
    if all(fault.field != "occurred_from" for fault in faults):
        return faults
    made = {"occurred_to", "occurred_precision"}
    missing = RefusalCode.MISSING_FIELD
    return tuple(fault for fault in faults if fault.field not in made or fault.code != missing)


def _places_unknown(
    payload: Mapping[str, Any], faults: tuple[Fault, ...], gazetteer: Gazetteer
) -> tuple[Fault, ...]:
    """The faults of areas that are none, also beside other faults."""
    event = _event_in(payload)
    wrong = {fault.field.split(".")[0] for fault in faults}
    if not isinstance(event, dict):
        return ()
    places = {name: value for name, value in event.items() if name.endswith("_area") and name not in wrong}
    try:
        gazetteer.resolve(places)
    except Refused as refused:
        return refused.faults
    return ()


@dataclass
class _Said:
    """What the rows so far said of each version of each record."""

    _lines: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)

    def otherwise(self, row: Row) -> tuple[Fault, ...]:
        """A fault where an earlier row says something else of the same version of the same record."""
        payload = row.payload or {}
        event = _event_in(payload)
        if not isinstance(event, dict) or not event:
            return ()
        record = event.get("record_id") or event.get("encounter_id")
        try:
            said, version = _digest(event), _digest([record, event.get("version")])
        except ValueError:  # a number without end, such as 1e999: the row is refused for it
            return ()
        line, first = self._lines.setdefault(version, (row.line, said))
        if said == first:
            return ()
        rule = f"Line {line} says something else of the same version of this record"
        return (Fault(RefusalCode.INVALID_VALUE, "version", rule, "Give a revision a higher version"),)


def _digest(content: Any) -> bytes:
    return blake2b(canonical_json({"": content}).encode(), digest_size=16).digest()
