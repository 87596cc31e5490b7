"""The command `surveillance`: one module per group of commands, errors told in one place."""

import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from surveillance.cli.errors import explain

# Commands of people who need none of the service: it is not loaded for them.
STANDALONE = ("scan", "pseudonymise")
_MODULES = (
    "operate",
    "contract",
    "publish",
    "replay",
    "evaluate",
    "demo",
    "alerts",
    "records",
    "delivery",
    "audit",
    "accounts",
    "report",
    "releases",
    *STANDALONE,
)


def make_app(words: Sequence[str]) -> typer.Typer:
    """The commands that `words` (those after `surveillance`) may mean: all, or the one they begin with."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Real-time public health surveillance: partner events in, cluster alerts out.",
    )
    app.callback()(_keep_names)
    for name in words[:1] if words[:1] and words[0] in STANDALONE else _MODULES:
        import_module(f"surveillance.cli.{name}").add_to(app)
    return app


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
