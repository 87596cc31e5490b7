"""The pages on which people hand in records: looked at first, sent whole, one record by a form."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from handing_in_web import ROW, new_gateway, table, workbook
from visiting import Answer, Browser, Service, make_service

from sealed_store import ONE, keys
from small_house import load_house
from surveillance.configuration import Configuration, load_configuration
from surveillance.events.decode import event_model
from surveillance.sealing import SealingKeys
from surveillance.store import audit
from surveillance.store.database import Store
from surveillance.web.submitting.codes import offered_codes
from surveillance.web.submitting.fields import form_groups

CONFIG = Path(__file__).parents[2] / "config"
WHO = "reporter@example.org"
AGREED = {
    "record_id": "Case No",
    "category": "=dune_fever",
    "status": "=suspected",
    "occurred_from": "Seen",
    "reported_at": "Told",
    "residence_area.code": "Crater",
}
RECORD = {
    "record_id": "c-1",
    "version": "1",
    "action": "reported",
    "status": "suspected",
    "category": "dune_fever",
    "occurred_from": "2024-03-01",
    "reported_at": "2024-03-02",
    "reported_at.time": "09:30",
    "residence_area.code": "n1",
    "age": "34",
}


@pytest.fixture(scope="module")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """A house in which the columns of alpha's files were agreed, but for one."""
    directory = tmp_path_factory.mktemp("agreed")
    load_house(directory)
    with (directory / "partners" / "alpha.yaml").open("a") as file:
        file.write("columns:\n  incidents:\n")
        file.writelines(f"    {field}: '{column}'\n" for field, column in AGREED.items())
    return load_configuration(directory)


@pytest.fixture
def alpha(agreed: Configuration, sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    yield from alphas(agreed, sqlite_template, tmp_path, None)


@pytest.fixture
def sealed_alpha(agreed: Configuration, sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    yield from alphas(agreed, sqlite_template, tmp_path, keys(tmp_path, ONE))


def alphas(
    agreed: Configuration, sqlite_template: Path, tmp_path: Path, with_keys: SealingKeys | None
) -> Iterator[Service]:
    path = tmp_path / "web.db"
    path.write_bytes(sqlite_template.read_bytes())
    store = Store.open(f"sqlite:///{path}")
    gateway = new_gateway(agreed, tmp_path, "127.0.0.1:1", keys=with_keys)
    service = make_service(agreed, store, gateway=gateway)
    service.account(WHO, "partner:*:*:alpha")
    yield service
    store.close()


def hand_in(browser: Browser, body: bytes, name: str = "cases.csv", csrf: str | None = None) -> Answer:
    parts = [("csrf", browser.csrf if csrf is None else csrf), ("topic", "incidents")]
    edge = "----edge"
    fields = "".join(
        f'--{edge}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in parts
    )
    file = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    whole = f"{fields}{file}".encode() + body + f"\r\n--{edge}--\r\n".encode()
    return browser.ask(
        "POST", "/partners/alpha/uploads", {"content-type": f"multipart/form-data; boundary={edge}"}, whole
    )


def taken(browser: Browser, body: bytes, name: str = "cases.csv") -> str:
    answer = hand_in(browser, body, name)
    assert answer.status == 303, answer.text
    return answer.header("location") or ""


def waiting(service: Service) -> list[str]:
    return service.app.state.gateway.spool.waiting()  # type: ignore[no-any-return]


def test_a_file_is_shown_as_it_was_read_and_sent_once_it_is_confirmed(alpha: Service, tmp_path: Path) -> None:
    browser = alpha.signed_in(WHO)
    path = taken(browser, table(ROW))
    page = browser.get(path)
    assert page.status == 200
    assert "All 1 record can be sent" in page.text
    assert "Fri 1 March 2024, 00:00" in page.text, "the day is told in words: it was written 01/03/2024"
    assert "Not read, and neither kept nor sent: Age" in page.text
    assert waiting(alpha) == [], "nothing is sent by looking"
    sent = browser.post(f"{path}/send", browser.csrf)
    assert sent.status == 303
    done = browser.get(sent.header("location") or "")
    assert "1 record kept, not yet passed on" in done.text
    assert len(waiting(alpha)) == 1
    assert list((tmp_path / "spool" / "staged").iterdir()) == [], "the upload is gone"
    assert browser.get(path).status == 404
    alpha.app.state.gateway.enter(alpha.app.state.enter)
    with alpha.store.reading() as tx:
        entries = [entry for _, entry in audit.listed(tx, act="submitted")]
    assert [(e.by, e.facts["records"], e.facts["ids"]) for e in entries] == [(WHO, 1, ["c-1@1"])]


@pytest.mark.parametrize(("make", "name"), [(table, "cases.csv"), (workbook, "cases.xlsx")])
def test_an_upload_lies_sealed_while_somebody_looks_and_is_sent_as_it_was(
    sealed_alpha: Service, tmp_path: Path, make: Callable[..., bytes], name: str
) -> None:
    browser = sealed_alpha.signed_in(WHO)
    path = taken(browser, make(("planted-1", *ROW[1:])), name)
    chosen = {f: c for f, c in AGREED.items() if not c.startswith("=")} | {"age": "Age"}
    assert browser.post(f"{path}/columns", browser.csrf, **chosen).status == 303
    assert "All 1 record can be sent" in browser.get(path).text
    staged = list((tmp_path / "spool" / "staged").iterdir())
    assert sorted(one.suffix for one in staged) == [".note", ".sealed", ".seen"]
    for one in staged:
        assert one.read_bytes().startswith(b"sealed:one:")
    assert browser.post(f"{path}/send", browser.csrf).status == 303
    assert list((tmp_path / "spool" / "staged").iterdir()) == []
    sent = message_of(sealed_alpha)
    assert (sent["record_id"], sent["age"]) == ("planted-1", 34)


def test_a_file_that_is_ticked_as_a_test_goes_as_test_records(alpha: Service) -> None:
    browser = alpha.signed_in(WHO)
    path = taken(browser, table(ROW))
    assert browser.post(f"{path}/send", browser.csrf, test="yes").status == 303
    assert message_of(alpha)["test"] is True


def test_a_column_that_was_not_agreed_can_be_chosen_and_constants_stay(alpha: Service) -> None:
    browser = alpha.signed_in(WHO)
    path = taken(browser, table(ROW))
    fields = {f: c for f, c in AGREED.items() if not c.startswith("=")} | {"age": "Age", "sex": "no such"}
    assert browser.post(f"{path}/columns", browser.csrf, **fields).status == 303
    page = browser.get(path).text
    assert "Not read" not in page
    assert "All 1 record can be sent" in page
    assert re.search(r'id="c-age".*?<option value="Age" selected>', page, re.DOTALL)


def test_rows_are_judged_once_by_each_mapping_however_often_somebody_looks(
    alpha: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, judged = alpha.app.state.gateway, list[str]()
    look = gateway.look
    monkeypatch.setattr(gateway, "look", lambda feed: judged.append(feed.columns) or look(feed))
    browser = alpha.signed_in(WHO)
    path = taken(browser, table(ROW, ("c-2", "31/02/2024", "2024-03-02", "n77", "1")))
    pages = [browser.get(path).text for _ in range(3)]
    assert len(judged) == 1
    assert pages[0] == pages[2]
    assert "1 row of 2 cannot be sent" in pages[2]
    fields = {f: c for f, c in AGREED.items() if not c.startswith("=")} | {"age": "Age"}
    browser.post(f"{path}/columns", browser.csrf, **fields)
    assert ["Not read" in browser.get(path).text for _ in range(2)] == [False, False]
    assert len(judged) == 2
    assert browser.post(f"{path}/send", browser.csrf).status == 422, "sending judges for itself"


def test_every_mistake_is_shown_in_the_partners_own_columns_and_nothing_can_be_sent(alpha: Service) -> None:
    browser = alpha.signed_in(WHO)
    path = taken(browser, table(ROW, ("c-2", "31/02/2024", "2024-03-02", "n77", "1"), ("", *ROW[1:])))
    page = browser.get(path).text
    assert "2 rows of 3 cannot be sent" in page
    for words in ("Seen (occurred_from)", "Case No (record_id)"):
        assert words in page
    assert f"{path}/send" not in page
    assert browser.post(f"{path}/send", browser.csrf).status == 422
    assert waiting(alpha) == []


@pytest.mark.parametrize(
    ("body", "name", "words"),
    [
        (b"PK\x03\x04 broken", "cases.xlsx", "is no .xlsx workbook"),
        (b"\xd0\xcf\x11\xe0 old", "cases.xls", "an old .xls, one with a password"),
        (b"Case No,N\xe4me\nc-1,x\n", "cases.csv", "CSV UTF-8"),
        (b"", "cases.csv", "its first line must be a header"),
        (b"[]", "cases.json", "holds no record"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_why(alpha: Service, body: bytes, name: str, words: str) -> None:
    browser = alpha.signed_in(WHO)
    page = browser.get(taken(browser, body, name))
    assert page.status == 200
    assert words in page.text


def test_an_upload_is_there_for_the_one_who_sent_it_and_can_be_deleted(
    alpha: Service, tmp_path: Path
) -> None:
    browser = alpha.signed_in(WHO)
    path = taken(browser, table(ROW))
    alpha.account("colleague@example.org", "partner:*:*:alpha")
    assert alpha.signed_in("colleague@example.org").get(path).status == 404
    assert browser.post(f"{path}/remove", browser.csrf).status == 303
    assert list((tmp_path / "spool" / "staged").iterdir()) == []


def test_an_upload_without_the_token_of_its_form_or_too_large_is_not_taken(
    alpha: Service, tmp_path: Path
) -> None:
    browser = alpha.signed_in(WHO)
    assert hand_in(browser, table(ROW), csrf="0" * 64).status == 403
    assert hand_in(browser, b"x" * 3_000_000).status == 413
    assert hand_in(browser, b"", name="").status == 422
    assert list((tmp_path / "spool" / "staged").iterdir()) == []


def test_one_record_is_sent_by_a_form(alpha: Service) -> None:
    browser = alpha.signed_in(WHO)
    path = "/partners/alpha/records/new?topic=incidents"
    assert browser.get(path).status == 200
    assert browser.post(path, browser.csrf, **RECORD).status == 303
    (kept,) = waiting(alpha)
    gateway = alpha.app.state.gateway
    held = gateway.spool.hold(kept)
    (message,) = held.messages()
    held.file.close()
    assert (
        b'"occurred_from":"2024-03-01T00:00:00-05:00","reported_at":"2024-03-02T09:30:00-05:00"'
        in message.value
    )


def message_of(service: Service) -> dict[str, Any]:
    """The event that waits."""
    (kept,) = waiting(service)
    held = service.app.state.gateway.spool.hold(kept)
    (message,) = held.messages()
    held.file.close()
    return json.loads(message.value)  # type: ignore[no-any-return]


FORM = "/partners/alpha/records/new?topic=incidents"
SETTINGS = {
    "settings.0.type": "school",
    "settings.0.identifier": "s-1",
    "settings.1.type": "",
    "settings.2.type": "workplace",
    "settings.2.identifier": "w-1",
}


def test_several_entries_of_a_list_are_sent_and_an_empty_one_between_them_is_none(alpha: Service) -> None:
    browser = alpha.signed_in(WHO)
    assert browser.post(FORM, browser.csrf, **RECORD, **SETTINGS).status == 303
    assert message_of(alpha)["settings"] == [
        {"type": "school", "identifier": "s-1"},
        {"type": "workplace", "identifier": "w-1"},
    ]


def test_a_button_adds_an_entry_without_a_script_and_keeps_what_was_typed(alpha: Service) -> None:
    browser = alpha.signed_in(WHO)
    one = {name: text for name, text in SETTINGS.items() if ".0." in name}
    page = browser.post(FORM, browser.csrf, **RECORD, **one, add="settings")
    assert (page.status, waiting(alpha)) == (200, [])
    assert 'value="s-1"' in page.text
    assert 'name="settings.1.type"' in page.text
    assert 'name="settings.2.type"' not in page.text
    assert 'value="c-1"' in page.text


def test_a_mistake_in_an_entry_stands_at_its_own_field(alpha: Service) -> None:
    browser = alpha.signed_in(WHO)
    wrong = SETTINGS | {"settings.2.identifier": "two words"}
    page = browser.post(FORM, browser.csrf, **RECORD, **wrong)
    assert page.status == 422
    assert 'id="f-settings-1-identifier-error"' in page.text
    assert 'id="f-settings-0-identifier-error"' not in page.text


def test_a_record_that_is_ticked_as_a_test_goes_as_a_test_record(alpha: Service) -> None:
    browser = alpha.signed_in(WHO)
    assert '<input type="checkbox" name="test"' in browser.get(FORM).text
    assert browser.post(FORM, browser.csrf, **RECORD, test="yes").status == 303
    sent = message_of(alpha)
    assert (sent["test"], sent["data"]["record_id"]) == (True, "c-1")


def test_codes_of_the_code_lists_are_proposed_with_their_words() -> None:
    offered = offered_codes(CONFIG)
    assert ("X60", "ICD-10: ") in [(o.code, o.words[:8]) for o in offered["diagnoses.code"]]
    assert "21" in [one.code for one in offered["admission_method"]]


def test_the_form_of_an_admission_proposes_codes(shipped: Service) -> None:
    browser = shipped.signed_in(WHO)
    page = browser.get("/partners/example-emergency-department/records/new?topic=admissions").text
    assert re.search(r'name="diagnoses.0.code"[^>]* list="codes-diagnoses-code"', page)
    assert re.search(r'<option value="X60" label="X60 ICD-10: [^"]+">', page)
    assert re.search(r'name="admission_method"[^>]* list="codes-admission_method"', page)


@pytest.fixture
def shipped(sqlite_template: Path, tmp_path: Path) -> Iterator[Service]:
    """The service as it is shipped, with an account of a hospital."""
    path = tmp_path / "shipped.db"
    path.write_bytes(sqlite_template.read_bytes())
    store, configuration = Store.open(f"sqlite:///{path}"), load_configuration(CONFIG)
    service = make_service(configuration, store, gateway=new_gateway(configuration, tmp_path, "127.0.0.1:1"))
    service.account(WHO, "partner:*:*:example-emergency-department")
    yield service
    store.close()


def test_a_form_with_mistakes_comes_back_with_each_at_its_field(alpha: Service) -> None:
    browser = alpha.signed_in(WHO)
    wrong = RECORD | {
        "age": "400",
        "record_id": "",
        "reported_at": "2023-01-01",
        "residence_area.code": "n77",
    }
    page = browser.post("/partners/alpha/records/new?topic=incidents", browser.csrf, **wrong)
    assert page.status == 422
    for field in ("record_id", "age", "reported_at"):
        assert f'id="f-{field}-error"' in page.text, field
    assert 'value="400"' in page.text
    assert waiting(alpha) == []


def test_a_raw_nhs_number_typed_anywhere_is_refused_at_its_field(alpha: Service) -> None:
    browser = alpha.signed_in(WHO)
    wrong = RECORD | {"record_id": "9434765919"}
    page = browser.post("/partners/alpha/records/new?topic=incidents", browser.csrf, **wrong)
    assert page.status == 422
    assert "check digit of an NHS number" in page.text


@pytest.mark.parametrize("kind", ["incident", "admission"])
def test_the_form_asks_for_every_field_of_the_contract(kind: str) -> None:
    asked = {f.path.split(".")[0] for group in form_groups(kind) for f in group.every}  # type: ignore[arg-type]
    assert asked | {"reporter_org"} == set(event_model(kind).model_fields)  # type: ignore[arg-type]


def test_somebody_of_another_partner_reaches_none_of_it(alpha: Service) -> None:
    browser = alpha.signed_in(WHO)
    path = taken(browser, table(ROW))
    alpha.account("other@example.org", "partner:*:*:beta")
    other = alpha.signed_in("other@example.org")
    for asked in (path, "/partners/alpha/uploads", "/partners/alpha/records/new"):
        assert other.get(asked).status == 404
    assert "Clinic alpha" not in other.get("/send").text
