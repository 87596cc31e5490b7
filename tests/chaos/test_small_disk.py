"""A small disk is full, and then it is not; where nothing may be mounted a limit stands for it."""

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.disk import SmallDisk

FULL = {errno.ENOSPC, errno.EFBIG}
# Writes a byte of a block each time that it hears a line, and says how that went.
WRITER = """
import sys
file = open(sys.argv[1], "ab", buffering=0)
for line in sys.stdin:
    try:
        file.write(bytes(8192)); print(0, flush=True)
    except OSError as error:
        print(error.errno, flush=True)
"""


class Writer:
    def __init__(self, path: Path) -> None:
        asked = [sys.executable, "-c", WRITER, str(path)]
        self.process = subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def write(self) -> int:
        """0, or the error."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(params=[True, False], ids=["mounted", "limited"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[SmallDisk, Writer]]:
    """Mounted where this machine allows it; the limit works everywhere."""
    writers: list[Writer] = []
    with SmallDisk(tmp_path / "disk", lambda: [w.process.pid for w in writers], request.param) as made:
        writers.append(Writer(made.directory / "file"))
        yield made, writers[0]
        writers[0].end()


def test_nothing_can_be_written_while_it_is_full_and_everything_afterwards(
    disk: tuple[SmallDisk, Writer],
) -> None:
    made, writer = disk
    assert writer.write() == 0
    made.fill()
    assert writer.write() in FULL
    made.free()
    assert writer.write() == 0


def test_a_full_disk_is_an_error_to_sqlite(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk", lambda: [os.getpid()]) as disk:
        connection = sqlite3.connect(disk.directory / "db")
        connection.execute("CREATE TABLE t (x)")
        disk.fill()
        with pytest.raises(sqlite3.OperationalError), connection:
            connection.executemany("INSERT INTO t VALUES (?)", [(bytes(10_000),)] * 100)
        disk.free()
        with connection:
            connection.execute("INSERT INTO t VALUES (1)")
        connection.close()
