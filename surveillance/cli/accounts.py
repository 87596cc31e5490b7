"""surveillance accounts and surveillance tokens: who may sign in, what they may do, and programs' tokens."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from surveillance.access.person import Grant
from surveillance.accounts import TOKEN_DAYS, Register
from surveillance.cli.errors import Mistake
from surveillance.cli.keys import audit_key_of
from surveillance.cli.who import who_runs_it
from surveillance.configuration import load_configuration
from surveillance.settings import Settings
from surveillance.store.api_tokens import ApiToken
from surveillance.store.database import Store
from surveillance.web.house import utc_now

accounts_app = typer.Typer(no_args_is_help=True)
tokens_app = typer.Typer(no_args_is_help=True)

_GRANTS = typer.Option(
    "--grant",
    help="ROLE, ROLE:SCOPE,SCOPE or ROLE:SCOPE:USE-CASE, * for all; partner:*:*:PARTNER for a partner's own "
    "people and programs. May be given several times.",
)
_STDIN = typer.Option("--password-stdin", help="Read the password from standard input; else a random one.")


def add_to(commands: typer.Typer) -> None:
    """Adds these commands."""
    commands.add_typer(accounts_app, name="accounts", help="Who may sign in, and what they may do.")
    commands.add_typer(tokens_app, name="tokens", help="API tokens of programs.")


@accounts_app.command("add")
def add_account(
    account: str,
    grant: Annotated[list[str], _GRANTS],
    password_stdin: Annotated[bool, _STDIN] = False,
) -> None:
    """Add an account; prints its password once."""
    with _register() as register:
        grants = _grants(grant)
        _show(register.add(account, grants, who_runs_it(), _given(password_stdin)), password_stdin)


@accounts_app.command("list")
def list_accounts() -> None:
    """Every account with its roles."""
    with _register() as register:
        found, provided = register.listed(), register.provided()
    table = Table("account", "grants", "signs in", "last", "disabled", title=f"{len(found)} accounts")
    for account in found:
        table.add_row(
            account.id,
            " ".join(map(str, account.grants)),
            "provider" if account.id in provided else "password",
            f"{account.signed_in_at:%Y-%m-%d %H:%M} UTC" if account.signed_in_at else "never",
            "yes" if account.disabled_at else "",
        )
    Console().print(table)


@accounts_app.command()
def grant(account: str, grant: Annotated[list[str], _GRANTS]) -> None:
    """Give an account more roles, from its next request on."""
    with _register() as register:
        for one in _grants(grant):
            register.grant(account, one, who_runs_it())


@accounts_app.command()
def withdraw(account: str, grant: Annotated[list[str], _GRANTS]) -> None:
    """Take roles from an account, from its next request on; written as `list` shows them."""
    with _register() as register:
        for one in _grants(grant, known=False):
            register.ungrant(account, one, who_runs_it())


@accounts_app.command()
def disable(account: str) -> None:
    """Let nobody in by this account any more; ends its sessions and stops its tokens."""
    with _register() as register:
        register.disable(account, who_runs_it())


@accounts_app.command()
def enable(account: str) -> None:
    """Let the account sign in again."""
    with _register() as register:
        register.enable(account, who_runs_it())


@accounts_app.command()
def password(account: str, password_stdin: Annotated[bool, _STDIN] = False) -> None:
    """Set another password, which ends the account's sessions; prints it once."""
    with _register() as register:
        _show(register.set_password(account, who_runs_it(), _given(password_stdin)), password_stdin)


@accounts_app.command("sign-out")
def sign_out(account: str) -> None:
    """End every session of an account."""
    with _register() as register:
        register.sign_out(account, who_runs_it())


@tokens_app.command("add")
def add_token(
    account: str,
    purpose: Annotated[str, typer.Option("--for", help="What it is for.")],
    days: Annotated[int, typer.Option(help="How long it lasts.")] = TOKEN_DAYS,
    grant: Annotated[list[str] | None, _GRANTS] = None,
) -> None:
    """Make an API token on behalf of an account; prints it once."""
    with _register() as register:
        typer.echo(register.make_token(account, purpose, who_runs_it(), _grants(grant or []), days))
    typer.echo("It is not shown again.", err=True)


@tokens_app.command("list")
def list_tokens(account: Annotated[str | None, typer.Argument(help="Of this account only.")] = None) -> None:
    """Every API token, without its secret."""
    with _register() as register:
        found = register.tokens(account)
    table = Table("token", "account", "for", "grants", "ends", "last used", title=f"{len(found)} tokens")
    for token in found:
        grants = " ".join(map(str, token.grants))
        last = str(token.last_used_on or "never")
        table.add_row(token.id, token.account, token.purpose, grants, _end_of(token), last)
    Console().print(table)


@tokens_app.command()
def revoke(token: str) -> None:
    """End an API token at once; named by its public part, as `list` shows it."""
    with _register() as register:
        register.revoke_token(token, who_runs_it())


@contextmanager
def _register() -> Iterator[Register]:
    settings = Settings()
    store = Store.open(settings.database)
    try:
        store.check_schema()
        yield Register(store, audit_key_of(settings), utc_now)
    finally:
        store.close()


_GRANT_FORM = "ROLE, ROLE:SCOPES:USE_CASES, or partner:SCOPES:USE_CASES:PARTNERS; * is all"


def _grants(texts: list[str], known: bool = True) -> list[Grant]:
    """The grants, of scopes, use cases and partners that the configuration knows."""
    try:
        grants = [Grant.parse(text) for text in texts]
    except ValueError as error:
        raise Mistake(f"--grant: {error}") from error
    if not known or all(g.scopes is None and g.use_cases is None and g.partners is None for g in grants):
        return grants
    configuration = load_configuration(Settings().config_dir)
    known_names = {
        "scope": tuple(configuration.regions),
        "use case": tuple(configuration.use_cases),
        "partner": tuple(configuration.partners),
    }
    for one in grants:
        for (kind, there), named in zip(
            known_names.items(), (one.scopes, one.use_cases, one.partners), strict=True
        ):
            if unknown := sorted((named or frozenset()) - set(there)):
                raise Mistake(
                    f"--grant {one}: there is no {kind} {', '.join(unknown)}; there are: {', '.join(there)}. "
                    f"A grant is {_GRANT_FORM}"
                )
    return grants


def _given(password_stdin: bool) -> str | None:
    return sys.stdin.readline().rstrip("\n") if password_stdin else None


def _show(password: str, was_given: bool) -> None:
    if not was_given:
        typer.echo(password)
        typer.echo("This is the password; it is not shown again.", err=True)


def _end_of(token: ApiToken) -> str:
    return "revoked" if token.revoked_at is not None else f"{token.expires_at:%Y-%m-%d}"
