"""What people decide: stored with its history, told where it must be, looked at anew."""

from datetime import timedelta

import pytest

from small_house import USE_CASE, House, incident
from surveillance.alerting.alert import Alert, Change, State
from surveillance.alerting.workflow import Act, Details, NotAllowed, Outcome
from surveillance.deciding import Decision, Desk, Lessons, Unknown
from surveillance.deciding.response import plans_of
from surveillance.line_list.record import RecordKey
from surveillance.store import alerts, line_list, notes, outbox


def key(record: str) -> RecordKey:
    return RecordKey("alpha", "incident", record)


def desk(house: House) -> Desk:
    return Desk(house.configuration, house.store)


def why(house: House, reason: str = "a reason") -> Decision:
    return Decision("lead-1", house.now, reason)


def three_cases(house: House) -> Alert:
    house.report(*(incident(f"r{i}", days_ago=i) for i in range(3)))
    house.evaluate()
    (alert,) = house.alerts()
    return alert


def history(house: House, alert: Alert) -> list[Change]:
    with house.store.reading() as tx:
        return [row.change.change for row in alerts.history(tx, alert.id)]


def test_an_alert_moves_along_its_workflow_and_says_by_whom(house: House) -> None:
    alert = three_cases(house)
    steps = [Act.ACKNOWLEDGE, Act.ASSESS, Act.RESPOND]
    for act in steps:
        moved = desk(house).move(alert.id, act, why(house))
    assert moved.state is State.RESPONDING
    completed = Details(Outcome.RESPONSE_COMPLETED)
    with pytest.raises(NotAllowed, match="what worked"):
        desk(house).move(alert.id, Act.CLOSE, why(house), completed)
    closed = desk(house).move(alert.id, Act.CLOSE, why(house), completed, Lessons("the group", "the hours"))
    assert (closed.state, closed.outcome) == (State.CLOSED, Outcome.RESPONSE_COMPLETED)
    assert history(house, alert)[-4:] == [Change.MOVED] * 4
    with house.store.reading() as tx:
        assert alerts.history(tx, alert.id)[-1].change.by == "lead-1"


def test_an_act_that_the_state_does_not_allow_changes_nothing(house: House) -> None:
    alert = three_cases(house)
    with pytest.raises(NotAllowed, match="acknowledge"):
        desk(house).move(alert.id, Act.CLOSE, why(house))
    assert house.alerts() == [alert]
    with pytest.raises(Unknown, match="no alert"):
        desk(house).move("none", Act.ACKNOWLEDGE, why(house))


def test_a_person_opens_an_alert_that_no_detector_raised_and_it_is_told(house: House) -> None:
    house.report(incident("r1"), incident("r2", area="n4", days_ago=9))
    house.evaluate()
    assert house.alerts() == []
    opened = desk(house).open(USE_CASE, "north", "severe", {key("r1"), key("r2")}, why(house))
    assert (opened.state, opened.opened_by) == (State.OPEN, "lead-1")
    assert set(opened.areas) == {"n1", "n4"}
    assert opened.acknowledge_due is not None
    with house.store.reading() as tx:
        assert outbox.waiting(tx) == 1
    house.evaluate()
    (kept,) = house.alerts()
    assert set(kept.members) == set(opened.members)


def test_what_a_detector_sees_later_takes_nothing_back_of_what_a_person_saw(house: House) -> None:
    house.report(
        incident("r1", school="s"), incident("r2", school="s"), incident("far", area="n4", days_ago=9)
    )
    records = {key("r1"), key("r2"), key("far")}
    with house.store.reading() as tx:
        assert line_list.current_entries(tx, records)
    opened = desk(house).open(USE_CASE, "north", "severe", records, why(house))
    house.evaluate()
    (alert,) = house.alerts()
    assert alert.alive
    assert alert.severity == "severe"
    assert set(alert.members) == set(opened.members)
    assert set(alert.areas) >= set(opened.areas)
    assert alert.start == opened.start


def test_a_severity_a_record_or_a_scope_that_does_not_exist_is_refused(house: House) -> None:
    house.report(incident("r1"))
    with pytest.raises(Unknown, match="severity"):
        desk(house).open(USE_CASE, "north", "any free text", {key("r1")}, why(house))
    with pytest.raises(Unknown, match="missing"):
        desk(house).open(USE_CASE, "north", "severe", {key("missing")}, why(house))
    with pytest.raises(Unknown, match="nowhere"):
        desk(house).open(USE_CASE, "nowhere", "severe", {key("r1")}, why(house))


def test_members_added_by_hand_stay_and_members_removed_do_not_come_back(house: House) -> None:
    alert = three_cases(house)
    house.report(incident("far", area="n4", days_ago=12))
    desk(house).add(alert.id, {key("far")}, why(house))
    desk(house).remove(alert.id, {key("r0")}, why(house))
    house.evaluate_everything()
    (kept,) = house.alerts()
    records = {member.rpartition("@")[0] for member in kept.members}
    assert records == {str(key(r)) for r in ("r1", "r2", "far")}


def test_a_link_that_a_person_confirms_is_evidence(house: House) -> None:
    house.report(incident("r1", area="n1"), incident("r2", area="n4", days_ago=10))
    house.evaluate()
    assert house.alerts() == []
    desk(house).link((key("r1"), key("r2")), why(house))
    house.evaluate()
    (alert,) = house.alerts()
    assert {cluster.linked_by for cluster in alert.clusters} == {("link",)}
    with pytest.raises(Unknown, match="no such record"):
        desk(house).link((key("r1"), key("r9")), why(house))


def test_a_decision_about_a_duplicate_is_looked_at_anew(house: House) -> None:
    house.report(*(incident(f"r{i}", days_ago=i, person=i + 1) for i in range(2)), incident("r2", person=2))
    house.evaluate()
    assert house.alerts() == []  # two persons
    desk(house).decide_duplicate((key("r1"), key("r2")), "rejected", why(house))
    house.evaluate()
    (alert,) = house.alerts()
    assert alert.observed == 3


def test_every_decision_has_a_person_and_what_changes_members_or_links_a_reason(house: House) -> None:
    alert = three_cases(house)
    with pytest.raises(NotAllowed, match="person"):
        Decision(" ", house.now, "a reason")
    silent = why(house, " ")
    for decide in (
        lambda: desk(house).add(alert.id, {key("r0")}, silent),
        lambda: desk(house).remove(alert.id, {key("r0")}, silent),
        lambda: desk(house).link((key("r0"), key("r1")), silent),
        lambda: desk(house).open(USE_CASE, "north", "severe", {key("r0")}, silent),
    ):
        with pytest.raises(NotAllowed, match="reason"):
            decide()
    assert house.alerts() == [alert]


def test_nobody_decides_about_a_pair_that_nobody_proposed(house: House) -> None:
    house.report(incident("r0", person=1), incident("r1", person=2))
    with pytest.raises(Unknown, match="proposed"):
        desk(house).decide_duplicate((key("r0"), key("r1")), "confirmed", why(house))
    with house.store.reading() as tx:
        assert line_list.duplicates_in(tx, "confirmed") == []


def test_what_a_person_opened_reaches_as_far_as_its_members_do(house: House) -> None:
    house.report(
        incident("r1"), incident("far", area="n4", days_ago=9), incident("late", area="n2", days_ago=1)
    )
    opened = desk(house).open(USE_CASE, "north", "severe", {key("r1"), key("far")}, why(house))
    added = desk(house).add(opened.id, {key("late")}, why(house))
    assert (set(added.areas), added.start) == ({"n1", "n2", "n4"}, opened.start)
    removed = desk(house).remove(opened.id, {key("far")}, why(house))
    assert set(removed.areas) == {"n1", "n2"}
    assert (removed.end - removed.start).days == 1


def test_somebody_who_saw_an_earlier_revision_looks_again(house: House) -> None:
    alert = three_cases(house)
    desk(house).move(alert.id, Act.ACKNOWLEDGE, why(house))
    late = Decision("lead-2", house.now, "a reason", seen=alert.revision)
    for decide in (
        lambda: desk(house).move(alert.id, Act.ASSESS, late),
        lambda: desk(house).add(alert.id, {key("r0")}, late),
        lambda: desk(house).remove(alert.id, {key("r0")}, late),
    ):
        with pytest.raises(alerts.StaleAlert):
            decide()
    assert house.alerts()[0].revision == 2


def test_a_response_goes_on_where_its_alert_is_merged_into_another(house: House) -> None:
    """The older alert takes over the state of the one that is merged into it, and its plan and notes too."""
    house.report(
        incident("r1", school="s"), incident("r2", school="s"), incident("q1"), incident("q2", area="n4")
    )
    house.report(incident("far", area="n4", days_ago=9))
    older = desk(house).open(USE_CASE, "north", "watch", {key("far")}, why(house))
    house.now += timedelta(minutes=1)
    newer = desk(house).open(USE_CASE, "north", "watch", {key("r1"), key("r2")}, why(house))
    for act in (Act.ACKNOWLEDGE, Act.ASSESS, Act.RESPOND):
        desk(house).move(newer.id, act, why(house))
    desk(house).note(newer.id, "The group meets.", why(house))
    desk(house).link((key("far"), key("r1")), why(house))
    house.evaluate()
    merged = {alert.id: alert for alert in house.alerts()}
    assert merged[newer.id].merged_into == older.id
    assert merged[older.id].state is State.RESPONDING
    with house.store.reading() as tx:
        family = alerts.family(tx, merged[older.id])
        (plan,) = plans_of(tx, merged[older.id])
        assert family == [older.id, newer.id]
        assert [one.text for one in notes.of_alerts(tx, family)] == ["The group meets."]
    completed = Details(Outcome.RESPONSE_COMPLETED)
    with pytest.raises(NotAllowed, match="what worked"):
        desk(house).move(older.id, Act.CLOSE, why(house), completed)
    desk(house).move(older.id, Act.CLOSE, why(house), completed, Lessons("the group", "the hours"))
    with house.store.reading() as tx:
        assert plans_of(tx, house.alerts()[0])[0].ended_at == house.now
        assert plan.ended_at is None
