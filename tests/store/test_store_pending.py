"""An evaluation that is owed is done once, by one worker, and again where more was received meanwhile."""

import random
import threading
from datetime import timedelta

import pytest
from store_factories import DAY, T0, minutes

from surveillance.store import pending
from surveillance.store.database import Store
from surveillance.store.pending import Claim, ClaimLost, Request

LEASE = timedelta(minutes=2)


def _ask(store: Store, *requests: Request, at: float = 0) -> None:
    with store.transaction() as tx:
        pending.request(tx, requests, T0 + minutes(at))


def _owed(
    day: int = 0, scope: str = "county", received: float | None = 0, use_case: str = "example"
) -> Request:
    return Request(
        use_case, scope, DAY + timedelta(days=day), None if received is None else T0 + minutes(received)
    )


def _claim(store: Store, at: float = 0, worker: str = "w1") -> Claim | None:
    with store.transaction() as tx:
        return pending.claim(tx, worker, T0 + minutes(at), LEASE)


def _held(store: Store, at: float = 0, worker: str = "w1") -> Claim:
    claim = _claim(store, at, worker)
    assert claim is not None
    return claim


def _finish(store: Store, claim: Claim, at: float = 0) -> None:
    with store.transaction() as tx:
        pending.finish(tx, claim, T0 + minutes(at))


def _waiting(store: Store) -> int:
    with store.reading() as tx:
        return pending.waiting(tx)


def test_many_requests_are_one_evaluation_that_remembers_the_oldest_event(store: Store) -> None:
    for received in (5, 3, None, 9):
        _ask(store, _owed(received=received), _owed(received=received))
    assert _waiting(store) == 1
    claim = _held(store)
    assert (claim.use_case, claim.scope, claim.as_of) == ("example", "county", DAY)
    assert (claim.received_at, claim.generation, claim.attempt) == (T0 + minutes(3), 8, 1)
    assert claim.token.startswith("w1:")


def test_a_finished_evaluation_is_owed_no_more(store: Store) -> None:
    _ask(store, _owed())
    _finish(store, _held(store))
    assert _waiting(store) == 0
    assert _claim(store) is None


def test_a_request_during_an_evaluation_makes_it_run_once_more_for_the_later_event(store: Store) -> None:
    _ask(store, _owed(received=0))
    claim = _held(store)
    _ask(store, _owed(received=7))
    _finish(store, claim, at=8)
    again = _held(store, at=8)
    assert (again.received_at, again.requested_at, again.attempt) == (T0 + minutes(7), T0 + minutes(8), 1)
    _finish(store, again, at=9)
    assert _waiting(store) == 0


def test_a_running_evaluation_knows_that_it_is_owed_once_more_and_then_it_is(store: Store) -> None:
    _ask(store, _owed())
    claim = _held(store)
    with store.reading() as tx:
        assert not pending.is_asked_again(tx, claim)
    _ask(store, _owed(day=1), _owed(scope="city"))
    with store.reading() as tx:
        assert not pending.is_asked_again(tx, claim)
    _ask(store, _owed())
    with store.transaction() as tx:
        assert pending.is_asked_again(tx, claim)
        pending.finish(tx, claim, T0)
    with store.reading() as tx:
        assert not pending.is_asked_again(tx, claim)  # it is another worker's to say now
    assert _waiting(store) == 3


def test_days_of_one_scope_are_evaluated_in_order_and_never_together(store: Store) -> None:
    _ask(store, _owed(day=2), _owed(day=1), _owed(day=0))
    for day in range(3):
        claim = _held(store)
        assert claim.as_of == DAY + timedelta(days=day)
        assert _claim(store, worker="w2") is None
        _finish(store, claim)


def test_an_earlier_day_requested_meanwhile_waits_for_the_claim_of_its_scope(store: Store) -> None:
    _ask(store, _owed(day=1))
    claim = _held(store)
    _ask(store, _owed(day=0))
    assert _claim(store) is None
    _finish(store, claim)
    assert _held(store).as_of == DAY


def test_scopes_and_use_cases_are_evaluated_side_by_side_the_longest_waiting_first(store: Store) -> None:
    _ask(store, _owed(scope="late"), at=2)
    _ask(store, _owed(scope="early"), at=1)
    _ask(store, _owed(scope="early", use_case="other"), at=3)
    taken = [_held(store, at=3) for _ in range(3)]
    assert [(c.scope, c.use_case) for c in taken] == [
        ("early", "example"),
        ("late", "example"),
        ("early", "other"),
    ]
    assert _claim(store, at=3) is None


def test_a_scope_that_is_asked_for_all_the_time_does_not_starve_the_others(store: Store) -> None:
    _ask(store, _owed(scope="busy"), at=0)
    _ask(store, _owed(scope="quiet"), at=1)
    busy = _held(store, at=2)
    _ask(store, _owed(scope="busy"), at=2)
    _finish(store, busy, at=3)
    assert _held(store, at=3).scope == "quiet"


def test_a_claim_that_lapsed_is_taken_over_and_the_first_worker_may_not_store(store: Store) -> None:
    _ask(store, _owed(received=4))
    lost = _held(store, at=0)
    _ask(store, _owed(received=6))
    assert _claim(store, at=1.99) is None
    claim = _held(store, at=2, worker="w2")
    assert (claim.attempt, claim.received_at) == (2, T0 + minutes(4))
    with pytest.raises(ClaimLost):
        _finish(store, lost)
    with pytest.raises(ClaimLost), store.transaction() as tx:
        pending.release(tx, lost, "too late", T0)
    _finish(store, claim)
    assert _waiting(store) == 0


def test_a_claim_on_another_day_that_lapsed_is_void_once_the_scope_is_claimed_again(store: Store) -> None:
    _ask(store, _owed(day=1))
    lost = _held(store, at=0)
    _ask(store, _owed(day=0))
    taken = _held(store, at=3, worker="w2")
    assert taken.as_of == DAY
    with pytest.raises(ClaimLost):
        _finish(store, lost)


def test_a_claim_that_lapsed_but_that_nobody_took_may_still_finish(store: Store) -> None:
    _ask(store, _owed())
    _finish(store, _held(store, at=0), at=60)
    assert _waiting(store) == 0


def test_a_failed_evaluation_waits_for_its_retry_and_holds_up_no_later_day(store: Store) -> None:
    _ask(store, _owed(day=0, received=2), _owed(day=1))
    with store.transaction() as tx:
        pending.release(tx, _claimed_in(tx), "ValueError", T0 + minutes(4))
    later = _held(store)
    assert later.as_of == DAY + timedelta(days=1)
    _finish(store, later)
    assert _claim(store, at=3.9) is None
    again = _held(store, at=4)
    assert (again.attempt, again.received_at) == (2, T0 + minutes(2))


def test_a_claim_that_somebody_has_watched_for_too_long_is_taken_over_whatever_its_end_says(
    store: Store,
) -> None:
    _ask(store, _owed())
    lost = _held(store, at=60, worker="ahead")
    assert _claim(store, at=3, worker="w2") is None
    with store.transaction() as tx:
        assert pending.claims(tx) == {lost.token: 1}
        taken = pending.claim(tx, "w2", T0 + minutes(3), LEASE, overstayed={lost.token})
    assert taken is not None
    with pytest.raises(ClaimLost):
        _finish(store, lost)
    _finish(store, taken)


def _claimed_in(tx: pending.Transaction) -> Claim:
    claim = pending.claim(tx, "w1", T0, LEASE)
    assert claim is not None
    return claim


def test_an_evaluation_whose_results_are_not_stored_is_still_owed(store: Store) -> None:
    _ask(store, _owed())
    claim = _held(store)

    def fail() -> None:
        with store.transaction() as tx:
            pending.finish(tx, claim, T0)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert _waiting(store) == 1
    _finish(store, claim)


def test_what_a_replay_knew_is_kept(store: Store) -> None:
    _ask(store, Request("example", "county", DAY, known_at=T0 + minutes(1)))
    assert _held(store).known_at == T0 + minutes(1)


def test_workers_that_race_never_evaluate_one_scope_at_once_and_leave_nothing(store: Store) -> None:
    scopes = ("a", "b", "c")
    at_work: dict[str, int] = dict.fromkeys(scopes, 0)
    together, overlaps, done, errors = threading.Barrier(4), [], [], []
    _ask(store, *(_owed(day, scope) for scope in scopes for day in range(3)))

    def work(number: int) -> None:
        dice = random.Random(number)
        together.wait()
        while (claim := _claim(store, worker=f"w{number}")) is not None or _waiting(store):
            if claim is None:
                continue
            at_work[claim.scope] += 1
            overlaps.append(at_work[claim.scope])
            if dice.random() < 0.3:
                _ask(store, _owed(day=dice.randrange(3), scope=claim.scope))
            at_work[claim.scope] -= 1
            _finish(store, claim)
            done.append((claim.scope, claim.as_of, claim.generation))

    def guarded(number: int) -> None:
        try:
            work(number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert errors == []
    assert set(overlaps) == {1}
    assert {(scope, day) for scope, day, _ in done} >= {
        (s, DAY + timedelta(days=d)) for s in scopes for d in range(3)
    }
    assert _waiting(store) == 0
