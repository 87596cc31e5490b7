"""Partners' programs, their files, and gateways, for the tests of what is handed in by the web."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from visiting import Answer, Service

from small_house import incident
from surveillance.configuration import Configuration
from surveillance.kafka.admin import describe
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.reader import read_range
from surveillance.sealing import SealingKeys
from surveillance.submitting.gateway import Gateway
from surveillance.submitting.outlet import Outlet
from surveillance.submitting.spool import Spool
from surveillance.web.house import utc_now

TIMES = {
    "occurred_from": "2024-03-01T06:00:00Z",
    "occurred_to": "2024-03-01T07:00:00Z",
    "reported_at": "2024-03-01T09:00:00Z",
}
CASES = ("Case No", "Seen", "Told", "Crater", "Age")
COLUMNS = (
    "record_id=Case No,category==dune_fever,status==suspected,occurred_from=Seen,reported_at=Told,"
    "residence_area.code=Crater,age=Age"
)
ROW = ("c-1", "01/03/2024", "2024-03-02", "n1", "34")


def event(record: str, **changes: Any) -> dict[str, Any]:
    return incident(record, **{**TIMES, **changes})


def new_gateway(
    configuration: Configuration,
    directory: Path,
    brokers: str,
    prefix: str = "",
    keys: SealingKeys | None = None,
) -> Gateway:
    spool = Spool(directory / "spool", 10_000_000, keys)
    return Gateway(configuration, spool, Outlet(brokers, 2.0), utc_now, prefix, most_bytes=2_000_000)


class Program:
    """A partner's program with a token."""

    def __init__(self, service: Service, account: str, grant: str) -> None:
        self.service = service
        service.account(account, grant)
        self.token = service.register.make_token(account, "to hand in", "test")
        self.browser = service.browser()

    def post(self, path: str, body: bytes, media_type: str = "application/json") -> Answer:
        headers = {"authorization": f"Bearer {self.token}", "content-type": media_type}
        return self.browser.ask("POST", path, headers, body)

    def get(self, path: str) -> Answer:
        return self.browser.get(path, authorization=f"Bearer {self.token}")


def lying_on(broker: EmbeddedBroker, topic: str) -> list[Any]:
    end = describe(broker.address, [topic]).topics[topic].partitions[0].end
    return [json.loads(m.value or b"") for m in read_range(broker.address, topic, 0, 0, end).messages]


def table(*rows: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([CASES, *rows])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def workbook(*rows: tuple[str, ...]) -> bytes:
    book = Workbook()
    for row in (CASES, *rows):
        book.active.append(row)
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()
