"""Who is let in: by a password, by an identity provider's word, by a session, or by an API token.

Every success, failure and lock enters the audit chain. What somebody typed as a name never does, unless it
is an account's: people type passwords there.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from surveillance import passwords
from surveillance.access.person import Grant, Person, deputy_grants
from surveillance.accounts import SERVICE, UNKNOWN, is_account_id, parts_of_token
from surveillance.store import accounts, api_tokens, audit, sign_in_failures
from surveillance.store.accounts import Account
from surveillance.store.database import Store, Transaction


class NotAdmitted(Exception):
    """It was not the password of an account that may sign in; which of these, nobody is told.

    `retry_at`: nothing is tried before; None: now.
    """

    def __init__(self, retry_at: datetime | None = None) -> None:
        super().__init__("not admitted")
        self.retry_at = retry_at


class NameTaken(Exception):
    """The provider's name for somebody is another account's id here."""


@dataclass(frozen=True)
class Provided:
    """Who signed in at a provider: its issuer, its `sub`, and what the configuration makes of its claims."""

    issuer: str
    subject: str
    name: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Porter:
    """Lets people and programs in. `name_key` is the key of the macs of names; `clock` is aware."""

    store: Store
    audit_key: bytes
    name_key: bytes
    clock: Callable[[], datetime]

    def by_password(self, name: str, password: str, act: str = "signed in") -> Account:
        """The account, which is this password's. Raises NotAdmitted, in the same time whatever is wrong."""
        account_id, now = name.strip().lower(), self.clock()
        with self.store.transaction() as tx:
            may_try, retry_at = sign_in_failures.attempt(tx, self._mac(account_id), now)
        if not may_try:
            raise NotAdmitted(retry_at)
        found = self._find(account_id)
        right = passwords.verify(None if found is None else found.password_hash, password)
        if found is None or not right or found.disabled_at is not None:
            self._failed(found, retry_at)
            raise NotAdmitted(retry_at)
        rehashed = passwords.hash_password(password) if _outdated(found) else None
        with self.store.transaction() as tx:
            sign_in_failures.forget(tx, self._mac(account_id))
            if rehashed is not None:
                accounts.set_hash(tx, found.id, rehashed)
            accounts.signed_in(tx, found.id, now)
            self._enter(tx, found.id, act, found.id, by="password")
        return found

    def by_provider(self, provided: Provided) -> Account:
        """The account of a provider's subject, made at its first sign-in; its grants are the provider's.

        Raises NotAdmitted where it is disabled or the provider's word grants nothing, NameTaken.
        """
        with self.store.transaction() as tx:
            found = accounts.of_subject(tx, provided.issuer, provided.subject)
            refused = not provided.grants or (found is not None and found.disabled_at is not None)
            if not refused:
                account = found.id if found is not None else self._bind_new(tx, provided)
                accounts.set_grants(tx, account, provided.grants)
                accounts.signed_in(tx, account, self.clock())
                written = " ".join(map(str, provided.grants))
                self._enter(tx, account, "signed in", account, by="provider", grants=written)
                return accounts.find(tx, account) or _lost()
        self.refuse("without a role here" if not provided.grants else "disabled", found)
        raise NotAdmitted

    def refuse(self, reason: str, account: Account | None = None) -> None:
        """Enters that a sign-in at the provider failed."""
        whose = UNKNOWN if account is None else account.id
        with self.store.transaction() as tx:
            self._enter(tx, SERVICE, "sign-in failed", whose, by="provider", reason=reason)

    def by_token(self, text: str) -> Person | None:
        """Whose deputy a program with this token is; None where the token admits nobody."""
        parts = parts_of_token(text)
        if parts is None:
            return None
        now = self.clock()
        with self.store.reading() as tx:
            token = api_tokens.find(tx, parts[0])
            account = None if token is None else accounts.find(tx, token.account)
        if token is None or account is None or account.disabled_at is not None or not token.admits(now):
            return None
        if not hmac.compare_digest(token.secret_sha256, accounts.sha256(parts[1])):
            return None
        today = now.astimezone(UTC).date()
        if token.last_used_on is None or token.last_used_on < today:
            with self.store.transaction() as tx:
                api_tokens.used(tx, token.id, today)
        return Person(f"{account.id}/{token.id}", deputy_grants(account.grants, token.grants))

    def in_session(self, account: str, generation: int, session: str) -> Person | None:
        """Who goes on in a session that somebody began by signing in; None where it is over."""
        with self.store.reading() as tx:
            found = accounts.in_session(tx, account, generation, session)
        return None if found is None else Person(found.id, found.grants)

    def end(self, account: str, session: str, expires_at: datetime) -> None:
        """Ends one session for good."""
        with self.store.transaction() as tx:
            accounts.end_session(tx, session, expires_at, self.clock())
            self._enter(tx, account, "signed out", account)

    def _find(self, account_id: str) -> Account | None:
        with self.store.reading() as tx:
            return accounts.find(tx, account_id if is_account_id(account_id) else UNKNOWN)

    def _failed(self, account: Account | None, retry_at: datetime | None) -> None:
        """The same entries for an account and for a name that is none: neither answers sooner."""
        whose = UNKNOWN if account is None else account.id
        with self.store.transaction() as tx:
            self._enter(tx, SERVICE, "sign-in failed", whose, by="password")
            if retry_at is not None:
                self._enter(tx, SERVICE, "locked", whose, until=retry_at.isoformat(timespec="seconds"))

    def _bind_new(self, tx: Transaction, provided: Provided) -> str:
        """An account of the provider's name. One that is here already is never given to somebody new."""
        account = Account(provided.name, (), self.clock())
        if not is_account_id(account.id) or not accounts.add(tx, account):
            raise NameTaken
        accounts.bind(tx, provided.issuer, provided.subject, account.id)
        self._enter(tx, SERVICE, "added account", account.id, by="provider")
        return account.id

    def _enter(self, tx: Transaction, person: str, act: str, account: str, **facts: object) -> None:
        entry = audit.Entry(person, act, f"account/{account}", self.clock(), facts)
        audit.append(tx, self.audit_key, entry)

    def _mac(self, account_id: str) -> str:
        return hmac.new(
            self.name_key, account_id.encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hexdigest()


def derive_key(secret: bytes, purpose: str) -> bytes:
    """A key of its own for each purpose, of one secret (NIST SP 800-108, one block of HMAC-SHA256)."""
    return hmac.new(secret, f"surveillance {purpose}".encode(), hashlib.sha256).digest()


def _outdated(account: Account) -> bool:
    return account.password_hash is not None and passwords.is_outdated(account.password_hash)


def _lost() -> Account:
    raise LookupError("an account was removed while it signed in")
