"""From bytes to one JSON object, under limits that hold before anything is parsed."""

import json
import re
from typing import Any, NoReturn

from surveillance.events.refusal import Fault, RefusalCode, Refused

MAX_BYTES = 1_048_576
MAX_DEPTH = 16
MESSAGE = "message"  # the field of faults that concern the message as a whole

# A string is skipped whole, closed or not, without backtracking: linear in the length of any text.
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)
_BOM = b"\xef\xbb\xbf"


class _Unparsable(ValueError):
    """Raised inside the parser, where only an exception gets out."""

    def __init__(self, rule: str, fix: str) -> None:
        self.rule, self.fix = rule, fix
        super().__init__(rule)


def refuse(code: RefusalCode, rule: str, fix: str) -> NoReturn:
    """Refuse a message as a whole."""
    raise Refused((Fault(code, MESSAGE, rule, fix),))


def read_text(value: bytes | None) -> str:
    """The text of a message; raises Refused for empty, too large, not UTF-8 or too deeply nested."""
    if not value:
        refuse(
            RefusalCode.EMPTY,
            "A message has content",
            "To withdraw a record, send its next version as withdrawn",
        )
    if len(value) > MAX_BYTES:
        refuse(
            RefusalCode.TOO_LARGE, f"A message has at most {MAX_BYTES} bytes", "Send one record per message"
        )
    if value.startswith(_BOM):
        refuse(
            RefusalCode.NOT_UTF8,
            "A message has no byte order mark",
            "Send plain UTF-8 without a mark in front",
        )
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        refuse(RefusalCode.NOT_UTF8, "A message is UTF-8 text", "Encode the JSON as UTF-8")
    if _is_too_deep(text):
        refuse(
            RefusalCode.TOO_DEEP,
            f"Objects and lists are nested at most {MAX_DEPTH} deep",
            "Send the fields of the contract; none is nested deeper than three",
        )
    return text


def read_object(text: str) -> dict[str, Any]:
    """The object that a text is; raises Refused, also for a name given twice, NaN and endless numbers."""
    try:
        parsed = _DECODER.decode(text)
    except _Unparsable as error:
        refuse(RefusalCode.NOT_JSON, error.rule, error.fix)
    except json.JSONDecodeError:
        refuse(RefusalCode.NOT_JSON, "A message is one JSON object", "Check the text with a JSON parser")
    except ValueError:  # Python's own limit on the digits of an integer
        refuse(
            RefusalCode.NOT_JSON,
            "Numbers have at most 4300 digits",
            "Send the value in the unit of its field",
        )
    if not isinstance(parsed, dict):
        refuse(
            RefusalCode.NOT_JSON,
            "A message is one JSON object",
            "Send one object with the fields of the event",
        )
    return parsed


def _is_too_deep(text: str) -> bool:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKETS.finditer(text):
        opens, closes = bracket.groups()
        depth += (opens is not None) - (closes is not None)
        if depth > MAX_DEPTH:
            return True
    return False


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise _Unparsable("An object has each name once", "Send every field once")
    return unique


def _refuse_constant(_: str) -> NoReturn:
    raise _Unparsable("Numbers are finite", "Leave out a number that is not known, or send null")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
