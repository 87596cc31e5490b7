"""The command `surveillance`: one module per group of commands, errors told in one place."""

import sys

import typer

from surveillance.cli import alerts, demo, evaluate, operate, publish, replay
from surveillance.cli.errors import explain

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Real-time public health surveillance: partner events in, cluster alerts out.",
)
for module in (operate, publish, replay, evaluate, demo):
    module.add_to(app)
app.add_typer(alerts.app, name="alerts", help="Alerts as people read them.")


def main() -> None:
    """Runs a command. What people can mend is told in words, with exit code 2; a defect keeps its trace."""
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        words = explain(error)
        if words is None:
            raise
        print(words, file=sys.stderr)
        sys.exit(2)
