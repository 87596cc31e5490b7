"""Errors that a person can mend, in words."""

from pydantic import ValidationError

from surveillance.alerting.workflow import NotAllowed
from surveillance.deciding import Unknown
from surveillance.events.columns import ColumnsError
from surveillance.kafka.admin import BrokerUnreachable, TopicFault
from surveillance.kafka.broker import BrokerUnavailable
from surveillance.offsets import TopicMissing
from surveillance.service import Outage
from surveillance.store.alerts import StaleAlert
from surveillance.store.database import UrlFault, transient
from surveillance.store.schema import SchemaFault
from surveillance.use_case.fault import ConfigError


class Mistake(ValueError):
    """A command was given something it cannot use; the text says what and how to mend it."""


_OURS = (
    Mistake,
    NotAllowed,
    StaleAlert,
    Unknown,
    BrokerUnavailable,
    BrokerUnreachable,
    ColumnsError,
    ConfigError,
    Outage,
    SchemaFault,
    TopicFault,
    TopicMissing,
    UrlFault,
)


def explain(error: Exception) -> str | None:
    """The words for an error that a person can mend, None for a defect."""
    if isinstance(error, _OURS):
        return str(error)
    if isinstance(error, ValidationError) and error.title == "Settings":
        return "\n".join(
            f"setting {'.'.join(map(str, fault['loc']))}: {fault['msg']}. Set it in surveillance.yaml, or as "
            f"SURVEILLANCE_{'_'.join(map(str, fault['loc'])).upper()}"
            for fault in error.errors(include_input=False, include_url=False)
        )
    if isinstance(error, OSError):
        named = f"{error.filename}: " if error.filename else ""
        return f"{named}{error.strerror or type(error).__name__}"
    if transient(error):
        return f"the database cannot be used ({type(error).__name__}); check SURVEILLANCE_DATABASE_URL"
    return None
