"""Failed attempts to sign in, shared by all processes: after a few, each costs a longer wait.

A name is counted whether or not it is an account's, so that no answer tells which names are.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from surveillance.store.database import Transaction
from surveillance.store.statements import insert_missing
from surveillance.store.tables_accounts import sign_in_failures

FREE_ATTEMPTS = 5
FIRST_WAIT = timedelta(seconds=30)
# Not longer: whoever knows a lead's name could keep the lead out.
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)


def wait_after(failures: int) -> timedelta:
    """How long nothing is tried after so many failures in a row: 0, then 30 s, doubling up to 15 min."""
    if failures < FREE_ATTEMPTS:
        return timedelta()
    doublings = min(failures - FREE_ATTEMPTS, 10)
    return min(FIRST_WAIT * int(2**doublings), LONGEST_WAIT)


def attempt(tx: Transaction, name_mac: str, now: datetime) -> tuple[bool, datetime | None]:
    """Counts an attempt as failed before it is tried, so that attempts at once cannot outrun the count.

    Whether it may be tried, and until when nothing may be tried: now, or once it has failed.
    """
    c = sign_in_failures.c
    tx.execute(delete(sign_in_failures).where(c.last_at < now - FORGOTTEN_AFTER))
    insert_missing(tx, sign_in_failures, [{"name_mac": name_mac, "failures": 0, "last_at": now}])
    of_name = c.name_mac == name_mac
    query = select(c.failures, c.locked_until).where(of_name).with_for_update()
    failures, locked_until = tx.execute(query).one()
    if locked_until is not None and now < locked_until:
        return False, locked_until
    wait = wait_after(failures + 1)
    until = now + wait if wait else None
    changed = {"failures": failures + 1, "last_at": now, "locked_until": until}
    tx.execute(update(sign_in_failures).where(of_name).values(**changed))
    return True, until


def forget(tx: Transaction, name_mac: str) -> None:
    """It was no failure: the count begins anew."""
    tx.execute(delete(sign_in_failures).where(sign_in_failures.c.name_mac == name_mac))
