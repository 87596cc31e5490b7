"""A house in which everything happened once: cases, revisions, merges, decisions, an erasure, releases."""

from datetime import timedelta

from small_house import House, incident, message
from surveillance.alerting.workflow import Act
from surveillance.deciding import Decision, Desk
from surveillance.events.envelope import as_test
from surveillance.line_list.record import RecordKey
from surveillance.redefining import apply_definitions
from surveillance.releasing import release_due
from surveillance.store import ledger
from surveillance.upkeep.verifying import Keys

AUDIT, RECORDS = b"a" * 32, b"a key for tests only"  # the second is that of the house's workers
KEYS = Keys(AUDIT, RECORDS)


def key(record: str, partner: str = "alpha") -> RecordKey:
    return RecordKey(partner, "incident", record)


def desk(house: House) -> Desk:
    return Desk(house.configuration, house.store, AUDIT, RECORDS)


def tell(house: House, *payloads: object, partner: str = "alpha") -> None:
    """Ingests payloads as the next messages of a partner's topic, received now."""
    with house.store.reading() as tx:
        marks = {place.topic: position.mark for place, position in ledger.positions(tx).items()}
    first = marks.get(f"incidents.v1.{partner}", 0)
    house.ingest(*(message(first + i, p, partner, house.now) for i, p in enumerate(payloads)))  # type: ignore[arg-type]


def live_in(house: House, at_pages: House | None = None) -> None:
    """Fills a house; people decide through `at_pages`, where that has another way in.

    One record is erased, one withdrawn, two merged, one pair decided, one proposed."""
    apply_definitions(house.store, house.configuration, house.now)
    release_due(house.store, house.configuration, house.now - timedelta(days=120), AUDIT)
    tie = {"type": "friend", "confidence": "confirmed", "source": "police"}
    tell(
        house,
        incident("r-1", school="s-1", person=1),
        incident("r-2", days_ago=1, school="s-1", links=[{"record": "gone-1", **tie}]),
        incident("r-3", days_ago=2, school="s-1", person=2),
        incident("r-4", days_ago=1, version=1),
        incident("r-4", days_ago=1, version=2, action="merged", merged_into="r-3"),
        incident("r-5", days_ago=3, area="s1"),
        incident("gone-1", person=3),
        incident("old-1", days_ago=100),
        {"nothing": "right"},
        as_test(incident("tried"), "incident", "alpha", 1),
    )
    tell(
        house,
        incident("r-6", partner="beta", person=1),
        incident("r-7", partner="beta", person=2, days_ago=2),
        partner="beta",
    )
    house.evaluate()
    house.now += timedelta(hours=1)
    tell(house, incident("r-5", days_ago=3, version=2, action="withdrawn", status="withdrawn"))
    house.evaluate()
    _decide(at_pages or house)
    house.evaluate()
    release_due(house.store, house.configuration, house.now + timedelta(days=600), AUDIT)


def _decide(house: House) -> None:
    at_desk, why = desk(house), Decision("lead-1", house.now, "seen by the group")
    alert = house.alerts()[0]
    at_desk.decide_duplicate((key("r-1"), key("r-6", "beta")), "confirmed", why)
    at_desk.link((key("r-1"), key("r-2")), why)
    at_desk.note(alert.id, "The group meets.", why)
    for act in (Act.ACKNOWLEDGE, Act.ASSESS, Act.RESPOND):
        at_desk.move(alert.id, act, why)
    at_desk.erase(key("gone-1"), Decision("lead-1", house.now, "a court order"))
