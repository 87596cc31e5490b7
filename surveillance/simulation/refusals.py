"""Messages that break one rule each, by the reason for which they must be refused."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from surveillance.events.refusal import RefusalCode
from surveillance.simulation.published import Published, encode, payload_of, wire_time

Payload = dict[str, Any]
Break = Callable[[Payload, datetime], bytes]

# The NHS keeps numbers that begin with 999 for tests: no person has one. The last digit is the check digit.
TEST_NHS_NUMBER = "9990000018"
DEPTH = 40
FAR_FUTURE = "2999-01-01T00:00:00+00:00"  # future whenever the message is received, not only now


def _change(**fields: Any) -> Break:
    return lambda payload, _: encode({**payload, **fields})


def _add_identifier(payload: Payload, _: datetime) -> bytes:
    key = {"scheme": "nhs", "key_id": "none", "value": TEST_NHS_NUMBER}
    return encode({**payload, **({"person_keys": [key]} if "record_id" in payload else {"person_key": key})})


def _start(payload: Payload) -> str:
    return "occurred_from" if "record_id" in payload else "arrived_at"


def _leave_out_time(payload: Payload, _: datetime) -> bytes:
    return encode({name: value for name, value in payload.items() if name != _start(payload)})


def _start_after_report(payload: Payload, at: datetime) -> bytes:
    return encode({**payload, _start(payload): wire_time(at + timedelta(minutes=2))})


def _cut(payload: Payload, _: datetime) -> bytes:
    return encode(payload)[:-20]


def _write_latin1(payload: Payload, _: datetime) -> bytes:
    return encode(payload)[:-1] + b',"note":"caf\xe9"}'


def _nest(payload: Payload, _: datetime) -> bytes:
    return encode(payload)[:-1] + b',"more":' + b"[" * DEPTH + b"]" * DEPTH + b"}"


def _wrap_wrongly(payload: Payload, _: datetime) -> bytes:
    return encode({"specversion": "0.3", "id": "1", "source": "/x", "type": "x", "data": payload})


def _send_nothing(_: Payload, __: datetime) -> bytes:
    return b""


# too_large is missing: brokers refuse such a message themselves. unstorable is no mistake of a partner's.
BREAKS: Mapping[RefusalCode, Break] = {
    RefusalCode.IDENTIFIER: _add_identifier,
    RefusalCode.UNKNOWN_FIELD: _change(remarks="see letter"),
    RefusalCode.FUTURE_TIME: _change(reported_at=FAR_FUTURE),
    RefusalCode.NOT_JSON: _cut,
    RefusalCode.TIME_ORDER: _start_after_report,
    RefusalCode.UNKNOWN_AREA: _change(residence_area={"code": "NOWHERE"}),
    RefusalCode.MISSING_FIELD: _leave_out_time,
    RefusalCode.INVALID_VALUE: _change(age="forty"),
    RefusalCode.WRONG_ORGANISATION: _change(reporter_org="SOMEONE-ELSE"),
    RefusalCode.NOT_UTF8: _write_latin1,
    RefusalCode.TOO_DEEP: _nest,
    RefusalCode.ENVELOPE: _wrap_wrongly,
    RefusalCode.EMPTY: _send_nothing,
}
CODES = tuple(BREAKS)


def spoil(published: Published, code: RefusalCode) -> Published:
    """A valid message turned into one that must be refused for `code`; its record is never stored."""
    value = BREAKS[code](payload_of(published), published.reported_at)
    return replace(published, value=value, note=f"refused:{code}")
