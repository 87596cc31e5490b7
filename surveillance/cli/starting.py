"""How what runs until it is told to stop begins."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from surveillance.cli.errors import Mistake
from surveillance.service import Outage
from surveillance.store.database import refusal, transient

log = structlog.get_logger(__name__)


@contextmanager
def listening_on(setting: str, port: int) -> Iterator[None]:
    """Says which setting to mend where a port cannot be listened on."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise Mistake(f"setting {setting}: port {port} cannot be used ({why}). Give another, or 0") from error


def keep_what_is_loaded() -> None:
    """What is loaded by now stays: collecting it anew cost a third of each evaluation's loading."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def wait_for_database(step: Callable[[], None]) -> None:
    """Does the step, again each second while the database is away, or may only be read: both may have been
    started together.

    One that turns us away is a mistake in the settings, and no outage."""
    while True:
        try:
            return step()
        except Exception as error:
            if refusal(error) or not (isinstance(error, Outage) or transient(error)):
                raise
            log.warning("waiting for the database", reason=type(error).__name__)
            time.sleep(1.0)
