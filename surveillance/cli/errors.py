"""Errors that a person can mend, in words."""

import sys
from collections.abc import Iterator


class Mistake(ValueError):
    """A command was given something it cannot use; the text says what and how to mend it."""


# Module -> its errors. Looked up where they are loaded: a command that needs none of these rooms starts
# without waiting for them, and an error of a room that is not loaded cannot have been raised.
_OURS = {
    "surveillance.cli.errors": ("Mistake",),
    "surveillance.accounts": ("AccountFault",),
    "surveillance.alerting.identifying": ("Identifying",),
    "surveillance.alerting.workflow": ("NotAllowed",),
    "surveillance.deciding": ("Unknown",),
    "surveillance.evaluation.spread": ("WorkersLost",),
    "surveillance.events.columns": ("ColumnsError",),
    "surveillance.kafka.access": ("AccessFault",),
    "surveillance.kafka.admin": ("TopicFault",),
    "surveillance.kafka.broker": ("BrokerUnavailable",),
    "surveillance.kafka.knock": ("BrokerUnreachable",),
    "surveillance.offsets": ("TopicMissing",),
    "surveillance.sealing": ("SealFault",),
    "surveillance.scan_files.fault": ("ScanFilesError",),
    "surveillance.service": ("Outage",),
    "surveillance.store.alerts": ("StaleAlert",),
    "surveillance.store.audit": ("Broken",),
    "surveillance.store.copies": ("CopyFault",),
    "surveillance.store.database": ("UrlFault",),
    "surveillance.store.deliveries": ("NoReplay",),
    "surveillance.store.erasures": ("KeyChanged",),
    "surveillance.store.exports": ("ExportFault",),
    "surveillance.store.responses": ("StaleTask",),
    "surveillance.store.schema": ("SchemaFault",),
    "surveillance.upkeep.rebuilding": ("Stuck",),
    "surveillance.use_case.fault": ("ConfigError",),
}


def explain(error: Exception) -> str | None:
    """The words for an error that a person can mend, None for a defect."""
    if isinstance(error, tuple(_loaded())):
        return str(error)
    if "pydantic" in sys.modules and (words := _setting(error)):
        return words
    if isinstance(error, OSError):
        named = f"{error.filename}: " if error.filename else ""
        return f"{named}{error.strerror or type(error).__name__}"
    if "surveillance.store.database" in sys.modules:
        from surveillance.store.database import refusal, transient

        if why := refusal(error):
            return f"the database cannot be used: {why}"
        if transient(error):
            return f"the database cannot be used ({type(error).__name__}); check SURVEILLANCE_DATABASE_URL"
    return None


def _loaded() -> Iterator[type[Exception]]:
    for module, names in _OURS.items():
        if module in sys.modules:
            yield from (getattr(sys.modules[module], name) for name in names)


def _setting(error: Exception) -> str | None:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or error.title != "Settings":
        return None
    from surveillance.secret_files import secret_names
    from surveillance.settings import Settings

    secrets = secret_names(Settings)
    faults = error.errors(include_input=False, include_url=False)
    named = [("_".join(map(str, fault["loc"])), fault["msg"]) for fault in faults]
    return "\n".join(
        f"setting {name}: {problem}. Set it in {f'{name}_file' if name in secrets else 'surveillance.yaml'}, "
        f"or as SURVEILLANCE_{name.upper()}"
        for name, problem in named
    )
