"""The operator's pages: accounts, roles and tokens, each change on the audit chain, secrets shown once."""

import re

import pytest
from test_sign_in import acts
from visiting import Browser, Service

from surveillance.access.person import Grant

ALL = {"scopes": "*", "use_cases": "*"}


@pytest.fixture
def operator(service: Service) -> Browser:
    service.account("operator", "operator")
    service.account("somebody", "viewer:north")
    return service.signed_in("operator")


def secret(text: str) -> str:
    found = re.search(r'<strong class="code secret">([^<]+)</strong>', text)
    assert found, text
    return found[1]


def test_an_account_is_added_with_a_password_that_is_shown_once(service: Service, operator: Browser) -> None:
    form = operator.get("/accounts").csrf
    made = operator.post(
        "/accounts", form, name="lead@example.org", role="lead", scopes=["north"], use_cases=["dune-fever"]
    )
    password = secret(made.text)
    assert password not in operator.get("/accounts").text
    assert service.register.account("lead@example.org").grants == (Grant.parse("lead:north:dune-fever"),)
    assert service.browser().sign_in("lead@example.org", password).status == 303
    assert ("operator", "added account", "account/lead@example.org") in acts(service)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "somebody", "role": "viewer", **ALL}, "there is one of this id already"),
        ({"name": "No Good", "role": "viewer", **ALL}, "small letters"),
        ({"name": "service", "role": "viewer", **ALL}, "small letters"),
        ({"name": "x\x00y", "role": "viewer", **ALL}, "small letters"),
        ({"name": "new-one", "role": "viewer", "scopes": ["east"], "use_cases": ["*"]}, "there is none of"),
        ({"name": "new-one", "role": "viewer", "use_cases": ["*"]}, "choose at least one scope"),
        ({"name": "new-one", "role": "viewer", "scopes": ["*"]}, "choose at least one use case"),
        ({"name": "new-one", "role": "chief"}, "role"),
        ({"name": "new-one", "role": "partner", "partners": ["gamma"], **ALL}, "there is none of"),
        ({"name": "new-one", "role": "lead", "partners": ["alpha"], **ALL}, "only the role partner"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_added(
    service: Service, operator: Browser, fields: dict[str, str], says: str
) -> None:
    answer = operator.post("/accounts", operator.csrf, **fields)
    assert (answer.status, says in answer.text) == (422, True)
    assert len(service.register.listed()) == 2


def test_roles_are_given_and_withdrawn(service: Service, operator: Browser) -> None:
    operator.post(
        "/accounts/somebody/grants", operator.csrf, role="analyst", scopes=["south"], use_cases=["*"]
    )
    assert service.register.account("somebody").grants == (
        Grant.parse("viewer:north"),
        Grant.parse("analyst:south"),
    )
    page = operator.get("/accounts/somebody").text
    assert 'name="grant" value="analyst:south"' in page
    operator.post("/accounts/somebody/grants/withdraw", operator.csrf, grant="viewer:north")
    assert service.register.account("somebody").grants == (Grant.parse("analyst:south"),)
    said = acts(service)
    assert ("operator", "granted", "account/somebody") in said
    assert ("operator", "withdrew grant", "account/somebody") in said


def test_a_partners_account_is_for_the_partners_that_were_ticked(service: Service, operator: Browser) -> None:
    form = operator.get("/accounts").csrf
    operator.post("/accounts", form, name="alpha-program", role="partner", partners=["alpha"], **ALL)
    assert service.register.account("alpha-program").grants == (Grant.parse("partner:*:*:alpha"),)
    assert ", of alpha" in operator.get("/accounts/alpha-program").text
    operator.post("/accounts", form, name="reads-only", role="partner", **ALL)
    assert "published counts only" in operator.get("/accounts/reads-only").text


def test_nobody_gives_themselves_a_role(service: Service, operator: Browser) -> None:
    answer = operator.post("/accounts/operator/grants", operator.csrf, role="lead")
    assert (answer.status, "nobody changes their own roles" in answer.text) == (422, True)
    assert service.register.account("operator").grants == (Grant.parse("operator"),)


def test_an_operator_of_a_part_manages_no_accounts(service: Service) -> None:
    service.account("part", "operator:north")
    browser = service.signed_in("part")
    assert browser.get("/accounts").status == 403
    assert browser.post("/accounts", browser.csrf, name="new-one", role="lead").status == 403


def test_a_new_password_ends_what_the_old_one_began(service: Service, operator: Browser) -> None:
    browser = service.signed_in("somebody")
    password = secret(operator.post("/accounts/somebody/password", operator.csrf).text)
    assert browser.get("/account").status == 303
    assert service.browser().sign_in("somebody", password).status == 303


def test_an_account_is_disabled_and_let_in_again(service: Service, operator: Browser) -> None:
    assert (
        operator.post("/accounts/somebody/disable", operator.csrf).header("location") == "/accounts/somebody"
    )
    assert "Disabled" in operator.get("/accounts/somebody").text
    assert service.browser().sign_in("somebody").status == 403
    operator.post("/accounts/somebody/enable", operator.csrf)
    assert service.browser().sign_in("somebody").status == 303


def test_a_token_is_made_shown_once_and_revoked(service: Service, operator: Browser) -> None:
    made = operator.post("/accounts/somebody/tokens", operator.csrf, purpose="a chart", days="7")
    token = secret(made.text)
    assert service.porter.by_token(token) is not None
    page = operator.get("/accounts/somebody").text
    public = token.split("_")[1]
    assert f"surv_{public}_…" in page
    assert token not in page
    assert operator.post(f"/accounts/operator/tokens/{public}/revoke", operator.csrf).status == 404
    operator.post(f"/accounts/somebody/tokens/{public}/revoke", operator.csrf)
    assert service.porter.by_token(token) is None
    said = acts(service)
    assert ("operator", "made token", "account/somebody") in said
    assert ("operator", "revoked token", "account/somebody") in said


@pytest.mark.parametrize("account", ["nobody", "unknown", "a%00b", "%C3%A9", "..%2F..", "x" * 300])
def test_an_account_that_is_not_there_is_not_found(operator: Browser, account: str) -> None:
    assert operator.get(f"/accounts/{account}").status == 404


def test_no_secret_is_in_the_audit_chain(service: Service, operator: Browser) -> None:
    password = secret(operator.post("/accounts", operator.csrf, name="new-one", role="viewer", **ALL).text)
    token = secret(operator.post("/accounts/new-one/tokens", operator.csrf, purpose="a chart").text)
    from surveillance.store.tables import audit as entries

    with service.store.reading() as tx:
        said = str([row.facts for row in tx.execute(entries.select())])
    assert password not in said
    assert token.split("_", 2)[2] not in said
