"""How long each act at the desk takes on SQLite with 200,000 cases: `python benchmarks/bench_acts.py`."""

import json
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from small_house import AREAS, NOW, TODAY, USE_CASE, House, incident, load_house
from surveillance.alerting.workflow import Act, Details, Outcome
from surveillance.deciding import Decision, Desk, Lessons
from surveillance.line_list.record import RecordKey
from surveillance.store import responses
from surveillance.store.database import Store
from surveillance.store.responses import NewTask, TaskState
from surveillance.store.tables import line_list, record_versions, records

CASES, BATCH, REPEATS = 200_000, 20_000, 3
PLAN = {"tasks": [{"id": "meet", "title": "Meet", "what": "Meet.", "owner": "lead", "due_hours": 4}]}


def fill(store: Store) -> None:
    """Cases of ten years, each a record with one version, listed at both places."""
    content = incident("x", days_ago=3000)
    for first in range(1, CASES, BATCH):
        numbers = range(first, first + BATCH)
        with store.transaction() as tx:
            tx.execute(records.insert(), [_record(n) for n in numbers])
            tx.execute(record_versions.insert(), [_version(n, content) for n in numbers])
            rows = [_listed(n, place) for n in numbers for place in ("residence", "incident")]
            tx.execute(line_list.insert(), rows)


def _record(n: int) -> dict[str, object]:
    return {"record": n, "partner": "alpha", "kind": "incident", "record_id": f"old-{n}"}


def _version(n: int, content: dict[str, object]) -> dict[str, object]:
    named = {**content, "record_id": f"old-{n}"}
    return {"record": n, "version": 1, "content_hash": f"{n}", "received_at": NOW, "content": named}


def _listed(n: int, place: str) -> dict[str, object]:
    return {
        "record": n,
        "use_case": USE_CASE,
        "place": place,
        "version": 1,
        "known_from": NOW - timedelta(days=1),
        "area": AREAS[n % 8],
        "day": TODAY - timedelta(days=30 + n % 3600),
        "received_at": NOW,
        "person_keys": (),
        "age": 40,
        "sex": "male",
        "tokens": (f"link:alpha/incident/old-{n}",),
    }


def main() -> None:
    """Prints the median milliseconds of each act."""
    directory = Path(tempfile.mkdtemp())
    store = Store.open(f"sqlite:///{directory / 'bench.db'}")
    store.upgrade()
    fill(store)
    house = House(load_house(directory / "planet", response_plan=PLAN, baseline_days=20), store)
    desk = Desk(house.configuration, store, b"a" * 32, b"r" * 32)
    taken: dict[str, list[float]] = {}
    for n in range(REPEATS):
        _act_through(house, desk, n, taken)
    print(json.dumps({name: round(median(times) * 1000, 1) for name, times in taken.items()}, indent=2))


def _act_through(house: House, desk: Desk, n: int, taken: dict[str, list[float]]) -> None:
    def timed(name: str, do: Callable[[], object]) -> object:
        began = perf_counter()
        answer = do()
        taken.setdefault(name, []).append(perf_counter() - began)
        return answer

    why = Decision("lead", house.now + timedelta(seconds=n), "a reason")
    ids = [f"new-{n}-{i}" for i in range(6)]
    house.report(*(incident(i, days_ago=1, area="n4", person=1 + n * 3 + k // 2) for k, i in enumerate(ids)))
    keys = [RecordKey("alpha", "incident", i) for i in ids]
    opened = timed("open", lambda: desk.open(USE_CASE, "north", "watch", keys[:4], why)).id
    timed("add", lambda: desk.add(opened, keys[4:], why))
    timed("remove", lambda: desk.remove(opened, keys[4:5], why))
    timed("link", lambda: desk.link((keys[0], keys[2]), why, opened))
    timed("duplicate", lambda: desk.decide_duplicate((keys[0], keys[1]), "rejected", why, opened))
    timed("note", lambda: desk.note(opened, "The group meets.", why))
    for act in (Act.ACKNOWLEDGE, Act.ASSESS, Act.RESPOND):
        timed(str(act), lambda act=act: desk.move(opened, act, why))
    with house.store.reading() as tx:
        task = responses.of_alerts(tx, [opened])[0].tasks[0].id
    timed("add-task", lambda: desk.add_task(opened, NewTask(None, "Ask", "", "", None), why))
    timed("task-done", lambda: desk.resolve_task(opened, task, TaskState.DONE, why))
    timed("task-done", lambda: desk.resolve_task(opened, task + 1, TaskState.DONE, why))
    details = Details(Outcome.RESPONSE_COMPLETED)
    timed("close", lambda: desk.move(opened, Act.CLOSE, why, details, Lessons("all", "none")))
    timed("erase", lambda: desk.erase(keys[5], why))


if __name__ == "__main__":
    main()
