"""Queues are chosen, counted, sorted and cut by the database; what a person saw is kept for each of them."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import chain

import pytest

from store.store_factories import DAY, T0, alert, case, change, key, minutes, version
from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.line_list.record import Case
from surveillance.store import alerts, line_list, queue
from surveillance.store.around import Near, cases_around
from surveillance.store.database import Store
from surveillance.store.queue import Choice, Cut, View
from surveillance.store.seen import Seen, saw, seen_by

LATER = T0 + timedelta(hours=6)
EVERYWHERE = frozenset({("example", "county"), ("other", "county")})


def choice(**changes: object) -> Choice:
    values: dict[str, object] = {"person": "lead", "at": LATER, "within": EVERYWHERE}
    return Choice(**values | changes)  # type: ignore[arg-type]


def cut(view: View = View.ALL, first: int = 0, limit: int = 10) -> Cut:
    return Cut(view, {("example", "high"): 0, ("example", "low"): 1, ("other", "low"): 0}, first, limit)


def stored(store: Store, *made: Alert) -> None:
    with store.transaction() as tx:
        for one in made:
            alerts.save(tx, [AlertChange(Change.OPENED, one, one.opened_at, "service", "a reason", True)])


def ids(store: Store, of: Choice, part: Cut) -> list[str]:
    with store.reading() as tx:
        return [row.id for row in queue.page(tx, of, part)]


@pytest.fixture
def filled(store: Store) -> Store:
    late, in_time = T0 + timedelta(hours=4), LATER + timedelta(hours=4)
    stored(
        store,
        alert("mine", owner="lead", acknowledge_due=in_time, changed_at=T0 + minutes(1)),
        alert("late", acknowledge_due=late, changed_at=T0 + minutes(2)),
        alert("weak", severity="low", acknowledge_due=None, changed_at=T0 + minutes(9)),
        alert("candidate", state=State.CANDIDATE, acknowledge_due=None, changed_at=T0 + minutes(8)),
        alert("assessed", state=State.ASSESSING, acknowledge_due=late, assess_due=in_time),
        alert("closed", state=State.CLOSED, owner="lead", acknowledge_due=late),
        alert("elsewhere", scope="other-county"),
        alert("other", use_case="other", severity="low", acknowledge_due=None, changed_at=T0),
    )
    return store


def test_each_view_counts_what_it_shows(filled: Store) -> None:
    with filled.reading() as tx:
        counts = queue.count_views(tx, choice())
    assert counts == {"mine": 1, "unowned": 5, "overdue": 1, "all": 6, "finished": 1}
    for view in View:
        assert len(ids(filled, choice(), cut(view))) == counts[view]


def test_the_strongest_come_first_then_what_changed_last_and_candidates_after_them(filled: Store) -> None:
    found = ids(filled, choice(), cut())
    assert found == ["late", "assessed", "mine", "other", "weak", "candidate"]


def test_pages_are_cut_without_a_gap_or_a_double(filled: Store) -> None:
    pages = [ids(filled, choice(), cut(first=first, limit=2)) for first in (0, 2, 4, 6)]
    assert [*chain(*pages)] == ids(filled, choice(), cut())
    assert [len(page) for page in pages] == [2, 2, 2, 0]


def test_only_an_alert_whose_next_step_is_late_is_overdue(filled: Store) -> None:
    # The one being assessed was acknowledged late; what it owes now is not late yet.
    assert ids(filled, choice(), cut(View.OVERDUE)) == ["late"]
    much_later = choice(at=LATER + timedelta(days=1))
    assert ids(filled, much_later, cut(View.OVERDUE)) == ["late", "assessed", "mine"]


def test_filters_hold_together_and_within_what_a_person_may_see(filled: Store) -> None:
    assert ids(filled, choice(severity="low"), cut()) == ["other", "weak"]
    assert ids(filled, choice(severity="low", use_case="example"), cut()) == ["weak"]
    assert ids(filled, choice(state=State.ASSESSING), cut()) == ["assessed"]
    assert ids(filled, choice(scope="other-county"), cut()) == []
    assert ids(filled, choice(within=frozenset({("example", "other-county")})), cut()) == ["elsewhere"]
    assert ids(filled, choice(within=frozenset()), cut()) == []


def test_what_a_person_saw_is_theirs_and_never_older_than_it_was(filled: Store) -> None:
    with filled.transaction() as tx:
        saw(tx, "lead", "late", Seen(1, T0))
        alerts.save(tx, [change("late", 2), change("late", 3)])
        saw(tx, "other-lead", "late", Seen(3, LATER))
        saw(tx, "other-lead", "late", Seen(2, LATER + minutes(1)))
    with filled.reading() as tx:
        assert seen_by(tx, "lead", ["late", "mine"]) == {"late": Seen(1, T0)}
        assert seen_by(tx, "other-lead", ["late"]) == {"late": Seen(3, LATER + minutes(1))}
        rows = {row.id: row for row in queue.page(tx, choice(), cut())}
        steps = queue.steps(tx, {"late": 1, "mine": 1})
    assert (rows["late"].seen, rows["late"].revision, rows["mine"].seen) == (1, 3, None)
    assert {one: [step.revision for step in of] for one, of in steps.items()} == {"late": [2, 3]}
    assert steps["late"][0].state is State.OPEN
    assert steps["late"][0].severity == "high"


def test_the_mark_of_changes_rises_with_every_change_whatever_its_time(filled: Store) -> None:
    with filled.reading() as tx:
        before, known = queue.mark_of_changes(tx), queue.revisions(tx, {})
    with filled.transaction() as tx:  # its clock is behind: the change is older than what was stored before
        alerts.save(tx, [change("late", 2, changed_at=T0 - timedelta(days=1))])
    with filled.reading() as tx:
        assert queue.mark_of_changes(tx) == (before[0], before[1] + 1)
        assert queue.mark_of_changes(tx, frozenset()) == (0, 0), "of what is out of reach it tells nothing"
        changed = queue.revisions(tx, {one: now.revision for one, now in known.items()})
    assert changed == {"late": (2, "example", "county")}


# --- cases around an alert


def listed(store: Store, *cases: Case) -> None:
    with store.transaction() as tx:
        keys = {one.key for one in cases}
        line_list.lock(tx, keys)
        line_list.save_versions(tx, [version(one.key) for one in cases])
        line_list.replace_rows(tx, keys, [line_list.ListedRow(one, T0, None) for one in cases])


def around(store: Store, members: set[str], areas: tuple[str, ...] = ("A",)) -> list[str]:
    near = Near("example", ("residence",), areas, DAY - timedelta(days=5), DAY)
    with store.reading() as tx:
        confirmed, _ = line_list.duplicate_decisions(tx)
        found = cases_around(tx, near, {key(name) for name in members}, confirmed)
    return sorted(one.key.record_id for one in found)


def somewhere(name: str, area: str, person: str, day: date = DAY) -> Case:
    return replace(case(key(name)), area=area, person_keys=(person,), day=day)


def test_around_an_alert_are_its_areas_its_members_and_the_same_persons_elsewhere(store: Store) -> None:
    listed(
        store,
        somewhere("in", "A", "p1"),
        somewhere("same-person", "B", "p1"),
        somewhere("member", "C", "p2"),
        somewhere("stranger", "B", "p3"),
        somewhere("too-early", "A", "p4", DAY - timedelta(days=6)),
    )
    assert around(store, {"member"}) == ["in", "member", "same-person"]


def test_persons_that_a_human_joined_count_as_one_wherever_they_are(store: Store) -> None:
    listed(store, somewhere("in", "A", "p1"), somewhere("joined", "B", "p2"), somewhere("theirs", "C", "p2"))
    with store.transaction() as tx:
        line_list.decide_duplicate(tx, (key("in"), key("joined")), "confirmed", "lead", T0)
    assert around(store, set()) == ["in", "joined", "theirs"]
