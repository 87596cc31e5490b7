"""surveillance publish and backfill: nothing is sent unless every row is right, and every fault is told."""

import csv
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from command import Run

from small_house import incident, write_house
from surveillance.cli import feeding, publish
from surveillance.events.refusal import Fault, RefusalCode
from surveillance.kafka import producer
from surveillance.kafka.admin import describe
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.reader import read_range

COLUMNS = (
    "record_id=Case No,category==dune_fever,status==suspected,occurred_from=Seen,reported_at=Told,"
    "residence_area.code=Crater,age=Age"
)
pytestmark = pytest.mark.usefixtures("planet")
GOOD = {"Case No": "c-1", "Seen": "2024-03-01", "Told": "2024-03-02", "Crater": "n1", "Age": "34"}


@pytest.fixture
def planet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Path:  # noqa: ARG001 - sets first
    directory = write_house(tmp_path / "planet")
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(directory))
    return directory


@pytest.fixture
def prefix(
    embedded_broker: EmbeddedBroker,
    new_topic: Callable[[str], str],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Topics of this test's own at the embedded broker; returns what their names begin with."""
    made = new_topic("")
    monkeypatch.setenv("SURVEILLANCE_BROKERS", embedded_broker.address)
    monkeypatch.setenv("SURVEILLANCE_TOPIC_PREFIX", made)
    monkeypatch.setenv("SURVEILLANCE_PARTITIONS", "1")
    assert run("topics", "create").code == 0
    return made


def write_csv(path: Path, *rows: Mapping[str, str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, GOOD)
        writer.writeheader()
        writer.writerows({**GOOD, **row} for row in rows)
    return path


def publish_arguments(file: Path, *more: str) -> list[Any]:
    return ["publish", file, "--partner", "alpha", "--topic", "incidents", "--columns", COLUMNS, *more]


def lying_on(broker: EmbeddedBroker, topic: str) -> list[Any]:
    end = describe(broker.address, [topic]).topics[topic].partitions[0].end
    return list(read_range(broker.address, topic, 0, 0, end).messages)


def test_a_dry_run_of_a_good_file_sends_nothing(run: Run, tmp_path: Path) -> None:
    done = run(*publish_arguments(write_csv(tmp_path / "cases.csv", {}, {"Case No": "c-2"}), "--dry-run"))
    assert done.code == 0  # with no broker at all
    assert "2 valid rows; nothing was sent" in done.words


def test_a_dry_run_names_field_rule_and_fix_of_every_bad_line_by_the_partners_columns(
    run: Run, tmp_path: Path
) -> None:
    file = write_csv(
        tmp_path / "cases.csv",
        {},
        {"Age": "old"},
        {"Crater": "n77"},
        {"Told": "2024-02-01"},
        {"Case No": ""},
        {"Seen": "yesterday", "Age": "400"},
    )
    done = run(*publish_arguments(file, "--dry-run"))
    assert done.code == 1
    for fault in (
        "line 3: Age (age): ",
        "line 4: Crater (residence_area.code): is not the code of a known area. Send the LSOA code",
        "line 5: Told (reported_at): reported_at must not be before occurred_to",
        "line 6: Case No (record_id): ",
        "line 7: Seen (occurred_from): ",
        "line 7: Age (age): ",
    ):
        assert fault in done.words
    assert "line 2:" not in done.words
    assert "5 of 6 rows would be refused; nothing was sent" in done.words


def test_without_dry_run_a_file_with_one_bad_line_is_not_sent_at_all(
    run: Run, prefix: str, embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    done = run(*publish_arguments(write_csv(tmp_path / "cases.csv", {}, {"Age": "old"})))
    assert done.code == 1
    assert lying_on(embedded_broker, f"{prefix}incidents.v1.alpha") == []


def test_a_good_file_lies_on_the_partners_topic_row_by_row(
    run: Run, prefix: str, embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    done = run(*publish_arguments(write_csv(tmp_path / "cases.csv", {}, {"Case No": "c-2", "Age": ""})))
    assert (done.code, "2 rows published, 0 not delivered" in done.words) == (0, True)
    first, second = (json.loads(m.value) for m in lying_on(embedded_broker, f"{prefix}incidents.v1.alpha"))
    assert (first["record_id"], first["age"], first["reporter_org"]) == ("c-1", 34, "CLINIC-ALPHA")
    assert first["occurred_from"].startswith("2024-03-01T00:00:00")
    assert (second["record_id"], "age" in second) == ("c-2", False)


def test_json_lines_travel_as_they_are(
    run: Run, prefix: str, embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    event = incident("j-1", occurred_from="2024-03-01T06:00:00Z", occurred_to="2024-03-01T07:00:00Z")
    event["reported_at"] = "2024-03-01T09:00:00Z"
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(event) + "\n")
    done = run("publish", file, "--partner", "alpha", "--topic", "incidents")
    assert done.code == 0
    (lies,) = lying_on(embedded_broker, f"{prefix}incidents.v1.alpha")
    assert json.loads(lies.value) == event


def test_history_lies_on_a_topic_of_its_own(
    run: Run, prefix: str, embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    file = write_csv(tmp_path / "cases.csv", {})
    done = run("backfill", file, "--partner", "alpha", "--columns", COLUMNS, "--time-zone", "Europe/Berlin")
    assert done.code == 0
    (lies,) = lying_on(embedded_broker, f"{prefix}backfill.incidents.v1.alpha")
    assert json.loads(lies.value)["reported_at"] == "2024-03-02T23:59:59+01:00"
    assert lying_on(embedded_broker, f"{prefix}incidents.v1.alpha") == []


def test_where_the_broker_is_gone_nothing_is_said_to_be_sent(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "ANSWER_SECONDS", 0.5)
    done = run(*publish_arguments(write_csv(tmp_path / "cases.csv", {})))
    assert done.code == 2
    assert "127.0.0.1:1" in done.words
    assert "published" not in done.words


def test_a_broker_that_dies_in_the_middle_is_told_line_by_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows before it died are published; each one after has its line and its reason."""
    file = write_csv(tmp_path / "cases.csv", *({"Case No": f"c-{i}"} for i in range(6)))
    works = feeding.Publisher
    monkeypatch.setattr(feeding, "Publisher", lambda brokers: works(brokers, delivery_seconds=1.0))
    with EmbeddedBroker() as broker:
        monkeypatch.setenv("SURVEILLANCE_BROKERS", broker.address)
        assert run("topics", "create").code == 0
        monkeypatch.setattr(publish, "send", _dying(publish.send, broker, after=3))
        done = run(*publish_arguments(file))
    assert done.code == 1
    assert "3 rows published, 3 not delivered" in done.words
    told = [line for line in done.err.splitlines() if "not delivered" in line]
    assert [line.split(":")[0] for line in told] == ["line 5", "line 6", "line 7"]


def _dying(send: Callable[..., Any], broker: EmbeddedBroker, after: int) -> Callable[..., Any]:
    def send_until_it_dies(feed: Any, rows: Iterator[Any], *rest: Any) -> Any:
        def live() -> Iterator[Any]:
            for number, row in enumerate(rows):
                if number == after:
                    time.sleep(1.0)  # what was handed over so far is delivered
                    broker.stop()
                yield row

        return send(feed, live(), *rest)

    return send_until_it_dies


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--partner", "nobody"], "partner nobody: there is none; use one of: alpha, beta"),
        (["--topic", "admissions"], "partner alpha publishes incidents, not admissions"),
        (["--columns", "record_id"], "give field=column, separated by commas"),
        (["--columns", "record_id=No such"], "column No such: not in the header"),
        (["--columns", "shoe_size=Age"], "shoe_size: no such field"),
        (["--time-zone", "Mars/Crater"], "Mars/Crater"),
    ],
)
def test_an_argument_that_does_not_fit_is_told_in_words(
    run: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = run(*publish_arguments(write_csv(tmp_path / "cases.csv", {})), *arguments)
    assert done.code == 2
    assert words in done.words
    assert "Traceback" not in done.words


def test_a_file_that_is_not_there_is_told_in_words(run: Run, tmp_path: Path) -> None:
    done = run(*publish_arguments(tmp_path / "absent.csv"))
    assert (done.code, "there is no such file" in done.words) == (2, True)


def test_every_fault_that_can_be_told_fits_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    fault = Fault(RefusalCode.INVALID_VALUE, "a column [of] a partner (field)", "rule " * 30, "fix " * 30)
    feeding.tell_faults(7, [fault])
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("line 7: a column [of] a partner (field): rule rule")


def test_a_table_without_record_ids_is_refused_for_a_second_one_would_overwrite_it(
    run: Run, tmp_path: Path
) -> None:
    file = write_csv(tmp_path / "cases.csv", {})
    columns = COLUMNS.partition(",")[2]
    done = run(
        "publish", file, "--partner", "alpha", "--topic", "incidents", "--columns", columns, "--dry-run"
    )
    assert done.code == 2
    assert "record_id" in done.words


def test_two_rows_that_say_different_things_of_one_version_are_told(run: Run, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "cases.csv", {}, {"Age": "35"}, {})
    done = run(*publish_arguments(file, "--dry-run"))
    assert done.code == 1
    assert "line 3: version: Line 2 says something else" in done.words
    assert "1 of 3 rows" in done.words


def test_columns_that_are_not_read_are_said(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text("record_id,mehtod_group\nc-1,unknown\n")
    done = run("publish", file, "--partner", "alpha", "--topic", "incidents", "--dry-run")
    assert done.code == 1
    assert "not read: mehtod_group" in done.words


@pytest.mark.parametrize("content", ["record_id|status\nc-1|suspected\n", "A,B\n1,2\n"])
def test_a_table_with_no_known_column_is_told_its_header(run: Run, tmp_path: Path, content: str) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(content)
    done = run("publish", file, "--partner", "alpha", "--topic", "incidents", "--dry-run")
    assert done.code == 2
    assert "no column is named as a field" in done.words


def test_a_file_without_rows_is_no_success(run: Run, tmp_path: Path) -> None:
    done = run(*publish_arguments(write_csv(tmp_path / "cases.csv"), "--dry-run"))
    assert done.code == 2
    assert "holds no row" in done.words
