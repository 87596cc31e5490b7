"""A real Apache Kafka as a cluster in service has it: TLS, SCRAM, and an authorizer that refuses by default.

One broker, three ways in: `brokers` wants TLS and a password, `expired` the same with a certificate that ran
out, `tls_only` TLS alone. The certificates are made here and live for the session.
"""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from plugins.kafka_harness import ApacheKafka
from surveillance.kafka.brokers import Brokers
from surveillance.kafka.ports import free_port

ADMIN = "admin"
SECURE = """\
listeners=SECURE://127.0.0.1:{{port}},EXPIRED://127.0.0.1:{expired_port},TLS://127.0.0.1:{tls_port},\
CONTROLLER://127.0.0.1:{{controller_port}}
advertised.listeners=SECURE://127.0.0.1:{{port}},EXPIRED://127.0.0.1:{expired_port},TLS://127.0.0.1:{tls_port}
listener.security.protocol.map=SECURE:SASL_SSL,EXPIRED:SASL_SSL,TLS:SSL,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=SECURE
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config={scram}
listener.name.expired.scram-sha-512.sasl.jaas.config={scram}
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config={plain}
ssl.keystore.type=PEM
ssl.keystore.location={{folder}}/server.pem
listener.name.expired.ssl.keystore.type=PEM
listener.name.expired.ssl.keystore.location={{folder}}/expired.pem
ssl.truststore.type=PEM
ssl.truststore.location={{folder}}/ca.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:{admin}
"""
_MODULES = "org.apache.kafka.common.security"


class SecureKafka(ApacheKafka):
    """Its first user, `admin`, may do everything; every other one is made by a test."""

    def __init__(self) -> None:
        self._expired_port, self._tls_port = free_port(), free_port()
        self._password = secrets.token_urlsafe(24)
        super().__init__()

    @property
    def ca_file(self) -> Path:
        return self._folder / "ca.pem"

    def as_user(self, user: str, password: str) -> Brokers:
        """The brokers, for a client with this credential."""
        return Brokers(self.address, "sasl-tls", self.ca_file, user, password)

    @property
    def admin(self) -> Brokers:
        return self.as_user(ADMIN, self._password)

    @property
    def expired(self) -> Brokers:
        """A way in whose certificate ran out yesterday."""
        return replace(self.admin, addresses=f"127.0.0.1:{self._expired_port}")

    @property
    def tls_only(self) -> Brokers:
        """A way in that asks nobody who they are."""
        return Brokers(f"127.0.0.1:{self._tls_port}", "tls", self.ca_file)

    def _listeners(self) -> str:
        self._make_certificates()
        self.brokers = self.admin
        login = f'required username="{ADMIN}" password="{self._password}"'
        return SECURE.format(
            expired_port=self._expired_port,
            tls_port=self._tls_port,
            scram=f"{_MODULES}.scram.ScramLoginModule {login};",
            plain=f'{_MODULES}.plain.PlainLoginModule {login} user_{ADMIN}="{self._password}";',
            admin=ADMIN,
        )

    def _format_options(self) -> tuple[str, ...]:
        return ("--add-scram", f"SCRAM-SHA-512=[name={ADMIN},password={self._password}]")

    def _make_certificates(self) -> None:
        authority, names = trustme.CA(), ("127.0.0.1", "localhost")
        yesterday = datetime.now(UTC) - timedelta(days=1)
        authority.cert_pem.write_to_path(self.ca_file)
        good = authority.issue_cert(*names)
        old = authority.issue_cert(*names, not_before=yesterday - timedelta(days=9), not_after=yesterday)
        (self._folder / "server.pem").write_bytes(_as_java_reads_it(good))
        (self._folder / "expired.pem").write_bytes(_as_java_reads_it(old))


def _as_java_reads_it(certificate: trustme.LeafCert) -> bytes:
    """Key and certificates in PEM. Java takes a key in PKCS #8 only."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return written + b"".join(one.bytes() for one in certificate.cert_chain_pems)
