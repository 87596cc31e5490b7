"""surveillance records: one record erased for good, as the law may ask."""

import typer

from surveillance.cli.alerts import BY, WHY, desk, keys, now

app = typer.Typer(no_args_is_help=True)


def add_to(commands: typer.Typer) -> None:
    """Adds these commands."""
    commands.add_typer(app, name="records", help="Records of the line list.")


@app.callback()
def _keep_name() -> None:
    """There will be more than one."""


@app.command()
def erase(
    record: str,
    by: BY,
    reason: WHY,
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> None:
    """Erase one record (partner/kind/record id) for good. Its alerts are evaluated anew."""
    (key,) = keys([record])
    if not yes:
        typer.confirm("This cannot be undone. Erase the record?", abort=True)
    with desk() as at_desk:
        done = at_desk.erase(key, now(by, reason))
    if done.before:
        typer.echo("it had been erased already; nothing was left to do")
        return
    typer.echo(
        f"erased: {done.versions} versions, named by {len(done.alerts)} alerts, "
        f"{done.snapshots} stored evaluations and {done.others} other records"
    )
    typer.echo("ask the partner to delete it from its own systems and from its topic")
