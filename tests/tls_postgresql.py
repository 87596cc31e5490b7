"""A PostgreSQL server as one in service is: on TCP with a certificate, and a password for everybody.

Its certificate is for `localhost`: to a client that came by 127.0.0.1 it is another server's.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import trustme

from postgresql_server import PostgresqlServer
from surveillance.kafka.ports import free_port

USER, PASSWORD = "surveillance", "opensesame-of-the-database"


@dataclass(frozen=True)
class TlsPostgresql(PostgresqlServer):
    """`ca_file` vouches for it. Without TLS nobody is let in by TCP."""

    port: int = field(default_factory=free_port)
    authority: trustme.CA = field(default_factory=trustme.CA)

    @property
    def ca_file(self) -> Path:
        return self.directory / "ca.pem"

    def address(self, host: str = "localhost", password: str = "") -> str:
        """The URL by TCP; the password stands in it only where it is given."""
        who = f"{USER}:{password}" if password else USER
        return f"postgresql+psycopg://{who}@{host}:{self.port}/postgres"

    def add_user(self) -> None:
        self.execute(f"CREATE ROLE {USER} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")

    def _own_settings(self) -> dict[str, str]:
        key, certificate = self.directory / "key.pem", self.directory / "cert.pem"
        own = self.authority.issue_cert("localhost")
        own.private_key_pem.write_to_path(key)
        own.cert_chain_pems[0].write_to_path(certificate)
        self.authority.cert_pem.write_to_path(self.ca_file)
        owner = self.directory.stat()
        for path in (key, certificate):
            os.chown(path, owner.st_uid, owner.st_gid)
            path.chmod(0o600)
        rules = "local all postgres trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        Path(self.cluster, "pg_hba.conf").write_text(rules)
        with Path(self.cluster, "postgresql.conf").open("a") as file:
            file.write("ssl = on\n")  # not by the command line: a test turns it off
        return {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "ssl_cert_file": str(certificate),
            "ssl_key_file": str(key),
        }

    def execute(self, statement: str) -> None:
        """One statement outside any transaction, by the socket."""
        where = f"dbname=postgres user=postgres host={self.directory} port={self.port}"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement.encode())
