"""Whatever is decided at the desk stands in the audit chain, and nothing else does."""

from collections.abc import Callable
from contextlib import suppress
from inspect import isfunction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from small_house import USE_CASE, House, NewHouse, incident
from surveillance.alerting.alert import Alert
from surveillance.alerting.identifying import Identifying
from surveillance.alerting.workflow import Act, Details, NotAllowed, Outcome
from surveillance.deciding import Decision, Desk, Lessons, Unknown
from surveillance.line_list.record import RecordKey
from surveillance.store import alerts, audit, responses
from surveillance.store.responses import NewTask, TaskState

KEY, RECORDS_KEY = b"a" * 32, b"r" * 32
CALL = NewTask(None, "Call the school", "Ask how pupils are.", "lead", None)
CLOSED = Details(Outcome.RESPONSE_COMPLETED)


def key(record: str) -> RecordKey:
    return RecordKey("alpha", "incident", record)


def desk(house: House) -> Desk:
    return Desk(house.configuration, house.store, KEY, RECORDS_KEY)


def why(house: House, reason: str = "a reason") -> Decision:
    return Decision("lead-1", house.now, reason)


def lived(house: House) -> Alert:
    """A house with one alert of four records, two of them one person's."""
    house.report(*(incident(f"rec-{i}", days_ago=i % 3, person=max(i, 1) + 1) for i in range(4)))
    house.report(incident("rec-far", area="n4", days_ago=20))
    house.evaluate()
    (alert,) = house.alerts()
    return alert


def first_task(house: House, alert: Alert) -> int:
    with house.store.reading() as tx:
        return responses.of_alerts(tx, [alert.id])[-1].tasks[-1].id


def responding(house: House, alert: Alert) -> None:
    for act in (Act.ACKNOWLEDGE, Act.ASSESS, Act.RESPOND):
        desk(house).move(alert.id, act, why(house))
    desk(house).add_task(alert.id, CALL, why(house))


ACTS: dict[str, Callable[[House, Alert], object]] = {
    "move": lambda h, a: desk(h).move(a.id, Act.ASSIGN, why(h), Details(owner="lead-2")),
    "open": lambda h, _: desk(h).open(USE_CASE, "north", "watch", {key("rec-far")}, why(h)),
    "add": lambda h, a: desk(h).add(a.id, {key("rec-far")}, why(h)),
    "remove": lambda h, a: desk(h).remove(a.id, {key("rec-3")}, why(h)),
    "link": lambda h, a: desk(h).link((key("rec-2"), key("rec-3")), why(h), a.id),
    "decide_duplicate": lambda h, a: desk(h).decide_duplicate(
        (key("rec-0"), key("rec-1")), "rejected", why(h), a.id
    ),
    "note": lambda h, a: desk(h).note(a.id, "The group meets tomorrow.", why(h)),
    "add_task": lambda h, a: desk(h).add_task(a.id, CALL, why(h)),
    "assign_task": lambda h, a: desk(h).assign_task(a.id, first_task(h, a), "lead-2", why(h)),
    "resolve_task": lambda h, a: desk(h).resolve_task(a.id, first_task(h, a), TaskState.DONE, why(h)),
    "erase": lambda h, _: desk(h).erase(key("rec-2"), why(h)),
}


def chain(house: House) -> int:
    with house.store.reading() as tx:
        return audit.verify(tx, KEY).sequence


def test_every_act_of_the_desk_is_tried_here() -> None:
    public = {name for name, member in vars(Desk).items() if isfunction(member) and name[0] != "_"}
    assert public == set(ACTS)


@pytest.mark.parametrize("name", ACTS)
def test_an_act_and_its_entry_are_stored_together_or_not_at_all(
    name: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    alert = lived(house)
    if "task" in name:
        responding(house, alert)
    before, was = chain(house), everything(house)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(audit, "append", fail)
        with suppress(ZeroDivisionError):
            ACTS[name](house, alert)
    assert everything(house) == was, "an act without its entry"
    ACTS[name](house, alert)
    assert chain(house) == before + 1
    assert everything(house) != was
    with house.store.reading() as tx:
        last = tx.exec_driver_sql("SELECT * FROM audit ORDER BY sequence DESC LIMIT 1").one()
    assert "lead-1" in last
    assert not any("rec-" in str(value) for value in last), "the chain cannot be erased from"


def everything(house: House) -> dict[str, list[object]]:
    """The rows of every table but the audit chain's."""
    with house.store.reading() as tx:
        names = tx.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        return {
            name: tx.exec_driver_sql(f"SELECT * FROM {name}").all()
            for name in names
            if not name.startswith(("audit", "sqlite"))
        }


def test_what_is_refused_leaves_no_entry(house: House) -> None:
    alert = lived(house)
    before = chain(house)
    for refused in (
        lambda: desk(house).move(alert.id, Act.CLOSE, why(house), CLOSED),
        lambda: desk(house).note("none", "words", why(house)),
        lambda: desk(house).note(alert.id, "born on 3 May 1999", why(house)),
        lambda: desk(house).add_task(alert.id, CALL, why(house)),
        lambda: desk(house).erase(key("none"), why(house)),
    ):
        with pytest.raises((NotAllowed, Unknown, Identifying)):
            refused()
    assert chain(house) == before


@pytest.mark.parametrize("name", sorted(set(ACTS) - {"assign_task"}))
def test_every_text_of_a_person_is_read_before_it_is_stored(name: str, house: House) -> None:
    """The number is one that nobody bears: 999 begins no NHS number that was given out."""
    alert = lived(house)
    if "task" in name:
        responding(house, alert)
    was = everything(house)
    original = Decision.__init__
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            Decision,
            "__init__",
            lambda self, by, at, _reason="": original(self, by, at, "999 000 0018 said so"),
        )
        with pytest.raises(Identifying):
            ACTS[name](house, alert)
    assert everything(house) == was


STEPS = st.lists(
    st.tuples(
        st.sampled_from([*ACTS, *(f"move:{act}" for act in Act), "evaluate", "report"]), st.integers(0, 4)
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_whatever_happens_the_chain_is_whole_and_no_revision_is_missing(
    steps: list[tuple[str, int]], new_house: NewHouse
) -> None:
    house = new_house()
    lived(house)
    for n, (step, chosen) in enumerate(steps):
        found = house.alerts()
        alert = found[chosen % len(found)]
        with suppress(NotAllowed, Unknown, IndexError):
            _take(house, alert, step, n)
    chain(house)
    for alert in house.alerts():
        with house.store.reading() as tx:
            history = alerts.history(tx, alert.id)
        assert [row.change.alert.revision for row in history] == list(range(1, alert.revision + 1))
        assert history[-1].change.alert == alert


def _take(house: House, alert: Alert, step: str, n: int) -> None:
    if step == "evaluate":
        house.evaluate_everything()
    elif step == "report":
        house.report(incident(f"more-{n}", days_ago=n % 4))
    elif step.startswith("move:"):
        details = Details(Outcome.RESPONSE_COMPLETED, "lead-3")
        desk(house).move(alert.id, Act(step[5:]), why(house), details, Lessons("the group", "the hours"))
    else:
        ACTS[step](house, alert)
