"""surveillance db seal: plain values sealed, keys rotated, and what starts under the wrong ones refused."""

import json
import re
from pathlib import Path

import pytest
from command import Run

from sealed_store import ONE, OTHER_ONE, TWO, keys
from small_house import House, incident, load_house
from surveillance.store.database import Store


def test_values_are_sealed_and_rotated_by_hand_and_a_wrong_key_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = load_house(tmp_path / "planet")
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(tmp_path / "planet"))
    monkeypatch.setenv("SURVEILLANCE_AUDIT_KEY", "a" * 32)
    monkeypatch.setenv("SURVEILLANCE_DEAD_LETTER_KEY", "a key for tests only")
    assert run("db", "upgrade").code == 0
    file = tmp_path / "surveillance.db"
    house = House(configuration, Store.open(f"sqlite:///{file}"))
    house.service.prepare()
    house.report(*(incident(f"rec-{i}", days_ago=i) for i in range(4)))
    house.store.close()
    assert "setting restricted_keys_file: missing" in run("db", "seal").err
    monkeypatch.setenv("SURVEILLANCE_RESTRICTED_KEYS_FILE", str(tmp_path / "restricted-keys"))
    assert "restricted-keys cannot be read" in run("db", "seal").err
    keys(tmp_path, ONE)
    assert b"CLINIC-ALPHA" in file.read_bytes()
    assert "record_versions: 4 values would be sealed" in run("db", "seal", "--dry-run").out
    assert b"CLINIC-ALPHA" in file.read_bytes()
    told = run("db", "seal").out
    assert "record_versions: 4 values sealed under key one\n" in told
    assert ": 0 values" not in told
    assert "nothing lies plain or under an older key" in run("db", "seal", "--dry-run").out
    (entered,) = json.loads(run("audit", "show", "--act", "sealed", "--json").out)
    assert (entered["subject"], entered["facts"]["record_versions"]) == ("key/one", 4)
    assert entered["by"].startswith("command line")
    assert b"CLINIC-ALPHA" not in file.read_bytes()
    for wrong in (OTHER_ONE, TWO):
        keys(tmp_path, wrong)
        refused = run("db", "backup", tmp_path / "copy")
        assert (refused.code, "restricted_keys_file" in refused.err) == (2, True)
    keys(tmp_path, TWO, ONE)
    assert "nothing is under key one any more" in run("db", "seal").out
    keys(tmp_path, TWO)
    assert run("db", "backup", tmp_path / "copy").code == 0
    (told,) = [line for line in run("db", "verify").out.splitlines() if "restricted values" in line]
    assert re.fullmatch(r"ok  restricted values: [1-9]\d* sealed, and all of them open; 0 plain", told)
