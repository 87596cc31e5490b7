"""API tokens: programs as deputies, never with more than whoever they stand for, and the API's limits."""

from datetime import UTC, timedelta

import pytest
from limits import parse
from visiting import Answer, NewService, Service

from surveillance.access.person import Grant
from surveillance.accounts import AccountFault
from surveillance.store import accounts
from surveillance.web.limits import Limits


def ask(service: Service, token: str, path: str = "/api/alerts") -> Answer:
    return service.browser().ask("GET", path, {"Authorization": f"Bearer {token}"})


def test_a_token_opens_the_api_until_its_day(service: Service) -> None:
    service.account("analyst", "analyst")
    token = service.register.make_token("analyst", "weekly figures", "operator", days=2)
    assert ask(service, token).status == 200
    service.later(days=2)
    assert ask(service, token).status == 401


def test_a_revoked_token_is_over_at_once(service: Service) -> None:
    service.account("analyst", "analyst")
    token = service.register.make_token("analyst", "weekly figures", "operator")
    service.register.revoke_token(token.split("_")[1], "operator")
    assert ask(service, token).status == 401


def test_a_token_is_over_while_its_account_is_disabled(service: Service) -> None:
    service.account("analyst", "analyst")
    token = service.register.make_token("analyst", "weekly figures", "operator")
    service.register.disable("analyst", "operator")
    assert ask(service, token).status == 401


def test_a_token_may_less_than_its_account_and_never_more(service: Service) -> None:
    service.account("lead", "lead:north")
    narrow = service.register.make_token("lead", "a", "operator", [Grant.parse("viewer")])
    wide = service.register.make_token("lead", "b", "operator", [Grant.parse("lead")])
    person = service.porter.by_token(wide)
    assert person is not None
    assert person.grants == (Grant.parse("lead:north"),)
    nothing = service.porter.by_token(narrow)
    assert nothing is not None
    assert nothing.grants == ()
    service.register.ungrant("lead", Grant.parse("lead:north"), "operator")
    later = service.porter.by_token(wide)
    assert later is not None
    assert later.grants == ()


@pytest.mark.parametrize(
    "junk", ["", "x", "surv_", "surv_abcdefgh_", "surv_abcdefgh_" + "A" * 43, "é", "a b"]
)
def test_what_is_no_token_admits_nobody(service: Service, junk: str) -> None:
    assert service.porter.by_token(junk) is None


def test_the_public_part_of_a_token_is_no_token(service: Service) -> None:
    service.account("analyst", "analyst")
    token = service.register.make_token("analyst", "weekly figures", "operator")
    assert ask(service, token[:-43] + "A" * 43).status == 401


def test_only_what_tells_whether_it_is_right_is_stored(service: Service) -> None:
    service.account("analyst", "analyst")
    token = service.register.make_token("analyst", "weekly figures", "operator")
    (stored,) = service.register.tokens("analyst")
    assert stored.secret_sha256 == accounts.sha256(token.split("_", 2)[2])
    assert token.split("_", 2)[2] not in repr(stored)


def test_its_last_day_of_use_is_noted(service: Service) -> None:
    service.account("analyst", "analyst")
    token = service.register.make_token("analyst", "weekly figures", "operator")
    for _ in range(2):
        assert ask(service, token).status == 200
        (stored,) = service.register.tokens()
        assert stored.last_used_on == service.clock[0].astimezone(UTC).date()
        service.later(days=1)


@pytest.mark.parametrize(
    ("purpose", "days"), [("", 1), (" ", 1), ("x", 0), ("x", 367), ("x" * 201, 1), ("a\nb", 1)]
)
def test_a_token_needs_a_purpose_and_an_end(service: Service, purpose: str, days: int) -> None:
    service.account("analyst", "analyst")
    with pytest.raises(AccountFault):
        service.register.make_token("analyst", purpose, "operator", days=days)


def test_a_person_asks_the_api_only_so_often_and_is_told_when_again(new_service: NewService) -> None:
    service = new_service(limits=Limits(parse("100 per minute"), parse("3 per minute")))
    service.account("analyst", "analyst")
    token = service.register.make_token("analyst", "weekly figures", "operator")
    assert [ask(service, token).status for _ in range(3)] == [200] * 3
    answer = ask(service, token)
    assert (answer.status, answer.json["error"]) == (429, 429)
    assert "Retry-After" in answer.json["faults"][0]["problem"]
    assert 1 <= int(answer.header("retry-after") or 0) <= 61
    browser = service.signed_in("analyst")
    assert browser.get("/api/alerts").status == 200, "another of the same account is not held up"


def test_guessing_tokens_is_held_up_by_address(new_service: NewService) -> None:
    service = new_service(limits=Limits(parse("3 per minute"), parse("100 per minute")))
    assert [ask(service, "junk").status for _ in range(4)] == [401, 401, 401, 429]


def test_a_token_knows_its_account_in_history(service: Service) -> None:
    service.account("analyst", "analyst")
    token = service.register.make_token("analyst", "weekly figures", "operator")
    person = service.porter.by_token(token)
    assert person is not None
    assert person.id == f"analyst/{token.split('_')[1]}"
    assert timedelta(days=89) < service.register.tokens()[0].expires_at - service.clock[0]
