"""What processes used, from Linux's /proc."""

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process, and of its children: those that run and those that it has waited for."""
    user, system, of_ended_user, of_ended_system = (int(field) for field in _fields(pid)[11:15])
    own = (user + system + of_ended_user + of_ended_system) / _TICKS
    return own + sum(cpu_seconds(child) for child in _children(pid))


def resident_mb(pid: int) -> float:
    """Memory of a process that is in use (resident), in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MB


def peak_mb(pid: int) -> float:
    """The most memory that a process has had in use (resident) since it began, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: the second, the name, may hold blanks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # ended meanwhile: its parent has its time
        return ["0"] * 20


def _children(pid: int) -> Iterable[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []
