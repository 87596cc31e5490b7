"""What every channel offers, and what it may use."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from surveillance.delivery.parcel import Send
from surveillance.secret_files import read_line
from surveillance.settings import Settings
from surveillance.use_case.receiver import Receiver

Mistake = tuple[str, str, str]


@dataclass(frozen=True)
class Around:
    """What channels share: the settings, and the alerts topic's sender."""

    settings: Settings
    alerts_topic: Send


@dataclass(frozen=True)
class Channel:
    """A way to tell somebody.

    check: yields (key, problem, fix) for what is wrong with a receiver's entry.
    needs: the same for what the entry leans on: settings, secrets, files. Asked where messages are sent from.
    open: the sender for a receiver.
    digests: whether it can carry a digest.
    """

    check: Callable[[Receiver], Iterable[Mistake]]
    needs: Callable[[Receiver, Settings], Iterable[Mistake]]
    open: Callable[[Receiver, Around], Send]
    digests: bool = True


class SecretFault(ValueError):
    """A secret cannot be had; the text says where it was looked for, and nothing of it."""


def secret_of(receiver: Receiver, directory: Path) -> str:
    """The receiver's secret, read anew each time, so that it can be changed without a restart. A relative
    file is one of `directory`, the configuration's. Raises SecretFault."""
    if receiver.secret_env is not None:
        found = os.environ.get(receiver.secret_env, "").strip()
        if not found:
            raise SecretFault(f"the environment has no {receiver.secret_env}")
        return found
    if receiver.secret_file is None:
        raise SecretFault("neither secret_file nor secret_env is given")
    return read_secret(directory / receiver.secret_file)


def read_secret(path: Path) -> str:
    """The only line of a file. Raises SecretFault."""
    try:
        return read_line(path)
    except ValueError as problem:
        raise SecretFault(str(problem)) from None
