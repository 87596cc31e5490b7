"""Every secret that the service is given, each a text of its own that is looked for in whatever comes out."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEYS = ("dead_letter_key", "audit_key", "session_key", "oidc_secret", "kafka_password")
PASSWORD_TYPED = "planted-typed-password-9c1f"

RECEIVERS = """
receivers:
  - {id: alerts-topic, channel: alerts-topic}
  - {id: team, channel: email, address: team@example.org}
  - {id: case-system, channel: webhook, address: "https://127.0.0.1:1/alerts", secret_file: webhook-secret}
escalate_every_minutes: 60
"""
ACCESS = """
provider:
  title: Example Trust
  issuer: https://127.0.0.1:1
  client_id: surveillance
  name_claim: email
  groups_claim: groups
  roles: [{group: leads, role: lead}]
"""


def planted(name: str) -> str:
    """The secret of this name; long enough for every key."""
    return f"planted-{name.replace('_', '-')}-0123456789-0123456789-7f3a"


def all_planted() -> tuple[str, ...]:
    others = ("database_password", "mail_password", "webhook", "pseudonym")
    return (*(planted(name) for name in (*KEYS, *others)), PASSWORD_TYPED)


def told(text: str) -> list[str]:
    """The planted secrets that stand in a text, whole or in the greater part."""
    return [secret for secret in all_planted() if secret in text or secret[8:30] in text]


def plant(folder: Path, config: Path | None = None) -> dict[str, str]:
    """Writes a configuration and every secret below `folder`; returns the environment that names them."""
    made = shutil.copytree(config or ROOT / "config", folder / "config")
    (made / "receivers.yaml").write_text(RECEIVERS)
    (made / "access.yaml").write_text(ACCESS)
    (made / "webhook-secret").write_text(planted("webhook"))
    (folder / "pseudonym").write_text(planted("pseudonym") * 2)
    settings: dict[str, object] = {
        "config_dir": made,
        "brokers": "127.0.0.1:1",
        "kafka_security": "sasl-tls",
        "kafka_user": "surveillance",
        "spool_dir": folder / "spool",
        "mail_host": "127.0.0.1",
        "mail_port": 1,
        "mail_from": "surveillance@example.org",
        "mail_user": "surveillance",
        "mail_starttls": "true",
    }
    for name in (*KEYS, "mail_password"):
        (folder / name).write_text(planted(name) + "\n")
        settings[f"{name}_file"] = folder / name
    return {f"SURVEILLANCE_{name.upper()}": str(value) for name, value in settings.items()}
