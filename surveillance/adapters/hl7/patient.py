"""PID, as far as it leaves the adapter: keys, age, sex and area. Everything else of it is dropped here."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from surveillance.adapters.hl7.reader import Reader, known, part
from surveillance.adapters.hl7.reading import NULL, Segment
from surveillance.adapters.person import Person, age_at, area_of, keys_of
from surveillance.events.pseudonym import Secret
from surveillance.geography.lookup import Gazetteer

_SEX = {"F": "female", "M": "male", "O": "other", "A": "other", "N": "other", "U": "unknown", "": "unknown"}
_NUMBER_TYPES = frozenset({"NH", "NHS", "NHSNO"})
_NUMBER_AUTHORITIES = frozenset({"NHS", "NHSNMBR", "NHSNBR", "NHS NUMBER", "2.16.840.1.113883.2.1.4.1"})


def read_person(reader: Reader, pid: Segment) -> Person:
    """What PID says; nothing of it leaves the adapter but what `about` makes of it."""
    number, local_ids = "", []
    for cx in pid.repetitions(3):
        identifier, authority, kind = part(cx, 1), part(cx, 4).upper(), part(cx, 5).upper()
        if identifier in ("", NULL):
            continue
        if kind in _NUMBER_TYPES or authority in _NUMBER_AUTHORITIES:
            number = number or identifier
        local_ids.append((authority, identifier))
    born = reader.span(pid, 7)
    names = next((n for n in pid.repetitions(5) if part(n, 7) in ("", "L")), [])
    return Person(
        number=number,
        given_name=known(part(names, 2)),
        surname=known(part(names, 1)),
        born_first=born.first.date() if born else None,
        born_last=born.last.date() if born else None,
        postcode=_postcode(pid),
        local_ids=tuple(local_ids),
    )


def _postcode(pid: Segment) -> str | None:
    """Of the home address, or of the first that has one; empty where the address has none."""
    addresses = [a for a in pid.repetitions(11) if any(a)]
    homes = sorted(addresses, key=lambda a: (part(a, 7) not in ("H", "P"), not part(a, 5)))
    return known(part(homes[0], 5)) if homes else None


def about(
    reader: Reader,
    pid: Segment,
    person: Person,
    at: datetime,
    secrets: Sequence[Secret],
    gazetteer: Gazetteer,
) -> Iterator[tuple[str, Any]]:
    keys, why_not = keys_of(person, secrets)
    for words in why_not:
        reader.note("PID-3" if "nhs-number" in words else "PID-5", words)
    if keys:
        yield "person_keys", keys[:8]
    if pid.says(7):
        yield "age", age_at(person, _day(at, reader.dialect.zone))
        if person.born_first != person.born_last:
            reader.note("PID-7", "the birth date is not complete: no key of the name and birth date")
    if pid.says(8):
        sex = pid.text(8).upper()
        if sex not in _SEX and sex != NULL:
            reader.note("PID-8", "the sex is not one of F, M, O, A, N, U: published as unknown")
        yield "sex", _SEX.get(sex, "unknown")
    if person.postcode is not None:
        area, words_or_none = area_of(person.postcode, gazetteer)
        if words_or_none is not None:
            reader.note("PID-11", words_or_none)
        yield "residence_area", dict(area)


def _day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()
