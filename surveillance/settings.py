"""Where things are and how they run: config/surveillance.yaml, then SURVEILLANCE_* in the environment.

What is counted, and who hears of it, is not here but in use cases, partners and scopes.
"""

import ssl
from collections.abc import Collection, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from surveillance.database_address import Address
from surveillance.kafka.brokers import Brokers, Security
from surveillance.sealing import SealingKeys, read_keys
from surveillance.secret_files import misplaced, read_line, secret_names, with_secrets
from surveillance.use_case.fault import ConfigError, ConfigFault
from surveillance.use_case.read import read_yaml

_FILE = "surveillance.yaml"
_USER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"  # what SCRAM and an access rule of Kafka both take as it is
_READ_LATER = ("kafka_password",)  # its file is read at each connection, so that it can be changed meanwhile


class Settings(BaseSettings):
    """Every setting with its default; the defaults run the service on one machine, on loopback."""

    # An empty variable is one that is not set: a compose file passes all it knows of, filled in or not.
    model_config = SettingsConfigDict(
        env_prefix="SURVEILLANCE_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # a key that is too short is a secret all the same
    )

    config_dir: Path = Field(
        default=Path("config"), description="use_cases/, partners/ and surveillance.yaml"
    )
    database_url: SecretStr = Field(
        default=SecretStr("sqlite:///var/surveillance.db"),
        description="sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME",
    )
    database_url_file: Path | None = Field(default=None, description="file that holds database_url")
    database_password: SecretStr | None = Field(
        default=None, description="password of the user in database_url, where that names none"
    )
    database_password_file: Path | None = Field(default=None, description="file that holds database_password")
    database_tls: bool = Field(
        default=False,
        description="PostgreSQL with TLS only, its certificate and name checked; false: as database_url says",
    )
    database_ca_file: Path | None = Field(
        default=None, description="certificates, in PEM, that vouch for PostgreSQL; none: the system's"
    )
    database_migrator_password: SecretStr | None = Field(
        default=None, description="for `db roles`: password of surveillance_migrator"
    )
    database_migrator_password_file: Path | None = Field(
        default=None, description="file that holds database_migrator_password"
    )
    database_worker_password: SecretStr | None = Field(
        default=None, description="for `db roles`: password of surveillance_worker"
    )
    database_worker_password_file: Path | None = Field(
        default=None, description="file that holds database_worker_password"
    )
    database_web_password: SecretStr | None = Field(
        default=None, description="for `db roles`: password of surveillance_web"
    )
    database_web_password_file: Path | None = Field(
        default=None, description="file that holds database_web_password"
    )
    restricted_keys_file: Path | None = Field(
        default=None,
        description="file of keys, a line `key-id base64-of-32-bytes` each, under the first of which what is "
        "restricted is sealed in the database and the spool; none: it lies there plain",
    )
    brokers: str = Field(default="127.0.0.1:9092", description="Kafka bootstrap servers, comma separated")
    kafka_security: Security = Field(
        default="plaintext",
        description="sasl-tls: TLS and a password; tls: TLS alone; plaintext: a broker on this machine",
    )
    kafka_ca_file: Path | None = Field(
        default=None, description="certificates, in PEM, that vouch for the brokers; none: the system's"
    )
    kafka_user: str | None = Field(default=None, description="name of this client at the brokers (SCRAM)")
    kafka_password_file: Path | None = Field(
        default=None, description="file that holds the password of kafka_user"
    )
    kafka_password: SecretStr | None = Field(
        default=None, description="the password itself, from the environment only"
    )
    kafka_service_user: str = Field(
        default="surveillance", pattern=_USER, description="kafka_user of the workers, for `topics create`"
    )
    kafka_gateway_user: str = Field(
        default="surveillance-gateway",
        pattern=_USER,
        description="kafka_user of what publishes for partners (uploads, `publish`), for `topics create`",
    )
    topic_prefix: str = Field(default="", description="before every topic name; replay sets its own")
    consumer_group: str = Field(default="surveillance", description="Kafka consumer group that workers share")
    partitions: int = Field(default=4, ge=1, description="partitions of a partner's topic when it is created")
    replication_factor: int = Field(default=1, ge=1, description="copies of each partition on the brokers")
    topic_retention_days: float | None = Field(
        default=None,
        gt=0,
        description="how long the partners' topics keep a message, set by `topics create`; none: seven days "
        "where it makes one, and those that exist stay as they are",
    )
    keep_uncounted_days: int | None = Field(
        default=None,
        ge=1,
        description="records that no use case counts, and refused messages, are kept so many days after "
        "their receipt; none: for ever",
    )
    dead_letter_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="key of the HMACs that stand for the payload of a dead letter, and for an erased record",
    )
    dead_letter_key_file: Path | None = Field(default=None, description="file that holds dead_letter_key")
    audit_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="key of the audit chain; it is nowhere in the database",
    )
    audit_key_file: Path | None = Field(default=None, description="file that holds audit_key")
    session_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="key of people's session cookies; without it one is derived from audit_key",
    )
    session_key_file: Path | None = Field(default=None, description="file that holds session_key")
    oidc_secret: SecretStr | None = Field(
        default=None,
        description="secret that the identity provider of access.yaml gave this service, if it gave one",
    )
    oidc_secret_file: Path | None = Field(default=None, description="file that holds oidc_secret")
    batch_messages: int = Field(default=2000, ge=1, description="most messages in one transaction")
    ingest_lanes: int = Field(
        default=3, ge=1, le=16, description="batches stored at once, each of other partitions"
    )
    batch_wait_seconds: float = Field(default=0.02, gt=0, description="longest wait for a batch to fill")
    fetch_wait_ms: int = Field(default=100, ge=1, description="longest wait of one fetch at the broker")
    repair_after_seconds: float = Field(
        default=5.0, ge=0, description="an offset unhandled for this long is fetched again"
    )
    evaluation_lease_seconds: float = Field(
        default=30.0, gt=0, description="a claim on an evaluation lapses after this"
    )
    replay: bool = Field(
        default=False,
        description="evaluate only what is asked for, as known then; deliver nothing; stop the clock",
    )
    metrics_host: str = Field(default="127.0.0.1", description="where metrics and health listen")
    metrics_port: int = Field(
        default=9464, ge=0, le=65535, description="metrics and health of a worker; 0 for none"
    )
    metrics_cert_file: Path | None = Field(
        default=None, description="certificate, in PEM, of the metrics; none: they are served without TLS"
    )
    metrics_key_file: Path | None = Field(
        default=None, description="its key, in PEM, where metrics_cert_file does not hold it"
    )
    metrics_client_ca_file: Path | None = Field(
        default=None, description="certificates that vouch for who may read metrics; none: whoever asks"
    )
    ready_unhandled_messages: int = Field(
        default=10_000, ge=0, description="a worker is ready where no more than this waits on all topics"
    )
    web_host: str = Field(default="127.0.0.1", description="where the leads' pages listen")
    web_port: int = Field(default=8080, ge=1, le=65535, description="their port")
    web_metrics_port: int = Field(
        default=9465,
        ge=0,
        le=65535,
        description="metrics and health of the pages, on metrics_host; 0 for none",
    )
    web_url: str = Field(
        default="http://127.0.0.1:8080",
        description="the public address of the pages: links in email and webhooks begin with it",
    )
    web_cert_file: Path | None = Field(
        default=None,
        description="certificate, in PEM, of the pages; none: a proxy in front of them ends TLS",
    )
    web_key_file: Path | None = Field(
        default=None, description="its key, in PEM, where web_cert_file does not hold it"
    )
    mail_host: str | None = Field(
        default=None, description="mail server that takes the service's email; needed for channel email"
    )
    mail_port: int = Field(default=587, ge=1, le=65535, description="its port for submission")
    mail_from: str | None = Field(
        default=None, pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="the address that email comes from"
    )
    mail_user: str | None = Field(default=None, description="name to sign in with; none: no sign-in")
    mail_password_file: Path | None = Field(
        default=None, description="file that holds the password of mail_user"
    )
    mail_starttls: bool | None = Field(
        default=None,
        description="STARTTLS is required; false: never used. Unset: required, but not on loopback",
    )
    mail_ca_file: Path | None = Field(
        default=None, description="certificates that vouch for the mail server; none: the system's"
    )
    webhook_ca_file: Path | None = Field(
        default=None, description="certificates that vouch for webhooks' receivers; none: the system's"
    )
    spool_dir: Path = Field(
        default=Path("var/spool"),
        description="what partners handed in, until the broker has it: on a disk that outlasts a restart",
    )
    spool_megabytes: int = Field(default=2000, ge=1, description="the most that spool_dir may hold")
    upload_megabytes: int = Field(default=50, ge=1, description="the most that one upload may have")
    test_record_days: int = Field(
        default=90, ge=1, description="answers to partners' test records are kept for so many days"
    )
    test_records_each: int = Field(
        default=10_000, ge=1, description="and of each partner the newest so many at most"
    )
    trusted_proxies: str = Field(
        default="",
        description="addresses or networks, comma separated, of proxies whose X-Forwarded-For and -Proto are "
        "believed",
    )
    chromium: str = Field(
        default="", description="path of Chromium, for reports as PDF; empty: looked for by its usual names"
    )
    log_format: str = Field(default="console", pattern="^(console|json)$", description="console or json")
    log_messages: bool = Field(
        default=True,
        description="a line in the log for each message, by which its record can be followed to alerts",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, text: str) -> str:
        """No names, which would match nobody; not everybody, who could then say to be anybody."""
        for one in filter(None, map(str.strip, text.split(","))):
            try:
                ip_network(one)
            except ValueError as problem:
                raise ValueError("give IP addresses or networks, such as 10.0.0.5, 10.1.0.0/16") from problem
        return text

    @property
    def kafka(self) -> Brokers:
        """The brokers as our clients reach them. Raises ConfigError with every setting to mend."""
        faults = list(_kafka_faults(self))
        if faults:
            raise ConfigError(faults)
        named = self.kafka_security == "sasl-tls"
        user, password = (self.kafka_user or "", _kafka_password(self) or "") if named else ("", "")
        ca_file = None if self.kafka_security == "plaintext" else self.kafka_ca_file
        return Brokers(self.brokers, self.kafka_security, ca_file, user, password)

    @property
    def database(self) -> Address:
        """Where the database is, and how its server must show who it is. Raises ConfigError."""
        if self.database_tls and (problem := _ca_problem(self.database_ca_file)):
            fix = "Give the PEM file that whoever runs the database gave you"
            raise ConfigError([_setting_fault("database_ca_file", f"{self.database_ca_file} {problem}", fix)])
        password = self.database_password
        return Address(
            self.database_url.get_secret_value(),
            None if password is None else password.get_secret_value(),
            self.database_tls,
            self.database_ca_file,
            self.restricted_keys,
        )

    @property
    def restricted_keys(self) -> SealingKeys | None:
        """The keys that restricted values are sealed under, if there are any. Raises ConfigError."""
        if self.restricted_keys_file is None:
            return None
        try:
            return read_keys(self.restricted_keys_file)
        except ValueError as problem:
            fix = "Name a file of keys that this user may read"
            raise ConfigError([_setting_fault("restricted_keys_file", str(problem), fix)]) from problem

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        directory = Path(
            str(init_settings().get("config_dir") or env_settings().get("config_dir") or "config")
        )
        read_now = [name for name in secret_names(settings_cls) if name not in _READ_LATER]
        given = (init_settings(), env_settings(), _read(directory / _FILE, secret_names(settings_cls)))
        return tuple(InitSettingsSource(settings_cls, with_secrets(one, read_now)) for one in given)


def _read(path: Path, secrets: Collection[str]) -> dict[str, Any]:
    """The settings in the file; a file that is missing has none. Raises ConfigError."""
    if not path.exists():
        return {}
    content, faults = read_yaml(path, _FILE)
    faults.extend(misplaced(content or {}, secrets, _FILE))
    if faults or content is None:
        raise ConfigError(faults)
    return content


def _kafka_faults(settings: Settings) -> Iterator[ConfigFault]:
    """What is wrong with how the brokers are to be reached."""
    if settings.kafka_security != "plaintext" and (problem := _ca_problem(settings.kafka_ca_file)):
        fix = "Give the PEM file that whoever runs the brokers gave you"
        yield _setting_fault("kafka_ca_file", f"{settings.kafka_ca_file} {problem}", fix)
    if settings.kafka_security != "sasl-tls":
        return
    if not settings.kafka_user:
        yield _setting_fault("kafka_user", "is missing, and kafka_security is sasl-tls", "Name this client")
    try:
        if _kafka_password(settings) is None:
            fix = "Put the password of kafka_user into a file, and name it"
            yield _setting_fault("kafka_password_file", "there is no password", fix)
    except ValueError as problem:
        yield _setting_fault("kafka_password_file", str(problem), "Name a file that this user may read")


def _setting_fault(key: str, problem: str, fix: str) -> ConfigFault:
    return ConfigFault("settings", key, problem, f"{fix} (SURVEILLANCE_{key.upper()}, or {_FILE})")


def _ca_problem(path: Path | None) -> str | None:
    try:
        ssl.create_default_context(cafile=None if path is None else str(path))
    except ssl.SSLError:
        return "holds no certificate in PEM"
    except OSError as error:
        return f"cannot be read ({type(error).__name__})"
    return None


def _kafka_password(settings: Settings) -> str | None:
    if settings.kafka_password is not None:
        return settings.kafka_password.get_secret_value()
    path = settings.kafka_password_file
    return None if path is None else read_line(path)
