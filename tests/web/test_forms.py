"""No other site can make a signed-in browser do anything: a form needs its token and must be one of ours."""

import pytest
from visiting import HOST, URL, Browser, NewService, Service

from surveillance.web.guard import MOST_BYTES

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def operator(service: Service) -> Browser:
    service.account("operator", "operator")
    service.account("somebody", "viewer")
    return service.signed_in("operator")


def disabled(service: Service) -> bool:
    return service.register.account("somebody").disabled_at is not None


def test_a_form_with_its_token_is_carried_out(service: Service, operator: Browser) -> None:
    assert operator.post("/accounts/somebody/disable", operator.csrf).status == 303
    assert disabled(service)


def test_the_token_may_come_in_a_header(service: Service, operator: Browser) -> None:
    assert operator.ask("POST", "/accounts/somebody/disable", {"X-CSRF": operator.csrf}).status == 303
    assert disabled(service)


def test_the_token_may_come_in_a_form_of_several_parts(service: Service, operator: Browser) -> None:
    body = f'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{operator.csrf}\r\n--x--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert operator.ask("POST", "/accounts/somebody/disable", headers, body.encode()).status == 303
    assert disabled(service)


def test_the_token_of_another_session_is_worth_nothing(service: Service, operator: Browser) -> None:
    other = service.signed_in("operator")
    for token in (other.csrf, service.browser().get("/sign-in").csrf, "", "x", "é" * 20):
        assert operator.post("/accounts/somebody/disable", token).status == 403
    assert not disabled(service)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": URL}, 303),
        ({"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": f"https://{HOST}"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": URL, "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_browser_says_from_where_a_form_comes(
    service: Service, operator: Browser, headers: dict[str, str], status: int
) -> None:
    sent = {**FORM, **headers}
    assert operator.post("/accounts/somebody/disable", operator.csrf, sent).status == status
    assert disabled(service) == (status == 303)


def test_signing_in_is_a_form_too_so_that_nobody_is_signed_in_as_somebody_else(service: Service) -> None:
    service.account("lead", "lead")
    browser = service.browser()
    browser.get("/sign-in")
    assert browser.post("/sign-in", name="lead", password="correct horse battery").status == 403
    stolen = service.browser().get("/sign-in").csrf
    assert browser.post("/sign-in", stolen, name="lead", password="correct horse battery").status == 403


@pytest.mark.parametrize("broken", [b"\xff\xfe=%", b"csrf", b"=", b"csrf=%zz", b"a" * 1000])
def test_a_body_that_is_no_form_is_refused(operator: Browser, broken: bytes) -> None:
    for kind in (
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=b",
    ):
        answer = operator.ask("POST", "/accounts/somebody/disable", {"content-type": kind}, broken)
        assert answer.status == 403


def test_a_body_without_end_is_refused_before_it_is_kept(operator: Browser) -> None:
    answer = operator.ask("POST", "/accounts", FORM, b"a" * (MOST_BYTES + 1))
    assert answer.status == 413
    assert operator.ask("POST", "/accounts", FORM, b"a" * MOST_BYTES).status == 403


def test_authorization_of_another_kind_does_not_stand_for_a_token(
    service: Service, operator: Browser
) -> None:
    for kind in ("Basic b3BlcmF0b3I6eA==", "Bearer", "Digest x", ""):
        answer = operator.ask("POST", "/accounts/somebody/disable", {"authorization": kind})
        assert answer.status == 403, kind
    junk = operator.ask("POST", "/accounts/somebody/disable", {"authorization": "Bearer junk"})
    assert junk.header("location") == "/sign-in", "with a token, the cookie is nothing"
    assert not disabled(service)


def test_behind_a_proxy_that_ends_tls_our_own_origin_is_the_one_that_is_configured(
    new_service: NewService,
) -> None:
    service = new_service(web_url="https://example.org")
    service.account("lead", "lead")
    browser = service.browser(host="example.org")  # the proxy's own connection is plain
    token = browser.get("/sign-in").csrf
    sent = {**FORM, "Origin": "https://example.org"}
    answer = browser.post("/sign-in", token, sent, name="lead", password="correct horse battery")
    assert answer.status == 303
