"""Partners' programs read the contract from the command line."""

import json
from pathlib import Path

import pytest
from command import Run

from surveillance.events import contract


@pytest.mark.parametrize(("words", "name"), [((), "asyncapi.json"), (("incident",), "incident.schema.json")])
def test_a_document_is_printed_as_it_was_published(run: Run, words: tuple[str, ...], name: str) -> None:
    assert json.loads(run("contract", *words).out) == contract.documents()[name]


def test_every_document_is_written(run: Run, tmp_path: Path) -> None:
    assert run("contract", "--out", tmp_path / "new").code == 0
    written = {file.name: json.loads(file.read_text()) for file in (tmp_path / "new").iterdir()}
    assert written == contract.documents()


def test_what_an_older_version_accepted_and_this_one_does_not_is_named(run: Run, tmp_path: Path) -> None:
    older = contract.json_schema("incident")
    older["properties"]["nickname"] = {"type": "string"}
    (tmp_path / "older.json").write_text(json.dumps(older))
    done = run("contract", "incident", "--against", tmp_path / "older.json")
    assert done.code == 1
    assert "nickname: is gone" in done.words


def test_the_same_version_is_compatible(run: Run, tmp_path: Path) -> None:
    run("contract", "--out", tmp_path)
    assert run("contract", "admission", "--against", tmp_path / "admission.schema.json").code == 0


@pytest.mark.parametrize("content", ["{", "[]", "{}", None])
def test_a_file_that_is_no_schema_is_told_so(run: Run, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "file.json"
    if content is not None:
        path.write_text(content)
    done = run("contract", "incident", "--against", path)
    assert (done.code, "--against" in done.words, "Traceback" in done.words) == (2, True, False)


def test_a_kind_that_is_none_names_those_there_are(run: Run) -> None:
    done = run("contract", "death")
    assert (done.code, "admission, asyncapi, incident" in done.words) == (2, True)
