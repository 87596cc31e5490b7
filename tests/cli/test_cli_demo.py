"""surveillance demo: from nothing to the first alert, unattended, twice."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, run_apart

from surveillance.configuration import load_configuration
from surveillance.simulation.live import CLUSTER
from surveillance.store import line_list, partners
from surveillance.store.database import Store


@pytest.mark.slow
def test_the_demo_shows_the_injected_cluster_and_does_so_again(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    for _ in range(2):
        done = run_apart("demo", "--exit-after-first-alert", "--json", "--directory", directory, seconds=180)
        assert done.code == 0, done.err
        alert = json.loads(done.out)
        assert f"/alerts/{alert['id']}" in "".join(done.err.split())  # where its page is
        assert (alert["state"], alert["alive"]) == ("open", True)
        assert alert["use_case"] in load_configuration(ROOT / "config").use_cases
        assert len(_injected(alert)) >= 2
        assert alert["history"][0]["change"] == "opened"
        assert "simulated" in done.err
        _assert_the_password_is_told_here_and_kept_nowhere(directory, done.err)
        _assert_everything_is_in_the_database(directory, alert)


def _assert_the_password_is_told_here_and_kept_nowhere(directory: Path, told: str) -> None:
    found = re.search(r"^password +(\S+)$", told, re.MULTILINE)
    assert found, told
    assert "first-operator" in told
    written = b"".join(path.read_bytes() for path in directory.iterdir() if path.is_file())
    assert found[1].encode() not in written


def _injected(alert: dict[str, Any]) -> set[str]:
    """The members that the police reported of the injected cluster."""
    reports = {f"example-police/incident/pol-{CLUSTER + number}@1" for number in range(20)}
    return reports & set(alert["members"])


def _assert_everything_is_in_the_database(directory: Path, alert: dict[str, Any]) -> None:
    store = Store.open(f"sqlite:///{directory / 'surveillance.db'}")
    with store.reading() as tx:
        heard = partners.heard_of(tx)
        assert {seen.partner for seen in heard} == {
            "example-police",
            "example-coroner",
            "example-emergency-department",
        }
        assert line_list.count_records(tx) > 1000
    store.close()
    assert all("@" in member for member in alert["members"])
