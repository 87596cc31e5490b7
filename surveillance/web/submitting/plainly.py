"""Faults and hints in the words of people who fill in a page: the contract's are for programs."""

import re
from collections.abc import Mapping
from dataclasses import replace

from surveillance.events.refusal import Fault

# What the contract says -> what a page says; in the order in which it is replaced.
_WORDS: Mapping[str, str] = {
    " as date, time and offset from UTC, such as 2024-03-01T14:30:00+00:00, from the year 1900 on": (
        ", such as 01/03/2024, or 01/03/2024 14:30"
    ),
    "; check the sending clock and the offset from UTC": "",
    "; check the offsets from UTC": "",
    ", or null where it is unknown": "; leave it empty where it is not known",
    "A time must not lie more than 5 minutes after the message was received": "This lies in the future",
    "The value must be a time of the calendar": "This is no day of the calendar",
    "The value is not on the closed list of this field": "This is none of the words that may stand here",
    "The text does not have the form of this field": "This does not have the form that is needed here",
    "The value must be": "This must be",
    "The value lies outside what this field allows": "This is outside of what is possible here",
    "This field is required": "This is needed",
    'Send residence_area, incident_area or point; where it is not known, the area {"missing": "unknown"}': (
        "Give the area or postcode of where the person lived or of where it happened, or why there is none"
    ),
    "Send one of code, postcode or missing": "Give one of the three, and leave the others empty",
}
_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")


def plainly(fault: Fault, names: Mapping[str, str]) -> Fault:
    """The same fault in plain words. `names`: what the page calls each field."""
    return replace(fault, rule=in_plain_words(fault.rule, names), fix=in_plain_words(fault.fix, names))


def in_plain_words(said: str, names: Mapping[str, str]) -> str:
    """The same in plain words, and each field by its name on the page."""
    for wire, words in _WORDS.items():
        said = said.replace(wire, words)
    said = re.sub(r"^Send (?=the |a |when |what )", "Give ", said)
    named = _NAME.sub(lambda found: f"“{names[found[0]]}”" if found[0] in names else found[0], said)
    return named[:1].upper() + named[1:]
