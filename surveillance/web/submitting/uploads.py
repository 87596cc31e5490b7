"""Uploads that lie on disk until the person who sent them has looked at them. Nobody else can reach them."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter
from starlette.exceptions import HTTPException

from surveillance.events.topics import Kind
from surveillance.submitting.gateway import Refusal
from surveillance.submitting.shape import Shape
from surveillance.submitting.spool import SpoolFull
from surveillance.submitting.staging import Staging

_ID = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}")
_NOTE, _SEEN = "note", "seen"


@dataclass(frozen=True)
class Upload:
    """A file that somebody looks at. `columns` None: as was agreed, or named as fields."""

    id: str
    account: str
    partner: str
    kind: Kind
    shape: Shape
    columns: Mapping[str, str] | None = None


def keep_note(staged: Staging, upload: Upload) -> None:
    """Writes down whose an upload is; again where its columns were chosen. Raises SpoolFull."""
    staged.keep(upload.id, _NOTE, asdict(upload))


def find_upload(staged: Staging, upload: str, account: str, partner: str) -> Upload:
    """An upload of this account for this partner. Raises a 404 where there is none, or none any more."""
    if _ID.fullmatch(upload) is None:
        raise HTTPException(404)
    noted = staged.find(upload, _NOTE)
    if noted is None or not staged.body(upload).path.exists():
        raise HTTPException(404)
    found = Upload(**{**noted, "shape": Shape(noted["shape"])})
    if (found.account, found.partner) != (account, partner):
        raise HTTPException(404)
    return found


@dataclass(frozen=True)
class Outcome:
    """What judging an upload by a mapping came to: `refusal`, or the problems for which no row was read."""

    refusal: Refusal
    problems: tuple[str, ...] = ()


def keep_outcome(staged: Staging, upload: str, columns: Mapping[str, str], outcome: Outcome) -> None:
    """Writes down what was found, so that the next look need not judge every row again."""
    with suppress(SpoolFull):
        staged.keep(upload, _SEEN, {"columns": dict(columns), "outcome": asdict(outcome)})


def find_outcome(staged: Staging, upload: str, columns: Mapping[str, str]) -> Outcome | None:
    """What was found by this mapping; None where it was not judged by it, or is being written."""
    seen = staged.find(upload, _SEEN)
    return _OUTCOME.validate_python(seen["outcome"]) if seen and seen["columns"] == columns else None


def forget_outcome(staged: Staging, upload: str) -> None:
    """The next look judges every row again."""
    staged.forget(upload, _SEEN)


_OUTCOME = TypeAdapter(Outcome)
