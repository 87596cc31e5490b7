"""One run of everything for the session."""

from collections.abc import Iterator

import pytest
from observed import Observed, observe


@pytest.fixture(scope="session")
def observed(prometheus: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """A worker and the pages under a real Prometheus, after a day of reports."""
    with observe(prometheus, tmp_path_factory.mktemp("observed")) as seen:
        yield seen
