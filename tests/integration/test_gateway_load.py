"""The gateway under a steady load: everything that was accepted is in the database."""

from pathlib import Path

import pytest

from gateway_load import hold


@pytest.mark.slow
def test_every_record_that_was_accepted_under_load_is_in_the_database(tmp_path: Path) -> None:
    load = hold(tmp_path, rate=50, seconds=6)
    assert load.statuses.total() == 300
    assert set(load.statuses) <= {200, 202}, load.statuses
    assert load.lost == frozenset()
    assert load.stored == frozenset(load.accepted), "and nothing else"
