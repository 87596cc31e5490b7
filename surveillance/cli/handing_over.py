"""What a partner with a Kafka client is told: where, as whom, on which topics, and how to try it."""

from pathlib import Path

import typer

from surveillance.configuration import Configuration
from surveillance.events.topics import receipts_topic
from surveillance.identity import partner_topics, partner_user
from surveillance.kafka.brokers import MECHANISM, Brokers
from surveillance.settings import Settings
from surveillance.use_case.model import Partner

_PASSWORD = "PASSWORD"
_CA_FILE = "ca.pem"


def hand_over(
    partner: Partner, configuration: Configuration, settings: Settings, password: str | None
) -> None:
    """Prints it. `password` is the new one, or None where there is none to show."""
    brokers, prefix = settings.kafka, settings.topic_prefix
    typer.echo(f"\nHand over to {partner.title} ({partner.organisation}):\n")
    for name, value in _facts(partner, configuration, prefix, brokers, password):
        typer.echo(f"  {name:<14}{value}")
    typer.echo("\nclient.properties, for any Java client and Kafka's own tools:\n")
    typer.echo(client_properties(brokers, partner_user(partner.id)))
    if password is not None:
        typer.echo("The password is shown this once and kept nowhere. Send it by another way than the rest.")


def _facts(
    partner: Partner, configuration: Configuration, prefix: str, brokers: Brokers, password: str | None
) -> list[tuple[str, object]]:
    history = [name for name in partner_topics(partner.id, configuration, prefix) if "backfill." in name]
    live = [name for name in partner_topics(partner.id, configuration, prefix) if name not in history]
    return [
        ("brokers", brokers),
        *_credential(partner_user(partner.id), brokers, password),
        ("topics", ", ".join(live)),
        ("history", ", ".join(history)),
        ("receipts", _receipts(partner, prefix)),
        ("contract", "surveillance contract --out contract (AsyncAPI and JSON Schema)"),
        ("organisation", f'every event says "reporter_org": "{partner.organisation}"'),
        ("first", 'a test record: an envelope with "test": true, checked and answered, never counted'),
        ("guide", "docs/partners/kafka.md"),
    ]


def _receipts(partner: Partner, prefix: str) -> str:
    if not partner.receipts:
        return "none; `receipts: true` in its file and surveillance topics create give it a topic of them"
    topic = receipts_topic(partner.id, prefix)
    return f"{topic}, read in the group {topic}"


def _credential(user: str, brokers: Brokers, password: str | None) -> list[tuple[str, object]]:
    if brokers.security != "sasl-tls":
        words = f"none: kafka_security is {brokers.security}; whoever reaches the broker may publish"
        return [("credential", words)]
    ca_file: Path | str = brokers.ca_file or "none: the certificates that the system trusts"
    return [
        ("security", f"TLS, {MECHANISM}"),
        ("CA file", ca_file),
        ("user", user),
        ("password", password or "the one it was given; surveillance partners rotate makes another"),
    ]


def client_properties(brokers: Brokers, user: str) -> str:
    """The settings of a producer that loses nothing and doubles nothing by itself. Its password is not in
    it, since that goes another way: the partner puts it in the place of PASSWORD."""
    login = f'required username="{user}" password="{_PASSWORD}";'
    lines = [f"bootstrap.servers={brokers}", "acks=all", "enable.idempotence=true", "linger.ms=5"]
    if brokers.security == "sasl-tls":
        lines += [
            "security.protocol=SASL_SSL",
            f"sasl.mechanism={MECHANISM}",
            f"sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule {login}",
        ]
    if brokers.security == "tls":
        lines.append("security.protocol=SSL")
    if brokers.security != "plaintext" and brokers.ca_file is not None:
        lines += ["ssl.truststore.type=PEM", f"ssl.truststore.location={_CA_FILE}"]
    return "\n".join(lines) + "\n"
