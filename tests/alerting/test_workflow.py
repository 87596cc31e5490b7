from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.alerting.due import WorkingTime, add_working_hours, overdue, with_due_times
from surveillance.alerting.hand import Sighting, add_members, open_by_hand, remove_members
from surveillance.alerting.workflow import Act, Details, NotAllowed, Outcome, allowed_acts, step

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)  # a Wednesday; 13:00 in London
EASTER = frozenset({date(2024, 3, 29), date(2024, 4, 1)})
LONDON = WorkingTime(ZoneInfo("Europe/London"), EASTER)
FULL = Details(outcome=Outcome.RESPONSE_COMPLETED, owner="lead")


def alert(state: State = State.OPEN, **changes) -> Alert:
    built = Alert(
        id="a1",
        revision=3,
        use_case="invented",
        scope="somewhere",
        state=state,
        severity="high",
        members=("police/incident/a@1", "police/incident/b@2"),
        areas=("E1",),
        start=date(2024, 4, 1),
        end=date(2024, 4, 9),
        clusters=(),
        alive=True,
        as_of=date(2024, 5, 1),
        opened_at=NOON,
        changed_at=NOON,
    )
    return replace(built, **changes)


def act(on: Alert, *acts: Act) -> AlertChange:
    for one in acts:
        change = step(on, one, "lead", NOON, "a reason", FULL)
        on = change.alert
    return change


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("one", Act)
def test_an_act_is_allowed_exactly_where_the_table_lists_it(state, one):
    if str(one) in allowed_acts(state):
        assert act(alert(state), one).alert.revision == 4
        return
    with pytest.raises(NotAllowed) as refused:
        act(alert(state), one)
    assert refused.value.allowed == allowed_acts(state)
    assert all(name in str(refused.value) for name in allowed_acts(state))


def test_the_whole_life_of_an_alert_ends_with_an_outcome_and_can_begin_again():
    closed = act(alert(State.CANDIDATE), Act.OPEN, Act.ACKNOWLEDGE, Act.ASSESS, Act.RESPOND, Act.CLOSE)
    assert (closed.alert.state, closed.alert.outcome) == (State.CLOSED, "response_completed")
    assert (closed.change, closed.told, closed.by) == (Change.MOVED, False, "lead")
    again = act(replace(closed.alert, acknowledge_due=NOON, assess_due=NOON), Act.REOPEN)
    assert (again.change, again.alert.state, again.alert.outcome) == (Change.REOPENED, State.OPEN, None)
    assert (again.alert.acknowledge_due, again.alert.assess_due) == (None, None)


def test_an_alert_with_a_response_is_closed_by_a_person_only_with_reason_and_outcome():
    responding = alert(State.RESPONDING)
    with pytest.raises(NotAllowed, match="reason"):
        step(responding, Act.CLOSE, "lead", NOON, " ", FULL)
    with pytest.raises(NotAllowed, match="reporting_artefact"):
        step(responding, Act.CLOSE, "lead", NOON, "done")
    with pytest.raises(NotAllowed, match="person"):
        step(responding, Act.CLOSE, " ", NOON, "done", FULL)


def test_assigning_names_an_owner_and_moves_nothing():
    with pytest.raises(NotAllowed, match="owner"):
        step(alert(), Act.ASSIGN, "lead", NOON, "")
    change = step(alert(), Act.ASSIGN, "lead", NOON, "", Details(owner="someone"))
    assert (change.alert.owner, change.alert.state) == ("someone", State.OPEN)


# --- due times


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2024-05-01T09:30+01:00", "2024-05-01T13:30+01:00"),
        ("2024-05-01T13:00+01:00", "2024-05-01T17:00+01:00"),
        ("2024-05-01T15:00+01:00", "2024-05-02T11:00+01:00"),
        ("2024-05-01T17:00+01:00", "2024-05-02T13:00+01:00"),
        ("2024-05-01T03:00+01:00", "2024-05-01T13:00+01:00"),
        ("2024-05-03T16:00+01:00", "2024-05-06T12:00+01:00"),  # over a weekend
        ("2024-03-28T16:00+00:00", "2024-04-02T12:00+01:00"),  # over Easter and the change of the clocks
    ],
)
def test_four_working_hours_skip_nights_weekends_and_bank_holidays(start, due):
    assert add_working_hours(datetime.fromisoformat(start), 4, LONDON) == datetime.fromisoformat(due)


def test_an_open_alert_gets_due_times_once_and_a_candidate_none():
    change = AlertChange(Change.OPENED, alert(), NOON, "service", "", told=True)
    due = with_due_times(change, LONDON)
    assert due.alert.acknowledge_due == datetime(2024, 5, 1, 16, tzinfo=UTC)
    assert due.alert.assess_due == NOON + timedelta(hours=24)
    later = replace(due, at=NOON + timedelta(days=1))
    assert with_due_times(later, LONDON) == later
    candidate = replace(change, alert=alert(State.CANDIDATE))
    assert with_due_times(candidate, LONDON) == candidate


def test_each_missed_target_is_marked_once():
    late = alert(acknowledge_due=NOON, assess_due=NOON + timedelta(days=1))
    after = NOON + timedelta(days=2)
    assert overdue(late, (), NOON) is None
    first = overdue(late, (), after)
    assert (first.change, first.reason) == (
        Change.OVERDUE,
        "not acknowledged by 2024-05-01T12:00+00:00",
    )
    second = overdue(first.alert, {first.reason}, after)
    assert second.reason == "not assessed by 2024-05-02T12:00+00:00"
    assert overdue(second.alert, {first.reason, second.reason}, after) is None


@pytest.mark.parametrize(
    ("state", "missed"),
    [(State.ACKNOWLEDGED, True), (State.ASSESSING, True), (State.RESPONDING, False), (State.CLOSED, False)],
)
def test_only_what_has_not_happened_is_late(state, missed):
    late = alert(state, acknowledge_due=NOON, assess_due=NOON)
    change = overdue(late, (), NOON + timedelta(days=2))
    assert (change is not None and "not assessed" in change.reason) is missed


# --- by hand


def test_a_person_opens_an_alert_that_is_told_and_waits_for_evidence():
    sighting = Sighting(
        "invented", "somewhere", "high", ("police/incident/z@1",), ("E1",), NOON.date(), NOON.date()
    )
    change = open_by_hand(sighting, "lead", NOON, NOON.date(), "told by a school", [alert()])
    assert (change.change, change.told, change.alert.state) == (Change.OPENED, True, State.OPEN)
    assert change.alert.opened_by == "lead"
    assert open_by_hand(sighting, "lead", NOON, NOON.date(), "twice").alert.id == change.alert.id
    with pytest.raises(NotAllowed, match="needs a member"):
        open_by_hand(replace(sighting, members=()), "lead", NOON, NOON.date(), "")


def test_nobody_puts_a_record_into_two_unfinished_alerts():
    other = alert(id="a2", members=("police/incident/z@1",))
    with pytest.raises(NotAllowed, match="a2"):
        add_members(alert(), ["police/incident/z@2"], "lead", NOON, "", [alert(), other])
    closed = replace(other, state=State.CLOSED)
    added = add_members(alert(), ["police/incident/z@2"], "lead", NOON, "", [closed])
    assert added.alert.added_by_hand == ("police/incident/z",)
    assert added.told


def test_adding_takes_a_removal_back_and_removing_takes_an_addition_back():
    removed = remove_members(alert(), ["police/incident/a"], "lead", NOON, "").alert
    assert removed.members == ("police/incident/b@2",)
    assert removed.removed_by_hand == ("police/incident/a",)
    added = add_members(removed, ["police/incident/a@1"], "lead", NOON, "").alert
    assert (added.members, added.removed_by_hand) == (alert().members, ())
    again = remove_members(added, ["police/incident/a"], "lead", NOON, "").alert
    assert (again.added_by_hand, again.revision) == ((), 6)


def test_members_of_a_finished_alert_and_no_change_at_all_are_refused():
    with pytest.raises(NotAllowed, match="closed"):
        remove_members(alert(State.CLOSED), ["police/incident/a"], "lead", NOON, "")
    with pytest.raises(NotAllowed, match="no member"):
        remove_members(alert(), ["police/incident/q"], "lead", NOON, "")
