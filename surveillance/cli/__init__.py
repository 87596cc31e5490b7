"""The command `surveillance`: one module per group of commands, errors told in one place."""

import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module

import typer

from surveillance.cli.errors import explain

# Module -> its commands. Only the module of the command that is asked for is loaded: a worker does without
# the pages, and a scan without any of the service.
_MODULES: Mapping[str, tuple[str, ...]] = {
    "working": ("worker", "warm"),
    "serving": ("web",),
    "operate": ("broker", "check", "topics"),
    "database": ("db",),
    "settings": ("settings",),
    "contract": ("contract",),
    "publish": ("publish", "backfill"),
    "partners": ("partners",),
    "replay": ("replay",),
    "evaluate": ("evaluate",),
    "demo": ("demo",),
    "alerts": ("alerts",),
    "records": ("records",),
    "dead_letters": ("dead-letters",),
    "delivery": ("receivers", "deliveries", "silences"),
    "audit": ("audit",),
    "accounts": ("accounts", "tokens"),
    "report": ("report",),
    "releases": ("releases",),
    "scan": ("scan",),
    "pseudonymise": ("pseudonymise",),
    "adapters": ("adapters",),
}


def make_app(words: Sequence[str]) -> typer.Typer:
    """The commands that `words` (those after `surveillance`) may mean: all, or the one they begin with."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Real-time public health surveillance: partner events in, cluster alerts out.",
    )
    app.callback()(_keep_names)
    asked = [module for module, commands in _MODULES.items() if words and words[0] in commands]
    with _kept():
        for name in asked or _MODULES:
            import_module(f"surveillance.cli.{name}").add_to(app)
    return app


@contextmanager
def _kept() -> Iterator[None]:
    """What is loaded meanwhile stays: looking for garbage in it, again and again, took a fifth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _keep_names() -> None:
    """Where there is one command only, it still has a name."""


def main() -> None:
    """Runs a command. What people can mend is told in words, with exit code 2; a defect keeps its trace."""
    try:
        make_app(sys.argv[1:])(standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        words = explain(error)
        if words is None:
            raise
        print(words, file=sys.stderr)
        sys.exit(2)
