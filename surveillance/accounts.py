"""Accounts and API tokens as the operator keeps them. Every change enters the audit chain with it."""

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from surveillance import passwords
from surveillance.access.person import Grant
from surveillance.access.role import Role
from surveillance.store import accounts, api_tokens, audit
from surveillance.store.accounts import Account
from surveillance.store.api_tokens import ApiToken
from surveillance.store.database import Store, Transaction

UNKNOWN, SERVICE = "unknown", "service"
"""Who the audit chain names where nobody is known, and where nobody did it. No account has these ids."""
TOKEN_DAYS, MOST_TOKEN_DAYS = 90, 366
FIRST = "first-operator"
FIRST_GRANTS = (Grant(Role.OPERATOR), Grant(Role.LEAD))
_ID = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,99}")
_TOKEN = re.compile(r"surv_([a-z2-9]{8})_([A-Za-z0-9_-]{43})")
_LONGEST_PURPOSE = 200


class AccountFault(ValueError):
    """What was asked for cannot be done to an account; the text says why and holds no secret."""


@dataclass(frozen=True)
class Register:
    """The accounts of one database. `clock` is aware; `audit_key` is the audit chain's."""

    store: Store
    audit_key: bytes
    clock: Callable[[], datetime]

    def listed(self) -> list[Account]:
        """Every account by id."""
        with self.store.reading() as tx:
            return accounts.listed(tx)

    def provided(self) -> frozenset[str]:
        """The ids of those that an identity provider vouches for."""
        with self.store.reading() as tx:
            return accounts.provided(tx)

    def account(self, account: str) -> Account:
        """One account. Raises AccountFault where there is none."""
        with self.store.reading() as tx:
            return _known(tx, account, lock=False)

    def tokens(self, account: str | None = None) -> list[ApiToken]:
        """Every token, of one account or all."""
        with self.store.reading() as tx:
            return list(api_tokens.listed(tx, account))

    def add(self, account: str, grants: Sequence[Grant], by: str, password: str | None = None) -> str:
        """A new account; returns its password, a random one unless one is given."""
        chosen = passwords.make_password() if password is None else password
        _check_new(account, chosen)
        made = Account(account, tuple(grants), self.clock(), passwords.hash_password(chosen))
        with self.store.transaction() as tx:
            if not accounts.add(tx, made):
                raise AccountFault(f"account {account}: there is one of this id already")
            self.enter(tx, by, "added account", account, grants=_words(grants))
        return chosen

    def add_first(self) -> str | None:
        """The first account of an empty register; its password, or None where there is an account."""
        with self.store.reading() as tx:
            if accounts.count(tx):
                return None
        try:
            return self.add(FIRST, FIRST_GRANTS, SERVICE)
        except AccountFault:  # another process was first
            return None

    def grant(self, account: str, grant: Grant, by: str) -> None:
        """One more grant. Idempotent."""
        with self.store.transaction() as tx:
            held = _known(tx, account).grants
            accounts.set_grants(tx, account, dict.fromkeys((*held, grant)))
            self.enter(tx, by, "granted", account, grants=str(grant))

    def ungrant(self, account: str, grant: Grant, by: str) -> None:
        """One grant less, from the next request on. Idempotent."""
        with self.store.transaction() as tx:
            held = _known(tx, account).grants
            accounts.set_grants(tx, account, [g for g in held if g != grant])
            self.enter(tx, by, "withdrew grant", account, grants=str(grant))

    def disable(self, account: str, by: str) -> None:
        """Admits nobody by this account any more, its sessions and tokens included."""
        with self.store.transaction() as tx:
            if _known(tx, account).disabled_at is None:
                accounts.set_disabled(tx, account, self.clock())
                self.enter(tx, by, "disabled account", account)

    def enable(self, account: str, by: str) -> None:
        """Admits the account again; its tokens that are neither revoked nor over work again too."""
        with self.store.transaction() as tx:
            if _known(tx, account).disabled_at is not None:
                accounts.set_disabled(tx, account, None)
                self.enter(tx, by, "enabled account", account)

    def set_password(self, account: str, by: str, password: str | None = None) -> str:
        """Another password; ends the account's sessions. Returns it, a random one unless one is given."""
        chosen = passwords.make_password() if password is None else password
        _check_new(account, chosen)
        kept = passwords.hash_password(chosen)
        with self.store.transaction() as tx:
            _known(tx, account)
            if account in accounts.provided(tx):
                raise AccountFault(
                    f"account {account}: signs in at the identity provider, without a password"
                )
            accounts.set_password(tx, account, kept)
            self.enter(tx, by, "changed password", account)
        return chosen

    def sign_out(self, account: str, by: str) -> None:
        """Ends every session of the account."""
        with self.store.transaction() as tx:
            _known(tx, account)
            accounts.end_sessions(tx, account)
            self.enter(tx, by, "ended all sessions", account)

    def make_token(
        self, account: str, purpose: str, by: str, grants: Sequence[Grant] = (), days: int = TOKEN_DAYS
    ) -> str:
        """A new API token, which is shown this once. Without grants it may do what its account may."""
        if not 1 <= days <= MOST_TOKEN_DAYS:
            raise AccountFault(f"a token lasts 1 to {MOST_TOKEN_DAYS} days")
        if not purpose.strip() or len(purpose) > _LONGEST_PURPOSE or not purpose.isprintable():
            raise AccountFault(f"say what the token is for, in at most {_LONGEST_PURPOSE} characters")
        public, secret = passwords.make_password().replace("-", "")[:8], secrets.token_urlsafe(32)
        now = self.clock()
        with self.store.transaction() as tx:
            held = _known(tx, account).grants
            until = now + timedelta(days=days)
            made = ApiToken(
                public, accounts.sha256(secret), account, purpose.strip(), tuple(grants) or held, now, until
            )
            api_tokens.add(tx, made)
            self.enter(tx, by, "made token", account, token=public, grants=_words(made.grants), days=days)
        return f"surv_{public}_{secret}"

    def revoke_token(self, token: str, by: str, account: str | None = None) -> None:
        """Ends a token (of the account, where one is named) at once. Idempotent."""
        with self.store.transaction() as tx:
            found = api_tokens.find(tx, token)
            if found is None or account not in (None, found.account):
                raise AccountFault(f"token {token}: there is none; see: surveillance tokens list")
            if api_tokens.revoke(tx, token, self.clock()):
                self.enter(tx, by, "revoked token", found.account, token=token)

    def enter(self, tx: Transaction, by: str, act: str, account: str, **facts: object) -> None:
        """Enters what was done to an account into the audit chain."""
        audit.append(tx, self.audit_key, audit.Entry(by, act, f"account/{account}", self.clock(), facts))


def is_account_id(text: str) -> bool:
    """Whether an account may have this id."""
    return _ID.fullmatch(text) is not None and text not in (UNKNOWN, SERVICE)


def parts_of_token(text: str) -> tuple[str, str] | None:
    """Public and secret part of a token's text; None where it is none."""
    found = _TOKEN.fullmatch(text)
    return None if found is None else (found[1], found[2])


def _known(tx: Transaction, account: str, lock: bool = True) -> Account:
    found = accounts.find(tx, account, lock) if is_account_id(account) else None
    if found is None:
        raise AccountFault("there is no such account; see: surveillance accounts list")
    return found


def _check_new(account: str, password: str) -> None:
    if not is_account_id(account):
        raise AccountFault(
            "an account's id has 2 to 100 small letters, digits and . _ @ + -, the first a letter or digit"
        )
    fault = passwords.fault_of(password, account)
    if fault is not None:
        raise AccountFault(fault)


def _words(grants: Iterable[Grant]) -> str:
    return " ".join(map(str, grants))
