"""surveillance db: checked, copied and put back from a terminal."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from command import Run

from small_house import House, incident, load_house
from surveillance.store import tables as t
from surveillance.store.database import Store


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> House:
    configuration = load_house(tmp_path / "planet")
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(tmp_path / "planet"))
    monkeypatch.setenv("SURVEILLANCE_AUDIT_KEY", "a" * 32)
    monkeypatch.setenv("SURVEILLANCE_DEAD_LETTER_KEY", "a key for tests only")
    assert run("db", "upgrade").code == 0
    house = House(configuration, Store.open(f"sqlite:///{tmp_path / 'surveillance.db'}"))
    house.service.prepare()
    house.report({}, *(incident(f"rec-{i}", days_ago=i) for i in range(4)))
    with house.store.transaction() as tx:  # the house counts its offsets from 1
        tx.execute(sa.update(t.ledger).values(mark=6, ranges=[]))
    house.evaluate()
    return house


@pytest.mark.usefixtures("house")
def test_a_backup_is_made_checked_and_put_back(run: Run, tmp_path: Path) -> None:
    made = run("db", "backup", tmp_path / "copy")
    assert (made.code, "encrypt it" in made.out) == (0, True)
    refused = run("db", "restore", tmp_path / "copy")
    assert (refused.code, "not empty" in refused.err) == (2, True)
    assert run("db", "restore", tmp_path / "copy", "--over", "--yes").code == 0
    checked = run("db", "verify")
    assert (checked.code, checked.out.count("\nok")) == (0, 8), checked.out


def test_what_is_wrong_is_told_with_exit_code_1(run: Run, house: House) -> None:
    with house.store.transaction() as tx:
        tx.execute(sa.delete(t.line_list))
    done = run("db", "verify", "--sample", "0")
    assert (done.code, "NO  line list: record 1: its line list is not what follows from it" in done.out) == (
        1,
        True,
    )
    assert "SEQUENCE:MAC" in run("db", "verify", "--head", "x").err
