"""Runs over the workers of a Dask cluster; what a lost worker was doing is done again."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from surveillance.evaluation.subject import Run, Subject

Line = dict[str, Any]
Perform = Callable[[Subject, Run], Line]
JOIN_SECONDS = 60
# A run takes seconds to minutes: what Dask measures of itself fifty times a second costs more than it tells.
_QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "10s",
    "distributed.admin.system-monitor.interval": "10s",
}
_GO_ON = "what was finished is kept: start the same command again, with fewer --workers if it recurs"


class WorkersLost(RuntimeError):
    """No worker lived long enough to finish anything; the text says how to go on."""


def spread(
    perform: Perform,
    subject: Subject,
    runs: Sequence[Run],
    scheduler: str | None = None,
    workers: int | None = None,
) -> Iterator[Line]:
    """Performs every run, over an existing cluster or the cores of this machine; in the order of their ends.

    Begins anew with what is left when workers were killed or fell silent. Raises WorkersLost once a whole
    beginning has finished nothing.
    """
    left = {run.key: run for run in runs}
    while left:
        before = len(left)
        try:
            with _client(scheduler, workers) as client:
                for line in _submit(client, perform, subject, list(left.values())):
                    del left[line["run"]]
                    yield line
        except _losses() as error:
            if len(left) == before:
                lost = f"the workers were lost ({type(error).__name__}), perhaps for want of memory"
                raise WorkersLost(f"{lost}; {_GO_ON}") from error


def _submit(client: Any, perform: Perform, subject: Subject, owed: Sequence[Run]) -> Iterator[Line]:
    """Hands out runs, a few more at a time than there are workers."""
    from distributed import as_completed

    sent = client.scatter(subject, broadcast=True)
    waiting = iter(owed)
    slots = max(2 * len(client.scheduler_info()["workers"]), 2)
    first = [
        client.submit(perform, sent, run, pure=False) for _, run in zip(range(slots), waiting, strict=False)
    ]
    completed = as_completed(first)
    for future in completed:
        line = future.result()
        following = next(waiting, None)
        if following is not None:
            completed.add(client.submit(perform, sent, following, pure=False))
        yield line


@contextmanager
def _client(scheduler: str | None, workers: int | None) -> Iterator[Any]:
    """A cluster that is there, or one process for each core of this machine."""
    import dask
    from distributed import Client, LocalCluster

    if scheduler is not None:
        with Client(scheduler) as client:
            client.wait_for_workers(1, timeout=JOIN_SECONDS)
            yield client
        return
    count = workers or os.cpu_count() or 1
    with (
        dask.config.set(_QUIET),
        LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _losses() -> tuple[type[Exception], ...]:
    """How Dask says that workers, what they held, or the way to them are gone."""
    from concurrent.futures import CancelledError

    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    return CancelledError, CommClosedError, KilledWorker, TimeoutError
