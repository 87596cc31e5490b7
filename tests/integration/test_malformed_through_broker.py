"""Whatever bytes a partner sends: one dead letter with its reason, and the worker goes on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fleet import Fleet

from factories import as_bytes, incident
from surveillance.events.topics import topic_name
from surveillance.kafka.producer import Publisher
from surveillance.line_list.record import RecordKey
from surveillance.store import dead_letters, line_list

PARTNER = "example-police"
# Kafka takes a batch of 1,048,588 bytes at most; what surrounds a value takes less than 200 of them.
LARGEST = 1_048_576 - 200


def good(**changes: Any) -> dict[str, Any]:
    return incident(**{"reporter_org": "EXAMPLE-POLICE", **changes})


def with_raw(field: str, text: str) -> bytes:
    """A good incident with a field's JSON value written as given."""
    payload = json.dumps(good(**{field: "RAW"}))
    return payload.replace('"RAW"', text).encode()


MALFORMED: dict[str, tuple[bytes | None, set[str]]] = {
    "a tombstone": (None, {"empty"}),
    "nothing": (b"", {"empty"}),
    "NUL bytes": (b"\x00" * 100, {"not_json"}),
    "cut short": (as_bytes(good())[:-20], {"not_json"}),
    "two documents": (as_bytes(good()) * 2, {"not_json"}),
    "a list": (as_bytes([good()]), {"not_json"}),
    "a number": (b"17", {"not_json"}),
    "null": (b"null", {"not_json"}),
    "a key twice": (as_bytes(good())[:-1] + b',"version": 2}', {"not_json"}),
    "not a number": (with_raw("age", "NaN"), {"not_json"}),
    "infinity": (with_raw("age", "-Infinity"), {"not_json"}),
    "a number of 5,000 digits": (with_raw("age", "9" * 5000), {"not_json"}),
    "a number beyond doubles": (with_raw("age", "1e400"), {"not_json", "invalid_value"}),
    "a version beyond 64 bits": (as_bytes(good(version=2**70)), {"invalid_value"}),
    "a negative age": (as_bytes(good(age=-1)), {"invalid_value"}),
    "a lone surrogate": (with_raw("record_id", '"\\ud800"'), {"not_json"}),
    "a surrogate in a name": (as_bytes(good())[:-1] + b',"\\udfff": 1}', {"not_json"}),
    "NUL in text": (as_bytes(good(record_id="a\x00b")), {"invalid_value"}),
    "NUL in a setting": (
        as_bytes(good(settings=[{"type": "school", "identifier": "a\x00"}])),
        {"invalid_value"},
    ),
    "Latin-1": (b'{"record_id": "caf\xe9"}', {"not_utf8"}),
    "a cut character": (b'{"record_id": "\xe2\x82"}', {"not_utf8"}),
    "an overlong NUL": (b'{"record_id": "\xc0\x80"}', {"not_utf8"}),
    "a byte order mark": (b"\xef\xbb\xbf" + as_bytes(good()), {"not_utf8"}),
    "UTF-16": (json.dumps(good()).encode("utf-16"), {"not_utf8"}),
    "text for a number": (as_bytes(good(age="forty")), {"invalid_value"}),
    "a number for text": (as_bytes(good(record_id=7)), {"invalid_value"}),
    "a list for an object": (as_bytes(good(residence_area=[])), {"invalid_value"}),
    "an object for a list": (as_bytes(good(person_keys={})), {"invalid_value"}),
    "null for a time": (as_bytes(good(occurred_from=None)), {"invalid_value", "missing_field"}),
    "the year 0": (as_bytes(good(occurred_from="0000-01-01T00:00:00Z")), {"invalid_value"}),
    "the year 1": (
        as_bytes(good(occurred_from="0001-01-01T00:00:00+14:00")),
        {"invalid_value", "time_order"},
    ),
    "the year 9999": (
        as_bytes(good(occurred_to="9999-12-31T23:59:59-14:00")),
        {"invalid_value", "future_time", "time_order"},
    ),
    "the 30th of February": (as_bytes(good(occurred_from="2024-02-30T00:00:00Z")), {"invalid_value"}),
    "a time without its zone": (as_bytes(good(occurred_from="2024-03-01T22:00:00")), {"invalid_value"}),
    "a time as a number": (as_bytes(good(occurred_from=1e308)), {"invalid_value"}),
    "the end before the start": (as_bytes(good(occurred_to="2024-02-01T00:00:00Z")), {"time_order"}),
    "a report of the future": (as_bytes(good(reported_at="2999-01-01T00:00:00Z")), {"future_time"}),
    "depth of 100": (b'{"a":' * 100 + b"1" + b"}" * 100, {"too_deep"}),
    "900,000 brackets": (b"[" * 900_000, {"too_deep"}),
    "60,000 fields": (
        b"{" + b",".join(b'"f%d":0' % number for number in range(60_000)) + b"}",
        {"unknown_field", "missing_field"},
    ),
    "the largest text": (
        as_bytes({"a": "x" * (LARGEST - 9)}),
        {"unknown_field", "missing_field"},
    ),
    "the largest noise": (b"\xff" * LARGEST, {"not_utf8"}),
    "a large good field": (as_bytes(good(category="x" * 1_000_000)), {"invalid_value"}),
    "an envelope of another age": (
        as_bytes({"specversion": "0.1", "id": "1", "source": "/x", "type": "x", "data": good()}),
        {"envelope"},
    ),
    "someone else's name": (as_bytes(good(reporter_org="SOMEONE-ELSE")), {"wrong_organisation"}),
}


def noise(count: int = 60) -> list[bytes]:
    """Random bytes, and good incidents with some bytes changed so that they are none any more."""
    rng = np.random.default_rng(3)
    raw = [rng.bytes(int(size)) or b"\xff" for size in rng.integers(1, 2000, count)]
    broken = []
    for _ in range(count):
        value = bytearray(as_bytes(good()))
        for at in rng.integers(1, len(value) - 1, 40):
            value[at] = int(rng.integers(128, 256))
        broken.append(bytes(value))
    return raw + broken


def test_every_malformed_message_is_one_dead_letter_and_the_worker_goes_on(
    broker_address: str, new_topic: Callable[[str], str], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'surveillance.db'}"
    with Fleet(tmp_path, broker_address, url, new_topic(""), options={"partitions": 1}) as fleet:
        fleet.start("only")
        topic = topic_name("incident", PARTNER, fleet.prefix)
        failures: list[str | None] = []
        values = [*(value for value, _ in MALFORMED.values()), *noise(), as_bytes(good())]
        with Publisher(broker_address) as publisher:
            for value in values:
                publisher.publish(topic, b"k", value, failures.append)
            publisher.flush()
        assert failures == [None] * len(values)
        fleet.wait_until(fleet.all_handled, 60, "every offset is in the ledger")
        with fleet.store.reading() as tx:
            letters = dead_letters.listed(tx, limit=len(values) + 10)
            records = line_list.count_records(tx)
            stored = line_list.versions_of(tx, [RecordKey(PARTNER, "incident", "inc-0001")])
        reasons = {one.letter.offset: str(one.letter.code) for one in letters}
        assert len(letters) == len(reasons) == len(values) - 1
        wrong = {
            what: reasons.get(offset)
            for offset, (what, (_, codes)) in enumerate(MALFORMED.items())
            if reasons.get(offset) not in codes
        }
        assert wrong == {}
        assert all(one.letter.faults for one in letters)
        assert records == len(stored) == 1
        assert fleet.defects() == []
        fleet.stop_all()
