"""What a message to a person says, in plain words: of an alert, of a day, or that it is a test."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

_CLOSING = "Sent by the surveillance service. Replies to this address are not read."
_CHANGES = {
    "opened": "A new alert waits for you.",
    "strengthened": "An alert has grown stronger.",
    "weakened": "An alert has grown weaker.",
    "merged": "An alert was merged into another one.",
    "reopened": "An alert was reopened.",
    "ended": "An alert is no longer found.",
    "overdue": "An alert is overdue.",
    "escalated": "Nobody has acknowledged an alert in time. It is now passed to you.",
}
_COUNTS = ("open", "unacknowledged", "overdue")


@dataclass(frozen=True)
class Letter:
    """A message in its parts. `rows` are name and value."""

    subject: str
    opening: str
    rows: tuple[tuple[str, str], ...]
    link: str
    link_words: str
    closing: str = _CLOSING

    @property
    def text(self) -> str:
        """All of it as plain text."""
        rows = "\n".join(f"{name}: {value}" for name, value in self.rows)
        return f"{self.opening}\n\n{rows}\n\n{self.link_words}:\n{self.link}\n\n{self.closing}\n"


def letter(content: Mapping[str, Any], base_url: str, zone: ZoneInfo) -> Letter:
    """The words for a notice, a digest or a test. Times in `zone`, named."""
    link = absolute(str(content.get("link", "/")), base_url)
    if "digest" in content:
        return _digest(content, link)
    if content.get("test"):
        words = "This is a test message. There is no alert, and nothing is to be done."
        return Letter("Surveillance: a test message", words, (), link, "The service")
    use_case, change = _spaced(content["use_case"]), _spaced(content["change"])
    rows = [
        ("Use case", use_case),
        ("Severity", _spaced(content["severity"])),
        ("State", _spaced(content["state"])),
        ("Alert", content["id"]),
    ]
    if content.get("due"):
        rows.append(("Due", moment(content["due"], zone)))
    return Letter(
        subject=f"{use_case.capitalize()}: {_spaced(content['severity'])} alert, {change}",
        opening=_CHANGES.get(content["change"], "An alert has changed."),
        rows=tuple(rows),
        link=link,
        link_words="Read it, after signing in",
    )


def _digest(content: Mapping[str, Any], link: str) -> Letter:
    counted = tuple(
        (f"{_spaced(line['use_case'])}, {_spaced(line['severity'])}", _counts(line))
        for line in content["counts"]
    )
    opening = f"Alerts on {content['digest']}." if counted else f"No alert is open on {content['digest']}."
    return Letter(f"Surveillance: alerts on {content['digest']}", opening, counted, link, "All alerts")


def _counts(line: Mapping[str, Any]) -> str:
    return ", ".join(f"{line[name]} {name}" for name in _COUNTS)


def moment(iso: str, zone: ZoneInfo) -> str:
    """`Tue 3 June 2025, 14:00 BST`."""
    at = datetime.fromisoformat(iso).astimezone(zone)
    return f"{at:%a} {at.day} {at:%B %Y, %H:%M %Z}"


def absolute(link: str, base_url: str) -> str:
    """A path of the pages as an address that can be followed from outside."""
    return base_url.rstrip("/") + link if link.startswith("/") else link


def _spaced(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")
