"""For any sequence of changes, outages, silences and hours: every receiver ends with the last revision told,
each in order, and nothing is lost."""

import shutil
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from post_room import PostRoom, configured, receiver

from surveillance.alerting.alert import Change, State
from surveillance.alerting.silences import Silence
from surveillance.alerting.suppression import REMINDERS
from surveillance.store import outbox, silences
from surveillance.store.database import Store

RECEIVERS = (
    receiver("plain"),
    receiver("quiet", quiet_hours={"begins": "22:00", "ends": "07:00"}),
    receiver("seldom", repeat_minutes=180),
    receiver(
        "team",
        working_hours={"opens": "09:00", "closes": "17:00"},
        on_call=[{"receivers": ["deputy"]}],
        repeat_minutes=30,
        quiet_hours={"begins": "12:00", "ends": "13:30", "but_for": []},
    ),
    receiver("deputy"),
)
TOLD = ("plain", "quiet", "seldom", "team")

names = st.sampled_from(["a1", "a2"])
actions = st.one_of(
    st.tuples(st.just("change"), names, st.sampled_from(["severe", "raised", "watch"])),
    st.tuples(st.just("remind"), names, st.sampled_from([Change.OVERDUE, Change.ESCALATED])),
    st.tuples(st.just("acknowledge"), names, st.none()),
    st.tuples(st.just("away"), st.sampled_from(TOLD), st.booleans()),
    st.tuples(st.just("silence"), names, st.integers(1, 30)),
    st.tuples(st.just("end silences"), st.none(), st.none()),
    st.tuples(st.just("time"), st.none(), st.integers(1, 700)),
    st.tuples(st.just("deliver"), st.none(), st.integers(1, 3)),
)


def act(post: PostRoom, action: tuple) -> None:
    what, who, how = action
    if what == "change":
        post.change(who, severity=how)
    elif what == "remind" and (known := post.alert(who)) is not None:
        post.change(who, severity=known.severity, kind=how)
    elif what == "acknowledge" and (known := post.alert(who)) is not None:
        post.change(who, severity=known.severity, kind=Change.MOVED, told=False, state=State.ACKNOWLEDGED)
    elif what == "away":
        post.inboxes[who].away = how
    elif what == "silence":
        made = Silence(None, None, who, "a reason", post.now, post.now + timedelta(hours=how), "lead")
        with post.store.transaction() as tx:
            silences.add(tx, made)
    elif what == "end silences":
        with post.store.transaction() as tx:
            for one in silences.active(tx, post.now):
                silences.end(tx, one.id, "lead", post.now)
    elif what == "time":
        post.pass_time(minutes=how)
    elif what == "deliver":  # some of what is due, as a worker that is stopped
        for _ in range(how):
            post.deliver_one()


def settle(post: PostRoom) -> None:
    """Everything passes: outages, silences, nights, weekends."""
    for inbox in post.inboxes.values():
        inbox.away = False
    for _ in range(7 * 8):
        post.pass_time(hours=3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.lists(actions, min_size=1, max_size=25))
def test_every_receiver_ends_with_the_last_news_told_in_order(
    sqlite_template: Path, tmp_path: Path, sequence: list[tuple]
) -> None:
    copy = tmp_path / "surveillance.db"
    for old in tmp_path.glob("surveillance.db*"):
        old.unlink()
    shutil.copyfile(sqlite_template, copy)
    store = Store.open(f"sqlite:///{copy}")
    post = PostRoom(store, configured(*RECEIVERS, told=TOLD))
    for action in sequence:
        act(post, action)
    settle(post)
    with store.reading() as tx:
        assert outbox.waiting(tx) == 0
    check(post)
    store.close()


def check(post: PostRoom) -> None:
    for name in post.configuration.receivers:
        for alert in ("a1", "a2"):
            told = [p for p in post.inboxes[name].taken if p.about == alert]
            revisions = [p.content["revision"] for p in told]
            assert revisions == sorted(set(revisions)), f"{name} was told of {alert} out of order"
            owed = post.rows(lambda r, n=name, a=alert: r.receiver == n and r.alert_id == a)
            news = [r.revision for r in owed if _is_news(r)]
            if news:
                assert revisions, f"{name} never heard of {alert}"
                assert revisions[-1] >= news[-1], f"{name} does not know the last of {alert}"
            for row in owed:
                later = [r for r in revisions if r > row.revision]
                assert row.sent_at or row.suppressed_reason != "superseded" or later, "superseded by nothing"


def _is_news(row: object) -> bool:
    kept = row.suppressed_reason not in ("unchanged", "shadow")  # type: ignore[attr-defined]
    return kept and row.payload["change"] not in REMINDERS  # type: ignore[attr-defined]
