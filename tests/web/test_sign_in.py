"""Signing in and out: who gets a session, how long it lasts, and what nobody learns on the way."""

from datetime import timedelta

import pytest
from limits import parse
from visiting import AUDIT_KEY, PASSWORD, Browser, NewService, Service

from surveillance.access.person import Grant
from surveillance.store import audit
from surveillance.store.sign_in_failures import FREE_ATTEMPTS
from surveillance.store.tables_audit import audit as entries
from surveillance.web.limits import Limits
from surveillance.web.session import Seal, begin


def acts(service: Service) -> list[tuple[str, str, str]]:
    with service.store.reading() as tx:
        audit.verify(tx, AUDIT_KEY)
        return [(row.by, row.act, row.subject) for row in tx.execute(entries.select())]


def failing(service: Service, name: str, times: int, browser: Browser | None = None) -> list[int]:
    asking = browser or service.browser()
    return [asking.sign_in(name, "not the password").status for _ in range(times)]


def test_a_page_asks_who_is_there_and_goes_on_to_where_they_wanted(service: Service) -> None:
    service.account("lead", "lead")
    browser = service.browser()
    asked = browser.get("/alerts/a?x=1")
    assert (asked.status, asked.header("location")) == (303, "/sign-in?next=%2Falerts%2Fa%3Fx%3D1")
    form = browser.get(asked.header("location") or "")
    assert 'name="next" value="/alerts/a?x=1"' in form.text
    signed_in = browser.post("/sign-in", form.csrf, name="Lead ", password=PASSWORD, next="/alerts/a?x=1")
    assert (signed_in.status, signed_in.header("location")) == (303, "/alerts/a?x=1")
    assert browser.get("/").status == 200
    assert ("lead", "signed in", "account/lead") in acts(service)


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil", "/\tx", "javascript:x", ""],
)
def test_a_sign_in_never_goes_on_to_another_site(service: Service, elsewhere: str) -> None:
    service.account("lead", "lead")
    assert service.browser().sign_in("lead", next=elsewhere).header("location") == "/"


def test_the_api_says_401_and_how_to_do_better(service: Service) -> None:
    answer = service.browser().get("/api/alerts")
    assert (answer.status, answer.json, answer.header("www-authenticate")) == (401, {"error": 401}, "Bearer")


def test_a_part_of_a_page_is_not_swapped_for_the_sign_in_form(service: Service) -> None:
    answer = service.browser().ask("GET", "/", {"HX-Request": "true"})
    assert (answer.status, answer.header("hx-redirect"), answer.body) == (401, "/sign-in", b"")


def test_a_session_never_goes_on_from_before_the_sign_in(service: Service) -> None:
    service.account("lead", "lead")
    browser = service.browser()
    form = browser.get("/sign-in")
    before = dict(browser.cookies)
    planted = Browser(service.app, cookies=dict(before))
    browser.post("/sign-in", form.csrf, name="lead", password=PASSWORD)
    assert browser.cookies != before
    assert planted.get("/").status == 303


def test_the_cookie_is_kept_from_scripts_and_other_sites(new_service: NewService) -> None:
    service = new_service()
    service.account("lead", "lead")
    cookie = service.browser().get("/sign-in").header("set-cookie") or ""
    assert cookie.startswith("surveillance=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    https = new_service(web_url="https://example.org")
    answer = https.browser(scheme="https", host="example.org").get("/sign-in")
    cookie = answer.header("set-cookie") or ""
    assert cookie.startswith("__Host-surveillance=")
    assert "Secure" in cookie.split("; ")
    assert "Domain" not in cookie
    assert answer.header("strict-transport-security") == "max-age=31536000"


@pytest.mark.parametrize("forged", ["", "x", "eyJpZCI6ICJ4In0.AAAA", "e30.x.y", "\u00e9"])
def test_a_forged_cookie_is_no_session(service: Service, forged: str) -> None:
    assert service.browser(cookies={"surveillance": forged}).get("/").status == 303


def test_a_cookie_that_was_changed_or_signed_with_another_key_is_no_session(service: Service) -> None:
    service.account("lead", "lead")
    browser = service.signed_in("lead")
    value = browser.cookies["surveillance"]
    session = begin(service.clock[0], "lead", 1)
    forged = Seal(b"x" * 32, False).header(session).split(";")[0].removeprefix("surveillance=")
    genuine = service.door.seal.header(session).split(";")[0].removeprefix("surveillance=")
    assert service.browser(cookies={"surveillance": genuine}).get("/").status == 200
    for other in (value[:-8] + "AAAAAAAA", value[1:], value + ".", forged):
        assert service.browser(cookies={"surveillance": other}).get("/").status == 303


def test_a_session_ends_when_nobody_does_anything_and_after_its_time_in_any_case(service: Service) -> None:
    service.account("lead", "lead")
    idle, busy = service.signed_in("lead"), service.signed_in("lead")
    for _ in range(23):
        service.later(minutes=31)
        assert busy.get("/account").status == 200
    assert idle.get("/account").status == 303
    service.later(minutes=31)
    assert busy.get("/account").status == 303, "12 hours are over"


def test_a_page_that_refreshes_itself_keeps_no_session_alive(service: Service) -> None:
    service.account("lead", "lead")
    browser = service.signed_in("lead")
    for _ in range(2):
        service.later(minutes=31)
        answer = browser.ask("GET", "/account", {"Sec-Fetch-Mode": "navigate"})
    assert answer.status == 303


def test_signing_out_makes_a_copy_of_the_cookie_worthless(service: Service) -> None:
    service.account("lead", "lead")
    browser, elsewhere = service.signed_in("lead"), service.signed_in("lead")
    copy = Browser(service.app, cookies=dict(browser.cookies))
    assert browser.post("/sign-out", browser.csrf).header("location") == "/sign-in"
    assert browser.cookies == {}
    assert copy.get("/account").status == 303
    assert elsewhere.get("/account").status == 200
    assert ("lead", "signed out", "account/lead") in acts(service)


def test_signing_out_everywhere_ends_all_sessions(service: Service) -> None:
    service.account("lead", "lead")
    browser, elsewhere = service.signed_in("lead"), service.signed_in("lead")
    assert browser.post("/account/sign-out", browser.csrf).status == 303
    assert [b.get("/account").status for b in (browser, elsewhere)] == [303, 303]


def test_a_new_password_ends_the_other_sessions_and_begins_this_one_anew(service: Service) -> None:
    service.account("lead", "lead")
    browser, elsewhere = service.signed_in("lead"), service.signed_in("lead")
    form = browser.csrf
    wrong = browser.post("/account/password", form, password="not it", new="another long password")
    assert wrong.status == 403
    short = browser.post("/account/password", form, password=PASSWORD, new="short")
    assert (short.status, "12 to 200 characters" in short.text) == (422, True)
    changed = browser.post("/account/password", form, password=PASSWORD, new="another long password")
    assert changed.header("location") == "/account?done=password"
    assert [b.get("/account").status for b in (browser, elsewhere)] == [200, 303]
    assert service.browser().sign_in("lead").status == 403
    assert service.browser().sign_in("lead", "another long password").status == 303


def test_a_disabled_account_is_out_at_once_and_gets_no_other_answer_than_a_wrong_password(
    service: Service,
) -> None:
    service.account("lead", "lead")
    browser = service.signed_in("lead")
    service.register.disable("lead", "operator")
    assert browser.get("/account").status == 303
    refused = service.browser().sign_in("lead")
    assert (refused.status, "not an account and its password" in refused.text) == (403, True)
    service.register.enable("lead", "operator")
    assert browser.get("/account").status == 303, "the old session does not come back"
    assert service.browser().sign_in("lead").status == 303


def test_what_is_granted_or_withdrawn_holds_from_the_next_request_on(service: Service) -> None:
    service.account("somebody", "viewer")
    browser = service.signed_in("somebody")
    assert browser.get("/accounts").status == 403
    service.register.grant("somebody", Grant.parse("operator"), "operator")
    assert browser.get("/accounts").status == 200
    service.register.ungrant("somebody", Grant.parse("operator"), "operator")
    assert browser.get("/accounts").status == 403


def test_an_account_and_a_name_that_is_none_get_the_same_answers(service: Service) -> None:
    service.account("lead", "lead")
    attempts = FREE_ATTEMPTS + 2
    known, unknown = failing(service, "lead", attempts), failing(service, "nobody", attempts)
    assert known == unknown == [403] * (FREE_ATTEMPTS - 1) + [429] * 3


def test_the_wait_after_failures_grows_and_a_success_ends_it(service: Service) -> None:
    service.account("lead", "lead")
    failing(service, "lead", FREE_ATTEMPTS)
    locked = service.browser().sign_in("lead")
    assert (locked.status, locked.header("retry-after")) == (429, "30")
    service.later(seconds=31)
    failing(service, "lead", 1)
    assert service.browser().sign_in("lead").header("retry-after") == "60"
    service.later(seconds=61)
    assert service.browser().sign_in("lead").status == 303
    assert failing(service, "lead", 1) == [403], "the count began anew"
    said = [act for _, act, subject in acts(service) if subject == "account/lead"]
    assert said.count("sign-in failed") == FREE_ATTEMPTS + 2
    assert said.count("locked") == 2


def test_what_was_typed_as_a_name_is_neither_stored_nor_logged(
    service: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    typed = "My Secret Password 1"
    page = service.browser().sign_in(typed, typed)
    assert page.status == 403
    service.store.close()
    stored = b"".join(path.read_bytes() for path in _files(service))
    assert typed.encode() not in stored
    assert typed.lower().encode() not in stored
    assert typed not in "".join(capfd.readouterr())


def _files(service: Service) -> list:  # type: ignore[type-arg]
    from pathlib import Path

    path = Path(str(service.store.engine.url.database))
    return list(path.parent.glob(path.name + "*"))


def test_one_address_tries_only_so_often_whatever_the_names(new_service: NewService) -> None:
    service = new_service(limits=Limits(parse("3 per minute"), parse("100 per minute")))
    statuses = [service.browser().sign_in(f"name-{i}", "wrong").status for i in range(4)]
    assert statuses == [403, 403, 403, 429]
    assert service.browser(client="192.0.2.2").sign_in("name-0", "wrong").status == 403


def test_a_missing_field_is_a_page_that_does_not_repeat_the_others(service: Service) -> None:
    browser = service.browser()
    answer = browser.post("/sign-in", browser.get("/sign-in").csrf, password="typed in vain")
    assert answer.status == 422
    assert "typed in vain" not in answer.text


def test_the_page_says_who_is_signed_in_and_how_to_leave(service: Service) -> None:
    service.account("lead@example.org", "lead")
    page = service.signed_in("lead@example.org").get("/").text
    assert "lead@example.org" in page
    assert 'action="/sign-out"' in page


def test_the_clock_of_a_cookie_that_begins_in_the_future_is_not_trusted(service: Service) -> None:
    service.account("lead", "lead")
    browser = service.signed_in("lead")
    service.clock[0] -= timedelta(hours=2)
    assert browser.get("/account").status == 303
