"""The gateway over HTTPS: accepted whole, refused with every fault, kept while the broker is away."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import pytest
from handing_in_web import COLUMNS, ROW, Program, event, lying_on, new_gateway, table, workbook
from visiting import AUDIT_KEY, make_service

from surveillance.configuration import Configuration
from surveillance.kafka.admin import TopicSpec, create_topics
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.store import audit
from surveillance.store.database import Store
from surveillance.submitting.shape import EXCEL_TYPE


@pytest.fixture
def away(small_configuration: Configuration, sqlite_template: Path, tmp_path: Path) -> Iterator[Program]:
    """A program of alpha at a service whose broker is away."""
    yield from _program(small_configuration, sqlite_template, tmp_path, "127.0.0.1:1", "")


@pytest.fixture
def there(
    small_configuration: Configuration,
    sqlite_template: Path,
    tmp_path: Path,
    embedded_broker: EmbeddedBroker,
    new_topic: Callable[[str], str],
) -> Iterator[tuple[Program, str]]:
    """The same with a broker, and the topic of alpha."""
    prefix = new_topic("")
    topic = f"{prefix}incidents.v1.alpha"
    create_topics(embedded_broker.address, [TopicSpec(topic, 1)])
    for program in _program(small_configuration, sqlite_template, tmp_path, embedded_broker.address, prefix):
        yield program, topic


def _program(
    configuration: Configuration, template: Path, directory: Path, brokers: str, prefix: str
) -> Iterator[Program]:
    path = directory / "web.db"
    path.write_bytes(template.read_bytes())
    store = Store.open(f"sqlite:///{path}")
    made = new_gateway(configuration, directory, brokers, prefix)
    service = make_service(configuration, store, gateway=made)
    yield Program(service, "alpha-program", "partner:*:*:alpha")
    store.close()


def asked(columns: str) -> str:
    return f"/api/partners/alpha/incidents?{urlencode({'columns': columns})}"


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (json.dumps(event("c-1")).encode(), "application/json"),
        (json.dumps([event("c-1"), event("c-2")]).encode(), "application/json; charset=utf-8"),
        (b"\n".join(json.dumps(event(r)).encode() for r in ("c-1", "c-2")), "application/x-ndjson"),
        (table(ROW, ("c-2", *ROW[1:])), "text/csv"),
        (workbook(ROW, ("c-2", *ROW[1:])), EXCEL_TYPE),
    ],
)
def test_each_kind_of_file_is_published_once_the_broker_has_acknowledged_it(
    there: tuple[Program, str], embedded_broker: EmbeddedBroker, body: bytes, media_type: str
) -> None:
    program, topic = there
    answer = program.post(asked(COLUMNS), body, media_type)
    assert answer.status == 200, answer.text
    told = answer.json
    assert (told["state"], told["ids"]) == ("published", ["c-1@1", "c-2@1"][: told["records"]])
    assert [e["record_id"] for e in lying_on(embedded_broker, topic)] == [i[:3] for i in told["ids"]]
    state = program.get(f"/api/partners/alpha/submissions/{told['id']}")
    assert (state.status, state.json["state"], state.json["records"]) == (200, "published", told["records"])


def test_a_table_is_refused_with_every_fault_by_row_and_column_and_none_of_its_values(away: Program) -> None:
    secret = ("9434765919", "1st of March", "2024-03-02", "12 High Street", "thirty")
    answer = away.post(asked(COLUMNS), table(ROW, secret), "text/csv")
    assert answer.status == 422
    told = {(f["row"], f["field"]) for f in answer.json["faults"]}
    assert {
        (3, "Case No (record_id)"),
        (3, "Seen (occurred_from)"),
        (3, "Crater (residence_area.code)"),
        (3, "Age (age)"),
    } <= told
    assert (answer.json["rows"], answer.json["bad_rows"]) == (2, 1)
    assert not any(value in answer.text for value in secret if value != "2024-03-02")


def test_a_file_without_a_header_is_not_repeated(away: Program) -> None:
    answer = away.post(asked(COLUMNS), b"Jane Doe,9434765919\nJohn Doe,1\n", "text/csv")
    assert answer.status == 422
    assert [f["row"] for f in answer.json["faults"]] == [None] * 5
    assert "Doe" not in answer.text


@pytest.mark.parametrize("body", [b"", b"[]", b"[1", b"{", b"\xff", b"null", b"[" * 100_000])
def test_what_is_no_record_is_refused_with_a_fault(away: Program, body: bytes) -> None:
    answer = away.post("/api/partners/alpha/incidents", body)
    assert (answer.status, len(answer.json["faults"])) == (422, 1 + (body == b"[1")), answer.text


def test_while_the_broker_is_away_a_submission_is_kept_and_told_to_be_pending(away: Program) -> None:
    answer = away.post("/api/partners/alpha/incidents", json.dumps(event("c-1")).encode())
    assert (answer.status, answer.json["state"]) == (202, "pending")
    state = away.get(f"/api/partners/alpha/submissions/{answer.json['id']}")
    assert (state.status, state.json["state"]) == (200, "pending")
    assert away.get("/api/partners/alpha/submissions/0").status == 404


def entered(program: Program) -> list[audit.Entry]:
    """What the chain holds after a turn of the gateway's loop."""
    program.service.app.state.gateway.enter(program.service.app.state.enter)
    with program.service.store.reading() as tx:
        audit.verify(tx, AUDIT_KEY)
        return [entry for _, entry in audit.listed(tx, act="submitted")]


def test_who_handed_in_what_is_in_the_audit_chain_and_nothing_of_what_it_said(away: Program) -> None:
    body = json.dumps([event(f"c-{n}") for n in range(2)]).encode()
    submission = away.post("/api/partners/alpha/incidents", body).json["id"]
    away.post("/api/partners/alpha/incidents", b"[{}]")
    many = json.dumps([event(f"d-{n}") for n in range(30)]).encode()
    away.post("/api/partners/alpha/incidents", many)
    named = {"partner": "alpha", "kind": "incident"}
    latest, first = entered(away)
    assert first.by.startswith("alpha-program/"), "the token is named beside its account"
    assert first.subject == f"submission/{submission}"
    assert first.facts == named | {"records": 2, "ids": ["c-0@1", "c-1@1"]}
    assert latest.facts == named | {"records": 30, "ids": []}


def test_submissions_at_once_are_all_in_the_audit_chain(away: Program) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [(f"c-{n}", json.dumps(event(f"c-{n}")).encode()) for n in range(40)]
        answers = list(pool.map(lambda one: away.post("/api/partners/alpha/incidents", one[1]), asked))
    assert {answer.status for answer in answers} == {202}
    assert {f"submission/{a.json['id']}" for a in answers} == {e.subject for e in entered(away)}


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(json.dumps(event("c-1")).encode(), "application/json"), (table(ROW), "text/csv")],
)
def test_what_is_sent_as_a_test_goes_as_test_records(away: Program, body: bytes, media_type: str) -> None:
    assert away.post(f"{asked(COLUMNS)}&test=true", body, media_type).status == 202
    gateway = away.service.app.state.gateway
    held = gateway.spool.hold(*gateway.spool.waiting())
    (message,) = held.messages()
    held.file.close()
    assert (json.loads(message.value)["test"], message.id) == (True, "c-1@1")


def test_what_is_too_large_or_of_no_known_kind_is_not_taken(away: Program, tmp_path: Path) -> None:
    large = away.post("/api/partners/alpha/incidents", b" " * 3_000_000)
    assert (large.status, large.json["faults"][0]["field"]) == (413, "body")
    unknown = away.post("/api/partners/alpha/incidents", b"x", "application/pdf")
    assert (unknown.status, unknown.json["faults"][0]["field"]) == (415, "Content-Type")
    assert "text/csv" in (unknown.header("accept-post") or "")
    assert list((tmp_path / "spool" / "staged").iterdir()) == [], "nothing of it stays"


def test_a_partner_hands_in_for_itself_only(away: Program) -> None:
    body = json.dumps(event("c-1", partner="beta")).encode()
    assert away.post("/api/partners/beta/incidents", body).status == 404
    assert away.post("/api/partners/nobody/incidents", body).status == 404
    claimed = away.post("/api/partners/alpha/incidents", body)
    assert [f["field"] for f in claimed.json["faults"]] == ["reporter_org"]
    assert away.post("/api/partners/alpha/admissions", body).status == 422, "alpha publishes incidents only"


def test_a_full_spool_is_told_and_nothing_is_accepted(away: Program, tmp_path: Path) -> None:
    body = json.dumps(event("c-1")).encode()
    gateway = away.browser.app.state.gateway
    gateway.spool.most_bytes = 0
    answer = away.post("/api/partners/alpha/incidents", body)
    assert (answer.status, answer.header("retry-after")) == (507, "60")
    assert not list((tmp_path / "spool").glob("*.spool"))
