"""A house of which everything restricted is sealed, and the keys for it."""

from base64 import b64encode
from dataclasses import replace
from pathlib import Path

from surveillance.database_address import Address
from surveillance.sealing import SealingKeys, read_keys
from surveillance.store.database import Store

ONE, TWO = (
    f"{name} {b64encode(bytes([number]) * 32).decode()}" for number, name in enumerate(("one", "two"))
)
OTHER_ONE = f"one {b64encode(bytes([9]) * 32).decode()}"


def keys(directory: Path, *lines: str) -> SealingKeys:
    """Keys as they are read from a file with these lines."""
    file = directory / "restricted-keys"
    file.write_text("".join(f"{line}\n" for line in lines))
    return read_keys(file)


def opened_again(store: Store, with_keys: SealingKeys | None) -> Store:
    """The same database, opened with other keys or with none."""
    address = Address(store.engine.url.render_as_string(hide_password=False))
    return Store.open(replace(address, keys=with_keys))
