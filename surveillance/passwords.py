"""Passwords of local accounts: argon2id, as RFC 9106 recommends where memory is short (64 MiB, 3 passes)."""

import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 200
# Each hash takes 64 MiB: more at once, and a flood of attempts would use up a small machine's memory.
_AT_ONCE = threading.Semaphore(2)
_HASHER = PasswordHasher()
# Somebody without a password is answered after as long a while as somebody with one: by a hash of zeros,
# which no process has to make when it starts.
_SETTINGS = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
_NOBODYS = f"$argon2id$v=19${_SETTINGS}${'A' * 22}${'A' * 43}"
# Without letters and digits that are read as one another.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def make_password() -> str:
    """A random password that can be read out: 20 characters, 99 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


def fault_of(password: str, account: str) -> str | None:
    """What keeps a password from being used, in words; None where nothing does."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"a password has {SHORTEST} to {LONGEST} characters"
    name = account.split("@")[0]
    if len(name) > 3 and name in password.lower():
        return "a password does not hold the account's name"
    if len(set(password)) < SHORTEST // 2:
        return "a password is not a few characters over and over"
    return None


def hash_password(password: str) -> str:
    """What is kept of a password."""
    with _AT_ONCE:
        return _HASHER.hash(_same_everywhere(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Whether it is the password. Takes as long where there is none (None)."""
    with _AT_ONCE:
        try:
            _HASHER.verify(password_hash or _NOBODYS, _same_everywhere(password[: LONGEST + 1]))
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether it was hashed with less than is usual now."""
    return _HASHER.check_needs_rehash(password_hash)


def _same_everywhere(password: str) -> bytes:
    """Keyboards write the same letter in several ways."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
