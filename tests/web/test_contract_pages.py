"""The contract as pages: in words, complete, and every published document to be downloaded."""

import json

import pytest
import yaml
from stored_web import PARTNER, StoredWeb

from surveillance.events import contract
from surveillance.events.decode import event_model
from surveillance.events.known_fields import known_fields
from surveillance.events.refusal import RefusalCode
from surveillance.events.topics import KINDS, Kind


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> StoredWeb:
    return StoredWeb.build(tmp_path_factory.mktemp("contract"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_and_rule_of_a_topic_is_told(web: StoredWeb, kind: Kind) -> None:
    page = web.get(f"/contract/{kind}s", PARTNER).text
    shown = page.replace("[]", "")
    for path in known_fields(event_model(kind)):
        assert f">{path}</th>" in shown, path
    for rule in contract.json_schema(kind)["x-rules"]:
        assert rule["fix"].split('"')[0] in page.replace("&#39;", "'"), rule


def test_every_reason_of_a_refusal_is_told_in_words(web: StoredWeb) -> None:
    page = web.get("/contract", PARTNER).text
    assert all(f">{code}</th>" in page for code in RefusalCode)
    assert "receipts.v1.{partner}" in page


def test_every_published_document_is_downloaded_as_it_was_published(web: StoredWeb) -> None:
    for version, documents in contract.published().items():
        for name, document in documents.items():
            answer = web.get(f"/contract/{version}/{name}", PARTNER)
            assert json.loads(answer.text) == document
            assert "attachment" in answer.headers["content-disposition"]
    as_yaml = web.get("/contract/1.0.0/incident.schema.yaml", PARTNER).text
    assert yaml.safe_load(as_yaml) == contract.published()["1.0.0"]["incident.schema.json"]


@pytest.mark.parametrize(
    "path", ["deaths", "9.9.9/asyncapi.json", "1.0.0/passwd.json", "1.0.0/asyncapi.txt", "1.0.0/..%2Fx.json"]
)
def test_what_is_no_document_is_not_found(web: StoredWeb, path: str) -> None:
    assert web.get(f"/contract/{path}", PARTNER).status_code == 404
