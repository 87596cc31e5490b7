"""Alerts keep every revision, nobody overwrites one, and what is read equals what was written."""

import threading
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from store_factories import DAY, T0, alert, change, cluster, minutes

from surveillance.alerting.alert import AlertChange, State
from surveillance.store import alerts, evaluations, pending
from surveillance.store.alerts import StaleAlert, StoredChange
from surveillance.store.codec import alert_from_json, pack, to_json, unpack
from surveillance.store.database import Store
from surveillance.store.pending import Claim, Request


def _save(store: Store, *changes: AlertChange, evaluation: int | None = None) -> None:
    with store.transaction() as tx:
        alerts.save(tx, changes, evaluation)


def test_an_alert_comes_back_equal_in_its_current_revision(store: Store) -> None:
    _save(store, change())
    _save(store, change(revision=2, owner="lead", members=("north/incident/r1@2",)))
    with store.reading() as tx:
        assert (
            alerts.show(tx, "a1") == change(revision=2, owner="lead", members=("north/incident/r1@2",)).alert
        )
        assert alerts.show(tx, "a2") is None


def test_the_history_holds_every_change_and_the_evaluation_behind_it(store: Store) -> None:
    number = _evaluated(store)
    first, second = change(), change(revision=2, severity="low")
    _save(store, first, evaluation=number)
    _save(store, second)
    with store.reading() as tx:
        assert alerts.history(tx, "a1") == [StoredChange(first, number), StoredChange(second, None)]


def test_several_changes_of_one_alert_are_saved_together(store: Store) -> None:
    _save(store, change(), change(revision=2), change("a2"))
    with store.reading() as tx:
        assert [a.revision for a in alerts.listed(tx)] == [2, 1]


@pytest.mark.parametrize("revision", [1, 2, 4])
def test_only_the_next_revision_is_taken_and_else_nothing_is_stored(store: Store, revision: int) -> None:
    _save(store, change(), change(revision=2))
    with pytest.raises(StaleAlert):
        _save(store, change("a2"), change(revision=revision))
    with store.reading() as tx:
        assert alerts.show(tx, "a2") is None
        assert len(alerts.history(tx, "a1")) == 2


def test_a_new_alert_begins_with_revision_one(store: Store) -> None:
    with pytest.raises(StaleAlert):
        _save(store, change(revision=2))


@pytest.mark.parametrize("existing", [0, 1])
def test_of_writers_at_once_one_is_taken_and_the_others_are_told(store: Store, existing: int) -> None:
    if existing:
        _save(store, change())
    together, refused = threading.Barrier(3), []

    def write(number: int) -> None:
        mine = change(revision=existing + 1, owner=f"lead-{number}")
        together.wait()
        try:
            _save(store, mine)
        except StaleAlert:
            refused.append(number)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 2
    with store.reading() as tx:
        history = alerts.history(tx, "a1")
        assert len(history) == existing + 1
        assert history[-1].change.alert == alerts.show(tx, "a1")


def test_alerts_are_listed_by_every_filter_the_oldest_first(store: Store) -> None:
    _save(
        store,
        change("a1", opened_at=T0 + minutes(2)),
        change("a2", opened_at=T0, state=State.CLOSED),
        change("a3", opened_at=T0 + minutes(1), scope="city"),
        change("a4", opened_at=T0 + minutes(3), use_case="other"),
    )
    with store.reading() as tx:
        ids = lambda **filters: [a.id for a in alerts.listed(tx, **filters)]  # noqa: E731
        assert ids() == ["a2", "a3", "a1", "a4"]
        assert ids(newest_first=True, limit=2) == ["a4", "a1"]
        assert ids(states={State.CLOSED}) == ["a2"]
        assert ids(scopes={"city"}) == ["a3"]
        assert ids(use_case="other", scope="county") == ["a4"]
        assert alerts.count_by_state(tx) == {
            ("example", State.OPEN): 2,
            ("example", State.CLOSED): 1,
            ("other", State.OPEN): 1,
        }


def test_a_look_meets_unfinished_alerts_of_any_age_and_finished_ones_that_reach_into_its_days(
    store: Store,
) -> None:
    _save(
        store,
        change("old", opened_at=T0, end=DAY - timedelta(days=400)),
        change("old-closed", opened_at=T0, end=DAY - timedelta(days=400), state=State.CLOSED),
        change("closed", opened_at=T0 + minutes(1), state=State.CLOSED),
        change("elsewhere", scope="city"),
        change("other", use_case="other"),
    )
    with store.reading() as tx:
        since = DAY - timedelta(days=365)
        assert [a.id for a in alerts.of_scope(tx, "example", "county", since)] == ["old", "closed"]


def test_numbers_of_detectors_are_kept_to_the_bit_infinities_included() -> None:
    found = cluster(statistic=0.1 + 0.2, expected=float("inf"), p_value=None, radius_km=np.float64(1 / 3))
    kept = alert_from_json(unpack(pack(alert(clusters=(found,)))))
    assert kept == alert(clusters=(found,))


def test_numbers_and_arrays_of_numpy_become_plain_json() -> None:
    assert to_json({"a": np.int32(3), "b": np.arange(2), "c": np.bool_(True), "d": {2, 1}}) == {
        "a": 3,
        "b": [0, 1],
        "c": True,
        "d": [1, 2],
    }


def test_what_has_no_form_in_json_is_refused_by_its_type() -> None:
    with pytest.raises(TypeError, match="object has no form"):
        to_json({"a": object()})


def _claim(store: Store) -> Claim:
    with store.transaction() as tx:
        pending.request(tx, [Request("example", "county", DAY)], T0)
        claim = pending.claim(tx, "w1", T0, timedelta(minutes=2))
    assert claim is not None
    return claim


def _evaluated(store: Store, snapshot: dict[str, object] | None = None) -> int:
    with store.transaction() as tx:
        claim = replace(_claim_of_nothing(), use_case="example")
        return evaluations.save(tx, claim, T0, T0 + minutes(1), 2, snapshot, {"load": 0.5})


def _claim_of_nothing() -> Claim:
    return Claim("example", "county", DAY, None, None, T0, T0, 1, 1, "w1:x")


def test_an_evaluation_comes_back_with_what_it_looked_at(store: Store) -> None:
    claim = _claim(store)
    snapshot = {"as_of": DAY, "cases": {"residence": ["north/incident/r1@1"]}, "clusters": (cluster(),)}
    with store.transaction() as tx:
        number = evaluations.save(tx, claim, T0, T0 + minutes(1), 1, snapshot, {"load": 0.25})
        pending.finish(tx, claim, T0 + minutes(1))
    with store.reading() as tx:
        kept = evaluations.show(tx, number)
        assert kept is not None
        assert evaluations.latest(tx, "example", "county") == kept
        assert evaluations.latest(tx, "example", "city") is None
        assert evaluations.show(tx, number + 1) is None
    assert (kept.known_at, kept.started_at, kept.finished_at) == (T0, T0, T0 + minutes(1))
    assert (kept.clusters, kept.seconds) == (1, {"load": 0.25})
    assert kept.snapshot == to_json(snapshot)


def test_an_evaluation_that_changed_nothing_keeps_no_snapshot(store: Store) -> None:
    number = _evaluated(store)
    with store.reading() as tx:
        kept = evaluations.show(tx, number)
    assert kept is not None
    assert kept.snapshot is None
