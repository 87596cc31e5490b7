"""Uploads that lie on disk until the person who sent them has looked at them. Nobody else can reach them."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter
from starlette.exceptions import HTTPException

from surveillance.events.topics import Kind
from surveillance.submitting.gateway import Refusal
from surveillance.submitting.shape import Shape
from surveillance.submitting.spool import SpoolFull, open_private, room

_ID = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}")


@dataclass(frozen=True)
class Upload:
    """A file that somebody looks at. `columns` None: as was agreed, or named as fields."""

    id: str
    account: str
    partner: str
    kind: Kind
    shape: Shape
    columns: Mapping[str, str] | None = None


def keep_note(staged: Path, upload: Upload) -> None:
    """Writes down whose an upload is; again where its columns were chosen. Raises SpoolFull."""
    note = staged / f"{upload.id}.note"
    note.unlink(missing_ok=True)
    with room(), open_private(note) as file:
        file.write(json.dumps(asdict(upload)).encode())


def find_upload(staged: Path, upload: str, account: str, partner: str) -> Upload:
    """An upload of this account for this partner. Raises a 404 where there is none, or none any more."""
    if _ID.fullmatch(upload) is None:
        raise HTTPException(404)
    try:
        noted = json.loads((staged / f"{upload}.note").read_text())
    except FileNotFoundError:
        raise HTTPException(404) from None
    found = Upload(**{**noted, "shape": Shape(noted["shape"])})
    if (found.account, found.partner) != (account, partner) or not body_of(staged, upload).exists():
        raise HTTPException(404)
    return found


@dataclass(frozen=True)
class Outcome:
    """What judging an upload by a mapping came to: `refusal`, or the problems for which no row was read."""

    refusal: Refusal
    problems: tuple[str, ...] = ()


def keep_outcome(staged: Path, upload: str, columns: Mapping[str, str], outcome: Outcome) -> None:
    """Writes down what was found, so that the next look need not judge every row again."""
    path = staged / f"{upload}.seen"
    path.unlink(missing_ok=True)
    with suppress(SpoolFull), room(), open_private(path) as file:
        file.write(json.dumps({"columns": dict(columns), "outcome": asdict(outcome)}).encode())


def find_outcome(staged: Path, upload: str, columns: Mapping[str, str]) -> Outcome | None:
    """What was found by this mapping; None where it was not judged by it, or is being written."""
    try:
        seen = json.loads((staged / f"{upload}.seen").read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return _OUTCOME.validate_python(seen["outcome"]) if seen["columns"] == columns else None


def forget_outcome(staged: Path, upload: str) -> None:
    """The next look judges every row again."""
    (staged / f"{upload}.seen").unlink(missing_ok=True)


_OUTCOME = TypeAdapter(Outcome)


def body_of(staged: Path, upload: str) -> Path:
    """Where the file itself lies."""
    return staged / f"{upload}.body"


def remove_upload(staged: Path, upload: str) -> None:
    """Nothing of it stays."""
    for path in (body_of(staged, upload), staged / f"{upload}.note", staged / f"{upload}.seen"):
        with suppress(FileNotFoundError):
            path.unlink()
