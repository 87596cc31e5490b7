"""surveillance pseudonymise: from a file with persons to one that may be sent. Runs at the partner, alone."""

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TextIO

import typer

from surveillance.cli.errors import Mistake
from surveillance.events.identifiers import holds_identifier
from surveillance.events.pseudonym import SCHEMES, NoKey, Secret, person_key, read_secret

_MOST_KEYS = 8
_FIELD = "person_keys.{}."
_PARTS = ("scheme", "key_id", "value")


def add_to(commands: typer.Typer) -> None:
    """Adds this command."""
    commands.command()(pseudonymise)


def pseudonymise(
    file: Path,
    out: Annotated[Path, typer.Option(help="The CSV file to write; it must not exist.")],
    topic: Annotated[Literal["incidents", "admissions"], typer.Option(help="What the file holds.")],
    secret: Annotated[
        list[str],
        typer.Option(
            help="key-id=FILE with the shared secret; repeat it with the older one while it rotates."
        ),
    ],
    keep: Annotated[list[str], typer.Option(help="A column to keep; repeat it. All others are dropped.")],
    number: Annotated[str | None, typer.Option(help="The column with NHS numbers.")] = None,
    person: Annotated[
        str | None, typer.Option(help="Columns with given name, surname and date of birth, by commas.")
    ] = None,
) -> None:
    """Replace numbers and names by pseudonyms that only holders of the secret can make."""
    wanted = [("nhs-number", [number])] if number else []
    wanted += [("initial-surname-birth", _three(person))] if person else []
    if not wanted:
        raise Mistake("name the column with NHS numbers (--number), or those with the person (--person)")
    secrets = [_secret(text) for text in secret]
    keys = len(wanted) * len(secrets)
    if keys > _MOST_KEYS:
        raise Mistake(
            f"{keys} keys for each record of {topic}, which has at most {_MOST_KEYS}: leave some out"
        )
    if not file.is_file():
        raise Mistake(f"{file}: there is no such file")
    if out.exists():
        raise Mistake(f"--out {out}: exists already; name a new file")
    with file.open(encoding="utf-8-sig", newline="") as rows:
        try:
            _write(_Table(file, csv.reader(rows, strict=True), keep, wanted), out, secrets)
        except (csv.Error, UnicodeDecodeError) as error:
            raise Mistake(f"{file}: is no CSV file in UTF-8; save it as one") from error


class _Table:
    """The file's rows, by the names of its columns."""

    def __init__(
        self, path: Path, rows: Iterator[list[str]], keep: Sequence[str], wanted: Sequence["_Wanted"]
    ) -> None:
        self.path, self.keep, self.wanted, self._rows = path, keep, wanted, rows
        self.header = [name.strip() for name in next(rows, [])]
        used = [*keep, *(column for _, columns in wanted for column in columns)]
        missing = [name for name in used if self.header.count(name) != 1]
        if missing:
            raise Mistake(f"{path}: not exactly once in the header: {', '.join(missing)}")

    @property
    def dropped(self) -> list[str]:
        return [name for name in self.header if name not in self.keep]

    def __iter__(self) -> Iterator[tuple[int, dict[str, str] | None]]:
        """Line and cells by column; None for a row of another width."""
        for line, cells in enumerate(self._rows, start=2):
            if any(cells):
                fits = len(cells) == len(self.header)
                yield line, dict(zip(self.header, cells, strict=True)) if fits else None


_Wanted = tuple[str, Sequence[str]]


@dataclass
class _Faults:
    """Told as they are found; no value is ever repeated."""

    count: int = 0

    def tell(self, line: int, what: str) -> None:
        self.count += 1
        typer.echo(f"line {line}: {what}", err=True)


def _write(table: _Table, out: Path, secrets: Sequence[Secret]) -> None:
    """The file as a whole or none: one with half of the rows would be taken for all."""
    faults, rows = _Faults(), 0
    keys = len(table.wanted) * len(secrets)
    names = [_FIELD.format(n) + part for n in range(keys) for part in _PARTS]
    with _whole(out, faults) as file:
        writer = csv.writer(file)
        writer.writerow([*table.keep, *names])
        for line, row in table:
            if row is None:
                faults.tell(line, f"a row has as many cells as the header ({len(table.header)})")
                continue
            writer.writerow([*_kept(table, line, row, faults), *_keys(table, line, row, secrets, faults)])
            rows += 1
    typer.echo(f"{out}: {rows} rows with person keys; dropped: {', '.join(table.dropped) or 'no column'}")


def _kept(table: _Table, line: int, row: dict[str, str], faults: _Faults) -> Iterator[str]:
    for name in table.keep:
        if holds_identifier(row[name]):
            faults.tell(line, f"{name}: holds an NHS number, which must not be sent; do not keep this column")
        yield row[name]


def _keys(
    table: _Table, line: int, row: dict[str, str], secrets: Sequence[Secret], faults: _Faults
) -> Iterator[str]:
    for scheme, columns in table.wanted:
        for secret in secrets:
            try:
                key = person_key(scheme, [row[column] for column in columns], secret)
            except NoKey as error:
                faults.tell(line, f"{', '.join(columns)}: {error}")
                break
            yield from (key or dict.fromkeys(_PARTS, "")).values()


@contextmanager
def _whole(out: Path, faults: _Faults) -> Iterator[TextIO]:
    part = out.with_name(f"{out.name}.part")
    try:
        with open(part, "w", encoding="utf-8", newline="", opener=_private) as file:
            yield file
        if faults.count:
            raise Mistake(f"{out}: not written; mend the file first (faults: {faults.count})")
        part.rename(out)
    finally:
        part.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _three(person: str) -> list[str]:
    columns = [name.strip() for name in person.split(",")]
    if len(columns) != len(SCHEMES["initial-surname-birth"].parts):
        raise Mistake("--person: name three columns: given name, surname and date of birth")
    return columns


def _secret(text: str) -> Secret:
    try:
        return read_secret(text)
    except ValueError as error:
        raise Mistake(f"--secret: {error}") from error
