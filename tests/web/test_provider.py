"""Signing in at an identity provider: with a real one over HTTP, and against one that forges."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from providers import (
    CLIENT,
    Forger,
    RealProvider,
    changed_after,
    forging_provider,
    no_token,
    path_of,
    provider_at,
    real_provider,
    unsigned,
    with_own_key,
    with_public_key,
)
from test_sign_in import acts
from visiting import Answer, Browser, NewService, Service

from surveillance.access.person import Grant
from surveillance.access.role import Role
from surveillance.use_case.fault import ConfigError
from surveillance.web.provider import GroupRole, load_provider


@pytest.fixture(scope="module")
def real() -> Iterator[RealProvider]:
    with real_provider() as provider:
        yield provider


@pytest.fixture
def forger() -> Iterator[Forger]:
    with forging_provider() as provider:
        yield provider


def leave(browser: Browser, then: str = "/") -> str:
    """To the provider: the address that the browser is sent to."""
    link = re.search(r'href="(/sign-in/provider[^"]*)"', browser.get(f"/sign-in?next={then}").text)
    assert link
    answer = browser.get(link[1])
    assert answer.status == 302, answer.text
    return answer.header("location") or ""


def sign_in_by(service: Service, forger: Forger, **changes: str) -> tuple[Browser, Answer]:
    browser = service.browser()
    return browser, browser.get(forger.come_back(leave(browser), **changes))


def test_who_signs_in_at_a_real_provider_has_the_roles_of_their_groups(
    new_service: NewService, real: RealProvider
) -> None:
    real.knows("s-1", email="lead-7@example.org", groups=["leads-north", "cooks"])
    service = new_service(provider=provider_at(real.issuer))
    browser = service.browser()
    away = leave(browser, "/alerts/x")
    assert {"code_challenge_method=S256", "response_type=code"} <= set(away.split("?")[1].split("&"))
    back = browser.get(real.sign_in(away, "s-1"))
    assert (back.status, back.header("location")) == (303, "/alerts/x")
    assert "lead-7@example.org" in browser.get("/account").text
    assert service.register.account("lead-7@example.org").grants == (Grant.parse("lead:north"),)
    assert ("lead-7@example.org", "signed in", "account/lead-7@example.org") in acts(service)


def test_groups_that_changed_count_from_the_next_sign_in_on(
    new_service: NewService, real: RealProvider
) -> None:
    service = new_service(provider=provider_at(real.issuer))
    for groups, expected in ((["leads-north"], "lead:north"), (["viewers"], "viewer")):
        real.knows("s-2", email="lead-8@example.org", groups=groups)
        browser = service.browser()
        assert browser.get(real.sign_in(leave(browser), "s-2")).status == 303
        assert service.register.account("lead-8@example.org").grants == (Grant.parse(expected),)
    real.knows("s-2", email="lead-8@example.org", groups=[])
    again = service.browser()
    refused = again.get(real.sign_in(leave(again), "s-2"))
    assert (refused.status, "no role here" in refused.text) == (403, True)
    assert again.get("/account").status == 303


def test_a_person_is_known_by_the_providers_subject_and_not_by_an_address(
    new_service: NewService, real: RealProvider
) -> None:
    service = new_service(provider=provider_at(real.issuer))
    service.account("local@example.org", "operator")
    for subject in ("s-3", "s-4"):
        real.knows(subject, email="LOCAL@example.org", groups=["leads-north"])
        browser = service.browser()
        answer = browser.get(real.sign_in(leave(browser), subject))
        assert (answer.status, "taken by another account" in answer.text) == (403, True)
    real.knows("s-5", email="before@example.org", groups=["viewers"])
    first = service.browser()
    assert first.get(real.sign_in(leave(first), "s-5")).status == 303
    real.knows("s-5", email="after@example.org", groups=["viewers"])
    second = service.browser()
    assert second.get(real.sign_in(leave(second), "s-5")).status == 303
    assert "before@example.org" in second.get("/account").text, "the account stays the one that history knows"


def test_a_disabled_account_does_not_come_in_by_the_provider(
    new_service: NewService, real: RealProvider
) -> None:
    service = new_service(provider=provider_at(real.issuer))
    real.knows("s-6", email="gone@example.org", groups=["viewers"])
    browser = service.browser()
    assert browser.get(real.sign_in(leave(browser), "s-6")).status == 303
    service.register.disable("gone@example.org", "operator")
    assert browser.get("/account").status == 303
    again = service.browser()
    assert again.get(real.sign_in(leave(again), "s-6")).status == 403


def test_a_provided_account_has_no_password_to_guess_or_set(
    new_service: NewService, real: RealProvider
) -> None:
    service = new_service(provider=provider_at(real.issuer))
    real.knows("s-9", email="lead-9@example.org", groups=["viewers"])
    browser = service.browser()
    browser.get(real.sign_in(leave(browser), "s-9"))
    assert service.browser().sign_in("lead-9@example.org", "").status in (403, 422)
    service.account("operator", "operator")
    operator = service.signed_in("operator")
    answer = operator.post("/accounts/lead-9@example.org/password", operator.csrf)
    assert (answer.status, "without a password" in answer.text) == (422, True)
    granted = operator.post("/accounts/lead-9@example.org/grants", operator.csrf, role="lead")
    assert (granted.status, "come from the identity provider" in granted.text) == (422, True)


def test_a_return_is_good_for_the_browser_that_left_and_once(
    new_service: NewService, real: RealProvider
) -> None:
    service = new_service(provider=provider_at(real.issuer))
    real.knows("s-7", email="lead-10@example.org", groups=["viewers"])
    browser = service.browser()
    back = real.sign_in(leave(browser), "s-7")
    victim = service.browser()
    victim.get("/sign-in")
    assert victim.get(back).status == 403, "somebody else's return signs nobody in as them"
    assert browser.get(back).status == 303
    assert browser.get(back).status == 403


def test_a_denied_sign_in_is_told_plainly(new_service: NewService, real: RealProvider) -> None:
    service = new_service(provider=provider_at(real.issuer))
    browser = service.browser()
    leave(browser)
    answer = browser.get("/sign-in/return?error=access_denied&error_description=%3Cscript%3E")
    assert (answer.status, "could not be completed" in answer.text) == (403, True)
    assert "&lt;script" not in answer.text


def test_the_forging_provider_is_believed_when_it_does_not_forge(
    new_service: NewService, forger: Forger
) -> None:
    service = new_service(provider=provider_at(forger.issuer))
    browser, answer = sign_in_by(service, forger)
    assert answer.status == 303
    assert browser.get("/account").status == 200


FORGED: dict[str, dict[str, Any]] = {
    "another nonce": {"claims": {"nonce": "another"}},
    "no nonce": {"claims": {"nonce": None}},
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "no issuer": {"claims": {"iss": None}},
    "for another client": {"claims": {"aud": "another"}},
    "for another client, authorised by us": {"claims": {"aud": "another", "azp": CLIENT}},
    "for nobody": {"claims": {"aud": None}},
    "over": {"claims": {"exp": int(time.time()) - 3600}},
    "without end": {"claims": {"exp": None}},
    "issued later": {"claims": {"iat": int(time.time()) + 36000, "nbf": int(time.time()) + 36000}},
    "no subject": {"claims": {"sub": None}},
    "an empty subject": {"claims": {"sub": ""}},
    "no name": {"claims": {"email": None}},
    "an unverified address": {"claims": {"email_verified": False}},
    "no signature": {"make_token": unsigned},
    "a signature by the public key": {"make_token": with_public_key},
    "a signature by another key": {"make_token": with_own_key},
    "changed after it was signed": {"make_token": changed_after},
    "no ID token": {"make_token": no_token},
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_word_signs_nobody_in(new_service: NewService, forger: Forger, forged: str) -> None:
    for name, value in FORGED[forged].items():
        setattr(forger, name, value)
    service = new_service(provider=provider_at(forger.issuer))
    browser, answer = sign_in_by(service, forger)
    assert (answer.status, "could not be completed" in answer.text) == (403, True)
    assert browser.get("/account").status == 303
    assert service.register.listed() == []
    assert ("service", "sign-in failed", "account/unknown") in acts(service)


@pytest.mark.parametrize("changes", [{"state": "another"}, {"state": ""}, {"iss": "https://evil.example"}])
def test_an_answer_to_another_question_signs_nobody_in(
    new_service: NewService, forger: Forger, changes: dict[str, str]
) -> None:
    service = new_service(provider=provider_at(forger.issuer))
    _, answer = sign_in_by(service, forger, **changes)
    assert answer.status == 403
    assert "/token" not in forger.requests, "the code was not even used"


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.example"}, {"id_token_signing_alg_values_supported": ["HS256", "none"]}],
)
def test_metadata_that_cannot_be_trusted_sends_nobody_away(
    new_service: NewService, forger: Forger, metadata: dict[str, Any]
) -> None:
    forger.metadata = metadata
    service = new_service(provider=provider_at(forger.issuer))
    assert service.browser().get("/sign-in/provider").status == 503


def test_a_provider_that_is_away_leaves_local_accounts_a_way_in(new_service: NewService) -> None:
    service = new_service(provider=provider_at("http://127.0.0.1:1"))
    service.account("operator", "operator")
    assert service.browser().get("/sign-in/provider").status == 503
    assert service.browser().sign_in("operator").status == 303


def test_nobody_is_sent_to_another_site_after_the_provider(new_service: NewService, forger: Forger) -> None:
    service = new_service(provider=provider_at(forger.issuer))
    browser = service.browser()
    away = browser.get("/sign-in/provider?next=https://evil.example/").header("location") or ""
    assert browser.get(forger.come_back(away)).header("location") == "/"


def test_the_cookie_of_the_way_there_and_back_fits_a_browser(new_service: NewService, forger: Forger) -> None:
    service = new_service(provider=provider_at(forger.issuer))
    browser = service.browser()
    leave(browser, "/alerts/" + "x" * 500)
    assert len(f"surveillance={browser.cookies['surveillance']}") < 4000


def test_without_the_file_all_accounts_are_local(tmp_path: Path) -> None:
    assert load_provider(tmp_path, None, ["north"], ["dune-fever"]) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("issuer: http://login.example.org", "is not https"),
        ("issuer: nowhere", "provider.issuer"),
        ("client: x", "there is no such key"),
        ("roles: []", "provider.roles"),
        ("roles: [{group: g, role: chief}]", "provider.roles[0].role"),
        ("roles: [{group: g, role: lead, scopes: [east]}]", "there is no `east`. Use one of: north"),
        ("roles: [{group: g, role: lead, use_cases: [x]}]", "there is no `x`. Use one of: dune-fever"),
        ("roles: [{group: g, role: partner, partners: [x]}]", "there is no `x`. Use one of: alpha"),
        ("roles: [{group: g, role: lead, partners: [alpha]}]", "only the role partner names partners"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, change: str, says: str) -> None:
    usual = {
        "title": "title: Invented Trust",
        "issuer": "issuer: https://login.example.org",
        "client_id": "client_id: surveillance",
        "roles": "roles: [{group: g, role: lead, scopes: [north]}]",
    }
    lines = "\n  ".join((usual | {change.split(":")[0]: change}).values())
    (tmp_path / "access.yaml").write_text(f"provider:\n  {lines}\n")
    with pytest.raises(ConfigError, match=re.escape(says)):
        load_provider(tmp_path, None, ["north"], ["dune-fever"], ["alpha"])


def test_a_group_of_a_partner_is_for_the_partners_it_names() -> None:
    role = GroupRole(group="g", role=Role.PARTNER, partners=("alpha",))
    assert role.grant == Grant.parse("partner:*:*:alpha")


def test_a_path_is_what_a_provider_is_told_to_come_back_to(new_service: NewService, forger: Forger) -> None:
    service = new_service(provider=provider_at(forger.issuer), web_url="https://example.org")
    browser = service.browser(host="example.org")
    away = leave(browser)
    assert "redirect_uri=https%3A%2F%2Fexample.org%2Fsign-in%2Freturn" in away
    assert path_of(away).startswith("/authorize?")
