"""What lies plain, or under an older key, sealed under the newest one; the audit chain tells of it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from surveillance.sealing import SealingKeys
from surveillance.store import audit, seals
from surveillance.store.database import Store


@dataclass
class Resealed:
    """How many values of each table were sealed, how many no key opens, and the ids of keys under which
    nothing lies any more."""

    sealed: Counter[str] = field(default_factory=Counter)
    shut: int = 0
    unused_keys: list[str] = field(default_factory=list)


def reseal(store: Store, keys: SealingKeys, by: str, now: datetime, audit_key: bytes) -> Resealed:
    """Seals what is not under the newest key. Safe to break off, and to say again: what is done by then is in
    the audit chain, and is not done again."""
    done = Resealed()
    try:
        for page in seals.seal_all(store, keys):
            done.sealed[page.table] += page.sealed
            done.shut += page.shut
    finally:
        with store.transaction(alone=True) as tx:
            done.unused_keys = seals.forget_keys(tx, keys)
            facts: dict[str, object] = {table: count for table, count in done.sealed.items() if count}
            if done.unused_keys:
                facts["unused_keys"] = done.unused_keys
            if facts:
                audit.append(tx, audit_key, audit.Entry(by, "sealed", f"key/{keys.first}", now, facts))
    return done
