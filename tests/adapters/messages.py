"""ADT messages of invented patients, whose NHS numbers are of the range that is kept for tests (999)."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from surveillance.adapters.hl7.dialect import Dialect
from surveillance.adapters.hl7.receiver import Receiver
from surveillance.adapters.journal import Journal, open_journal
from surveillance.adapters.publishing import Away, Partner
from surveillance.events.pseudonym import Secret

NUMBER, OTHER_NUMBER = "9990000018", "9990000026"
SECRET, OLD_SECRET = Secret("2026", b"n" * 32), Secret("2025", b"o" * 32)
PARTNER = Partner("royal", "ROYAL")
DIALECT = Dialect(ZoneInfo("Europe/London"), methods={"E": "21"})
NOW = datetime(2024, 3, 4, 12, 0, tzinfo=UTC)

PID = (
    "PID|1||H0001^^^RXX^MR~999 000 0018^^^NHS^NH||TEST^PATIENT^^^MS^^L||19700131|F|||"
    "1 TEST STREET^^TEST TOWN^^CH1 1AB^GBR^H||01234567890|||||A77"
)
PV1 = "PV1|1|I|WARD1^BED1^1^RXX01|21|||||||||||||||V0001|||||||||||||||||||||||||20240301220000"
MRG = "MRG|H0002^^^RXX^MR"


def message(
    trigger: str = "A01",
    control_id: str = "1",
    at: str = "20240302090000",
    *segments: str,
    version: str = "2.4",
    pid: str = PID,
    pv1: str | None = PV1,
) -> bytes:
    """An ADT message as a patient administration system sends it."""
    head = f"MSH|^~\\&|PAS|RXX01|SURVEILLANCE|HUB|{at}||ADT^{trigger}|{control_id}|P|{version}"
    lines = [head, f"EVN|{trigger}|{at}", pid, *([pv1] if pv1 else []), *segments]
    return ("\r".join(lines) + "\r").encode()


def visit(
    number: str = "V0001",
    began: str = "20240301220000",
    *,
    ended: str = "",
    method: str = "21",
    kind: str = "I",
) -> str:
    """A PV1 segment."""
    return f"PV1|1|{kind}|WARD1^BED1^1^RXX01|{method}{'|' * 15}{number}{'|' * 25}{began}|{ended}"


class Taken(dict[str, list[bytes]]):
    """A broker that takes everything, or nothing while it is `away`: events by record id."""

    away = False

    def __call__(self, key: str, value: bytes) -> None:
        if self.away:
            raise Away("away")
        self.setdefault(key, []).append(value)


def journal() -> Journal:
    return open_journal(None)


MakeReceiver = Callable[[], tuple[Receiver, Taken]]
