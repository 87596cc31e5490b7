"""Ten schedules, which together have every kind of fault, on real Kafka and PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.house import write_config
from chaos.playing import play
from chaos.results import fingerprint
from chaos.schedule import THEMES, draw
from chaos.servers import Servers, ServersAbsent
from plugins.absent import absent
from plugins.kafka_harness import KafkaAbsent

SEED = 1485  # one whose faults are over soon

pytestmark = [pytest.mark.kafka, pytest.mark.postgresql, pytest.mark.slow]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    directory = tmp_path_factory.mktemp("servers")
    try:
        with Servers(directory) as started:
            yield started
    except KafkaAbsent as problem:
        absent("Apache Kafka", str(problem))
    except ServersAbsent as problem:
        absent("PostgreSQL", str(problem))


@pytest.fixture(scope="module")
def config_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_config(tmp_path_factory.mktemp("chaos") / "config")


@pytest.mark.parametrize("number", range(len(THEMES)))
def test_a_schedule_of_faults_loses_and_doubles_nothing(
    number: int, servers: Servers, config_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule = draw(SEED, number)
    result = play(schedule, servers, tmp_path / "schedule", config_dir, fingerprint())
    with capsys.disabled():
        print(f"\n{schedule}\n  -> {result.seconds:.0f} s, {result.repaired} repaired")
    assert (result.lost, result.doubled, result.broken) == (0, 0, ())
    assert result.events >= schedule.events
