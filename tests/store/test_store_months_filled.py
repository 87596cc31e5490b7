"""Messages by month are known of the time before they were counted, too."""

from datetime import UTC, date, datetime

import pytest
from test_store_delivery_migration import _migrate

from surveillance.store import partner_months
from surveillance.store.database import Store
from surveillance.store.partner_months import Month
from surveillance.store.tables import dead_letters, record_versions, records

JANUARY, FEBRUARY, MARCH = (date(2024, month, 1) for month in (1, 2, 3))


def at(day: date, of_month: int = 31) -> datetime:
    return datetime(day.year, day.month, of_month, 23, 30, tzinfo=UTC)


@pytest.fixture
def before(empty_url: str) -> Store:
    """Two versions in January, one in each of February and March; a refusal in January."""
    store = Store.open(empty_url)
    _migrate(store, "0012", up=True)
    with store.transaction() as tx:
        tx.execute(
            records.insert(),
            [
                {"record": n, "partner": "north", "kind": "incident", "record_id": f"r{n}"}
                for n in range(1, 5)
            ],
        )
        times = (at(JANUARY), at(JANUARY, 1), at(FEBRUARY, 29), at(MARCH))
        for number, received_at in enumerate(times, start=1):
            version = {"record": number, "version": 1, "content_hash": "h", "content": {}}
            tx.execute(record_versions.insert(), version | {"received_at": received_at})
        tx.execute(dead_letters.insert(), _letter(at(JANUARY)))
    return store


def _letter(received_at: datetime) -> dict[str, object]:
    """A dead letter."""
    place = {"cluster_id": "c", "topic": "t", "topic_id": "i", "epoch": 0, "partition": 0, "offset": 1}
    why = {"code": "missing_field", "faults": [], "payload_hmac": "h"}
    of = {"partner": "north", "kind": "incident", "received_at": received_at, "stored_at": received_at}
    return place | why | of


def months(store: Store) -> list[Month]:
    with store.reading() as tx:
        return partner_months.months_of(tx)


def test_what_was_stored_before_counting_is_counted(before: Store) -> None:
    _migrate(before, "0013", up=True)
    assert months(before) == [
        Month("north", "incident", JANUARY, accepted=2, refused=1),
        Month("north", "incident", FEBRUARY, accepted=1),
        Month("north", "incident", MARCH, accepted=1),
    ]


def test_what_was_counted_stays_and_the_month_in_which_counting_began_is_completed(before: Store) -> None:
    with before.transaction() as tx:
        partner_months.count(tx, [Month("north", "incident", FEBRUARY, repeated=5)])
        partner_months.count(tx, [Month("north", "incident", MARCH, accepted=7)])
    _migrate(before, "0013", up=True)
    assert months(before) == [
        Month("north", "incident", JANUARY, accepted=2, refused=1),
        Month("north", "incident", FEBRUARY, accepted=1, repeated=5),
        Month("north", "incident", MARCH, accepted=7),
    ]
