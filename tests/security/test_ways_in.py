"""What strangers write never becomes a statement of the database or a path of the machine."""

import ast
import json
import re
from pathlib import Path

import pytest
from planted import ROOT
from sqlalchemy import inspect
from starlette.exceptions import HTTPException

from surveillance.line_list.record import RecordKey
from surveillance.store import line_list
from surveillance.store.database import Store
from surveillance.submitting.spool import Spool
from surveillance.web.submitting.uploads import find_upload

STATEMENTS = (
    "'; DROP TABLE records; --",
    "' OR '1'='1",
    "r-1' UNION SELECT fingerprint FROM definitions --",
    '"; DELETE FROM records; --',
    "%(a)s :a ? $1",
    "\\'; SELECT pg_sleep(10); --",
)
PATHS = (
    *("../outside", "..", "../../etc/passwd", "/etc/passwd", "a/../../outside", "outside/../../outside"),
    *("..\\outside", "%2e%2e%2foutside", "outside\x00", "", ".", "2024010100-" + "a" * 32 + "/../outside"),
)


@pytest.mark.parametrize("text", STATEMENTS)
def test_sql_in_any_field_is_a_value_like_any_other(store: Store, text: str) -> None:
    tables = set(inspect(store.engine).get_table_names())
    keys = {RecordKey("north", "incident", text), RecordKey(text, "incident", "r-1")}
    with store.transaction() as tx:
        numbers = line_list.lock(tx, keys)
    with store.transaction() as tx:
        assert line_list.lock(tx, keys) == numbers
    assert set(inspect(store.engine).get_table_names()) == tables
    assert len(numbers) == 2


def test_no_statement_is_put_together_from_texts_of_others() -> None:
    """SQL that is written out holds nothing but numbers and names of ours, and only store/ writes any."""
    found = set()
    for path in (ROOT / "surveillance").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) and node.args else ""
            is_sql = called in ("sa.text", "literal_column", "sa.literal_column") or called.endswith(
                (".exec_driver_sql", "cursor.execute")
            )
            if is_sql and not isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
                found.add(f"{path.relative_to(ROOT / 'surveillance')}: {ast.unparse(node.args[0])}")  # type: ignore[attr-defined]
    assert {one.split("/")[0] for one in found} <= {"store"}
    assert not [one for one in found if re.search(r"request|payload|content|typed|given", one)]


@pytest.mark.parametrize("name", PATHS)
def test_no_path_leads_out_of_the_spool_or_the_configuration(tmp_path: Path, name: str) -> None:
    spool = Spool(tmp_path / "spool", 1_000_000)
    heading = {"id": "x", "partner": "alpha", "kind": "incident", "topic": "t", "records": 1, "by": "b"}
    for outside in (tmp_path / "outside.spool", tmp_path / "outside.note", tmp_path / "outside.body"):
        outside.write_text(json.dumps(heading | {"account": "a", "name": "n", "shape": "csv"}) + "\n")
    assert spool.find("alpha", name) is None
    with pytest.raises(HTTPException, match="404"):
        find_upload(tmp_path / "spool", name, "a", "alpha")
