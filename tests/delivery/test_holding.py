"""What is held is told when the reason is gone, as it stands then: never lost, never out of order."""

from datetime import UTC, datetime, timedelta

import pytest
from post_room import START, PostRoom, configured, receiver

from surveillance.alerting.alert import Change, State
from surveillance.alerting.silences import Silence
from surveillance.store import deliveries, outbox, silences
from surveillance.store.database import Store

NIGHT = datetime(2024, 5, 1, 21, 30, tzinfo=UTC)  # 22:30 in London
QUIET = {"quiet_hours": {"begins": "22:00", "ends": "07:00"}}


def room(store: Store, **entry: object) -> PostRoom:
    return PostRoom(store, configured(receiver("team", **entry)))


def silence(store: Store, at: datetime, hours: float = 2, **matcher: str) -> int:
    found = {"use_case": None, "scope": None, "alert_id": None, **(matcher or {"use_case": "falls"})}
    made = Silence(
        **found, reason="an exercise", starts_at=at, ends_at=at + timedelta(hours=hours), by="lead"
    )
    with store.transaction() as tx:
        return silences.add(tx, made)


def test_at_night_what_is_not_severe_waits_for_the_morning(store: Store) -> None:
    post = room(store, **QUIET)
    post.now = NIGHT
    post.change()
    (held,) = post.deliver()
    assert (held.outcome, held.reason) == ("held", "quiet_hours")
    assert post.pass_time(hours=8) == []
    (sent,) = post.pass_time(minutes=30)
    assert (sent.outcome, post.inboxes["team"].revisions()) == ("sent", [1])
    assert post.rows()[0].held_reason == "quiet_hours"  # why it came late stays on its row


def test_what_becomes_severe_at_night_is_told_at_once_and_says_all_that_waited(store: Store) -> None:
    post = room(store, **QUIET)
    post.now = NIGHT
    post.change()
    post.deliver()
    post.change(severity="severe")
    post.pass_time(minutes=1)
    assert post.inboxes["team"].revisions() == [2]
    post.pass_time(hours=9)
    assert post.inboxes["team"].revisions() == [2]
    assert post.standing("team") == {1: "superseded", 2: "sent"}


def test_of_several_that_waited_only_the_last_is_told(store: Store) -> None:
    post = room(store, **QUIET)
    post.now = NIGHT
    for severity in ("watch", "raised", "watch"):
        post.change(severity=severity)
        post.deliver()
    post.pass_time(hours=9)
    (taken,) = post.inboxes["team"].taken
    assert (taken.content["revision"], taken.content["severity"]) == (3, "watch")
    assert post.standing("team") == {1: "superseded", 2: "superseded", 3: "sent"}


def test_a_receiver_hears_of_an_alert_once_in_its_interval_and_then_how_it_stands(store: Store) -> None:
    post = room(store, repeat_minutes=60)
    for _ in range(4):
        post.change()
        post.pass_time(minutes=10)
    assert post.inboxes["team"].revisions() == [1]
    post.pass_time(minutes=30)
    assert post.inboxes["team"].revisions() == [1, 4]
    assert post.standing("team") == {1: "sent", 2: "superseded", 3: "superseded", 4: "sent"}


def test_a_reminder_that_overtakes_what_waits_tells_it_even_if_it_is_settled_before_it_arrives(
    store: Store,
) -> None:
    post = room(store, repeat_minutes=600)
    post.change()
    post.deliver()
    post.change()
    post.deliver()  # held: the receiver heard of it just now
    post.now += timedelta(hours=5)
    post.change(kind=Change.OVERDUE)
    post.inboxes["team"].away = True
    post.deliver()
    post.change(kind=Change.MOVED, told=False, state=State.ACKNOWLEDGED)
    post.inboxes["team"].away = False
    post.pass_time(minutes=10)
    assert post.inboxes["team"].revisions() == [1, 3]


def test_a_reminder_of_what_was_done_meanwhile_is_dropped_and_says_why(store: Store) -> None:
    post = room(store, **QUIET)
    post.change()
    post.deliver()
    post.now = NIGHT
    post.change(kind=Change.OVERDUE)
    post.deliver()
    post.change(kind=Change.MOVED, told=False, state=State.ACKNOWLEDGED)
    post.pass_time(hours=9)
    assert post.standing("team") == {1: "sent", 2: "settled", 3: "unchanged"}


def test_a_silence_holds_everything_and_its_end_tells_the_last_of_it(store: Store) -> None:
    post = room(store)
    silence(store, START)
    post.change()
    post.pass_time(minutes=30)
    post.change(severity="severe")
    post.pass_time(minutes=30)
    assert post.inboxes["team"].taken == []
    assert set(post.standing("team").values()) == {"silenced"}
    post.pass_time(hours=1)
    assert post.inboxes["team"].revisions() == [2]


def test_a_silence_that_is_ended_early_lets_go_at_once(store: Store) -> None:
    post = room(store)
    number = silence(store, START, hours=99)
    post.change()
    post.deliver()
    post.now += timedelta(minutes=5)
    with store.transaction() as tx:
        assert silences.end(tx, number, "lead", post.now)
        assert not silences.end(tx, number, "lead", post.now)
    post.deliver()
    assert post.inboxes["team"].revisions() == [1]
    with store.reading() as tx:
        assert silences.listed(tx, post.now) == []
        (kept,) = silences.listed(tx, post.now, ended=True)
    assert (kept.ended_by, kept.ended_at, kept.reason) == ("lead", post.now, "an exercise")


def test_what_a_silence_lets_go_may_still_wait_for_another_reason(store: Store) -> None:
    post = room(store, **QUIET)
    post.now = NIGHT
    silence(store, NIGHT, hours=1)
    post.change()
    assert [done.reason for done in post.deliver()] == ["silenced"]
    assert [done.reason for done in post.pass_time(hours=1)] == ["quiet_hours"]
    post.pass_time(hours=8)
    assert post.inboxes["team"].revisions() == [1]


def test_a_silence_that_begins_in_an_outage_holds_what_is_retried(store: Store) -> None:
    post = room(store)
    post.inboxes["team"].away = True
    post.change()
    assert [done.outcome for done in post.deliver()] == ["failed"]
    silence(store, post.now, hours=1)
    post.inboxes["team"].away = False
    assert [done.reason for done in post.pass_time(minutes=5)] == ["silenced"]
    post.pass_time(hours=1)
    assert post.inboxes["team"].revisions() == [1]


def test_outside_hours_both_hear_the_one_on_call_at_once_the_team_in_the_morning(store: Store) -> None:
    team = receiver(
        "team", working_hours={"opens": "09:00", "closes": "17:00"}, on_call=[{"receivers": ["deputy"]}]
    )
    post = PostRoom(store, configured(team, receiver("deputy"), told=("team",)))
    post.now = NIGHT
    post.change()
    post.deliver()
    post.change(severity="severe")
    post.deliver()
    assert (post.inboxes["deputy"].revisions(), post.inboxes["team"].revisions()) == ([1, 2], [])
    post.pass_time(hours=11)
    assert post.inboxes["team"].revisions() == [2]


def test_in_shadow_mode_the_reason_stands_on_every_row_and_nothing_is_owed(store: Store) -> None:
    post = PostRoom(store, configured(receiver("team"), shadow=True))
    post.change()
    assert post.deliver() == []
    assert post.standing("team") == {1: "shadow"}


@pytest.mark.parametrize("away", [1, 5])
def test_what_an_outage_delayed_is_told_revision_by_revision(store: Store, away: int) -> None:
    post = room(store)
    post.inboxes["team"].away = True
    for _ in range(away):
        post.change()
        post.pass_time(minutes=1)
    post.inboxes["team"].away = False
    post.pass_time(minutes=5)
    assert post.inboxes["team"].revisions() == list(range(1, away + 1))


def test_a_receiver_that_is_away_is_asked_seldom_however_much_is_owed_to_it(store: Store) -> None:
    post = PostRoom(store, configured(receiver("team"), receiver("other")))
    post.inboxes["team"].away = True
    for number in range(20):
        post.change(f"a{number}")
    post.deliver()
    assert len(post.inboxes["other"].taken) == 20
    tried = sum(len(post.pass_time(seconds=10)) for _ in range(60))
    assert tried < 12
    with store.reading() as tx:
        assert deliveries.outages(tx)["team"].failures == tried + 1
    post.inboxes["team"].away = False
    post.pass_time(minutes=5)
    assert len(post.inboxes["team"].taken) == 20
    with store.reading() as tx:
        assert deliveries.outages(tx) == {}


def test_what_is_held_does_not_look_like_an_outage(store: Store) -> None:
    post = room(store, **QUIET)
    post.now = NIGHT
    post.change()
    post.deliver()
    post.now += timedelta(hours=3)
    with store.reading() as tx:
        assert outbox.oldest_age(tx, post.now) == 0
        assert deliveries.held(tx, post.now) == {"quiet_hours": 1}
        assert outbox.waiting(tx) == 1
