"""Pseudonyms of persons, made where the number or name is known: at the partner, before anything is sent.

A key is HMAC-SHA256(secret, "scheme:normal form"), in lower-case hexadecimal. Partners who share a secret
make the same key of the same person; without the secret nobody can try out numbers. A secret rotates by
making keys with the new and the old one until every partner has the new one (`person_keys`): a record that
bears both joins those that bear one of them.

    nhs-number            the ten digits, valid by their check digit (NHS Data Dictionary, "NHS NUMBER")
    initial-surname-birth the first letter of the first given name, the letters of the surname and the date of
                          birth, such as "jdoe1970-01-31": for those who have no number. It proposes that two
                          records are one person's; a person decides.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path

from surveillance.events.identifiers import is_nhs_number

SHORTEST_SECRET_BYTES = 32
_BETWEEN_DIGITS = re.compile(r"[\s\-]")
_NO_LETTERS = re.compile(r"[^a-z]")


class NoKey(ValueError):
    """No key can be made of what was given; the text says why and never repeats it."""


@dataclass(frozen=True)
class Secret:
    """What partners share. `key_id` names it in every key made with it, so that it can rotate."""

    key_id: str
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < SHORTEST_SECRET_BYTES:
            raise ValueError(
                f"secret {self.key_id}: has {len(self.key)} bytes; use at least {SHORTEST_SECRET_BYTES}"
            )


@dataclass(frozen=True)
class Scheme:
    """How a person is written before the HMAC. `parts` names what it is made of, in order."""

    parts: tuple[str, ...]
    normal_form: Callable[..., str]


def person_key(scheme: str, parts: Sequence[str], secret: Secret) -> dict[str, str] | None:
    """A person key as it stands in an event; None where every part is empty. Raises NoKey."""
    if not any(part.strip() for part in parts):
        return None
    normal = SCHEMES[scheme].normal_form(*parts)
    value = hmac.new(secret.key, f"{scheme}:{normal}".encode(), sha256).hexdigest()
    return {"scheme": scheme, "key_id": secret.key_id, "value": value}


def person_keys(
    persons: Mapping[str, Sequence[str]], secrets: Sequence[Secret]
) -> tuple[list[dict[str, str]], list[str]]:
    """Every key of a person, by scheme and then secret, and why a scheme gave none. Raises nothing.

    `persons` maps a scheme to its parts. While a secret rotates, give both.
    """
    keys: list[dict[str, str]] = []
    reasons: list[str] = []
    for scheme, parts in persons.items():
        try:
            keys += [key for secret in secrets if (key := person_key(scheme, parts, secret))]
        except NoKey as reason:
            reasons.append(f"no key {scheme}: {reason}")
    return keys, reasons


def _nhs_number(number: str) -> str:
    digits = _BETWEEN_DIGITS.sub("", number)
    if not (len(digits) == 10 and digits.isascii() and digits.isdigit()):
        raise NoKey("an NHS number has ten digits")
    if not is_nhs_number(digits):
        raise NoKey("the check digit of an NHS number does not fit: a digit is wrong")
    return digits


def _initial_surname_birth(given_name: str, surname: str, birth_date: str) -> str:
    given, last = _letters(given_name), _letters(surname)
    if not given or not last:
        raise NoKey("a given name and a surname have letters")
    try:
        born = date.fromisoformat(birth_date.strip())
    except ValueError:
        raise NoKey("a date of birth is written as 1970-01-31") from None
    return f"{given[0]}{last}{born.isoformat()}"


def _letters(name: str) -> str:
    """Without accents, case, spaces and marks: partners write names differently."""
    return _NO_LETTERS.sub("", unicodedata.normalize("NFKD", name).casefold())


SCHEMES: Mapping[str, Scheme] = {
    "nhs-number": Scheme(("number",), _nhs_number),
    "initial-surname-birth": Scheme(("given name", "surname", "birth date"), _initial_surname_birth),
}


def read_secret(text: str) -> Secret:
    """A secret from `key-id=FILE`. Raises ValueError, which names the fix, and never what stands for FILE
    where no file is: it may be the secret itself."""
    key_id, _, path = text.partition("=")
    if not key_id or not path:
        raise ValueError("write it as key-id=FILE, such as 2026=secret.key")
    try:
        return Secret(key_id, Path(path).read_bytes().strip())
    except OSError as error:
        why = f"the file of {key_id} cannot be read ({type(error).__name__}); name a file behind ="
        raise ValueError(why) from None
    except ValueError as error:
        raise ValueError(f"{error}; for example: openssl rand -hex 32 > {path}") from error
