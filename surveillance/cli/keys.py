"""The keys without which nobody decides anything: they lie outside the database."""

from pydantic import SecretStr

from surveillance.cli.errors import Mistake
from surveillance.settings import Settings


def audit_key_of(settings: Settings) -> bytes:
    """Of the audit chain. Raises Mistake."""
    return _key(settings.audit_key, "AUDIT_KEY", "at least 32 characters")


def desk_keys(settings: Settings) -> tuple[bytes, bytes]:
    """Of the audit chain, and of the HMACs that stand for erased records. Raises Mistake."""
    return audit_key_of(settings), _key(
        settings.dead_letter_key, "DEAD_LETTER_KEY", "the one that the workers have"
    )


def _key(key: SecretStr | None, name: str, which: str) -> bytes:
    if key is None:
        raise Mistake(f"SURVEILLANCE_{name}: missing; set it to a long random text, {which}")
    return key.get_secret_value().encode()
