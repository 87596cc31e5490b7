"""What is wrong with a configuration: file, key, problem and fix, every fault at once."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ConfigFault:
    """One mistake. `file` is relative to the configuration where it can be; `key` is dotted, with indices
    (`bands[0].any_of[1].detector`), and empty where the file as a whole is meant."""

    file: str
    key: str
    problem: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: {self.problem}. {self.fix}"


class ConfigError(ValueError):
    """The configuration cannot be used; `faults` holds every mistake that was found."""

    def __init__(self, faults: Iterable[ConfigFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))
