"""Structured logs. Events and counts, never a payload, a name, a postcode or a coordinate."""

import logging
import sys

import structlog

# httpx tells every address that it asks.
_LIBRARIES = ("kafka", "aiokafka", "faust", "mode", "numba", "alembic", "httpx", "httpcore")
_SELDOM_SECONDS = 10.0
_REMEMBERED = 1000


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


def configure_logging(log_format: str, level: int = logging.INFO) -> None:
    """Sends our logs and the libraries' to standard error, as lines for people or as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Seldom())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info if log_format == "json" else _unchanged,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in _LIBRARIES:
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _unchanged(
    _logger: structlog.typing.WrappedLogger, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return event


def place_of(error: BaseException) -> str:
    """Where the error was raised: file, line and function, innermost last."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " > ".join(frames[-6:])
