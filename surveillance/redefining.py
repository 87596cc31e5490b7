"""A use case that is new, changed or gone: the line list is written anew from the stored records."""

from datetime import datetime

import structlog

from surveillance.configuration import Configuration
from surveillance.events.canonical import canonical_hash
from surveillance.revising import relist
from surveillance.store import pending
from surveillance.store.database import Store
from surveillance.store.listed import keys_after, save_definitions, written_definitions

log = structlog.get_logger(__name__)

_CHUNK = 1000
_DEFINITION = ("records", "cases", "places", "case_day")


def fingerprints(configuration: Configuration) -> dict[str, str]:
    """Use case -> SHA-256 of what decides who is a case, where and on which day."""
    return {
        use_case.id: canonical_hash(
            {
                **use_case.model_dump(mode="json", include=set(_DEFINITION)),
                "zone": str(configuration.zone_of(use_case)),
            }
        )
        for use_case in configuration.use_cases.values()
    }


def apply_definitions(store: Store, configuration: Configuration, now: datetime) -> bool:
    """Writes the line list anew where a definition differs from the one it was written under.

    Then every use case is looked at once more. Safe to break off and to repeat: only a whole run counts.
    """
    wanted = fingerprints(configuration)
    with store.reading() as tx:
        written = written_definitions(tx)
    if written == wanted:
        return False
    last, rewritten = 0, 0
    while True:
        with store.transaction() as tx:
            keys, last = keys_after(tx, last, _CHUNK)
            relist(tx, keys, configuration, now)
        rewritten += len(keys)
        if len(keys) < _CHUNK:
            break
    with store.transaction(alone=True) as tx:  # workers that start together write the same rows
        save_definitions(tx, wanted)
        if rewritten:
            pending.request(tx, every_look(configuration, now), now)
    log.info("line list written under the definitions as they are now", records=rewritten)
    return True


def every_look(configuration: Configuration, now: datetime) -> list[pending.Request]:
    """A look at every use case in every scope as of today."""
    return [
        pending.Request(use_case.id, scope, now.astimezone(configuration.regions[scope].zone).date())
        for use_case in configuration.use_cases.values()
        for scope in use_case.scopes
    ]
