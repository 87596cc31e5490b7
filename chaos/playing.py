"""Lets a schedule happen to a service, and judges what is left."""

import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from accounts import run_quietly

from chaos import clock
from chaos.events import HANDED_IN, Sent, make_events, owed
from chaos.house import AUDIT_KEY, DEAD_LETTER_KEY, GATEWAY, House
from chaos.invariants import Found, Outside, Verdict, judge, read
from chaos.results import Result
from chaos.schedule import KINDS, LOAD_SECONDS, Fault, Schedule
from chaos.sending import Clerk, HandingIn, open_account, publish
from chaos.servers import Servers
from surveillance.accounts import Register
from surveillance.service import utc_now

READY_SECONDS, FAULTS_SECONDS = 300.0, 300.0  # limits of a machine that does many other things


def play(schedule: Schedule, servers: Servers, directory: Path, config_dir: Path, code: str) -> Result:
    """Runs one schedule. Whatever goes wrong is in its result; its directory stays where anything did."""
    began = time.monotonic()
    directory.mkdir(parents=True)
    told: dict[str, object] = {"faults": [str(fault) for fault in schedule.faults]}
    verdict, counts, judged = Verdict(), {"events": 0, "repaired": 0}, False
    try:
        with House(schedule, servers, directory, config_dir) as house:
            verdict, judged = _run(house, counts, told), True
    except Exception as problem:
        verdict.broken.append(f"{type(problem).__name__}: {str(problem)[:2000]}")
    result = Result(
        schedule.seed,
        schedule.number,
        code,
        judged,
        verdict.lost,
        verdict.doubled,
        tuple(verdict.broken),
        seconds=round(time.monotonic() - began, 1),
        told=told,
        **counts,
    )
    if not result.failed:
        shutil.rmtree(directory, ignore_errors=True)
    return result


def _run(house: House, counts: dict[str, int], told: dict[str, object]) -> Verdict:
    fleet, schedule = house.fleet, house.schedule
    events = make_events(schedule, fleet.configuration)
    token = open_account(house.register, HANDED_IN)
    _start(house)
    told["ready after"] = house.seconds
    handing_in = HandingIn(house.web_port, token)
    clerk = Clerk(Register(house.faulty_store, AUDIT_KEY.encode(), utc_now))
    _everything_at_once(house, events, handing_in, clerk)
    clerk.act()  # at least one act is confirmed
    told["faults over after"] = house.seconds
    as_of = house.settle()
    told["settled after"] = house.seconds
    late = house.send_the_rest()
    told["stopped after"] = house.seconds
    held = fleet.topics_held()
    quiet_store = run_quietly(fleet, house.directory / "quiet.db", as_of, DEAD_LETTER_KEY.encode())
    found, quiet = read(fleet.store, AUDIT_KEY.encode()), read(quiet_store, AUDIT_KEY.encode())
    quiet_store.close()
    verdict = judge(
        owed(events, DEAD_LETTER_KEY.encode()), Outside(held, house.told(), clerk.made), found, quiet
    )
    verdict.broken += [f"logged as a defect: {line}" for line in fleet.defects()][:3]
    counts |= {"events": held, "repaired": found.repaired}
    waits = sum(line["event"] == "waiting" for line in fleet.log_lines())
    told |= {"steps that waited": waits, **_numbers(found, clerk, handing_in, late)}
    return verdict


def _numbers(found: Found, clerk: Clerk, handing_in: HandingIn, late: int) -> dict[str, object]:
    return {
        "accepted": found.versions.total(),
        "refused": found.letters.total(),
        "clusters": len(found.evidence),
        "acts": len(clerk.made),
        "acts refused": clerk.refused,
        "gateway": dict(handing_in.statuses),
        "sent after a lease": late,
    }


def _start(house: House) -> None:
    names = [f"w{number}" for number in range(house.schedule.workers)]
    names += [GATEWAY] if house.schedule.gateway else []
    for name in names:
        house.start(name)
    for name in names:
        house.fleet.wait_until_reading(name, READY_SECONDS)


def _everything_at_once(house: House, events: list[Sent], handing_in: HandingIn, clerk: Clerk) -> None:
    """Events are published and handed in, somebody acts, and the faults happen; raises what failed."""
    stop = threading.Event()
    to_topics = [one for one in events if not one.by_gateway]
    to_gateway = [one for one in events if one.by_gateway]
    began = time.monotonic()
    locks = {kind.target: threading.Lock() for kind in KINDS.values()}
    with ThreadPoolExecutor(max_workers=32) as pool:
        acting = pool.submit(clerk.work, stop)
        work = [
            pool.submit(publish, house.fleet.brokers, house.fleet.prefix, to_topics, LOAD_SECONDS),
            pool.submit(handing_in.hand_in, to_gateway, LOAD_SECONDS),
            *(pool.submit(_happen, house, fault, began, locks) for fault in house.schedule.faults),
        ]
        try:
            for one in work:
                one.result(FAULTS_SECONDS)
        finally:
            house.servers.mend()
            stop.set()
            acting.result(FAULTS_SECONDS)


def _happen(house: House, fault: Fault, began: float, locks: Mapping[str, threading.Lock]) -> None:
    time.sleep(max(0.0, began + fault.at - time.monotonic()))
    target = KINDS[fault.kind].target
    alone = nullcontext() if target == "worker" else locks[target]  # several workers may be in trouble
    with alone, FAULTS[fault.kind](house, fault):
        time.sleep(fault.seconds)


Happening = Callable[[House, Fault], AbstractContextManager[None]]


def _around(do: Callable[[House, Fault], None], undo: Callable[[House], None]) -> Happening:
    @contextmanager
    def happen(house: House, fault: Fault) -> Iterator[None]:
        do(house, fault)
        try:
            yield
        finally:
            undo(house)

    return happen


@contextmanager
def _worker_killed(house: House, fault: Fault) -> Iterator[None]:
    with house.one_worker(fault.which) as name:
        if name is not None:
            house.fleet.kill(name)
        yield
        if name is not None:
            house.start(name)


@contextmanager
def _worker_frozen(house: House, fault: Fault) -> Iterator[None]:
    with house.one_worker(fault.which) as name:
        if name is not None:
            house.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            if name is not None:
                house.signal(name, signal.SIGCONT)


@contextmanager
def _worker_joins(house: House, _fault: Fault) -> Iterator[None]:
    house.join()
    yield


@contextmanager
def _worker_leaves(house: House, fault: Fault) -> Iterator[None]:
    with house.one_worker(fault.which) as name:
        if name is not None:
            house.leave(name)
        yield


def _fill_disk(house: House, _fault: Fault) -> None:
    house.fleet.store.forget()  # else SQLite goes on for a while in the log that it has
    house.disk.fill()


FAULTS: Mapping[str, Happening] = {
    "worker killed": _worker_killed,
    "worker frozen": _worker_frozen,
    "worker joins": _worker_joins,
    "worker leaves": _worker_leaves,
    "gateway killed": _around(lambda h, _: h.fleet.kill(GATEWAY), lambda h: h.start(GATEWAY)),
    "spool full": _around(lambda h, _: h.spool.fill(), lambda h: h.spool.free()),
    "broker killed": _around(lambda h, _: h.servers.kafka.kill(), lambda h: h.servers.kafka.start()),
    "broker restarted": _around(lambda h, _: h.servers.kafka.stop(), lambda h: h.servers.kafka.start()),
    "broker line slow": _around(
        lambda h, fault: h.servers.kafka.line.slow(fault.size, 200_000), lambda h: h.servers.kafka.line.mend()
    ),
    "broker line cut": _around(
        lambda h, _: h.servers.kafka.line.cut(), lambda h: h.servers.kafka.line.mend()
    ),
    "broker line half-open": _around(
        lambda h, _: h.servers.kafka.line.stall(), lambda h: h.servers.kafka.line.mend()
    ),
    "database killed": _around(
        lambda h, _: h.servers.postgresql.kill(), lambda h: h.servers.postgresql.start()
    ),
    "database restarted": _around(
        lambda h, _: h.servers.postgresql.server.stop("fast"), lambda h: h.servers.postgresql.start()
    ),
    "database read-only": _around(
        lambda h, _: h.servers.postgresql.set_read_only(True),
        lambda h: h.servers.postgresql.set_read_only(False),
    ),
    "database a standby": _around(
        lambda h, _: h.servers.postgresql.become_standby(), lambda h: h.servers.postgresql.promote()
    ),
    "database line slow": _around(
        lambda h, fault: h.servers.postgresql.line.slow(fault.size),
        lambda h: h.servers.postgresql.line.mend(),
    ),
    "database line cut": _around(
        lambda h, _: h.servers.postgresql.line.cut(), lambda h: h.servers.postgresql.line.mend()
    ),
    "database line half-open": _around(
        lambda h, _: h.servers.postgresql.line.stall(), lambda h: h.servers.postgresql.line.mend()
    ),
    "disk full": _around(_fill_disk, lambda h: h.disk.free()),
    "clock jumps": _around(
        lambda h, fault: clock.set_offset(h.clock_file, fault.size),
        lambda h: clock.set_offset(h.clock_file, 0.0),
    ),
}
