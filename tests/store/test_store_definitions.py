"""Under which definitions the line list was written, as workers that start at once find it."""

import threading
import time

from surveillance.store.database import Store
from surveillance.store.listed import save_definitions, written_definitions

OLD = {"falls": "1", "fever": "1"}
NEW = {"fever": "2", "overdose": "2"}


def test_what_was_saved_last_is_what_is_written(store: Store) -> None:
    for definitions in (OLD, NEW, NEW, {}):
        with store.transaction() as tx:
            save_definitions(tx, definitions)
        with store.reading() as tx:
            assert written_definitions(tx) == definitions


def test_two_workers_that_start_at_once_on_a_new_database_both_go_on(store: Store) -> None:
    problems: list[Exception] = []

    def start() -> None:
        try:
            with store.transaction() as tx:
                save_definitions(tx, NEW)
        except Exception as problem:
            problems.append(problem)

    with store.transaction() as tx:
        save_definitions(tx, NEW)
        second = threading.Thread(target=start)
        second.start()
        time.sleep(0.5)  # it is in the middle of its transaction when this one is committed
    second.join(10)
    assert problems == []
    with store.reading() as tx:
        assert written_definitions(tx) == NEW
