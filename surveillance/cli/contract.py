"""surveillance contract: what partners may send, as documents that programs read."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from surveillance.cli.errors import Mistake
from surveillance.events import contract
from surveillance.events.compatibility import breaking_changes


def add_to(commands: typer.Typer) -> None:
    """Adds this command."""
    commands.command("contract")(show)


def show(
    name: Annotated[str, typer.Argument(help="asyncapi, incident or admission.")] = "asyncapi",
    out: Annotated[Path | None, typer.Option(help="Write every document into this directory.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="A JSON Schema of an older version: name what it accepted and this does not."),
    ] = None,
) -> None:
    """Print the contract with partners: AsyncAPI, or the JSON Schema of one kind of event."""
    documents = contract.documents()
    if out is not None:
        _write(out, documents)
        return
    named = {file.split(".")[0]: document for file, document in documents.items()}
    if name not in named:
        raise Mistake(f"contract {name}: there is none; use one of: {', '.join(sorted(named))}")
    if against is None:
        typer.echo(as_text(named[name]), nl=False)
        return
    broken = breaking_changes(_read(against), named[name])
    for change in broken:
        typer.echo(change)
    typer.echo(f"{len(broken)} breaking changes since {against}" if broken else f"compatible with {against}")
    raise typer.Exit(1 if broken else 0)


def as_text(document: dict[str, Any]) -> str:
    """As it stands in a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _write(directory: Path, documents: dict[str, dict[str, Any]]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for file, document in documents.items():
        (directory / file).write_text(as_text(document), encoding="utf-8")
        typer.echo(str(directory / file))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Mistake(f"--against {path}: {error.strerror}") from error
    except ValueError as error:
        raise Mistake(
            f"--against {path}: is no JSON; give a file that `surveillance contract` wrote"
        ) from error
    if not isinstance(found, dict) or "properties" not in found:
        raise Mistake(f"--against {path}: is no JSON Schema of an event, such as incident.schema.json")
    return found
