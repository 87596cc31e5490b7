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
    (directory / "surveillance.db").touch()
    stack._empty_directory()
    assert [path.name for path in directory.iterdir()] == [".surveillance"]
