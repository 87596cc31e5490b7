"""surveillance evaluate as people run it."""

import json
from pathlib import Path

import pytest
from command import Run

from small_house import write_house


@pytest.fixture
def planet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Run:
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(write_house(tmp_path / "config")))
    return run


def test_it_simulates_reports_and_does_nothing_twice(planet: Run, tmp_path: Path) -> None:
    asked = ("evaluate", "--use-case", "dune-fever", "--years", 0, "--clusters", 1, "--extra", 9, "--days", 3)
    more = ("--cases-a-year", 100, "--radius-km", 0.5, "--workers", 1, "--output", tmp_path / "out", "--json")
    first = planet(*asked, *more)
    assert first.code == 0, first.err
    (found,) = [
        p
        for p in json.loads(first.out)["power"]
        if (p["arm"], p["band"]) == ("every_event/combined", "watch")
    ]
    assert (found["runs"], found["injected"]) == (1, 9)
    again = planet(*asked, *more, "--scheduler", "tcp://nowhere:1")
    assert again.out == first.out
    assert (tmp_path / "out" / "dune-fever" / "report.html").exists()


def test_a_mistake_is_told_with_what_there_is(planet: Run) -> None:
    ran = planet("evaluate", "--use-case", "no-such")
    assert ran.code == 2
    assert "no-such" in ran.words
    assert "dune-fever" in ran.words
    ran = planet("evaluate", "--use-case", "dune-fever", "--scope", "west")
    assert ran.code == 2
    assert "north, south" in ran.words


def test_an_empty_store_would_have_raised_nothing(planet: Run) -> None:
    assert planet("db", "upgrade").code == 0
    ran = planet(
        "evaluate", "--use-case", "dune-fever", "--stored", "--start", "2250-01-01", "--end", "2250-01-10"
    )
    assert ran.code == 0, ran.err
    assert "0 alerts in 10 looks" in ran.out
    ran = planet(
        "evaluate", "--use-case", "dune-fever", "--stored", "--start", "2250-02-01", "--end", "2250-01-10"
    )
    assert ran.code == 2
    assert "--start" in ran.words
