"""The operator's pages: who may sign in, what they may do where, and the tokens of programs."""

from collections.abc import Callable, Container
from functools import partial
from typing import Annotated

from fastapi import FastAPI, Form, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from surveillance.access.person import Grant, Person
from surveillance.access.role import Permission, Role
from surveillance.accounts import TOKEN_DAYS, AccountFault, Register
from surveillance.web.house import House, needs

# Of all there is: the operator of a part could hand out a role in another.
Operator = Annotated[Person, needs(Permission.MANAGE_ACCOUNTS, everywhere=True)]
ALL = "*"
Text = Annotated[str, Form(max_length=1000)]
Several = Annotated[list[str] | None, Form()]
Chosen = Annotated[Role, Form()]


def add_to(app: FastAPI, house: House) -> None:
    """Adds the pages."""
    register = Register(house.desk.store, house.audit_key, house.now)
    _add_list(app, house, register)
    _add_one(app, house, register)
    _add_grants(app, house, register)
    _add_tokens(app, house, register)


def _check(register: Register, account: str) -> None:
    """404 where there is no such account."""
    try:
        register.account(account)
    except AccountFault as fault:
        raise HTTPException(404) from fault


def _list_page(
    house: House, register: Register, person: Person, status: int = 200, **values: object
) -> Response:
    """The list; `shown`: a secret that is shown this once, and what it is."""
    given = {"fault": None, "shown": None, "name": ""} | values
    found = {"accounts": register.listed(), "provided": register.provided(), **_choices(house)}
    return house.render("accounts.html", person, status, **found, **given)


def _one_page(
    house: House, register: Register, person: Person, account: str, status: int = 200, **values: object
) -> Response:
    given = {"fault": None, "shown": None} | values
    found = {
        "account": register.account(account),
        "is_provided": account in register.provided(),
        "tokens": register.tokens(account),
        "now": house.now(),
        "token_days": TOKEN_DAYS,
        **_choices(house),
    }
    return house.render("account.html", person, status, **found, **given)


def _choices(house: House) -> dict[str, object]:
    return {
        "roles": list(Role),
        "scopes": house.source.scopes,
        "use_cases": house.source.use_cases,
        "partners": house.desk.configuration.partners,
    }


def _add_list(app: FastAPI, house: House, register: Register) -> None:
    @app.get("/accounts", include_in_schema=False)
    def accounts(person: Operator) -> Response:
        return _list_page(house, register, person)

    @app.post("/accounts", include_in_schema=False)
    def add(
        person: Operator,
        name: Text,
        role: Chosen,
        scopes: Several = None,
        use_cases: Several = None,
        partners: Several = None,
    ) -> Response:
        try:
            grant = _grant(house, role, scopes, use_cases, partners)
            password = register.add(name.strip(), [grant], person.id)
        except AccountFault as fault:
            return _list_page(house, register, person, 422, fault=str(fault), name=name)
        return _list_page(house, register, person, shown=("password", name.strip(), password))


def _add_one(app: FastAPI, house: House, register: Register) -> None:
    @app.get("/accounts/{account_id}", include_in_schema=False)
    def account(person: Operator, account_id: str) -> Response:
        _check(register, account_id)
        return _one_page(house, register, person, account_id)

    @app.post("/accounts/{account_id}/password", include_in_schema=False)
    def new_password(person: Operator, account_id: str) -> Response:
        _check(register, account_id)
        try:
            password = register.set_password(account_id, person.id)
        except AccountFault as fault:
            return _one_page(house, register, person, account_id, 422, fault=str(fault))
        return _one_page(house, register, person, account_id, shown=("password", account_id, password))

    for act, change in (("disable", register.disable), ("enable", register.enable)):
        _add_change(app, register, act, change)
    _add_change(app, register, "sign-out", register.sign_out)


def _add_change(app: FastAPI, register: Register, act: str, change: Callable[[str, str], None]) -> None:
    @app.post(f"/accounts/{{account_id}}/{act}", include_in_schema=False, name=act)
    def changing(person: Operator, account_id: str) -> Response:
        _check(register, account_id)
        change(account_id, person.id)
        return RedirectResponse(f"/accounts/{account_id}", 303)


def _add_grants(app: FastAPI, house: House, register: Register) -> None:
    @app.post("/accounts/{account_id}/grants", include_in_schema=False)
    def grant(
        person: Operator,
        account_id: str,
        role: Chosen,
        scopes: Several = None,
        use_cases: Several = None,
        partners: Several = None,
    ) -> Response:
        _check(register, account_id)
        chosen = partial(_grant, house, role, scopes, use_cases, partners)
        return changed(person, account_id, chosen, register.grant)

    @app.post("/accounts/{account_id}/grants/withdraw", include_in_schema=False)
    def withdraw(person: Operator, account_id: str, grant: Text) -> Response:
        _check(register, account_id)
        return changed(person, account_id, lambda: _parsed(grant), register.ungrant)

    def changed(
        person: Person,
        account_id: str,
        read: Callable[[], Grant],
        change: Callable[[str, Grant, str], None],
    ) -> Response:
        try:
            if account_id == person.id:
                raise AccountFault("nobody changes their own roles: ask another operator")
            if account_id in register.provided():
                raise AccountFault("the roles of this account come from the identity provider")
            change(account_id, read(), person.id)
        except AccountFault as fault:
            return _one_page(house, register, person, account_id, 422, fault=str(fault))
        return RedirectResponse(f"/accounts/{account_id}", 303)


def _add_tokens(app: FastAPI, house: House, register: Register) -> None:
    @app.post("/accounts/{account_id}/tokens", include_in_schema=False)
    def make(
        person: Operator, account_id: str, purpose: Text, days: Annotated[int, Form()] = TOKEN_DAYS
    ) -> Response:
        _check(register, account_id)
        try:
            token = register.make_token(account_id, purpose, person.id, days=days)
        except AccountFault as fault:
            return _one_page(house, register, person, account_id, 422, fault=str(fault))
        return _one_page(house, register, person, account_id, shown=("token", account_id, token))

    @app.post("/accounts/{account_id}/tokens/{token_id}/revoke", include_in_schema=False)
    def revoke(person: Operator, account_id: str, token_id: str) -> Response:
        _check(register, account_id)
        if token_id not in {token.id for token in register.tokens(account_id)}:
            raise HTTPException(404)
        register.revoke_token(token_id, person.id, account_id)
        return RedirectResponse(f"/accounts/{account_id}", 303)


def _grant(
    house: House,
    role: Role,
    scopes: list[str] | None,
    use_cases: list[str] | None,
    partners: list[str] | None,
) -> Grant:
    """A grant of the form's choices. Raises AccountFault where nothing was chosen: it does not mean all.

    Without partners, the role partner has none.
    """
    if partners and role is not Role.PARTNER:
        raise AccountFault("only the role partner is for named partners: choose it, or no partner")
    if not all(one in house.desk.configuration.partners for one in partners or ()):
        raise AccountFault("a partner was chosen that there is none of")
    return Grant(
        role,
        _chosen(scopes, house.source.scopes, "scope"),
        _chosen(use_cases, house.source.use_cases, "use case"),
        frozenset(partners) if partners else None,
    )


def _chosen(chosen: list[str] | None, known: Container[str], what: str) -> frozenset[str] | None:
    if not chosen:
        raise AccountFault(f"choose at least one {what}, or all")
    if ALL in chosen:
        return None
    if not all(one in known for one in chosen):
        raise AccountFault(f"a {what} was chosen that there is none of")
    return frozenset(chosen)


def _parsed(text: str) -> Grant:
    try:
        return Grant.parse(text)
    except ValueError as fault:
        raise AccountFault(str(fault)) from fault
