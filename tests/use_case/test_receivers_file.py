"""Every mistake in receivers.yaml is named with its key and what to do about it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from small_house import write_house
from surveillance.configuration import load_configuration
from surveillance.use_case.fault import ConfigError

TEAM: dict[str, Any] = {
    "id": "team",
    "channel": "webhook",
    "address": "https://example.org/a",
    "secret_env": "S",
}
DEPUTY = TEAM | {"id": "deputy"}
HOURS = {"opens": "09:00", "closes": "17:00"}
LONDON = {"time_zone": "Europe/London"}
ALWAYS = [{"receivers": ["deputy"]}]


def written(directory: Path, *receivers: dict[str, Any], told: list[str] | None = None, **keys: Any) -> Path:
    house = write_house(directory, receivers=told or ["team"])
    (house / "receivers.yaml").write_text(yaml.safe_dump({"receivers": list(receivers), **keys}))
    return house


@pytest.mark.parametrize(
    ("changes", "key", "problem", "fix"),
    [
        ({"chanel": "email"}, "chanel", "no such key", "Did you mean `channel`?"),
        ({"channel": "pigeon"}, "channel", "no such channel", "alerts-topic, email, webhook"),
        (
            {"channel": "email", "secret_env": None, "address": "x"},
            "address",
            "not one email",
            "lead@example.org",
        ),
        ({"address": "http://example.org"}, "address", "unencrypted", "https://"),
        ({"secret_file": "s"}, "secret_env", "beside secret_file", "Keep one"),
        ({"digest_at": "08:00"}, "time_zone", "digest_at needs it", "Europe/London"),
        ({"time_zone": "Europe/Nowhere"}, "time_zone", "no such time zone", "Europe/London"),
        (LONDON | {"working_hours": HOURS}, "working_hours", "nobody hears", "on_call"),
        (
            LONDON | {"working_hours": {"opens": "17:00", "closes": "09:00"}, "on_call": ALWAYS},
            "working_hours.closes",
            "not after `opens`",
            "17:00",
        ),
        (
            LONDON | {"quiet_hours": {"begins": "22:00", "ends": "22:00"}},
            "quiet_hours.ends",
            "when they begin",
            "end",
        ),
        (
            LONDON | {"on_call": [{"receivers": ["nobody"]}]},
            "on_call[0].receivers[0]",
            "no such",
            "deputy, team",
        ),
        (
            LONDON | {"on_call": [{"receivers": ["team"]}]},
            "on_call[0].receivers[0]",
            "list of its own",
            "Name",
        ),
        (
            LONDON | {"on_call": [{"receivers": ["deputy"], "days": ["monday"]}]},
            "on_call",
            "nobody on call",
            "without days",
        ),
        (
            LONDON
            | {"on_call": [{"receivers": ["deputy"], "first": "2024-02-02", "last": "2024-02-01"}, *ALWAYS]},
            "on_call[0].last",
            "before `first`",
            "last day",
        ),
        ({"use_cases": ["nothing"]}, "use_cases[0]", "no such use case", "dune-fever"),
        ({"scopes": ["nowhere"]}, "scopes[0]", "no such scope", "north, south"),
        ({"minimum_severity": "raised"}, "minimum_severity", "has no severity raised", "severe, watch"),
        ({"repeat_minutes": -1}, "repeat_minutes", "greater than or equal to 0", "Correct"),
        ({"digest_at": "8 o'clock"}, "digest_at", "valid time", "Correct"),
    ],
)
def test_a_mistake_is_named_with_key_and_fix(tmp_path: Path, changes, key, problem, fix) -> None:
    team = {name: value for name, value in (TEAM | changes).items() if value is not None}
    with pytest.raises(ConfigError) as found:
        load_configuration(written(tmp_path, team, DEPUTY))
    (fault,) = found.value.faults
    assert (fault.file, fault.key) == ("receivers.yaml", f"receivers[0].{key}")
    assert problem in fault.problem
    assert fix in fault.fix


def test_an_id_stands_once_and_a_use_case_names_only_receivers_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stands twice"):
        load_configuration(written(tmp_path / "twice", TEAM, TEAM))
    with pytest.raises(
        ConfigError, match=r"receivers\[1\]: there is no such receiver. Use one of: deputy, team"
    ):
        load_configuration(written(tmp_path / "unknown", TEAM, DEPUTY, told=["team", "stranger"]))


def test_without_the_file_there_is_the_alerts_topic_alone(tmp_path: Path) -> None:
    assert list(load_configuration(write_house(tmp_path)).receivers) == ["alerts-topic"]


def test_hours_may_be_written_without_quotes(tmp_path: Path) -> None:
    house = write_house(tmp_path, receivers=["team"])
    (house / "receivers.yaml").write_text(
        "receivers:\n- {id: team, channel: webhook, address: https://example.org/a, secret_env: S,"
        " time_zone: Europe/London, digest_at: 17:30, quiet_hours: {begins: 22:00, ends: 07:00}}\n"
    )
    team = load_configuration(house).receivers["team"]
    assert team.digest_at is not None
    assert team.quiet_hours is not None
    assert [f"{t:%H:%M}" for t in (team.digest_at, team.quiet_hours.begins, team.quiet_hours.ends)] == [
        "17:30",
        "22:00",
        "07:00",
    ]


def test_a_secret_and_an_address_are_not_shown_where_a_receiver_is_printed(tmp_path: Path) -> None:
    team = load_configuration(written(tmp_path, TEAM)).receivers["team"]
    assert "example.org" not in repr(team)
