"""JSON may hold numbers that no computer has: a row with one is refused, and the others are judged."""

import json
from pathlib import Path

import pytest
from handing_in import clock, event, feed_of

from surveillance.configuration import Configuration


@pytest.mark.parametrize("field", ["age", "version", "record_id"])
def test_a_number_without_end_is_refused_in_its_row(
    configuration: Configuration, tmp_path: Path, field: str
) -> None:
    bad = json.dumps(event("r-1") | {field: "ENDLESS"}).replace('"ENDLESS"', "1e999")
    (tmp_path / "rows.jsonl").write_text(f"{bad}\n{json.dumps(event('r-2'))}\n")
    feed = feed_of(configuration, tmp_path / "rows.jsonl")
    first, second = feed.judged(configuration.gazetteer, clock())
    assert (first.outgoing, bool(first.faults)) == (None, True)
    assert second.outgoing is not None
