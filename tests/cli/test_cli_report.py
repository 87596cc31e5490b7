"""surveillance report: the reports of the pages, as files that only their owner can read."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from command import Run
from sqlalchemy import select

from small_house import House, incident, load_house
from surveillance.store.database import Store
from surveillance.store.tables_audit import audit

WEEK, IN_WEEK = "2025-W25", "2025-06-18T06:00:00Z"  # known by the real clock, which commands go by


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> House:
    configuration = load_house(tmp_path / "planet")
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(tmp_path / "planet"))
    monkeypatch.setenv("SURVEILLANCE_AUDIT_KEY", "a key of the audit chain, for tests only")
    assert run("db", "upgrade").code == 0
    house = House(configuration, Store.open(f"sqlite:///{tmp_path / 'surveillance.db'}"))
    house.report(*(incident(f"c-{i}", days_ago=i, area="n1") for i in range(3)))
    house.evaluate()
    house.now = datetime(2025, 6, 21, tzinfo=UTC)
    times = dict.fromkeys(("occurred_from", "occurred_to", "reported_at"), IN_WEEK)
    house.report(*(incident(f"w-{i}", area="n1", **times) for i in range(3)))
    return house


def test_a_weekly_report_is_a_file_that_needs_nothing_else_and_is_audited(
    run: Run, house: House, tmp_path: Path
) -> None:
    out = tmp_path / "week.html"
    done = run("report", "weekly", "--week", WEEK, "--out", out)
    assert done.code == 0, done.err
    page = out.read_text(encoding="utf-8")
    assert "3 cases of dune fever in The north of the planet in this week" in page
    assert "<link" not in page
    assert out.stat().st_mode & 0o077 == 0
    with house.store.reading() as tx:
        assert tx.execute(select(audit.c.by, audit.c.subject)).all() == [
            ("command line", "weekly-report/dune-fever")
        ]


@pytest.mark.usefixtures("house")
def test_a_weekly_report_without_small_numbers(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "week.html"
    assert run("report", "weekly", "--week", WEEK, "--suppressed", "--out", out).code == 0
    page = out.read_text(encoding="utf-8")
    assert "No period up to this week has been published." in page
    assert "3 cases" not in page


def test_the_report_of_an_alert(run: Run, house: House, tmp_path: Path) -> None:
    (alert, *_) = house.alerts()
    out = tmp_path / "alert.html"
    assert run("report", "alert", alert.id, "--out", out).code == 0
    assert "Evidence and its limits" in out.read_text(encoding="utf-8")


@pytest.mark.usefixtures("house")
def test_what_cannot_be_reported_is_told_in_words(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "none.html"
    assert "no such use case, scope or alert" in run("report", "alert", "none", "--out", out).err
    assert "--week: Give a week" in run("report", "weekly", "--week", "soon", "--out", out).err
    monkeypatch.setenv("SURVEILLANCE_CHROMIUM", "/no/such/chromium")
    done = run("report", "weekly", "--week", WEEK, "--pdf", "--out", out)
    assert (done.code, "Chromium is not installed" in done.err) == (2, True)
    monkeypatch.delenv("SURVEILLANCE_AUDIT_KEY")
    assert "SURVEILLANCE_AUDIT_KEY: missing" in run("report", "weekly", "--out", out).err
    assert not out.exists()
