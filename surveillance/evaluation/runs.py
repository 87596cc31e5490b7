"""Runs, spread by Dask over the cores of this machine or a cluster; each finished one is a line in a file."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from surveillance.configuration import Configuration
from surveillance.evaluation.replay import Arm, Looks, Raised, Replay, Replayed
from surveillance.evaluation.simulated import draw_history, is_injected
from surveillance.evaluation.spread import Line, spread
from surveillance.evaluation.subject import Run, Subject
from surveillance.line_list.record import Case
from surveillance.looking import Decided
from surveillance.store.line_list import ListedRow
from surveillance.use_case.model import UseCase

FILE = "runs.jsonl"
SCAN = "permutation-scan"
CREDITED = 2  # cases of an injected cluster that an alert must hold to have found it


def arms_of(use_case: UseCase, detectors: Sequence[str] | None = None) -> tuple[Arm, ...]:
    """For each detector and for all of them together, looks as the use case has them and at midnight only.
    With `detectors`, for each of these only.

    A use case that looks at midnight is not shown at every event: that costs thirty times as much.
    """
    names = dict.fromkeys(detector.name for detector in use_case.detectors)
    kinds: Sequence[str | None] = detectors or ((None, *names) if len(names) > 1 else (None,))
    ways: tuple[Looks, ...] = ("every_event", "daily") if use_case.looks == "every_event" else ("daily",)
    return tuple(Arm(looks, detector) for looks in ways for detector in kinds)


def perform(subject: Subject, run: Run) -> Line:
    """One run, as the line that is kept of it."""
    arms = arms_of(subject.use_case, run.detectors)
    rng = np.random.default_rng([run.seed, *run.cell.encode()])
    last = run.first + timedelta(days=run.days - 1)
    configuration = as_simulated(subject, run)
    use_case = configuration.use_cases[subject.use_case.id]
    start = configuration.study_start(use_case, subject.region.scope.id, run.first)
    rows = draw_history(
        subject.use_case,
        subject.region,
        run.background,
        rng,
        run.first,
        last,
        run.injection,
        (run.first - start).days,
    )
    replay = Replay(
        configuration,
        subject.use_case.id,
        subject.region.scope.id,
        rows,
        Decided(),
        (run.first, last),
        arms,
    )
    begin = _first_injected(rows)
    for _ in replay.steps():
        for looks in _scanned_enough(subject, replay.done.raised, begin, arms):
            replay.leave_out(SCAN, looks)
    done = replay.done
    line: Line = {
        "run": run.key,
        "cell": run.cell,
        "seed": run.seed,
        "fingerprint": subject.fingerprint,
        "days": run.days,
        "arms": [arm.name for arm in arms],
        "looks": done.looks,
        "alerts": _alerts(done.raised),
    }
    if run.injection is None:
        return {**line, "alarms": _alarms(done, subject)}
    return {
        **line,
        "injected": _count_injected(rows),
        "found": {} if begin is None else _found(done.raised, begin),
    }


def as_simulated(subject: Subject, run: Run) -> Configuration:
    """With partners who have reported for as long as a run says; when the real ones began must not matter."""
    configuration = replace(subject.configuration, partners={})
    past_days = run.background.past_days
    if past_days is None:
        return configuration
    since = run.first - timedelta(days=past_days)
    use_case = subject.use_case.model_copy(update={"study_start": since})
    return replace(configuration, use_cases={use_case.id: use_case})


def _alerts(raised: Iterable[Raised]) -> list[Line]:
    """Every step of every alert to a stronger band."""
    return [
        {
            "arm": one.arm,
            "alert": one.alert[:8],
            "at": one.at.isoformat(timespec="seconds"),
            "band": one.severity,
            "detectors": list(one.detectors),
            "members": len(one.records),
        }
        for one in raised
        if one.step
    ]


def _alarms(done: Replayed, subject: Subject) -> list[Line]:
    """What the scans found at each look, for other thresholds than the bands'."""
    positions, index = subject.region.read.positions_km, subject.region.read.index
    return [
        {
            "at": one.at.isoformat(timespec="seconds"),
            "midnight": one.midnight,
            "cases_a_day": round(one.cases_a_day, 4),
            "place": one.place,
            "km": [round(float(km), 3) for km in positions[index[one.centre]]],
            "p": one.p_value,
            "observed": one.observed,
            "expected": round(one.expected, 3),
            "window_days": one.window_days,
        }
        for one in done.alarms
    ]


def _injected(rows: Sequence[ListedRow]) -> Iterator[Case]:
    for row in rows:
        if isinstance(row.entry, Case) and is_injected(row.entry.id):
            yield row.entry


def _count_injected(rows: Sequence[ListedRow]) -> int:
    """Persons, each once, whoever reported them."""
    return len({case.id.rsplit("-", 1)[1] for case in _injected(rows)})


def _first_injected(rows: Sequence[ListedRow]) -> datetime | None:
    """The beginning of the first case day of the injected cluster, None where there is none."""
    first = min((case.day for case in _injected(rows)), default=None)
    return None if first is None else datetime.combine(first, time(), UTC)


def _found(raised: Iterable[Raised], begin: datetime) -> dict[str, dict[str, float]]:
    """By arm and band, the days from `begin` to the first alert that holds enough of the injected cases."""
    found: dict[str, dict[str, float]] = {}
    for one in raised:
        if len({r.rsplit("-", 1)[1] for r in one.records if is_injected(r)}) >= CREDITED:
            days = round((one.at - begin) / timedelta(days=1), 3)
            found.setdefault(one.arm, {}).setdefault(one.severity, days)
    return found


def _scanned_enough(
    subject: Subject, raised: Sequence[Raised], begin: datetime | None, arms: Sequence[Arm]
) -> tuple[Looks, ...]:
    """The ways to look in which the scan has found the cluster in the strongest band: it cannot do better,
    and to scan a strong cluster at every look takes all replicates each time. Nightly looks go on longest."""
    if begin is None:
        return ()
    found, strongest = _found(raised, begin), subject.use_case.bands[0].name
    scans = [arm for arm in arms if arm.detector == SCAN] or [arm for arm in arms if arm.detector is None]
    done = {arm.looks for arm in scans if strongest in found.get(arm.name, {})}
    if done == {"daily"}:  # a nightly look serves both ways
        return ()
    return ("daily",) if len(done) == 2 else tuple(done)


def finished(path: Path, fingerprint: str) -> dict[str, Line]:
    """The runs that a file holds of this subject, by key. A line that was cut off when a run was killed does
    not count."""
    lines: dict[str, Line] = {}
    if path.exists():
        for text in path.read_text().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if line.get("fingerprint") == fingerprint:
                lines[line["run"]] = line
    return lines


def run_all(
    subject: Subject,
    runs: Sequence[Run],
    path: Path,
    scheduler: str | None = None,
    workers: int | None = None,
) -> Iterator[Line]:
    """Performs the runs that the file does not hold yet; yields each line once it is in the file.

    Raises WorkersLost, see `spread`.
    """
    done = finished(path, subject.fingerprint)
    owed = [run for run in runs if run.key not in done]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not owed:
        return
    with path.open("a+b") as file:
        _end_line(file)
        for line in spread(perform, subject, owed, scheduler, workers):
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            yield line


def _end_line(file: Any) -> None:
    """A line that was cut off ends before the next one begins."""
    file.seek(0, os.SEEK_END)
    if file.tell() > 0:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
