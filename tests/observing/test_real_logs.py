"""The logs of real processes: one record is followed through them, and nothing private stands in them."""

import json
from typing import Any

import pytest
from observed import Observed

from surveillance.store import erasures

Line = dict[str, Any]

pytestmark = pytest.mark.slow


def find(lines: list[Line], event: str, **values: Any) -> list[Line]:
    return [line for line in lines if line["event"] == event and values.items() <= line.items()]


def test_a_record_is_followed_from_its_partners_offset_to_the_notice_of_its_alert(observed: Observed) -> None:
    lines = observed.lines("worker")
    changed = find(lines, "alert changed", change="opened")[0]
    joined = set(changed["joined"])
    (received, *_) = [
        line for line in find(lines, "message handled", outcome="stored") if line["record"] in joined
    ]
    (evaluated,) = find(lines, "evaluated", evaluation=changed["evaluation"])
    assert evaluated["look"] in received["looks"]
    assert evaluated["timestamp"] > received["timestamp"]
    about = {"alert": changed["alert"], "revision": changed["revision"]}
    owed = find(lines, "notice owed", **about)
    told = find(lines, "notice handled", delivery=owed[0]["delivery"]) or owed
    assert told[0].get("outcome") == "sent" or told[0]["reason"]
    # And back: the stand-in is that of one record of the partner whose topic it was.
    key = observed.stack.settings.dead_letter_key
    assert key is not None
    names = {erasures.token(key.get_secret_value().encode(), m.record_key) for m in observed.published}
    assert received["record"] in names


def test_every_message_has_one_line_by_its_place(observed: Observed) -> None:
    handled = find(observed.lines("worker"), "message handled")
    places = [(line["topic"], line["partition"], line["offset"]) for line in handled]
    assert len(set(places)) == len(places) == len(observed.published) + 1


@pytest.mark.parametrize("process", ["worker", "web"])
def test_nothing_that_a_partner_sent_and_no_secret_stands_in_a_log(observed: Observed, process: str) -> None:
    text = observed.log(process)
    settings = observed.stack.settings
    secrets = {
        *(getattr(settings, name).get_secret_value() for name in ("dead_letter_key", "audit_key")),
        *(value for message in observed.published for value in private_values(message.value)),
    }
    assert len(secrets) > 50
    assert [secret for secret in secrets if secret in text] == []


def private_values(payload: bytes) -> set[str]:
    """Identifiers, places and texts of a payload: whatever is long enough not to be met by chance."""
    found: set[str] = set()

    def gather(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                gather(key, inner)
        elif isinstance(value, list):
            for inner in value:
                gather(name, inner)
        elif isinstance(value, str) and len(value) > 6 and name in PRIVATE:
            found.add(value)

    try:
        gather("", json.loads(payload))
    except ValueError:
        return set()
    return found


PRIVATE = (
    "record_id",
    "encounter_id",
    "value",
    "code",
    "postcode",
    "identifier",
    "merged_into",
    "record",
    "name",
)
