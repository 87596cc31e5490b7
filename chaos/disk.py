"""A small disk that can be full: a file system in memory, or, where nothing may be mounted, a limit."""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

MEGABYTES = 64
_FILLER = "filler"


class SmallDisk:
    """A directory with little room. `fill` takes all of it, `free` gives it back.

    Without the right to mount, `fill` sets RLIMIT_FSIZE of the processes that `writers` names to one block:
    what they write beyond fails with EFBIG in place of ENOSPC, in every directory.
    """

    def __init__(self, directory: Path, writers: Callable[[], Iterable[int]], mount: bool = True) -> None:
        self.directory, self._writers, self._may_mount = directory, writers, mount
        self._limited: dict[int, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True)
        self.mounted = self._may_mount and _mount(self.directory)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.directory)], check=True)

    def fill(self) -> None:
        """Not a byte more fits."""
        if self.mounted:
            _write_until_full(self.directory / _FILLER)
            return
        for process in self._writers():
            self._limited[process] = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (4096, self._limited[process][1]))

    def free(self) -> None:
        """There is room again."""
        (self.directory / _FILLER).unlink(missing_ok=True)
        for process, limits in self._limited.items():
            if Path(f"/proc/{process}").exists():
                resource.prlimit(process, resource.RLIMIT_FSIZE, limits)
        self._limited.clear()


def _mount(directory: Path) -> bool:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    options = f"size={MEGABYTES}m,mode=0755"
    asked = ["mount", "-t", "tmpfs", "-o", options, "chaos", str(directory)]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _write_until_full(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            block = bytes(size)
            try:
                while file.write(block) == size:
                    pass
            except OSError:
                continue
