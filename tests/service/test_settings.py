"""Settings: a file, overridden by the environment; every mistake by its name, and no secret in sight."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from surveillance.cli.errors import explain
from surveillance.secret_files import secret_names
from surveillance.settings import Settings
from surveillance.use_case.fault import ConfigError


@pytest.fixture
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SURVEILLANCE_{name.upper()}", raising=False)
    (tmp_path / "surveillance.yaml").write_text(
        "brokers: file:9092\npartitions: 8\nconsumer_group: from-file\nscopes: []\n"
    )
    return tmp_path


def test_without_anything_the_defaults_stay_on_this_machine(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config_dir)
    settings = Settings()
    assert settings.brokers == "127.0.0.1:9092"
    assert settings.metrics_host == settings.web_host == "127.0.0.1"
    assert settings.dead_letter_key is None


def test_the_file_overrides_a_default(config_dir: Path) -> None:
    settings = Settings(config_dir=config_dir)
    assert (settings.brokers, settings.partitions) == ("file:9092", 8)


def test_the_environment_overrides_the_file(config_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEILLANCE_BROKERS", "environment:9092")
    settings = Settings(config_dir=config_dir)
    assert (settings.brokers, settings.partitions) == ("environment:9092", 8)


def test_the_environment_says_where_the_file_is(config_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(config_dir))
    assert Settings().consumer_group == "from-file"


def test_arguments_override_the_environment(config_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEILLANCE_BROKERS", "environment:9092")
    assert Settings(config_dir=config_dir, brokers="argument:9092").brokers == "argument:9092"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partitions", "0"),
        ("partitions", "many"),
        ("batch_wait_seconds", "0"),
        ("metrics_port", "70000"),
        ("log_format", "xml"),
        ("replay", "perhaps"),
    ],
)
def test_a_mistake_is_explained_by_its_name_and_where_to_mend_it(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SURVEILLANCE_{name.upper()}", value)
    with pytest.raises(ValidationError) as caught:
        Settings(config_dir=config_dir)
    words = explain(caught.value)
    assert words is not None
    assert words.startswith(f"setting {name}: ")
    assert f"SURVEILLANCE_{name.upper()}" in words
    assert "surveillance.yaml" in words


def test_two_mistakes_are_both_explained(config_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEILLANCE_PARTITIONS", "0")
    monkeypatch.setenv("SURVEILLANCE_WEB_PORT", "0")
    with pytest.raises(ValidationError) as caught:
        Settings(config_dir=config_dir)
    words = explain(caught.value)
    assert words is not None
    assert len(words.splitlines()) == 2


def test_secrets_are_not_shown(config_dir: Path) -> None:
    settings = Settings(
        config_dir=config_dir,
        dead_letter_key="never-to-be-seen",  # type: ignore[arg-type]
        database_url="postgresql+psycopg://u:never-to-be-seen@h/d",  # type: ignore[arg-type]
    )
    assert "never-to-be-seen" not in f"{settings!r} {settings} {settings.model_dump()}"


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("content", [b"scopes: [", b"- a list", b"\xff\xfe"])
def test_a_settings_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "surveillance.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"surveillance\.yaml"):
        Settings(config_dir=tmp_path)


CA = "kafka_ca_file"


@pytest.mark.parametrize(
    ("chosen", "key", "words"),
    [
        ({"kafka_security": "sasl-tls", "kafka_password": "p"}, "kafka_user", "is missing"),
        ({"kafka_security": "sasl-tls", "kafka_user": "u"}, "kafka_password_file", "there is no password"),
        (
            {"kafka_security": "sasl-tls", "kafka_user": "u", "kafka_password_file": "nowhere"},
            "kafka_password_file",
            "cannot be read (FileNotFoundError)",
        ),
        ({"kafka_security": "tls", "kafka_ca_file": "nowhere"}, CA, "cannot be read (FileNotFoundError)"),
        ({"kafka_security": "tls", "kafka_ca_file": __file__}, CA, "holds no certificate in PEM"),
    ],
)
def test_a_way_to_the_brokers_that_cannot_work_is_told_by_its_setting(
    config_dir: Path, chosen: dict[str, str], key: str, words: str
) -> None:
    with pytest.raises(ConfigError) as error:
        Settings(config_dir=config_dir, **chosen).kafka  # noqa: B018
    [fault] = error.value.faults
    assert fault.key == key
    assert words in fault.problem
    assert f"SURVEILLANCE_{key.upper()}" in fault.fix


def test_a_password_of_the_brokers_comes_from_a_file_or_the_environment_and_is_never_shown(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config_dir / "password").write_text("opensesame\n")
    named = {"config_dir": config_dir, "kafka_security": "sasl-tls", "kafka_user": "surveillance"}
    of_file = Settings(**named, kafka_password_file=config_dir / "password")
    monkeypatch.setenv("SURVEILLANCE_KAFKA_PASSWORD", "opensesame")
    of_environment = Settings(**named)
    for settings in (of_file, of_environment):
        assert settings.kafka.password == "opensesame"
        shown = f"{settings!r} {settings.kafka!r} {settings.kafka} {settings.kafka.options()!r}"
        assert "opensesame" not in shown


def test_a_password_of_the_brokers_is_refused_in_the_file_of_settings(config_dir: Path) -> None:
    with (config_dir / "surveillance.yaml").open("a") as file:
        file.write("kafka_password: opensesame\n")
    with pytest.raises(ConfigError, match="must not stand here") as error:
        Settings(config_dir=config_dir)
    assert "SURVEILLANCE_KAFKA_PASSWORD" in str(error.value)
    assert "opensesame" not in str(error.value)


SECRETS = secret_names(Settings)


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_may_lie_in_a_file_and_none_in_the_file_of_settings(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    secret = "sqlite:///never-to-be-seen-in-any-output" if name == "database_url" else "never-to-be-seen" * 3
    (config_dir / "secret").write_text(f"{secret}\n")
    monkeypatch.setenv(f"SURVEILLANCE_{name.upper()}_FILE", str(config_dir / "secret"))
    settings = Settings(config_dir=config_dir)
    if name != "kafka_password":  # read at each connection
        assert getattr(settings, name).get_secret_value() == secret
    assert "never-to-be-seen" not in f"{settings!r} {settings} {settings.model_dump()}"
    with (config_dir / "surveillance.yaml").open("a") as file:
        file.write(f"{name}: {secret.replace('sqlite:///', 'postgresql://u:')}@h/d\n")
    with pytest.raises(ConfigError, match=rf"surveillance\.yaml: {name}: ") as refused:
        Settings(config_dir=config_dir)
    assert f"SURVEILLANCE_{name.upper()}" in str(refused.value)
    assert "never-to-be-seen" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read (FileNotFoundError)"), (b"", "is empty"), (b"\xff\xfe", "UnicodeDecodeError")],
)
def test_a_file_without_its_secret_is_named(
    config_dir: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, words: str
) -> None:
    if content is not None:
        (config_dir / "secret").write_bytes(content)
    monkeypatch.setenv("SURVEILLANCE_AUDIT_KEY_FILE", str(config_dir / "secret"))
    with pytest.raises(ConfigError, match=re.escape(words)) as refused:
        Settings(config_dir=config_dir)
    assert [fault.key for fault in refused.value.faults] == ["audit_key_file"]


def test_a_secret_is_given_once(config_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (config_dir / "secret").write_text("never-to-be-seen" * 3)
    monkeypatch.setenv("SURVEILLANCE_AUDIT_KEY_FILE", str(config_dir / "secret"))
    monkeypatch.setenv("SURVEILLANCE_AUDIT_KEY", "never-to-be-seen" * 3)
    with pytest.raises(ConfigError, match="Give audit_key or audit_key_file, not both"):
        Settings(config_dir=config_dir)


def test_a_secret_that_is_too_short_is_not_shown(config_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEILLANCE_AUDIT_KEY", "too-short")
    with pytest.raises(ValidationError) as caught:
        Settings(config_dir=config_dir)
    assert "too-short" not in f"{caught.value} {caught.value!r} {explain(caught.value)}"
    assert "Set it in audit_key_file, or as SURVEILLANCE_AUDIT_KEY" in (explain(caught.value) or "")
