"""What is wrong with the files of a scan: file, row, column, problem and fix, every fault at once."""

from pathlib import Path

MOST_TOLD = 20


class ScanFilesError(ValueError):
    """The files of a scan cannot be used; the text says what to mend, one fault to a line."""


class Faults:
    """Collects faults, so that a person mends a file once and not row by row."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._count = 0

    def add(self, path: Path, words: str, line: int | None = None, column: str | None = None) -> None:
        """One fault. `line` counts from 1; `words` say what is wrong and how to mend it."""
        self._count += 1
        if len(self._told) < MOST_TOLD:
            row = "" if line is None else f", line {line}"
            self._told.append(f"{path}{row}{'' if column is None else f', column {column}'}: {words}")

    def count(self, more: int) -> None:
        """Faults that are like one added before; only their number is told."""
        self._count += more

    def stop_if_any(self) -> None:
        """Raises ScanFilesError with what was found so far."""
        if self._told:
            raise self.as_error()

    def as_error(self) -> ScanFilesError:
        """What was found so far, to be raised."""
        more = self._count - len(self._told)
        return ScanFilesError("\n".join([*self._told, *([f"and {more:,} more like these"] if more else [])]))
