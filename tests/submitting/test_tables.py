"""Workbooks and CSV as partners make them: read as they are meant, or refused in words."""

import json
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from handing_in import clock, event, feed_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from surveillance.configuration import Configuration
from surveillance.events.columns import ColumnsError
from surveillance.submitting.feed import Judged
from surveillance.submitting.rows import open_table
from surveillance.submitting.shape import Shape, shape_of

HEADER = ("Case No", "Seen", "Told", "Crater", "Age")
COLUMNS = {
    "record_id": "Case No",
    "category": "=dune_fever",
    "status": "=suspected",
    "occurred_from": "Seen",
    "reported_at": "Told",
    "residence_area.code": "Crater",
    "age": "Age",
}
ROW = ("c-1", date(2024, 3, 1), datetime(2024, 3, 2, 9, 30), "n1", 34)


def judged(configuration: Configuration, path: Path) -> list[Judged]:
    return list(feed_of(configuration, path, **COLUMNS).judged(configuration.gazetteer, clock()))


def payload(row: Judged) -> dict[str, Any]:
    assert row.outgoing is not None, row.faults
    return json.loads(row.outgoing.value)  # type: ignore[no-any-return]


def workbook(path: Path, *rows: tuple[Any, ...], change: Callable[[Any], None] = lambda _: None) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    change(book)
    book.save(path)
    return path


def test_date_cells_numbers_and_times_are_what_is_seen_in_them(
    configuration: Configuration, tmp_path: Path
) -> None:
    rows = judged(configuration, workbook(tmp_path / "a.xlsx", HEADER, ROW, (), ("c-2", *ROW[1:4], 34.0)))
    assert [row.line for row in rows] == [2, 4], "empty rows are left out, and still counted"
    first = payload(rows[0])
    assert first["occurred_from"] == "2024-03-01T00:00:00-05:00"
    assert first["occurred_precision"] == "day"
    assert first["reported_at"] == "2024-03-02T09:30:00-05:00"
    assert payload(rows[1])["age"] == 34


def test_a_merged_title_above_the_header_is_no_header(configuration: Configuration, tmp_path: Path) -> None:
    def merge(book: Any) -> None:
        book.active.merge_cells("A1:E1")

    title = ("Incidents of March", None, None, None, None)
    (row,) = judged(configuration, workbook(tmp_path / "a.xlsx", title, (), HEADER, ROW, change=merge))
    assert (row.line, payload(row)["record_id"]) == (4, "c-1")


def test_a_formula_without_a_value_is_refused_and_not_taken_for_an_empty_cell(
    configuration: Configuration, tmp_path: Path
) -> None:
    """openpyxl writes formulas as a program does that computes nothing; Excel stores their values."""
    path = workbook(tmp_path / "a.xlsx", HEADER, ROW, (*ROW[:4], "=30+4"))
    good, bad = judged(configuration, path)
    assert good.faults == ()
    assert [(fault.field, fault.rule) for fault in bad.faults] == [("row", "A formula has no stored value")]
    path.write_bytes(_with_values(path))
    assert payload(judged(configuration, path)[1])["age"] == 34


def _with_values(path: Path) -> bytes:
    """The workbook as Excel would have saved it."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b"<v />", b"<v>34</v>").replace(b"<v></v>", b"<v>34</v>")
    other = path.with_suffix(".other")
    with zipfile.ZipFile(other, "w") as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return other.read_bytes()


def test_a_cell_with_an_error_is_refused(configuration: Configuration, tmp_path: Path) -> None:
    (row,) = judged(configuration, workbook(tmp_path / "a.xlsx", HEADER, (*ROW[:4], "#N/A")))
    assert row.faults


def test_only_the_first_sheet_that_is_shown_is_read_and_that_is_said(tmp_path: Path) -> None:
    def more(book: Any) -> None:
        book.create_sheet("hidden", 0).sheet_state = "hidden"
        book.create_sheet("other")

    table = open_table(workbook(tmp_path / "a.xlsx", HEADER, ROW, change=more), Shape.EXCEL)
    assert table.header == HEADER
    assert table.notes == ("Only the first sheet was read; there are 1 more",)


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for part in range(5):
            with package.open(f"xl/worksheets/sheet{part}.xml", "w") as file:
                for _ in range(100):
                    file.write(b"\0" * 1_000_000)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ColumnsError, match="unpacks to too much"):
        open_table(path, Shape.EXCEL)


def test_a_workbook_that_defines_its_own_entities_is_not_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", HEADER, ROW)
    with zipfile.ZipFile(path, "a") as package:
        package.writestr("xl/more.xml", '<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>')
    with pytest.raises(ColumnsError, match="not one that Excel writes"):
        open_table(path, Shape.EXCEL)


@pytest.mark.parametrize("part", ["[Content_Types].xml", "xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_a_workbook_with_a_part_that_does_not_unpack_is_told_to_be_broken(tmp_path: Path, part: str) -> None:
    path = workbook(tmp_path / "a.xlsx", HEADER, ROW)
    with zipfile.ZipFile(path) as package:
        info = package.getinfo(part)
        begins = info.header_offset + 30 + len(part)
    content = bytearray(path.read_bytes())
    content[begins : begins + info.compress_size] = b"\xff" * info.compress_size
    path.write_bytes(content)
    with pytest.raises(ColumnsError, match=r"save it as \.xlsx"):
        list(open_table(path, Shape.EXCEL).lines())


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"Case No,Seen"]
)
def test_what_is_no_workbook_is_told_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(ColumnsError, match=r"save it as \.xlsx"):
        open_table(path, Shape.EXCEL)


def test_a_table_that_begins_as_a_workbook_is_one_whatever_its_name(tmp_path: Path) -> None:
    assert shape_of(workbook(tmp_path / "a.csv", HEADER)) is Shape.EXCEL


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("Case No,Alter,Größe\n".encode("cp1252"), "CSV UTF-8"),
        ("Case No,Seen\n".encode("utf-16"), "is UTF-16"),
        ("Case No,Seen\n".encode("utf-16-le"), "is UTF-16"),
        (b"", "must be a header"),
    ],
)
def test_a_csv_in_another_encoding_is_told_how_to_save_it(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(ColumnsError, match=words):
        open_table(path, Shape.CSV)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_first_line_that_names_the_separator_is_no_header(
    configuration: Configuration, tmp_path: Path, end: str
) -> None:
    path = tmp_path / "cases.csv"
    rows = [
        "sep=;",
        "Case No;Seen;Told;Crater;Age",
        "c-1;2024-03-01;2024-03-02;n1;34",
        "c-2;x;2024-03-02;n1;1",
    ]
    path.write_bytes("".join(row + end for row in rows).encode("utf-8-sig"))
    first, second = judged(configuration, path)
    assert payload(first)["age"] == 34
    assert (first.line, second.line) == (3, 4)


def test_a_row_in_windows_1252_is_refused_with_the_hint(configuration: Configuration, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    header = ",".join(HEADER).encode()
    path.write_bytes(header + b"\nc-1,2024-03-01,2024-03-02,n\xe41,5\n")
    (row,) = judged(configuration, path)
    assert "Windows-1252" in row.faults[0].fix


@pytest.mark.parametrize(
    ("seen", "read"),
    [
        ("01/03/2024", "2024-03-01T00:00:00-05:00"),
        ("1/3/2024 14:30", "2024-03-01T14:30:00-05:00"),
        ("2024-03-01 14:30", "2024-03-01T14:30:00-05:00"),
        ("03/13/2024", None),
        ("01/03/24", None),
        ("31/02/2024", None),
    ],
)
def test_a_day_with_slashes_is_day_month_year_and_nothing_else(
    configuration: Configuration, tmp_path: Path, seen: str, read: str | None
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{';'.join(HEADER)}\nc-1;{seen};2024-12-02;n1;5\n")
    (row,) = judged(configuration, path)
    if read is None:
        assert [fault.field for fault in row.faults] == ["Seen (occurred_from)"]
    else:
        assert payload(row)["occurred_from"] == read


def test_a_wrong_area_is_told_beside_the_other_faults_of_its_row(
    configuration: Configuration, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{','.join(HEADER)}\nc-1,2024-03-01,2024-03-02,n77,old\n")
    (row,) = judged(configuration, path)
    assert {fault.field for fault in row.faults} == {"Age (age)", "Crater (residence_area.code)"}


def test_an_event_in_an_envelope_has_the_key_of_its_record(
    configuration: Configuration, tmp_path: Path
) -> None:
    envelope = {
        "specversion": "1.0",
        "id": "1",
        "source": "alpha",
        "type": "surveillance.incident.v1",
        "data": event("c-9"),
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps([envelope, event("c-8")], indent=2))
    rows = list(feed_of(configuration, path).judged(configuration.gazetteer, clock()))
    sent = [row.outgoing for row in rows if row.outgoing is not None]
    assert [(one.key, one.id) for one in sent] == [(b"c-9", "c-9@1"), (b"c-8", "c-8@1")]


CELLS = st.text(max_size=30) | st.sampled_from(
    ["c-1", "2024-03-01", "01/03/2024", "n1", "34", "9434765919", "inf"]
)


@given(rows=st.lists(st.lists(CELLS, min_size=5, max_size=5), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_stands_in_its_cells_every_row_is_an_event_or_has_faults_without_its_values(
    configuration: Configuration, tmp_path: Path, rows: list[list[str]]
) -> None:
    """And what is valid travels under the key of its record, the same each time."""
    path = tmp_path / "a.csv"
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in (HEADER, *rows)]
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    found, again = judged(configuration, path), judged(configuration, path)
    assert [row.outgoing for row in found] == [row.outgoing for row in again]
    assert len(found) == sum(any(row) for row in rows)
    for row in found:
        assert (row.outgoing is None) == bool(row.faults)
        told = " ".join(f"{f.field} {f.rule} {f.fix}" for f in row.faults)
        assert "9434765919" not in told
        if row.outgoing is not None:
            said = payload(row)
            assert row.outgoing.key == said["record_id"].encode()
            assert row.outgoing.id == f"{said['record_id']}@{said['version']}"
            assert b"9434765919" not in row.outgoing.value


@pytest.mark.parametrize(
    "above", ["Incidents of March\n\n", "Incidents, March;;;;\n;;;;\n", '"Made of\nMarch"\n', "\n"]
)
def test_a_title_above_the_header_of_a_csv_is_no_header(
    configuration: Configuration, tmp_path: Path, above: str
) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(above + "Case No;Seen;Told;Crater;Age\nc-1;2024-03-01;2024-03-02;n1;34\n")
    (row,) = judged(configuration, path)
    assert (row.line, payload(row)["record_id"]) == (above.count("\n") + 2, "c-1")


def test_a_pdf_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_bytes(b"%PDF-1.4\n1 0 obj, 2\n")
    with pytest.raises(ColumnsError, match="is a PDF; send the spreadsheet"):
        open_table(tmp_path / "cases.csv", Shape.CSV)
