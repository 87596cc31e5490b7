"""Only what a command needs is loaded for it."""

import subprocess
import sys

import pytest
import typer

from surveillance.cli import _MODULES, make_app

COMMANDS = {command: module for module, commands in _MODULES.items() for command in commands}


def names_of(app: typer.Typer) -> set[str]:
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_every_command_is_listed_with_its_module() -> None:
    assert names_of(make_app([])) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_there_when_only_its_module_is_loaded(command: str) -> None:
    assert names_of(make_app([command])) == set(_MODULES[COMMANDS[command]])


# What takes long to load, and who does without it.
UNWANTED = {
    "worker": {"fastapi", "authlib", "openpyxl", "alembic", "matplotlib", "distributed"},
    "web": {"faust", "alembic", "matplotlib"},
    "db": {"faust", "fastapi", "alembic"},
    "topics": {"faust", "fastapi"},
    "scan": {"sqlalchemy", "faust"},
}


@pytest.mark.parametrize("command", UNWANTED)
def test_what_a_command_does_not_need_is_not_loaded(command: str) -> None:
    code = f"import sys; from surveillance.cli import make_app; make_app(['{command}']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert UNWANTED[command] & set(loaded.split()) == set()


def test_nothing_is_collected_while_a_command_is_loaded_and_everything_after_it() -> None:
    code = (
        "import gc; from surveillance.cli import make_app; runs = lambda: sum(g['collections'] for g in "
        "gc.get_stats()); before = runs(); make_app(['worker']); print(runs() - before, gc.isenabled())"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "0 True\n"
