"""A worker whose clock was ahead, and which died or failed: nobody waits for the end that it wrote."""

from datetime import timedelta

from small_house import House, incident
from surveillance.service import Service
from surveillance.store import pending

AHEAD = timedelta(hours=1)
LEASE_SECONDS = 30.0  # the setting's default


class Monotonic:
    """A clock that nobody sets."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def claimed_ahead(house: House, record: str = "one") -> pending.Claim:
    """An evaluation that a worker an hour ahead has claimed."""
    house.report(incident(record))
    with house.store.transaction() as tx:
        claim = pending.claim(tx, "ahead", house.now + AHEAD, timedelta(seconds=LEASE_SECONDS))
    assert claim is not None
    return claim


def patient(house: House) -> tuple[Service, Monotonic]:
    service, clock = house.service, Monotonic()
    service.monotonic = clock
    return service, clock


def test_a_claim_is_taken_over_once_it_was_seen_for_longer_than_a_lease(house: House) -> None:
    claimed_ahead(house)
    service, clock = patient(house)
    assert not service.evaluate_next()
    clock.seconds += LEASE_SECONDS - 1
    assert not service.evaluate_next(), "it may still be at work"
    clock.seconds += 2
    assert service.evaluate_next()
    with house.store.reading() as tx:
        assert pending.waiting(tx) == 0


def test_each_claim_is_watched_from_when_it_was_first_seen(house: House) -> None:
    first = claimed_ahead(house)
    service, clock = patient(house)
    assert not service.evaluate_next()
    clock.seconds += LEASE_SECONDS - 1
    with house.store.transaction() as tx:  # it goes on by itself, and claims what it is asked next
        pending.finish(tx, first, house.now)
    second = claimed_ahead(house, "two")
    clock.seconds += 2
    assert not service.evaluate_next(), "this one is new"
    clock.seconds += LEASE_SECONDS + 1
    assert service.evaluate_next()
    assert second.token != first.token


def test_a_retry_that_lies_further_ahead_than_any_retry_could_is_due(house: House) -> None:
    claim = claimed_ahead(house)
    with house.store.transaction() as tx:
        pending.release(tx, claim, "ValueError", house.now + AHEAD + timedelta(seconds=5))
    assert house.service.evaluate_next()
