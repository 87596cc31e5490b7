"""A partner's history goes into the line list; it asks for no evaluation and tells nobody."""

from datetime import timedelta

from small_house import NOW, House, incident, message
from surveillance.events.message import Message
from surveillance.store import line_list, outbox, pending


def _waiting(house: House) -> int:
    with house.store.reading() as tx:
        return pending.waiting(tx) + outbox.waiting(tx)


def history(count: int = 9) -> list[Message]:
    return [
        message(i, incident(f"old-{i}", days_ago=i % 3), backfill=True, received_at=NOW - timedelta(hours=2))
        for i in range(count)
    ]


def test_history_is_stored_and_asks_for_nothing(house: House) -> None:
    with house.store.reading() as tx:
        before = line_list.count_records(tx)
    house.ingest(*history())
    assert _waiting(house) == 0
    assert house.evaluate() == 0
    assert house.alerts() == []
    with house.store.reading() as tx:
        assert line_list.count_records(tx) == before + 9


def test_history_that_changes_records_asks_for_nothing_either(house: House) -> None:
    house.ingest(*history())
    withdrawn = incident("old-1", version=2, action="withdrawn", status="withdrawn")
    house.ingest(message(100, withdrawn, backfill=True), message(101, b"not an event", backfill=True))
    assert _waiting(house) == 0


def test_the_next_live_report_is_looked_at_together_with_the_history(house: House) -> None:
    house.ingest(*history(2))
    house.report(incident("today"))
    assert house.evaluate() == 1
    (alert,) = house.alerts()
    assert len(alert.members) == 3


def test_in_a_batch_of_both_only_what_is_live_is_looked_at(house: House) -> None:
    old = [message(i, incident(f"old-{i}", area="s1"), backfill=True) for i in range(3)]
    house.ingest(*old, message(50, incident("today", area="n1")))
    assert house.evaluate() == 1
    assert house.alerts() == []  # three of history in the south, which nobody looked at


def test_history_is_known_from_when_it_was_reported(house: House) -> None:
    """A load of history is no burst of reports: a look back knows each record from its report on."""
    loaded = [message(i, incident(f"old-{i}", days_ago=i), backfill=True) for i in range(3)]
    house.ingest(*loaded)
    with house.store.reading() as tx:
        known = [
            {
                case.key.record_id
                for case in line_list.cases_known(
                    tx,
                    "dune-fever",
                    "residence",
                    house.as_of - timedelta(days=3),
                    house.as_of,
                    NOW - timedelta(days=days_ago, hours=4),  # an hour before the reports of that day
                )
                if case.key.record_id.startswith("old-")
            }
            for days_ago in (2, 1, 0)
        ]
    assert known == [set(), {"old-2"}, {"old-2", "old-1"}]
