"""A directory that demo and replay write to: theirs is emptied, nobody else's."""

from pathlib import Path

import pytest

from surveillance.cli.errors import Mistake
from surveillance.cli.stack import Stack


def test_a_directory_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "precious.txt"
    kept.write_text("kept")
    with pytest.raises(Mistake, match="holds other things"), Stack(tmp_path, Path("config")):
        pass
    assert kept.read_text() == "kept"


def test_a_directory_of_an_earlier_run_is_emptied(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    stack = Stack(directory, Path("config"))
    stack._empty_directory()
    stack._held.close()
    (directory / "surveillance.db").touch()
    (directory / "spool").mkdir()
    (directory / "link").symlink_to(tmp_path)
    stack._empty_directory()
    assert [path.name for path in directory.iterdir()] == [".surveillance"]


def test_a_directory_in_which_a_service_runs_is_left_alone(tmp_path: Path) -> None:
    first = Stack(tmp_path / "run", Path("config"))
    first._empty_directory()
    (tmp_path / "run" / "surveillance.db").touch()
    with pytest.raises(Mistake, match="a service runs in it"):
        Stack(tmp_path / "run", Path("config"))._empty_directory()
    assert (tmp_path / "run" / "surveillance.db").exists()
    first._held.close()
