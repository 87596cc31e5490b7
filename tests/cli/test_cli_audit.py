"""surveillance audit and surveillance records: the chain checked and read, a record erased."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from command import Run

from small_house import House, incident, load_house
from surveillance.store.database import Store
from surveillance.store.tables_audit import audit


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> House:
    configuration = load_house(tmp_path / "planet")
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(tmp_path / "planet"))
    monkeypatch.setenv("SURVEILLANCE_AUDIT_KEY", "a" * 32)
    monkeypatch.setenv("SURVEILLANCE_DEAD_LETTER_KEY", "a key for tests only")
    assert run("db", "upgrade").code == 0
    house = House(configuration, Store.open(f"sqlite:///{tmp_path / 'surveillance.db'}"))
    house.report(*(incident(f"rec-{i}", days_ago=i) for i in range(4)))
    house.evaluate()
    return house


BY = ("--by", "lead-1", "--reason", "seen by the group")


def test_what_is_decided_at_a_terminal_stands_in_the_chain_and_a_cut_is_found(run: Run, house: House) -> None:
    alert = house.alerts()[0]
    assert run("alerts", "move", alert.id, "acknowledge", *BY).code == 0
    early = run("audit", "head").out.strip()
    assert run("alerts", "note", alert.id, "The group meets.", "--by", "lead-1").code == 0
    whole = run("audit", "verify", "--head", early)
    assert (whole.code, "2 entries" in whole.out) == (0, True)
    late = run("audit", "head").out.strip()
    shown = json.loads(run("audit", "show", "--subject", f"alert/{alert.id}", "--json").out)
    assert [entry["act"] for entry in shown] == ["note", "acknowledge"]
    assert "acknowledge" in run("audit", "show", "--by", "lead-1", "--act", "acknowledge").out
    with house.store.transaction() as tx:
        tx.execute(sa.delete(audit).where(audit.c.sequence == 2))
    cut = run("audit", "verify", "--head", late)
    assert (cut.code, "entry" in cut.err) == (2, True)


def test_a_head_that_is_none_and_a_key_that_is_missing_are_told_in_words(
    run: Run, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "SEQUENCE:MAC" in run("audit", "verify", "--head", "x").err
    monkeypatch.delenv("SURVEILLANCE_AUDIT_KEY")
    done = run("alerts", "move", house.alerts()[0].id, "acknowledge", *BY)
    assert (done.code, "SURVEILLANCE_AUDIT_KEY" in done.err) == (2, True)


def test_what_may_identify_is_shown_to_whoever_typed_it(run: Run, house: House) -> None:
    alert = house.alerts()[0]
    said = ("alerts", "note", alert.id, "at 12 High Street", "--by", "lead-1")
    assert "12 High Street" in run(*said).err
    assert run(*said, "--keep", "12 High Street").code == 0
    refused = run(
        "alerts", "note", alert.id, "it is 943 476 5919", "--by", "lead-1", "--keep", "943 476 5919"
    )
    assert (refused.code, "cannot be kept" in refused.err) == (2, True)


def test_a_response_is_run_from_a_terminal(run: Run, house: House) -> None:
    alert = house.alerts()[0]
    for act in ("acknowledge", "assess", "respond"):
        assert run("alerts", "move", alert.id, act, *BY).code == 0
    assert run("alerts", "add-task", alert.id, "Ask the school", "--by", "lead-1").code == 0
    assert "Ask the school" in run("alerts", "tasks", alert.id).out
    assert run("alerts", "task", alert.id, "1", "--by", "lead-1").code == 2
    assert (
        run("alerts", "task", alert.id, "1", "--by", "lead-1", "--owner", "lead-2", "--state", "done").code
        == 0
    )
    close = ("alerts", "move", alert.id, "close", *BY, "--outcome", "response_completed")
    assert "what worked" in run(*close).err
    assert run(*close, "--worked", "the group", "--not-worked", "the hours").code == 0


@pytest.mark.usefixtures("house")
def test_a_record_is_erased_from_a_terminal_and_once_more_says_so(run: Run) -> None:
    erase = ("records", "erase", "alpha/incident/rec-3", *BY, "--yes")
    done = run(*erase)
    assert (done.code, "1 versions" in done.out) == (0, True)
    assert "already" in run(*erase).out
    assert "no such record" in run("records", "erase", "alpha/incident/none", *BY, "--yes").err
    assert run("audit", "verify").code == 0
