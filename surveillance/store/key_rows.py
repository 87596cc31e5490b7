"""Which keys values of this database lie sealed under: a table tells, so that no start has to search."""

from sqlalchemy import Connection, select

from surveillance.sealing import SealFault, SealingKeys
from surveillance.store.sealed import keys_of
from surveillance.store.statements import insert_missing
from surveillance.store.tables_sealing import sealing_keys

_PLACE = "sealing_keys.proof"
_SETTING = "restricted_keys_file (SURVEILLANCE_RESTRICTED_KEYS_FILE)"


def check(tx: Connection) -> bool:
    """Whether the key that seals from now on is noted already; no key needs no note.

    Raises SealFault unless each key under which something may lie sealed is at hand, and is that key.
    """
    keys = keys_of(tx.dialect)
    noted = {row.key_id: row.proof for row in tx.execute(select(sealing_keys))}
    if noted and keys is None:
        raise SealFault(
            f"values lie sealed under {', '.join(sorted(noted))}, and there are no keys. Set {_SETTING} "
            "to the file that holds them, and start this process anew"
        )
    for key_id, proof in sorted(noted.items()):
        _prove(keys, key_id, proof)
    return keys is None or keys.first in noted


def enter(tx: Connection) -> None:
    """Notes the key that seals. Idempotent by its id: of two that start at once the first one's stays, and
    the second one's must open it."""
    keys = keys_of(tx.dialect)
    if keys is None:
        return
    found = select(sealing_keys.c.proof).where(sealing_keys.c.key_id == keys.first)
    row = {"key_id": keys.first, "proof": keys.seal(keys.first.encode(), _PLACE)}
    insert_missing(tx, sealing_keys, [row])
    _prove(keys, keys.first, tx.execute(found).scalar_one())


def _prove(keys: SealingKeys | None, key_id: str, proof: str) -> None:
    if keys is None or key_id not in keys.ciphers:
        raise SealFault(
            f"values lie sealed under key {key_id}, which {_SETTING} does not hold. Add its line below the "
            "newest key's, and start this process anew; `surveillance db seal` says when nothing is under it "
            "any more"
        )
    keys.open(proof, _PLACE)
