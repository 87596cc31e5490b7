"""The person behind an encounter, as a hospital's message names them: this is as far as they get.

What leaves is pseudonyms, an age and an area. Number, name, birth date, postcode and address stay in here,
and no `repr` shows them.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

from surveillance.events.pseudonym import Secret, person_keys
from surveillance.events.refusal import Refused
from surveillance.geography.lookup import Gazetteer

UNKNOWN_AREA: Mapping[str, str] = {"missing": "unknown"}


@dataclass(frozen=True)
class Person:
    """What a message says of a person. Empty texts are not known; `local_ids` are (authority, id)."""

    number: str = field(default="", repr=False)
    given_name: str = field(default="", repr=False)
    surname: str = field(default="", repr=False)
    born_first: date | None = field(
        default=None, repr=False
    )  # a birth date may be known to the year or month
    born_last: date | None = field(default=None, repr=False)
    postcode: str | None = field(default=None, repr=False)  # None: no address was given
    local_ids: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def keys_of(person: Person, secrets: Sequence[Secret]) -> tuple[list[dict[str, str]], list[str]]:
    """The person keys under every secret, and in words why a scheme gave none."""
    schemes: dict[str, tuple[str, ...]] = {"nhs-number": (person.number,)}
    born = person.born_first if person.born_first == person.born_last else None
    if born and person.given_name and person.surname:
        schemes["initial-surname-birth"] = (person.given_name, person.surname, born.isoformat())
    return person_keys(schemes, secrets)


def age_at(person: Person, day: date) -> int | None:
    """The age in whole years on a day; None where the birth date leaves it open, or it cannot be."""
    if person.born_first is None or person.born_last is None:
        return None
    ages = {_years(born, day) for born in (person.born_first, person.born_last)}
    age = ages.pop()
    return age if not ages and 0 <= age <= 120 else None


def _years(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def area_of(postcode: str, gazetteer: Gazetteer) -> tuple[Mapping[str, str], str | None]:
    """The area of a postcode, and in words why it is not known. Nobody can correct a message that a machine
    sent, so a mistyped postcode is no reason to lose an admission."""
    if not postcode.strip():
        return UNKNOWN_AREA, None
    try:
        return gazetteer.area_of({"postcode": postcode}, "postcode"), None
    except Refused as refused:
        return UNKNOWN_AREA, f"the postcode {refused.faults[0].rule}: published without an area"


def tokens_of(local_ids: Sequence[tuple[str, str]], secrets: Sequence[Secret]) -> frozenset[str]:
    """What a journal knows a patient by: HMACs of the hospital's own ids, under every secret."""
    return frozenset(
        keyed(secret, f"patient:{authority}:{number}")
        for secret in secrets
        for authority, number in local_ids
    )


def keyed(secret: Secret, text: str) -> str:
    """A text's HMAC-SHA256 as 64 hexadecimal digits."""
    return hmac.new(secret.key, text.encode(), sha256).hexdigest()
