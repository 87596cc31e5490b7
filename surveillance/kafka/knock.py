"""One connection, made to hear why a broker turns us away: kafka-python only says that it gave up.

aiokafka, with which the workers read, tells what the broker or TLS said. What can be mended by whoever set
this client up becomes BrokerRefuses, with setting and fix; anything else is an outage, which passes.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping

from aiokafka.conn import create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from surveillance.kafka.brokers import MECHANISM, Brokers
from surveillance.kafka.ports import listens, split_address

KNOCK_SECONDS = 5.0


class BrokerUnreachable(RuntimeError):
    """No broker answered, or it stopped answering: try again later."""


def no_answer(brokers: Brokers | str) -> BrokerUnreachable:
    """Nobody is there: the error, with what to do."""
    return BrokerUnreachable(
        f"no Kafka broker answers at {brokers}. Start it, or set `brokers` (SURVEILLANCE_BROKERS)"
    )


class BrokerRefuses(BrokerUnreachable):
    """A broker answers, and will not have us: the text names the setting to mend."""


# OpenSSL's verify codes (openssl/x509_vfy.h): what they mean here, and what to do.
_CERTIFICATE: Mapping[int, str] = {
    9: "its certificate is not valid yet. Check this machine's clock, or who runs the broker renews it",
    10: "its certificate has expired. Whoever runs the broker renews it (ssl.keystore.location there)",
    62: "its certificate is for another name. Give in `brokers` the name that the certificate has",
    64: "its certificate is for another address. Give in `brokers` the name that the certificate has",
}
_UNKNOWN_CA = (
    "`kafka_ca_file` does not vouch for its certificate. Set it (SURVEILLANCE_KAFKA_CA_FILE) to the CA file "
    "that whoever runs the broker gave you"
)
_SASL: Mapping[type[Exception], str] = {
    SaslAuthenticationFailed: (
        "it does not know the user `{user}` with this password. Check `kafka_user` and `kafka_password_file` "
        "(SURVEILLANCE_KAFKA_USER, SURVEILLANCE_KAFKA_PASSWORD_FILE), or ask its operator for a new password"
    ),
    IllegalSaslStateError: (
        "it asks for no password on this port. Set `kafka_security` (SURVEILLANCE_KAFKA_SECURITY) to tls, or "
        "give in `brokers` the port that does"
    ),
    UnsupportedSaslMechanismError: (
        f"it does not offer {MECHANISM}. Whoever runs the broker adds it to sasl.enabled.mechanisms"
    ),
}
_WANTS_TLS = "it speaks TLS only. Set `kafka_security` (SURVEILLANCE_KAFKA_SECURITY) to sasl-tls"
_WANTS_PASSWORD: Mapping[str, str] = {
    "tls": (
        "it asks for a password on this port. Set `kafka_security` (SURVEILLANCE_KAFKA_SECURITY) to "
        "sasl-tls, and `kafka_user` and `kafka_password_file`; or give in `brokers` the port that asks for "
        "none"
    ),
    "plaintext": (
        "it asks for a password on this port, without TLS. Give in `brokers` the port that has TLS too, and "
        "set `kafka_security` (SURVEILLANCE_KAFKA_SECURITY) to sasl-tls"
    ),
}
_OF_NOBODY = {
    "sasl_mechanism": MECHANISM,
    "sasl_plain_username": "nobody",
    "sasl_plain_password": "nothing",
}
_SPEAKS_PLAINLY = (
    "it does not speak TLS on this port. Give in `brokers` the port that does; only for a broker on this "
    "machine set `kafka_security` to plaintext"
)


def knock(brokers: Brokers) -> bool:
    """Whether a broker answers now; raises BrokerRefuses where one turns us away for good."""
    address = next((one for one in brokers.servers if listens(one)), None)
    if address is None:
        return False
    try:
        asyncio.run(_enter(brokers, address))
        return True
    except ssl.SSLCertVerificationError as error:
        reason: str | None = _CERTIFICATE.get(error.verify_code, _UNKNOWN_CA)
    except tuple(_SASL) as error:
        reason = _SASL[type(error)].format(user=brokers.user)
    except (KafkaError, OSError, TimeoutError):
        reason = _other_language(brokers, address)
    if reason is None:
        return False
    raise BrokerRefuses(f"Kafka at {address}: {reason}")


def _other_language(brokers: Brokers, address: str) -> str | None:
    """Whether it answers as long as TLS or a password is used, or is not; a broker that starts or ends does
    not."""
    if brokers.security != "sasl-tls" and _asks_for_password(brokers, address):
        return _WANTS_PASSWORD[brokers.security]
    if brokers.security == "plaintext":
        return _WANTS_TLS if _speaks_tls(address) else None
    try:
        asyncio.run(_enter(Brokers(address), address))
    except (KafkaError, OSError, TimeoutError):
        return None
    return _SPEAKS_PLAINLY


def _asks_for_password(brokers: Brokers, address: str) -> bool:
    """Such a port answers nothing to who shows none, and ends the connection: so one of nobody's is shown."""
    secured = "SASL_SSL" if brokers.security == "tls" else "SASL_PLAINTEXT"
    try:
        asyncio.run(_enter(brokers, address, security_protocol=secured, **_OF_NOBODY))
    except (SaslAuthenticationFailed, UnsupportedSaslMechanismError):
        return True
    except (KafkaError, OSError, TimeoutError):
        return False
    return False


async def _enter(brokers: Brokers, address: str, **otherwise: str) -> None:
    """Connects, shows the credential and asks something that everybody may. In bounded time."""
    host, port = split_address(address)
    chosen = {name: value for name, value in brokers.options().items() if name != "bootstrap_servers"}
    milliseconds = int(KNOCK_SECONDS * 1000)
    async with asyncio.timeout(2 * KNOCK_SECONDS):
        connection = await create_conn(host, port, request_timeout_ms=milliseconds, **(chosen | otherwise))
        try:
            await connection.send(MetadataRequest([]))
        finally:
            connection.close()


def _speaks_tls(address: str) -> bool:
    """Whoever it is: nothing is sent but the greeting."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(split_address(address), KNOCK_SECONDS) as plain:
            anybody.wrap_socket(plain).close()
    except OSError:
        return False
    return True
