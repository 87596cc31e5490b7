"""Structured logs. Events and counts, never a payload, a name, a postcode or a coordinate.

Of an exception, ours or a library's, only its class and its place in the code: its text may hold a value.
"""

import logging
import re
import sys
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# They call it an error that a broker is away, which passes; where it does not, we say so ourselves.
_CLIENTS = ("kafka", "aiokafka")
# httpx tells every address that it asks.
_LIBRARIES = (*_CLIENTS, "faust", "mode", "numba", "alembic", "httpx", "httpcore")
_SELDOM_SECONDS = 10.0
_REMEMBERED = 1000
_CREDENTIALS = re.compile(r"(?<=://)[^/\s\"'@]+@")  # USER:PASSWORD@ of an address, whoever logs it


def mildly(record: logging.LogRecord) -> bool:
    """A filter: no error of a broker's client is more than a warning."""
    if record.name.startswith(_CLIENTS) and record.levelno > logging.WARNING:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


class Seldom(logging.Filter):
    """Lets a library say the same thing once in ten seconds: clients of a broker that is away repeat it
    fifty times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_LIBRARIES):
            return True
        said = (record.name, str(record.msg))
        if record.created - self._last.get(said, 0.0) < _SELDOM_SECONDS:
            return False
        if len(self._last) > _REMEMBERED:
            self._last.clear()
        self._last[said] = record.created
        return True


def configure_logging(log_format: str, level: int = logging.INFO, role: str = "") -> None:
    """Sends our logs and the libraries' to standard error, as lines for people or as JSON.

    `role` stands on every line: which of the service's processes says it.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Role(role),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    last: list[Processor] = [exceptions_by_place, _Rendered(renderer)]
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(mildly)
    handler.addFilter(Seldom())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    # No line says where in the code it was made, nor by which thread: that takes as long to find out.
    logging._srcfile = None  # as the documentation of logging tells
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in _LIBRARIES:
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
    # Ours go to the same stream, but not through logging, which takes as long again over a line.
    structlog.configure(
        processors=[*shared, *last],
        logger_factory=partial(_Writer, handler),
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


class _Writer:
    """Writes the lines of a module of ours, one at a time with those of the libraries."""

    def __init__(self, handler: logging.StreamHandler[Any], name: str) -> None:
        self._handler = handler
        self.name = name

    def msg(self, line: str) -> None:
        """A stream that is full or closed stops nobody's work, as logging has it."""
        with self._handler.lock or nullcontext(), suppress(OSError, ValueError):
            self._handler.stream.write(line + "\n")
            self._handler.flush()

    debug = info = warning = error = critical = msg


class _Role:
    """Adds which process speaks, where that is known."""

    def __init__(self, role: str) -> None:
        self._said = {"role": role} if role else {}

    def __call__(self, _logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        event.update(self._said)
        return event


class _Rendered:
    """The line as the renderer writes it, without the user and password of any address in it."""

    def __init__(self, renderer: Processor) -> None:
        self._renderer = renderer

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        line = str(self._renderer(logger, name, event))
        return _CREDENTIALS.sub("***@", line) if "://" in line else line


def exceptions_by_place(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """An exception as its class and where it was raised: a trace would end with the exception's text."""
    raised = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if isinstance(raised, tuple) or raised is True:
        raised = (sys.exc_info() if raised is True else raised)[1]
    if isinstance(raised, BaseException):
        event.update(error=type(raised).__name__, place=place_of(raised))
    return event


def place_of(error: BaseException) -> str:
    """Where the error was raised: file, line and function, innermost last."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " > ".join(frames[-6:])


# Until a process says where its log goes, it keeps to itself, warnings apart: standard output is the answer
# of a command.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        exceptions_by_place,
        structlog.processors.KeyValueRenderer(key_order=["event"]),
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)
