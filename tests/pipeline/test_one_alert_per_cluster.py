"""A cluster has one alert for as long as it lives, whatever arrives, in whatever order, however often."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from small_house import House, NewHouse, incident, message, record_ids
from surveillance.alerting.alert import Alert, Change, State
from surveillance.alerting.workflow import Act, step
from surveillance.line_list.record import RecordKey
from surveillance.store import alerts, line_list

ALPHA = [RecordKey("alpha", "incident", f"r{n}") for n in range(8)]
Step = tuple[str, Any]


def assert_one_alert_per_record(house: House) -> None:
    """No two unfinished alerts of a use case and scope share a record."""
    held: dict[tuple[str, str, str], str] = {}
    for alert in house.unfinished():
        for record in record_ids(alert):
            other = held.setdefault((alert.use_case, alert.scope, record), alert.id)
            assert other == alert.id, f"{record} is in two alerts"


def changes_of(house: House, alert: Alert) -> list[Change]:
    with house.store.reading() as tx:
        return [row.change.change for row in alerts.history(tx, alert.id)]


def only_alert(house: House) -> Alert:
    (alert,) = house.unfinished()
    return alert


def cluster_of(records: Iterable[str], **changes: Any) -> list[dict[str, Any]]:
    return [incident(record, days_ago=i % 3, **changes) for i, record in enumerate(records)]


@st.composite
def reports(draw: st.DrawFn) -> dict[str, Any]:
    action = draw(st.sampled_from(["reported", "reported", "reported", "withdrawn", "merged"]))
    record = draw(st.integers(0, 7))
    changes: dict[str, Any] = {"action": action, "version": draw(st.integers(1, 3))}
    if action == "withdrawn":
        changes["status"] = "withdrawn"
    if action == "merged":
        changes["merged_into"] = f"r{(record + draw(st.integers(1, 7))) % 8}"
    return incident(
        f"r{record}",
        days_ago=draw(st.integers(0, 4)),
        area=draw(st.sampled_from(["n1", "n1", "n2", "n3", "n4", "s1"])),
        person=draw(st.sampled_from([None, None, None, 1, 2])),
        school=draw(st.sampled_from([None, None, "dust-7"])),
        **changes,
    )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("report"), st.lists(reports(), min_size=1, max_size=4)),
        st.tuples(st.just("evaluate"), st.none()),
        st.tuples(st.just("replay"), st.randoms(use_true_random=False)),
        st.tuples(st.just("days"), st.integers(1, 4)),
        st.tuples(
            st.just("decide"),
            st.tuples(
                st.sampled_from(ALPHA), st.sampled_from(ALPHA), st.sampled_from(["rejected", "confirmed"])
            ),
        ),
        st.tuples(st.just("finish"), st.integers(0, 3)),
    ),
    min_size=4,
    max_size=12,
)


class Story:
    """What a house goes through; every step is taken by a new service, as after a restart."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.sent: list[Any] = []

    def take(self, kind: str, value: Any) -> None:
        getattr(self, f"_{kind}")(value)

    def _report(self, payloads: list[Mapping[str, Any]]) -> None:
        first = len(self.sent)
        batch = [message(first + i, p, received_at=self.house.now) for i, p in enumerate(payloads)]
        self.sent += batch
        self.house.ingest(*batch)

    def _replay(self, rng: Any) -> None:
        again = list(self.sent)
        rng.shuffle(again)
        if again:
            self.house.ingest(*again)

    def _evaluate(self, _: None) -> None:
        self.house.evaluate_everything()

    def _days(self, days: int) -> None:
        self.house.now += timedelta(days=days)

    def _decide(self, decision: tuple[RecordKey, RecordKey, Any]) -> None:
        first, second, state = decision
        if first != second:
            decide(self.house, first, second, state)

    def _finish(self, number: int) -> None:
        unfinished = self.house.unfinished()
        if number < len(unfinished):
            dismiss(self.house, unfinished[number])


def decide(house: House, first: RecordKey, second: RecordKey, state: Any) -> None:
    with house.store.transaction() as tx:
        line_list.decide_duplicate(tx, (first, second), state, "an analyst", house.now)


def dismiss(house: House, alert: Alert) -> None:
    """An analyst takes an alert along the workflow to its end: not a cluster."""
    way: Sequence[Act] = {
        State.CANDIDATE: (Act.DISMISS,),
        State.OPEN: (Act.ACKNOWLEDGE, Act.ASSESS, Act.DISMISS),
    }[alert.state]
    with house.store.transaction() as tx:
        for act in way:
            change = step(alert, act, "an analyst", house.now, "chance")
            alerts.save(tx, [change])
            alert = change.alert


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_no_record_is_ever_in_two_unfinished_alerts(new_house: NewHouse, steps: list[Step]) -> None:
    house = new_house()
    story = Story(house)
    for kind, value in steps:
        story.take(kind, value)
        house.evaluate()
        assert_one_alert_per_record(house)
    house.store.close()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_a_look_that_is_repeated_changes_nothing(new_house: NewHouse, steps: list[Step]) -> None:
    house = new_house()
    story = Story(house)
    for kind, value in steps:
        story.take(kind, value)
    house.evaluate_everything()
    before = house.alerts()
    story.take("replay", Random(1))
    house.evaluate_everything()
    assert house.alerts() == before
    house.store.close()


def test_a_growing_cluster_keeps_its_alert(house: House) -> None:
    records = cluster_of(f"r{i}" for i in range(6))
    house.report(*records[:3])
    house.evaluate()
    first = only_alert(house)
    for one in records[3:]:
        house.report(one)
        house.evaluate()
        assert_one_alert_per_record(house)
    grown = only_alert(house)
    assert grown.id == first.id
    assert record_ids(first) == ["r0", "r1", "r2"]
    assert record_ids(grown) == [f"r{i}" for i in range(6)]
    opened, *later = changes_of(house, grown)
    assert opened == Change.OPENED
    # The p-value is drawn anew at each look, from 99 replicates: it may rise although a case was added.
    assert len(later) == 3
    assert later[0] == Change.STRENGTHENED
    assert set(later) <= {Change.STRENGTHENED, Change.WEAKENED}


def test_the_scan_makes_a_candidate_an_open_alert_with_due_times(house: House) -> None:
    house.report(*cluster_of(f"r{i}" for i in range(3)))
    house.evaluate()
    assert (only_alert(house).state, only_alert(house).acknowledge_due) == (State.CANDIDATE, None)
    house.report(*cluster_of(f"q{i}" for i in range(7)))
    house.evaluate()
    after = only_alert(house)
    assert (after.state, after.severity) == (State.OPEN, "severe")
    assert after.acknowledge_due is not None
    assert {c.detector for c in after.clusters} == {"permutation-scan", "proximity"}


def test_a_cluster_that_goes_on_for_days_keeps_its_alert(house: House) -> None:
    for day in range(9):
        house.now += timedelta(days=1)
        house.report(incident(f"r{day}", days_ago=-day))
        house.evaluate()
    assert len(house.alerts()) == 1
    assert record_ids(only_alert(house)) == [f"r{day}" for day in range(9)]


def test_a_withdrawn_member_weakens_its_alert(house: House) -> None:
    house.report(*cluster_of(f"r{i}" for i in range(4)))
    house.evaluate()
    before = only_alert(house)
    house.report(incident("r1", version=2, action="withdrawn", status="withdrawn"))
    assert house.evaluate() == 1
    after = only_alert(house)
    assert (after.id, after.alive) == (before.id, True)
    assert record_ids(after) == ["r0", "r2", "r3"]
    assert changes_of(house, after)[-1] is Change.WEAKENED


def test_an_alert_that_loses_its_cluster_stays_and_says_so(house: House) -> None:
    house.report(*cluster_of(f"r{i}" for i in range(3)))
    house.evaluate()
    house.report(*(incident(f"r{i}", version=2, action="withdrawn", status="withdrawn") for i in range(2)))
    house.evaluate()
    after = only_alert(house)
    assert (after.alive, record_ids(after)) == (False, ["r2"])


def test_a_record_that_is_reclassified_leaves_its_alert(house: House) -> None:
    house.report(*cluster_of(f"r{i}" for i in range(4)))
    house.evaluate()
    house.report(incident("r3", version=2, action="amended", category="sunstroke"))
    house.evaluate()
    assert record_ids(only_alert(house)) == ["r0", "r1", "r2"]


def test_a_new_version_of_a_member_is_the_member_that_the_alert_names(house: House) -> None:
    house.report(*cluster_of(f"r{i}" for i in range(3)))
    house.evaluate()
    house.report(incident("r0", version=2, action="amended", age=40))
    house.evaluate()
    assert "alpha/incident/r0@2" in only_alert(house).members
    assert len(only_alert(house).members) == 3


def test_one_person_counts_once_until_an_analyst_says_they_are_two(house: House) -> None:
    house.report(incident("r0"), incident("r1", days_ago=1), incident("r2", days_ago=2, person=1))
    house.report(incident("b0", partner="beta", days_ago=2, person=1), partner="beta")
    house.evaluate()
    before = only_alert(house)
    assert {c.observed for c in before.clusters} == {3}
    assert record_ids(before) == ["b0", "r0", "r1", "r2"]  # both records are behind the one person
    two = (RecordKey("alpha", "incident", "r2"), RecordKey("beta", "incident", "b0"))
    with house.store.reading() as tx:
        assert line_list.duplicates_in(tx, "proposed") == [two]
    decide(house, *two, "rejected")
    house.evaluate_everything()
    after = only_alert(house)
    assert after.id == before.id
    assert {c.observed for c in after.clusters if c.detector == "proximity"} == {4}


def test_a_duplicate_alone_makes_no_cluster(house: House) -> None:
    house.report(incident("r0"), incident("r1", days_ago=1, person=1))
    house.report(incident("b0", partner="beta", days_ago=1, person=1), partner="beta")
    house.evaluate()
    assert house.alerts() == []


def test_a_merged_record_leaves_and_comes_back_when_the_merge_is_undone(house: House) -> None:
    house.report(*cluster_of(f"r{i}" for i in range(4)))
    house.evaluate()
    house.report(incident("r3", version=2, action="merged", merged_into="r0"))
    house.evaluate()
    assert record_ids(only_alert(house)) == ["r0", "r1", "r2"]
    house.report(incident("r3", version=3, action="amended"))
    house.evaluate()
    assert record_ids(only_alert(house)) == ["r0", "r1", "r2", "r3"]
    assert len(house.alerts()) == 1


def test_a_merge_takes_effect_when_its_target_arrives(house: House) -> None:
    house.report(*cluster_of(f"r{i}" for i in range(3)))
    house.report(incident("r2", version=2, action="merged", merged_into="late", days_ago=2))
    house.evaluate()
    assert record_ids(only_alert(house)) == ["r0", "r1", "r2"]
    house.report(incident("late", days_ago=2))
    assert house.evaluate() == 1
    assert record_ids(only_alert(house)) == ["late", "r0", "r1"]
    assert len(house.alerts()) == 1


def test_a_record_that_moves_is_looked_at_in_both_scopes(house: House) -> None:
    house.report(*cluster_of(f"n{i}" for i in range(4)))
    house.report(*cluster_of((f"s{i}" for i in range(2)), area="s1"))
    house.evaluate()
    assert [a.scope for a in house.alerts()] == ["north"]
    house.report(incident("n3", version=2, action="amended", area="s1"))
    assert house.evaluate() == 2
    by_scope = {a.scope: record_ids(a) for a in house.unfinished()}
    assert by_scope == {"north": ["n0", "n1", "n2"], "south": ["n3", "s0", "s1"]}


def test_two_alerts_that_grow_together_become_one(house: House) -> None:
    house.report(*cluster_of((f"a{i}" for i in range(3)), area="n1"))
    house.evaluate()
    house.now += timedelta(minutes=5)
    house.report(*cluster_of((f"b{i}" for i in range(3)), area="n4"))
    house.evaluate()
    older, younger = house.unfinished()
    house.now += timedelta(minutes=5)
    house.report(*cluster_of((f"c{i}" for i in range(3)), area="n2"))
    house.report(*cluster_of((f"d{i}" for i in range(3)), area="n3"))
    house.evaluate()
    assert only_alert(house).id == older.id
    merged = next(a for a in house.alerts() if a.id == younger.id)
    assert (merged.state, merged.merged_into) == (State.MERGED, older.id)


def test_a_dismissed_cluster_comes_back_only_with_a_new_member(house: House) -> None:
    house.report(*cluster_of(f"r{i}" for i in range(3)))
    house.evaluate()
    alert = only_alert(house)
    dismiss(house, alert)
    house.evaluate_everything()
    assert house.unfinished() == []
    house.report(incident("new"))
    house.evaluate()
    assert only_alert(house).id == alert.id
    assert changes_of(house, alert)[-1] is Change.REOPENED
