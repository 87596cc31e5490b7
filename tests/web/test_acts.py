"""Every act through the pages: who may do what in which state, what is refused; nothing typed is lost."""

import itertools
import re

import pytest
from acting_house import AUDIT, Acting, acting_house, key, somebody, words_of

from surveillance.access.role import Role
from surveillance.alerting.alert import State
from surveillance.alerting.workflow import TABLE, Act, Outcome
from surveillance.store import alerts, audit, line_list, notes, responses
from surveillance.store.responses import TaskState

STATES = tuple(s for s in State if s is not State.MERGED)
ACTORS, DECIDERS = {Role.LEAD}, {Role.LEAD, Role.ANALYST}
FILLED = {
    "reason": "seen by the group",
    "outcome": str(Outcome.RESPONSE_COMPLETED),
    "owner": "lead-2",
    "worked": "the group met",
    "not_worked": "the hours",
}


def act(acting: Acting, name: str, path: str = "acts", **values: object):
    alert = acting.alert()
    return acting.post(f"/alerts/{alert.id}/{path}/{name}", **{"seen": alert.revision, **values})


def tasks(acting: Acting) -> list[responses.Task]:
    with acting.house.store.reading() as tx:
        return [t for plan in responses.of_alerts(tx, [acting.alert().id]) for t in plan.tasks]


def entries(acting: Acting) -> list[audit.Entry]:
    with acting.house.store.reading() as tx:
        audit.verify(tx, AUDIT)
        return [entry for _, entry in audit.listed(tx, limit=1000)]


@pytest.mark.parametrize("state", STATES)
def test_every_act_is_done_by_a_lead_where_the_table_has_it_and_by_nobody_else(
    state: State, acting: Acting
) -> None:
    before = acting.bring_to(state)
    for role, one in itertools.product([*(r for r in Role if r is not Role.LEAD), None], Act):
        acting.door.now_asks = None if role is None else somebody(role)
        answered = act(acting, str(one), **FILLED)
        assert answered.status_code == (303 if role is None else 403), (role, one)
        assert role is not None or answered.headers["location"] == "/sign-in"
    acting.door.now_asks = somebody(Role.LEAD, scope="south")
    for one in Act:
        assert act(acting, str(one), **FILLED).status_code == 404, one
        assert acting.get(f"/alerts/{before.id}/acts/{one}").status_code == 404
    acting.door.now_asks = somebody(Role.LEAD)
    for one in Act:
        if (state, one) not in TABLE:
            refused = act(acting, str(one), **FILLED)
            assert refused.status_code == 422, one
            assert f"an alert that is {state}" in words_of(refused.text).lower()
            assert acting.get(f"/alerts/{before.id}/acts/{one}").status_code == 404
    assert acting.alert() == before


@pytest.mark.parametrize(("state", "one"), [pair for pair in TABLE if pair[1] is not Act.CLOSE])
def test_what_the_table_has_is_offered_done_and_entered(state: State, one: Act, acting: Acting) -> None:
    before = acting.bring_to(state)
    page = acting.get(f"/alerts/{before.id}").text
    offered = set(re.findall(r'action="/alerts/[^/]+/acts/([a-z-]+)"', page))
    assert {name for name in offered if "task" not in name} == {str(a) for s, a in TABLE if s is state}
    done = act(acting, str(one), **FILLED)
    assert (done.status_code, done.headers["location"]) == (303, f"/alerts/{before.id}#act")
    after = acting.alert()
    assert (after.state, after.revision) == (TABLE[state, one], before.revision + 1)
    last = entries(acting)[0]
    assert (last.by, last.act, last.subject) == ("lead@example.org", str(one), f"alert/{before.id}")
    with acting.house.store.reading() as tx:
        assert alerts.history(tx, before.id)[-1].change.by == "lead@example.org"


def test_nobody_who_may_not_act_is_offered_an_act(acting: Acting) -> None:
    acting.door.now_asks = somebody(Role.ANALYST)
    page = acting.get(f"/alerts/{acting.alert().id}").text
    assert "/acts/" not in page
    assert "/decisions/note" in page


def test_a_response_begins_with_its_plan_and_closes_when_it_is_resolved_and_evaluated(acting: Acting) -> None:
    acting.bring_to(State.RESPONDING)
    first, second = tasks(acting)
    assert [first.title, second.title] == ["Call the group together", "Refer to bereavement support"]
    assert first.due_at is not None
    page = words_of(acting.get(f"/alerts/{acting.alert().id}").text)
    assert "0 of 2 tasks done" in page
    assert "The planet&#39;s handbook" in page
    assert "open: 2" in words_of(act(acting, "close", **FILLED).text)
    assert act(acting, "assign-task", task=first.id, seen=1, owner="lead-2").status_code == 303
    assert act(acting, "resolve-task", task=first.id, seen=2, state="done").status_code == 303
    refused = act(acting, "resolve-task", task=second.id, seen=1, state="not_needed")
    assert refused.status_code == 422
    assert "needs a reason" in refused.text
    added = act(acting, "add-task", title="Ask the school", due="2250-07-02T09:30")
    assert added.status_code == 303
    for task in tasks(acting)[1:]:
        done = act(acting, "resolve-task", task=task.id, seen=1, state="not_needed", reason="nobody needs it")
        assert done.status_code == 303
    short = act(acting, "close", **FILLED | {"worked": " "})
    assert short.status_code == 422
    assert "This is needed." in short.text
    assert "the hours" in short.text, "what was typed stays"
    assert act(acting, "close", **FILLED).status_code == 303
    with acting.house.store.reading() as tx:
        (plan,) = responses.of_alerts(tx, [acting.alert().id])
    assert (plan.worked, plan.outcome, plan.ended_by) == (
        "the group met",
        "response_completed",
        "lead@example.org",
    )
    assert {task.state for task in plan.tasks} == {TaskState.DONE, TaskState.NOT_NEEDED}
    assert "What worked" in acting.get(f"/alerts/{acting.alert().id}").text


def test_the_report_of_an_alert_prints_its_responses_as_they_stand(acting: Acting) -> None:
    acting.bring_to(State.RESPONDING)
    path = f"/alerts/{acting.alert().id}/report"
    first, second = tasks(acting)
    act(acting, "assign-task", task=first.id, seen=1, owner="lead-2")
    act(acting, "resolve-task", task=second.id, seen=1, state="not_needed", reason="nobody needs it")
    page = acting.get(path)
    text = words_of(page.text)
    assert "0 of 2 tasks done, 1 not needed, 0 overdue" in text
    assert "Call the group together lead-2" in text
    assert "nobody needs it" in text
    assert "<form" not in page.text, "paper has no forms"
    act(acting, "resolve-task", task=first.id, seen=2, state="done")
    act(acting, "close", **FILLED | {"not_worked": "the campaign was successful"})
    text = words_of(acting.get(path).text)
    assert "What worked the group met" in text
    assert "successful" not in text, "what may harm is not printed"
    acting.door.now_asks = somebody(Role.VIEWER)
    assert acting.get(path).status_code == 403


def test_a_task_is_overdue_after_its_time_and_its_form_is_stale_after_a_change(acting: Acting) -> None:
    acting.bring_to(State.RESPONDING)
    first, _ = tasks(acting)
    assert act(acting, "assign-task", task=first.id, seen=1, owner="lead-2").status_code == 303
    late = act(acting, "resolve-task", task=first.id, seen=1, state="not_needed", reason="I typed this")
    assert late.status_code == 409
    assert "I typed this" in late.text
    assert 'name="seen" value="2"' in late.text
    acting.house.now = acting.house.now.replace(day=acting.house.now.day, hour=23, minute=59)
    assert "1 overdue" in words_of(acting.get(f"/alerts/{acting.alert().id}").text)


def test_who_acts_on_what_was_changed_meanwhile_looks_again_and_loses_nothing(acting: Acting) -> None:
    seen = acting.alert()
    assert act(acting, "acknowledge").status_code == 303
    late = acting.post(f"/alerts/{seen.id}/acts/assign", seen=seen.revision, owner="lead-9", reason="I typed")
    assert late.status_code == 409
    text = words_of(late.text)
    assert "changed meanwhile" in text
    assert "by lead@example.org" in text
    assert 'value="lead-9"' in late.text
    assert ">I typed</textarea>" in late.text
    assert 'name="seen" value="2"' in late.text
    assert acting.alert().owner is None
    again = acting.post(f"/alerts/{seen.id}/acts/assign", seen=2, owner="lead-9", reason="I typed")
    assert (again.status_code, acting.alert().owner) == (303, "lead-9")


def test_what_may_identify_is_shown_back_and_kept_only_when_that_was_confirmed(acting: Acting) -> None:
    text = "They met at 12 High Street last week."
    refused = act(acting, "note", "decisions", text=text)
    assert refused.status_code == 422
    assert "<mark>12 High Street</mark>" in refused.text
    assert text in refused.text
    assert act(acting, "note", "decisions", text=text, confirmed="another").status_code == 422
    assert act(acting, "note", "decisions", text=text, confirmed="12 High Street").status_code == 303
    number = act(acting, "note", "decisions", text="it was 943 476 5919", confirmed="943 476 5919")
    assert number.status_code == 422
    assert "cannot be kept" in number.text
    reason = act(acting, "acknowledge", reason="write to someone@example.org")
    assert (reason.status_code, acting.alert().state) == (422, State.CANDIDATE)
    with acting.house.store.reading() as tx:
        assert [note.text for note in notes.of_alerts(tx, [acting.alert().id])] == [text]
    assert text in acting.get(f"/alerts/{acting.alert().id}").text
    assert not any("High Street" in str(entry.facts) for entry in entries(acting))


def test_an_analyst_decides_about_duplicates_side_by_side(acting: Acting) -> None:
    acting.door.now_asks = somebody(Role.ANALYST)
    alert = acting.alert()
    page = acting.get(f"/alerts/{alert.id}").text
    (link,) = re.findall(r'href="(/alerts/[^"]+/decisions/duplicate[^"]+)"', page)
    shown = words_of(acting.get(link.replace("&amp;", "&")).text)
    for words in ("30 to 39", "Clinic alpha", "invented", "counts 3 persons; if they are two, 4 persons"):
        assert words in shown
    pair = {"first": str(key("rec-0")), "second": str(key("rec-1"))}
    done = act(acting, "duplicate", "decisions", **pair, state="rejected", reason="two ages")
    assert done.status_code == 303
    with acting.house.store.reading() as tx:
        assert line_list.duplicates_in(tx, "rejected") == [(key("rec-0"), key("rec-1"))]
    other = act(
        acting,
        "duplicate",
        "decisions",
        **pair | {"second": str(key("rec-far"))},
        state="confirmed",
        reason="x",
    )
    assert other.status_code == 422
    never = act(
        acting,
        "duplicate",
        "decisions",
        **pair | {"second": str(key("rec-2"))},
        state="confirmed",
        reason="x",
    )
    assert never.status_code == 422
    with acting.house.store.reading() as tx:
        assert line_list.duplicates_in(tx, "confirmed") == []


@pytest.mark.parametrize("role", [r for r in Role if r not in DECIDERS])
def test_who_may_not_decide_is_refused(role: Role, acting: Acting) -> None:
    acting.door.now_asks = somebody(role)
    alert = acting.alert()
    for path in ("decisions/note", "decisions/remove", "decisions/link", "decisions/duplicate", "add"):
        assert acting.post(f"/alerts/{alert.id}/{path}", text="x", reason="x").status_code == 403
        assert acting.get(f"/alerts/{alert.id}/{path}").status_code == 403
    assert acting.post("/alerts/new", what="dune-fever/north").status_code == 403
    assert acting.alert() == alert


def test_members_are_added_from_the_list_and_removed_and_linked(acting: Acting) -> None:
    alert = acting.alert()
    page = acting.get(f"/alerts/{alert.id}/add").text
    assert 'value="alpha/incident/rec-far"' in page
    assert "rec-south" not in page
    assert 'value="alpha/incident/rec-0"' not in page, "it is a member already"
    looked = acting.post(
        f"/alerts/{alert.id}/add", look="1", days="3", record=str(key("rec-far")), reason="kept"
    )
    assert "No case" in looked.text
    assert "kept</textarea>" in looked.text
    added = acting.post(
        f"/alerts/{alert.id}/add", seen=alert.revision, record=str(key("rec-far")), reason="a friend"
    )
    assert added.status_code == 303
    assert len(acting.alert().members) == 5
    far = acting.post(f"/alerts/{alert.id}/add", record=str(key("rec-south")), reason="a friend")
    assert far.status_code == 422
    removed = act(acting, "remove", "decisions", record=str(key("rec-far")), reason="no friend")
    assert (removed.status_code, len(acting.alert().members)) == (303, 4)
    pair = {"first": str(key("rec-2")), "second": str(key("rec-3"))}
    assert act(acting, "link", "decisions", **pair, reason="brothers in arms").status_code == 303
    assert act(acting, "link", "decisions", **pair | {"second": pair["first"]}, reason="x").status_code == 422


def test_a_person_opens_an_alert_by_hand(acting: Acting) -> None:
    assert "rec-far" not in acting.get("/alerts/new").text
    page = acting.get("/alerts/new?what=dune-fever/north")
    assert 'value="alpha/incident/rec-far"' in page.text
    values = {"what": "dune-fever/north", "record": str(key("rec-far")), "severity": "watch"}
    missing = acting.post("/alerts/new", **values)
    assert missing.status_code == 422
    assert re.search(r'value="alpha/incident/rec-far" checked', missing.text)
    opened = acting.post("/alerts/new", **values, reason="a teacher called")
    assert opened.status_code == 303
    assert opened.headers["location"] in {f"/alerts/{alert.id}" for alert in acting.house.alerts()}
    assert acting.post("/alerts/new", **values, reason="again").status_code == 422
    acting.door.now_asks = somebody(Role.LEAD, scope="south")
    other = acting.post("/alerts/new", **values, reason="a teacher called")
    assert "rec-far" not in other.text
    assert len(acting.house.alerts()) == 2


def test_an_owner_is_one_of_those_who_may_act_where_they_are_known(acting: Acting) -> None:
    asked = []

    def people(*where: object) -> tuple[str, ...]:
        asked.append(where)
        return ("lead-5",)

    known = acting_house(acting.house, people)
    assert act(known, "assign", owner="stranger").status_code == 422
    assert act(known, "assign", owner="lead-5").status_code == 303
    assert known.alert().owner == "lead-5"
    assert ("north", "dune-fever", "act") in {tuple(map(str, one)) for one in asked}


def test_a_lead_erases_a_record_and_nobody_out_of_reach_learns_that_it_was_there(acting: Acting) -> None:
    values = {"record": str(key("rec-2")), "reason": "a court order", "sure": "yes"}
    for role in set(Role) - {Role.LEAD}:
        acting.door.now_asks = somebody(role)
        assert acting.post("/records/erase", **values).status_code == 403
    acting.door.now_asks = somebody(Role.LEAD, scope="south")
    hidden = acting.post("/records/erase", **values)
    none = acting.post("/records/erase", **values | {"record": str(key("rec-9"))})
    assert (hidden.status_code, none.status_code) == (422, 422)
    assert hidden.text.replace("rec-2", "") == none.text.replace("rec-9", "")
    acting.door.now_asks = somebody(Role.LEAD)
    asked = acting.post("/records/erase", record=str(key("rec-2")))
    assert (asked.status_code, "rec-2" in asked.text) == (200, True)
    unsure = acting.post("/records/erase", record=str(key("rec-2")), reason="a court order")
    assert unsure.status_code == 422
    done = acting.post("/records/erase", **values)
    assert "The record is erased" in done.text
    assert "already" in acting.post("/records/erase", **values).text
    assert len(acting.alert().members) == 3
    assert not any("rec-2" in f"{e.subject} {e.facts}" for e in entries(acting))


def test_the_audit_page_shows_each_auditor_what_lies_in_reach(acting: Acting) -> None:
    alert = acting.alert()
    act(acting, "acknowledge", reason="seen")
    shown = acting.get(f"/audit?subject=alert/{alert.id}").text
    assert "acknowledge" in shown
    assert "The chain ends with entry" in shown
    acting.door.now_asks = somebody(Role.LEAD, scope="north")
    assert "acknowledge" in acting.get("/audit").text
    acting.door.now_asks = somebody(Role.LEAD, scope="south")
    assert alert.id not in acting.get("/audit").text
    for role in (Role.ANALYST, Role.VIEWER, Role.PARTNER):
        acting.door.now_asks = somebody(role)
        assert acting.get("/audit").status_code == 403
    acting.door.now_asks = somebody(Role.OPERATOR)
    for n in range(120):
        with acting.house.store.transaction() as tx:
            audit.append(tx, AUDIT, audit.Entry("lead", "viewed", f"alert/{n}", acting.house.now))
    first = acting.get("/audit?act=viewed&by=lead").text
    (older,) = re.findall(r'href="(/audit\?[^"]+before=\d+)"', first)
    second = acting.get(older.replace("&amp;", "&")).text
    assert "alert/119" in first
    assert "alert/119" not in second
    assert "alert/0<" in second


def test_a_person_who_types_nonsense_gets_words_and_no_fault(acting: Acting) -> None:
    acting.bring_to(State.RESPONDING)
    for path, values in (
        ("acts/close", {"outcome": "nonsense", "worked": "x", "not_worked": "x", "reason": "x"}),
        ("acts/add-task", {"title": "x", "due": "soon"}),
        ("acts/resolve-task", {"task": "9" * 30, "state": "done"}),
        ("acts/assign-task", {"task": "x", "owner": "x"}),
        ("decisions/link", {"first": "x", "second": "y", "reason": "x"}),
        ("decisions/duplicate", {"first": "x", "second": "y", "state": "z", "reason": "x"}),
        ("decisions/note", {"text": "x" * 5000}),
        ("add", {"record": "x", "reason": "x", "days": "-7"}),
    ):
        answered = acting.post(f"/alerts/{acting.alert().id}/{path}", **values)
        assert answered.status_code == 422, path
    assert acting.post(f"/alerts/{acting.alert().id}/acts/nonsense").status_code == 404
    assert acting.post("/alerts/none/acts/close").status_code == 404
    assert acting.post("/records/erase", record="x", reason="x", sure="yes").status_code == 422
