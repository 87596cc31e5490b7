"""The first account of a new database: its password is shown once, on a terminal and nowhere else."""

import sys

import structlog

from surveillance.accounts import FIRST, Register
from surveillance.cli.keys import audit_key_of
from surveillance.cli.progress import console
from surveillance.settings import Settings
from surveillance.store.database import Store
from surveillance.web.house import utc_now

log = structlog.get_logger(__name__)


def tell_of_first_account(settings: Settings) -> None:
    """Makes the first account where there is none, if a person is there to read its password.

    Without a terminal, what is printed ends in a log file: then nothing is made, and the log says how to.
    """
    store = Store.open(settings.database)
    try:
        store.check_schema()
        register = Register(store, audit_key_of(settings), utc_now)
        if sys.stderr.isatty():
            show_first(register.add_first())
        elif not register.listed():
            log.warning(
                "nobody can sign in", fix="surveillance accounts add ID --grant operator --grant lead"
            )
    finally:
        store.close()


def show_first(password: str | None) -> None:
    """How to sign in for the first time; nothing where there was an account (None)."""
    if password is not None:
        console.print("Sign in with this account; its password is not shown again. Change it after that.")
        console.print(f"account   {FIRST}\npassword  {password}", highlight=False, markup=False)
