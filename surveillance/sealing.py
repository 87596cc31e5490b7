"""Keys under which restricted values are kept, and the sealing itself: AES-256-GCM, a random nonce each.

A file of keys has a line for each, `key-id base64-of-32-bytes`. The first one seals; all of them open what
was sealed, so that a new key is put first and the old one stays until nothing is under it.
"""

import binascii
import os
import re
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = "sealed:"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")


class SealFault(RuntimeError):
    """A sealed value cannot be opened; the text names the key's id, never the key or the value."""


@dataclass(frozen=True, slots=True)
class SealingKeys:
    """The keys by id. `first`: the id of the one that seals."""

    first: str
    ciphers: dict[str, AESGCM] = field(repr=False)

    def seal(self, plain: bytes, place: str) -> str:
        """The value as it is stored. `place` (table.column) is bound to it: it opens nowhere else."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self.ciphers[self.first].encrypt(nonce, plain, place.encode())
        return f"{MARK}{self.first}:{urlsafe_b64encode(sealed).decode()}"

    def open(self, stored: str, place: str) -> bytes:
        """The value that was sealed. Raises SealFault."""
        _, key_id, text = stored.split(":", 2)
        cipher = self.ciphers.get(key_id)
        if cipher is None:
            raise SealFault(f"{place} is sealed under key {key_id}, which restricted_keys_file does not hold")
        try:
            sealed = urlsafe_b64decode(text)
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise SealFault(
                f"{place} does not open with key {key_id} of restricted_keys_file: it is another key of that "
                "id, or the stored value was changed"
            ) from None


def read_keys(path: Path) -> SealingKeys:
    """The keys in a file. Raises ValueError, which names the line and repeats nothing of it."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__})") from None
    ciphers: dict[str, AESGCM] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        key_id, key = _read_line(line, f"{path} line {number}")
        if key_id in ciphers:
            raise ValueError(f"{path} line {number} repeats the id of a line before; give each key its own")
        ciphers[key_id] = AESGCM(key)
    if not ciphers:
        raise ValueError(f"{path} holds no key; write a line `key-id base64-of-32-bytes`")
    return SealingKeys(next(iter(ciphers)), ciphers)


def _read_line(line: str, where: str) -> tuple[str, bytes]:
    key_id, _, text = line.strip().partition(" ")
    try:
        key = b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if _ID.fullmatch(key_id) is None or len(key) != _KEY_BYTES:
        raise ValueError(
            f"{where} is not `key-id base64-of-32-bytes`; make a key with `openssl rand -base64 32`"
        )
    return key_id, key
