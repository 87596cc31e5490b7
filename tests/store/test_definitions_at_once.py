"""Workers that start at the same moment all find the definitions written, and none ends of the others."""

import threading
from pathlib import Path

from small_house import load_house
from surveillance.redefining import apply_definitions, fingerprints
from surveillance.service import utc_now
from surveillance.store.database import Store
from surveillance.store.listed import save_definitions, written_definitions

WORKERS = 6


def test_several_workers_write_the_definitions_at_once(store: Store, tmp_path: Path) -> None:
    configuration = load_house(tmp_path / "house")
    errors: list[BaseException] = []
    for _ in range(5):
        with store.transaction() as tx:
            save_definitions(tx, {})
        together = threading.Barrier(WORKERS)

        def start(together: threading.Barrier = together) -> None:
            together.wait()
            try:
                apply_definitions(store, configuration, utc_now())
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=start) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    with store.reading() as tx:
        assert written_definitions(tx) == fingerprints(configuration)
