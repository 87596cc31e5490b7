"""A sender that is killed repeats under the same key; a receiver that is slow holds up nobody else."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from http_receiver import HttpReceiver
from post_room import START, PostRoom, configured, receiver
from sending_process import LEASE

from surveillance import pipeline
from surveillance.delivery.channel import Around
from surveillance.delivery.parcel import Parcel
from surveillance.delivery.registry import open_senders
from surveillance.sending import Post
from surveillance.settings import Settings
from surveillance.store import deliveries
from surveillance.store.database import Store

HERE = Path(__file__).parent
SECRET = "a secret for tests only, long enough"


def test_a_sender_killed_between_sending_and_storing_sends_again_under_the_same_key(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASES_SECRET", SECRET)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with HttpReceiver() as server:
        of = receiver("cases", address=server.url, secret_env="CASES_SECRET")
        room = PostRoom(store, configured(of))
        room.change()
        room.change()
        store.close()
        paths = os.pathsep.join((str(HERE), str(HERE.parents[1])))
        died = subprocess.run(
            [sys.executable, str(HERE / "sending_process.py"), database_url, server.url],
            env={**os.environ, "PYTHONPATH": paths},
            timeout=120,
        )
        assert died.returncode == -signal.SIGKILL
        assert len(server.requests) == 1
        around = Around(Settings(config_dir=Path("/nowhere")), lambda _: None)  # type: ignore[call-arg]
        room.post = Post(open_senders([of], around), LEASE)
        room.now = START + LEASE / 2
        assert room.deliver() == []  # the second revision does not overtake what may be under way
        room.now = START + LEASE
        assert [done.outcome for done in room.deliver()] == ["sent", "sent"]
        told = [json.loads(request.body) for request in server.requests]
    assert [one["revision"] for one in told] == [1, 1, 2]
    assert told[0] == told[1]
    keys = [request.headers["idempotency-key"] for request in server.requests]
    assert keys[0] == keys[1] != keys[2]
    with store.reading() as tx:
        found = deliveries.attempts_of_alert(tx, "a1")
    assert [(a.revision, a.attempt, a.outcome) for a in found] == [(1, 2, "sent"), (2, 1, "sent")]


def test_a_receiver_that_answers_slowly_holds_up_nobody_else(store: Store) -> None:
    room = PostRoom(store, configured(receiver("slow"), receiver("quick")))
    reached, answers = threading.Event(), threading.Event()

    def answer_late(_: Parcel) -> int:
        reached.set()
        assert answers.wait(60)
        return 200

    quick: list[Parcel] = []
    room.post = Post({"slow": answer_late, "quick": lambda parcel: quick.append(parcel)})
    for number in range(5):
        room.change(f"a{number}")

    def deliver() -> None:
        while pipeline.deliver(store, room.post, room.configuration, lambda: room.now) is not None:
            pass

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert reached.wait(60)
    deadline = time.monotonic() + 60
    while sum(thread.is_alive() for thread in threads) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [thread.is_alive() for thread in threads].count(True) == 1  # who waits for the slow receiver
    assert len(quick) == 5
    answers.set()
    for thread in threads:
        thread.join(60)
    assert room.rows(lambda row: row.sent_at is None) == []


def test_workers_that_race_while_notices_are_held_tell_each_receiver_in_order(
    store: Store,
) -> None:
    """Each has a post of its own, as in processes of their own: only the database keeps them apart."""
    seldom = receiver("seldom", repeat_minutes=1)
    room = PostRoom(store, configured(seldom))
    told: list[int] = []

    def send(parcel: Parcel) -> int:
        time.sleep(0.002)
        told.append(parcel.content["revision"])
        return 200

    changing = threading.Event()
    changing.set()

    def deliver() -> None:
        # The clock of this test runs ahead of a slow machine: no claim is to end by that.
        post = Post({"seldom": send}, lease=timedelta(days=1))
        while True:
            was_changing = changing.is_set()
            done = pipeline.deliver(store, post, room.configuration, lambda: room.now)
            if done is None and not was_changing:
                return

    workers = [threading.Thread(target=deliver) for _ in range(3)]
    for worker in workers:
        worker.start()
    for number in range(40):
        room.change(severity=("raised", "watch")[number % 2])
        room.now += timedelta(seconds=25)
    changing.clear()
    for worker in workers:
        worker.join(60)
    room.post = Post({"seldom": send})
    room.pass_time(minutes=5)
    assert told == sorted(set(told))
    assert told[-1] == 40
    assert {row.held_reason for row in room.rows()} == {None, "repeated"}
    assert room.rows(lambda row: row.sent_at is None and row.suppressed_reason != "superseded") == []
