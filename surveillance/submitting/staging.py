"""Uploads on the disk until they are sent: sealed where there are keys, a file in pieces, each of which opens
at its own place of its own file only."""

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from surveillance.sealing import MARK, SealFault, SealingKeys
from surveillance.submitting.spool import open_private, room

PIECE_BYTES = 1 << 16


class Writable(Protocol):
    """What a body is written to."""

    def write(self, piece: bytes, /) -> object: ...


@dataclass(frozen=True)
class Body:
    """A file that was handed in, to be read as any other. keys None: it lies plain."""

    path: Path
    keys: SealingKeys | None = None

    @property
    def name(self) -> str:
        """As it is called here; it says nothing of what it was called."""
        return self.path.name

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Its bytes, of which no plain copy is on the disk. SealFault is raised here or by a read."""
        file = self.path.open(mode)
        if self.keys is None:
            return file
        try:
            return io.BufferedReader(_Opened(file, self.keys, self.path.stem), PIECE_BYTES)
        except BaseException:
            file.close()
            raise

    @contextmanager
    def create(self) -> Iterator[Writable]:
        """To write it. Raises SpoolFull."""
        with room(), open_private(self.path) as file:
            if self.keys is None:
                yield file
                return
            pieces = _Pieces(file, self.keys, self.path.stem)
            yield pieces
            pieces.end()


@dataclass(frozen=True)
class Staging:
    """The directory of uploads: of each its body, and notes in JSON that say how it is read."""

    directory: Path
    keys: SealingKeys | None = None

    def body(self, upload: str) -> Body:
        """Where the file itself lies. Its suffix tells whether it is sealed: its content may say anything."""
        suffix = "body" if self.keys is None else "sealed"
        return Body(self.directory / f"{upload}.{suffix}", self.keys)

    def keep(self, upload: str, what: str, note: Mapping[str, Any]) -> None:
        """Writes a note, in place of the one before. Raises SpoolFull."""
        path, text = self._note(upload, what), json.dumps(note)
        path.unlink(missing_ok=True)
        with room(), open_private(path) as file:
            file.write((self.keys.seal(text.encode(), _place(path.name)) if self.keys else text).encode())

    def find(self, upload: str, what: str) -> dict[str, Any] | None:
        """A note; None where there is none, none that opens, or it is just being written."""
        path = self._note(upload, what)
        try:
            text = path.read_text()
            if text.startswith(MARK) and self.keys:
                text = self.keys.open(text, _place(path.name)).decode()
            return json.loads(text)  # type: ignore[no-any-return]
        except (FileNotFoundError, ValueError, SealFault):
            return None

    def forget(self, upload: str, what: str) -> None:
        """Removes a note."""
        self._note(upload, what).unlink(missing_ok=True)

    def remove(self, upload: str) -> None:
        """Nothing of an upload stays."""
        for entry in os.scandir(self.directory):
            if entry.name.startswith(f"{upload}."):
                with suppress(FileNotFoundError):
                    os.unlink(entry)

    def _note(self, upload: str, what: str) -> Path:
        return self.directory / f"{upload}.{what}"


def _place(name: str, number: int | str = "") -> str:
    return f"upload {name} {number}".rstrip()


class _Pieces:
    """Seals what is written: a line for each piece, all of one length but the last, which is smaller."""

    def __init__(self, file: BinaryIO, keys: SealingKeys, name: str) -> None:
        self._file, self._keys, self._name = file, keys, name
        self._held, self._number = bytearray(), 0

    def write(self, piece: bytes, /) -> None:
        self._held += piece
        while len(self._held) >= PIECE_BYTES:
            self._seal()

    def end(self) -> None:
        """The last piece, which may be empty."""
        self._seal()

    def _seal(self) -> None:
        plain = bytes(self._held[:PIECE_BYTES])
        del self._held[:PIECE_BYTES]
        self._file.write(self._keys.seal(plain, _place(self._name, self._number)).encode() + b"\n")
        self._number += 1


class _Opened(io.RawIOBase):
    """Reads such pieces, from any place."""

    def __init__(self, file: BinaryIO, keys: SealingKeys, name: str) -> None:
        self._file, self._keys, self._name, self._at = file, keys, name, 0
        self._line_bytes = len(file.readline())
        end = file.seek(0, io.SEEK_END)
        self._last = max(0, (end - 1) // max(1, self._line_bytes))
        self._piece = lru_cache(2)(self._open)
        left = len(self._piece(self._last))
        if left == PIECE_BYTES:  # whoever wrote it ended with a smaller one
            raise SealFault(f"{_place(name)} has lost its end")
        self._size = self._last * PIECE_BYTES + left

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, into: Any, /) -> int:
        number, start = divmod(self._at, PIECE_BYTES)
        if number > self._last:
            return 0
        piece = self._piece(number)[start : start + len(into)]
        into[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _open(self, number: int) -> bytes:
        self._file.seek(number * self._line_bytes)
        line = self._file.read(self._line_bytes).decode("latin-1").rstrip("\n")
        if not line.startswith(MARK):
            raise SealFault(f"{_place(self._name, number)} is not as it was written")
        return self._keys.open(line, _place(self._name, number))
