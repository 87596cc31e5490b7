"""Where the brokers are, and how a client shows them who it is. Every client of ours is opened from this."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Security = Literal["plaintext", "tls", "sasl-tls"]
MECHANISM = "SCRAM-SHA-512"

_PROTOCOLS: dict[Security, str] = {"plaintext": "PLAINTEXT", "tls": "SSL", "sasl-tls": "SASL_SSL"}


class _Hidden(str):
    """A text that can be logged untold: kafka-python logs the settings of a client at level debug."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


@dataclass(frozen=True, slots=True)
class Brokers:
    """`addresses`: host:port, separated by commas. Its text is these alone, never the password.

    `ca_file` holds the certificates that vouch for the brokers, in PEM; None: the system's do.
    """

    addresses: str
    security: Security = "plaintext"
    ca_file: Path | None = None
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.addresses

    @property
    def servers(self) -> list[str]:
        return [address.strip() for address in self.addresses.split(",")]

    def tls(self) -> ssl.SSLContext | None:
        """What brokers' certificates are checked with, names included; None without TLS.

        Made anew for each client, so that a CA file which was replaced counts from the next connection on.
        """
        if self.security == "plaintext":
            return None
        return ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))

    def options(self) -> dict[str, Any]:
        """As kafka-python's clients take it."""
        chosen: dict[str, Any] = {
            "bootstrap_servers": self.servers,
            "security_protocol": _PROTOCOLS[self.security],
            "ssl_context": self.tls(),
        }
        if self.security == "sasl-tls":
            chosen |= {
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": self.user,
                "sasl_plain_password": _Hidden(self.password),
            }
        return chosen


def as_brokers(brokers: Brokers | str) -> Brokers:
    """Addresses alone stand for brokers without TLS, such as the embedded one."""
    return Brokers(brokers) if isinstance(brokers, str) else brokers
