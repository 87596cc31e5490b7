"""surveillance check: every mistake with its file, key and fix."""

import shutil
from pathlib import Path

import pytest
from command import Run

from small_house import write_house

BAD = Path(__file__).parents[1] / "use_case" / "bad"


def test_the_shipped_configuration_has_no_mistakes(run: Run) -> None:
    done = run("check")
    assert done.code == 0
    assert "9 use cases" in done.out
    assert "no mistakes" in done.out


def test_a_directory_can_be_named(run: Run, tmp_path: Path) -> None:
    done = run("check", "--config-dir", write_house(tmp_path / "planet"))
    assert (done.code, "1 use cases, 2 partners, 2 scopes" in done.words) == (0, True)


def test_a_directory_that_is_not_there_is_told_as_such_with_the_setting_that_names_it(
    run: Run, tmp_path: Path
) -> None:
    done = run("check", "--config-dir", tmp_path / "nowhere")
    assert done.code == 2
    assert f"{tmp_path / 'nowhere'}: there is no such directory" in done.words
    assert "SURVEILLANCE_CONFIG_DIR" in done.words
    assert "surveillance.yaml" not in done.words


def test_every_mistake_is_told_with_file_key_and_fix(run: Run, tmp_path: Path) -> None:
    house = write_house(tmp_path / "planet", scopes=["north", "nowhere"], receivers=["alerts-topic", "mail"])
    (house / "partners" / "beta.yaml").write_text("id: beta\ntopcis: [incidents]\n")
    done = run("check", "--config-dir", house)
    assert done.code == 2
    assert done.out == ""
    assert (
        "use_cases/dune-fever.yaml: scopes[1]: there is no such scope. Use one of: north, south" in done.err
    )
    assert "use_cases/dune-fever.yaml: receivers[1]: there is no such receiver" in done.err
    assert "partners/beta.yaml: topcis: there is no such key. Did you mean `topics`?" in done.err
    assert "Traceback" not in done.err


def test_a_detector_that_cannot_be_built_is_a_mistake(run: Run, tmp_path: Path) -> None:
    detectors = [{"name": "proximity", "parameters": {"radius_km": -1}}]
    bands = [{"name": "watch", "any_of": [{"detector": "proximity", "observed": 3}]}]
    done = run("check", "--config-dir", write_house(tmp_path / "planet", detectors=detectors, bands=bands))
    assert done.code == 2
    assert "detectors[0]: proximity.radius_km" in done.words


def test_an_area_file_that_is_not_there_is_a_mistake_that_says_where_to_put_it(
    run: Run, tmp_path: Path
) -> None:
    house = write_house(tmp_path / "planet")
    (house / "areas" / "planet.csv").unlink()
    done = run("check", "--config-dir", house)
    assert done.code == 2
    assert "there is no such area file" in done.words
    assert "cheshire_merseyside" in done.words


@pytest.mark.parametrize("name", ["unknown-time-zone", "misspelt-key", "unknown-setting"])
def test_a_mistake_in_surveillance_yaml_is_told(run: Run, tmp_path: Path, name: str) -> None:
    house = write_house(tmp_path / "planet")
    shutil.copy(BAD / "scopes" / f"{name}.yaml", house / "surveillance.yaml")
    done = run("check", "--config-dir", house)
    assert done.code == 2
    assert "surveillance.yaml: " in done.err


def test_a_setting_with_a_wrong_value_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEILLANCE_PARTITIONS", "0")
    done = run("check")
    assert done.code == 2
    assert "setting partitions: " in done.err
