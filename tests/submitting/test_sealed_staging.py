"""Where there are keys, a file that somebody looks at before it is sent lies sealed; it is read as it was."""

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook

from sealed_store import ONE, TWO, keys
from surveillance.sealing import SealFault, SealingKeys
from surveillance.submitting.rows import open_table
from surveillance.submitting.shape import Shape, shape_of
from surveillance.submitting.staging import PIECE_BYTES, Body, Staging

SIZES = (0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7)


def staging(directory: Path, with_keys: SealingKeys | None) -> Staging:
    (directory / "staged").mkdir(exist_ok=True)
    return Staging(directory / "staged", with_keys)


def kept(body: Body, content: bytes) -> Body:
    with body.create() as file:
        for at in range(0, len(content), 50_000):
            file.write(content[at : at + 50_000])
    return body


def on_disk(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (directory / "staged").iterdir())


def workbook() -> bytes:
    book, said = Workbook(), io.BytesIO()
    for row in (("Case", "Place"), *((f"planted-{number}", "n1") for number in range(5_000))):
        book.active.append(row)
    book.save(said)
    return said.getvalue()


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_read_as_it_was_written_wherever_one_begins(tmp_path: Path, size: int) -> None:
    content, chance = random.Random(size).randbytes(size), random.Random(1)
    body = kept(staging(tmp_path, keys(tmp_path, ONE)).body("u"), content)
    with body.open("rb") as file:
        assert file.read() == content
        assert file.seek(0, io.SEEK_END) == size
        for _ in range(30):
            first, length = chance.randint(0, size), chance.randint(0, 2 * PIECE_BYTES)
            file.seek(first)
            assert file.read(length) == content[first : first + length]


@pytest.mark.parametrize("sealed", [True, False])
def test_tables_are_read_from_what_is_sealed_and_nothing_of_them_lies_plain(
    tmp_path: Path, sealed: bool
) -> None:
    staged = staging(tmp_path, keys(tmp_path, ONE) if sealed else None)
    text = "Case,Place\n" + "".join(f"planted-{number},n1\n" for number in range(20_000))
    table = kept(staged.body("a"), text.encode())
    book = kept(staged.body("b"), workbook())
    staged.keep("a", "note", {"columns": {"record_id": "planted-header"}})
    assert (shape_of(table), shape_of(book)) == (Shape.CSV, Shape.EXCEL)
    for body, rows in ((table, 20_000), (book, 5_000)):
        lines = list(open_table(body, shape_of(body)).lines())
        assert len(lines) == rows
        assert list(lines[-1].cells) == [f"planted-{rows - 1}", "n1"]
    assert staged.find("a", "note") == {"columns": {"record_id": "planted-header"}}
    assert (b"planted" in on_disk(tmp_path)) is not sealed
    assert (b"PK\x03\x04" in on_disk(tmp_path)) is not sealed
    staged.remove("a")
    staged.remove("b")
    assert on_disk(tmp_path) == b""


def cut(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def swapped(lines: list[bytes]) -> list[bytes]:
    return [lines[1], lines[0], *lines[2:]]


@pytest.mark.parametrize("change", [cut, swapped])
def test_a_file_of_which_pieces_are_missing_or_moved_is_not_read(
    tmp_path: Path, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    body = kept(staging(tmp_path, keys(tmp_path, ONE)).body("u"), bytes(3 * PIECE_BYTES))
    body.path.write_bytes(b"".join(change(body.path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(SealFault), body.open("rb") as file:
        file.read()


def test_an_upload_opens_under_a_newer_key_and_in_its_own_place_only(tmp_path: Path) -> None:
    before = staging(tmp_path, keys(tmp_path, ONE))
    kept(before.body("u"), b"planted")
    before.keep("u", "note", {"a": 1})
    after = staging(tmp_path, keys(tmp_path, TWO, ONE))
    with after.body("u").open("rb") as file:
        assert file.read() == b"planted"
    assert after.find("u", "note") == {"a": 1}
    for path in list((tmp_path / "staged").iterdir()):
        path.rename(path.with_stem("v"))
    with pytest.raises(SealFault):
        after.body("v").open("rb")
    assert after.find("v", "note") is None
