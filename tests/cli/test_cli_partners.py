"""surveillance partners and topics on a real broker with TLS, passwords and an authorizer: each partner gets
what it needs to publish, and nothing else."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import ROOT, Ran, Run, run_apart
from kafka.errors import TopicAuthorizationFailedError

from kafka import TopicPartition
from plugins.secure_kafka import SecureKafka
from small_house import write_house
from surveillance.configuration import load_configuration
from surveillance.events.dead_letter import DeadLetter
from surveillance.events.decode import decode_message
from surveillance.events.topics import Source
from surveillance.identity import compare, wanted_rules
from surveillance.kafka.access import (
    Rule,
    change_rules,
    drop_password,
    has_password,
    list_rules,
    users_with_password,
)
from surveillance.kafka.admin import TopicSpec, consumer, create_topics
from surveillance.kafka.brokers import Brokers
from surveillance.kafka.knock import BrokerRefuses
from surveillance.kafka.producer import DeliveryFailed, Publisher
from surveillance.kafka.reader import read_range
from surveillance.settings import Settings
from surveillance.store import dead_letters
from surveillance.store.database import Store

pytestmark = pytest.mark.kafka
ADD = ["--organisation", "CLINIC-GAMMA", "--reporter-type", "hospital", "--topic", "incidents"]
COVERS = ["--areas", "areas/planet", "--since", "2024-01-01"]
MORE = [
    "--within",
    "region=south",
    "--expected-delay-days",
    "2",
    "--contact",
    "duty-officer=duty@example.org",
]
EVENT = {
    "record_id": "c-1",
    "version": 1,
    "action": "reported",
    "status": "suspected",
    "category": "dune_fever",
    "reporter_type": "hospital",
    "reporter_org": "CLINIC-GAMMA",
    "occurred_from": "2024-03-01T06:00:00Z",
    "occurred_to": "2024-03-01T06:00:00Z",
    "occurred_precision": "exact",
    "reported_at": "2024-03-02T06:00:00Z",
    "residence_area": {"code": "s1"},
}


@dataclass
class Site:
    """An operator's machine: a configuration, and the environment in which commands run."""

    config_dir: Path
    kafka: SecureKafka
    prefix: str
    monkeypatch: pytest.MonkeyPatch
    environment: dict[str, str]

    def act_as(self, brokers: Brokers, password: str | None = None) -> None:
        """From now on commands reach the brokers so."""
        said = {
            "BROKERS": brokers.addresses,
            "KAFKA_SECURITY": brokers.security,
            "KAFKA_CA_FILE": str(self.kafka.ca_file),
            "KAFKA_USER": brokers.user,
            "KAFKA_PASSWORD": password or brokers.password,
        }
        for name, value in said.items():
            self.environment[f"SURVEILLANCE_{name}"] = value
            self.monkeypatch.setenv(f"SURVEILLANCE_{name}", value)

    def topic(self, name: str) -> str:
        return self.prefix + name

    def settings(self) -> Settings:
        return Settings()


@pytest.fixture
def site(
    run: Run,  # noqa: ARG001 - clears the environment first
    secure_kafka: SecureKafka,
    new_topic: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    prefix = new_topic("")
    chosen = {
        "CONFIG_DIR": str(write_house(tmp_path / "planet")),
        "TOPIC_PREFIX": prefix,
        "CONSUMER_GROUP": prefix + "workers",
        "PARTITIONS": "1",
        "METRICS_PORT": "0",
        "DEAD_LETTER_KEY": "a key that only this test knows",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'surveillance.db'}",
    }
    environment = {f"SURVEILLANCE_{name}": value for name, value in chosen.items()}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    made = Site(tmp_path / "planet", secure_kafka, prefix, monkeypatch, environment)
    made.act_as(secure_kafka.admin)
    yield made
    ours = [rule for rule in list_rules(secure_kafka.admin) if rule.name.startswith(prefix)]
    change_rules(secure_kafka.admin, [], ours)
    for user in users_with_password(secure_kafka.admin):  # the next test begins without partners
        if user.startswith("partner."):
            drop_password(secure_kafka.admin, user)


def password_in(ran: Ran) -> str:
    found = re.search(r"^  password +(\S+)$", ran.out, re.MULTILINE)
    assert ran.code == 0, ran.words
    assert found is not None, ran.out
    return found[1]


def events_file(path: Path, *events: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps({**EVENT, **event}) + "\n" for event in events))
    return path


def publish(run: Run, file: Path, partner: str = "gamma") -> Ran:
    return run("publish", file, "--partner", partner, "--topic", "incidents")


# --- adding -----------------------------------------------------------------------------------------------


def test_a_partner_is_added_with_file_topics_rights_and_a_password_that_is_shown_once(
    run: Run, site: Site
) -> None:
    added = run("partners", "add", "gamma", *ADD, *COVERS, *MORE)
    password = password_in(added)
    for told in (
        f"brokers       {site.kafka.address}",
        "user          partner.gamma",
        f"topics        {site.topic('incidents.v1.gamma')}",
        str(site.kafka.ca_file),
        "sasl.mechanism=SCRAM-SHA-512",
        "docs/partners/kafka.md",
        '"test": true',
    ):
        assert told in added.out
    written = (site.config_dir / "partners" / "gamma.yaml").read_text()
    assert password not in written
    assert added.out.count(password) == 1, "the rest is handed over by another way"
    made = load_configuration(site.config_dir).partners["gamma"]
    assert (made.contacts, made.expected_delay_days) == ({"duty-officer": "duty@example.org"}, 2.0)
    assert made.coverage[0].within == {"region": "south"}
    shown = run("partners", "show", "gamma")
    assert shown.code == 0
    assert password not in shown.words
    assert "gamma" in run("partners", "list").out


def test_a_file_that_exists_is_never_overwritten(run: Run, site: Site) -> None:
    path = site.config_dir / "partners" / "alpha.yaml"
    before = path.read_bytes()
    done = run("partners", "add", "alpha", *ADD, *COVERS)
    assert (done.code, "exists already" in done.err) == (2, True)
    assert path.read_bytes() == before


def test_an_attempt_that_the_brokers_turn_away_writes_nothing_and_can_be_repeated(
    run: Run, site: Site
) -> None:
    site.act_as(site.kafka.admin, "wrong")
    assert run("partners", "add", "gamma", *ADD, *COVERS).code == 2
    site.act_as(Brokers("127.0.0.1:1", "sasl-tls", site.kafka.ca_file, "admin", "wrong"))
    assert run("partners", "add", "gamma", *ADD, *COVERS).code == 2
    site.act_as(Brokers("127.0.0.1:1"))
    assert run("partners", "add", "gamma", *ADD, *COVERS).code == 2
    site.act_as(site.kafka.admin)
    password_in(run("partners", "add", "gamma", *ADD, *COVERS))


def test_receipts_are_handed_over_where_they_are_asked_for(run: Run, site: Site) -> None:
    without = run("partners", "add", "gamma", *ADD, *COVERS).out
    assert "receipts      none" in without
    assert "receipts.v1.gamma," not in without
    assert run("partners", "remove", "gamma", "--yes").code == 0
    added = run("partners", "add", "gamma", *ADD, *COVERS, "--receipts").out
    receipts = site.topic("receipts.v1.gamma")
    assert f"receipts      {receipts}, read in the group {receipts}" in added
    assert load_configuration(site.config_dir).partners["gamma"].receipts
    assert f"\n{receipts}\n" in added, "the topic is made"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Gamma", *ADD, *COVERS], "partners/Gamma.yaml: id: "),
        (["../evil", *ADD, *COVERS], "partners/../evil.yaml: id: "),
        (["gamma", *ADD, "--areas", "moon", "--since", "2024-01-01"], "no scope uses these areas"),
        (["gamma", *ADD, *COVERS, "--within", "region=east"], "no area lies in these units"),
        (["gamma", *ADD, *COVERS, "--contact", "duty-officer"], "--contact: give NAME=VALUE"),
        (["gamma", *ADD, *COVERS, "--contact", "duty-officer=nobody"], "contacts.duty-officer"),
        (["gamma", *ADD, *COVERS, "--topic", "rumours"], "topics[1]"),
        (["gamma", *ADD, *COVERS, "--reporter-type", "x"], "--reporter-type x: there is none"),
    ],
)
def test_what_is_wrong_with_a_partner_is_told_and_nothing_is_written(
    run: Run, site: Site, arguments: list[str], words: str
) -> None:
    done = run("partners", "add", *arguments)
    assert (done.code, words in done.words) == (2, True), done.words
    assert {path.stem for path in site.config_dir.rglob("partners/*")} == {"alpha", "beta"}
    assert not list(site.config_dir.parent.glob("evil*"))


def test_on_a_broker_without_passwords_it_says_so(run: Run, site: Site, embedded_broker: Any) -> None:
    site.act_as(Brokers(embedded_broker.address))
    added = run("partners", "add", "gamma", *ADD, *COVERS)
    assert added.code == 0, added.words
    assert "none: kafka_security is plaintext" in added.out
    assert "jaas" not in added.out
    assert (run("partners", "rotate", "gamma").code) == 2


# --- rights -----------------------------------------------------------------------------------------------


def test_a_partner_may_write_its_own_topics_and_read_its_own_receipts_and_nothing_else(
    run: Run, site: Site
) -> None:
    gamma = site.kafka.as_user("partner.gamma", password_in(run("partners", "add", "gamma", *ADD, *COVERS)))
    with Publisher(gamma) as publisher:
        for mine in ("incidents.v1.gamma", "backfill.incidents.v1.gamma"):
            publisher.publish_and_wait(site.topic(mine), b"k", b"{}")
        for other in ("incidents.v1.alpha", "backfill.incidents.v1.beta", "alerts.v1"):
            with pytest.raises(DeliveryFailed, match=r"partner\.gamma may not do this"):
                publisher.publish_and_wait(site.topic(other), b"k", b"{}")
    receipts = site.topic("receipts.v1.gamma")
    create_topics(site.kafka.admin, [TopicSpec(name, partitions=1) for name in (receipts, receipts + "-b")])
    with Publisher(site.kafka.admin) as publisher:
        for topic in (receipts, receipts + "-b", site.topic("alerts.v1")):
            publisher.publish_and_wait(topic, b"k", b"{}")
    assert reads(gamma, receipts)
    for unread in ("incidents.v1.gamma", "incidents.v1.alpha", "alerts.v1", "receipts.v1.gamma-b"):
        assert not reads(gamma, site.topic(unread))


def reads(brokers: Brokers, topic: str) -> bool:
    """Whether the first message of a topic can be read."""
    place = TopicPartition(topic, 0)
    with consumer(brokers) as reader:
        reader.assign([place])
        try:
            reader.seek(place, 0)
            return any(reader.poll(200) for _ in range(10))
        except TopicAuthorizationFailedError:
            return False


def test_creating_topics_sets_rights_once_and_takes_them_from_a_partner_that_left(
    run: Run, site: Site
) -> None:
    password_in(run("partners", "add", "gamma", *ADD, *COVERS))
    assert "every access rule stands already" in run("topics", "create").out
    left_alone = Rule("auditor", "READ", "TOPIC", site.topic("incidents.v1.gamma"))
    elsewhere = Rule("partner.gamma", "READ", "TOPIC", site.topic("of-somebody-else"))
    change_rules(site.kafka.admin, [left_alone, elsewhere], [])
    (site.config_dir / "partners" / "gamma.yaml").unlink()
    gone = "may no longer: partner.gamma write topic " + site.topic("incidents.v1.gamma")
    tried = run("topics", "create", "--dry-run")
    assert gone in tried.out
    assert gone in run("topics", "create").out, "a dry run changes nothing"
    after = list_rules(site.kafka.admin)
    assert {rule for rule in after if rule.user == "partner.gamma"} == {elsewhere}
    assert left_alone in after
    assert "not ours, left as it is: auditor" in run("topics", "create").out


def test_a_partner_that_is_removed_can_neither_sign_in_nor_write(run: Run, site: Site) -> None:
    password = password_in(run("partners", "add", "gamma", *ADD, *COVERS))
    password_in(run("partners", "rotate", "alpha"))
    done = run("partners", "remove", "gamma", "--yes")
    assert done.code == 0, done.words
    topic = site.topic("incidents.v1.gamma")
    for words in (f"may no longer: partner.gamma write topic {topic}", "has no password any more", "restart"):
        assert words in done.out
    assert not (site.config_dir / "partners" / "gamma.yaml").exists()
    assert not [rule for rule in list_rules(site.kafka.admin) if rule.user == "partner.gamma"]
    with pytest.raises(BrokerRefuses, match=r"does not know the user `partner\.gamma`"):
        Publisher(site.kafka.as_user("partner.gamma", password))
    assert has_password(site.kafka.admin, "partner.alpha"), "the others keep theirs"
    assert run("partners", "remove", "gamma", "--yes").code == 2


def test_a_partner_whose_file_is_gone_loses_its_password_unless_it_has_rights_elsewhere(
    run: Run, site: Site
) -> None:
    password_in(run("partners", "add", "gamma", *ADD, *COVERS))
    elsewhere = Rule("partner.gamma", "READ", "TOPIC", site.topic("of-somebody-else"))
    change_rules(site.kafka.admin, [elsewhere], [])
    (site.config_dir / "partners" / "gamma.yaml").unlink()
    run("topics", "create")
    assert has_password(site.kafka.admin, "partner.gamma")
    change_rules(site.kafka.admin, [], [elsewhere])
    assert "has no password any more: partner.gamma" in run("topics", "create", "--dry-run").out
    assert has_password(site.kafka.admin, "partner.gamma"), "a dry run changes nothing"
    assert "has no password any more: partner.gamma" in run("topics", "create").out
    assert not has_password(site.kafka.admin, "partner.gamma")


def test_without_a_yes_nothing_is_removed(run: Run, site: Site) -> None:
    password_in(run("partners", "add", "gamma", *ADD, *COVERS))
    assert run("partners", "remove", "gamma").code != 0
    assert (site.config_dir / "partners" / "gamma.yaml").exists()
    assert has_password(site.kafka.admin, "partner.gamma")


def test_what_is_wanted_once_set_is_no_change(site: Site) -> None:
    configuration = load_configuration(site.config_dir)
    wanted = wanted_rules(configuration, site.settings())
    assert compare(frozenset(), wanted, site.settings()).add == tuple(sorted(wanted))
    again = compare(wanted, wanted, site.settings())
    assert (again.add, again.remove, again.foreign) == ((), (), ())


def test_a_new_password_ends_the_old_one(run: Run, site: Site) -> None:
    old = password_in(run("partners", "add", "gamma", *ADD, *COVERS))
    new = password_in(run("partners", "rotate", "gamma"))
    Publisher(site.kafka.as_user("partner.gamma", new)).close()
    with pytest.raises(BrokerRefuses, match=r"does not know the user `partner\.gamma` with this password"):
        Publisher(site.kafka.as_user("partner.gamma", old))


def test_only_an_administrator_gives_rights(run: Run, site: Site) -> None:
    password = password_in(run("partners", "add", "gamma", *ADD, *COVERS))
    site.act_as(site.kafka.as_user("partner.gamma", password))
    done = run("topics", "create")
    assert done.code == 2
    assert "administrator" in done.words or "refuses to create" in done.words


# --- publishing -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_partner_publishes_what_the_worker_stores_and_another_organisation_is_refused(
    run: Run, site: Site, tmp_path: Path
) -> None:
    password = password_in(run("partners", "add", "gamma", *ADD, *COVERS))
    assert run("topics", "password", "service", "--out", tmp_path / "service").code == 0
    assert (tmp_path / "service").stat().st_mode & 0o077 == 0
    assert run("db", "upgrade").code == 0
    site.act_as(site.kafka.as_user("partner.gamma", password))
    done = publish(run, events_file(tmp_path / "cases.jsonl", {}))
    assert (done.code, "1 rows published, 0 not delivered" in done.words) == (0, True), done.words
    tried = events_file(tmp_path / "tests.jsonl", {"record_id": "tried"})
    assert run("publish", tried, "--partner", "gamma", "--topic", "incidents", "--test").code == 0
    with Publisher(site.kafka.as_user("partner.gamma", password)) as publisher:
        claimed = json.dumps({**EVENT, "record_id": "c-2", "reporter_org": "CLINIC-ALPHA"}).encode()
        publisher.publish_and_wait(site.topic("incidents.v1.gamma"), b"c-2", claimed)
    site.act_as(site.kafka.as_user("surveillance", (tmp_path / "service").read_text().strip()))
    letters, log = _work_until_refused(site, tmp_path)
    assert [(letter.partner, letter.code.value) for letter in letters] == [("gamma", "wrong_organisation")]
    assert _records(site) == ["c-1"]
    assert "would be accepted: tried" in run("partners", "tests", "gamma").out
    assert password not in log
    assert (tmp_path / "service").read_text().strip() not in log


def _work_until_refused(site: Site, tmp_path: Path) -> tuple[list[DeadLetter], str]:
    """Runs a worker until a message was refused, then ends it."""
    store = Store.open(site.environment["SURVEILLANCE_DATABASE_URL"])
    with (tmp_path / "worker.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "surveillance", "worker"],
            cwd=ROOT,
            env={**os.environ, **site.environment},
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 120
        letters: list[DeadLetter] = []
        while not letters:
            assert process.poll() is None, (tmp_path / "worker.log").read_text()[-2000:]
            assert time.monotonic() < deadline, (tmp_path / "worker.log").read_text()[-2000:]
            time.sleep(0.5)
            with store.reading() as tx:
                letters = [stored.letter for stored in dead_letters.listed(tx)]
    finally:
        process.terminate()
        process.wait(20)
        store.close()
    return letters, (tmp_path / "worker.log").read_text()


def _records(site: Site) -> list[str]:
    from sqlalchemy import create_engine, text

    with create_engine(site.environment["SURVEILLANCE_DATABASE_URL"]).connect() as connection:
        return [row[0] for row in connection.execute(text("SELECT record_id FROM records"))]


def test_a_file_for_another_partners_topic_is_refused_at_the_first_row(
    run: Run, site: Site, tmp_path: Path
) -> None:
    password = password_in(run("partners", "add", "gamma", *ADD, *COVERS))
    site.act_as(site.kafka.as_user("partner.gamma", password))
    rows = [{"reporter_org": "CLINIC-ALPHA", "record_id": f"c-{i}"} for i in range(50)]
    began = time.monotonic()
    done = publish(run, events_file(tmp_path / "cases.jsonl", *rows), partner="alpha")
    assert time.monotonic() - began < 30
    assert done.code == 2
    assert "partner.gamma may not do this (TopicAuthorizationFailedError). Set `kafka_user`" in done.words
    assert "line 1" not in done.words


WRONG: dict[str, tuple[Callable[[SecureKafka], Brokers], str]] = {
    "wrong password": (lambda k: replace(k.admin, password="wrong"), "SURVEILLANCE_KAFKA_PASSWORD_FILE"),
    "no TLS": (
        lambda k: Brokers(k.address),
        "Set `kafka_security` (SURVEILLANCE_KAFKA_SECURITY) to sasl-tls",
    ),
    "expired certificate": (
        lambda k: k.expired,
        "its certificate has expired. Whoever runs the broker renews",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", WRONG)
def test_publish_and_worker_end_at_once_naming_the_setting(
    run: Run, site: Site, tmp_path: Path, how: str
) -> None:
    way, words = WRONG[how]
    assert run("topics", "create").code == 0
    assert run("db", "upgrade").code == 0
    site.act_as(way(site.kafka))
    sent = publish(run, events_file(tmp_path / "cases.jsonl", {"reporter_org": "CLINIC-ALPHA"}), "alpha")
    assert (sent.code, words in sent.words) == (2, True), sent.words
    worked = run_apart("worker", **site.environment)
    assert (worked.code, words in worked.words) == (2, True), worked.words
    assert "Traceback" not in worked.words


@pytest.mark.slow
def test_what_is_handed_over_lets_kafkas_own_java_client_publish(
    run: Run, site: Site, tmp_path: Path
) -> None:
    added = run("partners", "add", "gamma", *ADD, *COVERS)
    properties = re.search(r"^bootstrap\.servers.*?\n\n", added.out, re.MULTILINE | re.DOTALL)
    assert properties is not None
    completed = properties[0].replace('"PASSWORD"', f'"{password_in(added)}"')
    (tmp_path / "client.properties").write_text(completed)
    (tmp_path / "ca.pem").write_bytes(site.kafka.ca_file.read_bytes())
    sent = subprocess.run(
        [
            *("java", "-cp", f"{ROOT / '.cache' / 'kafka-libs'}/*"),
            str(ROOT / "tests" / "kafka" / "SendOne.java"),
            *(site.topic("incidents.v1.gamma"), "c-1", json.dumps(EVENT)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert sent.stdout.strip() == "offset 0", sent.stderr[-1000:]


@pytest.mark.slow
def test_the_programs_of_the_guide_send_a_test_record_and_read_its_receipt_as_they_are_written(
    run: Run, site: Site, tmp_path: Path
) -> None:
    added = run("partners", "add", "gamma", *ADD, *COVERS, "--receipts")
    guide = (ROOT / "docs" / "partners" / "kafka.md").read_text()
    first, answers = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    (tmp_path / "first.py").write_text(first)
    # The guide's topics have no prefix; nothing else is changed.
    (tmp_path / "answers.py").write_text(answers.replace('"receipts.v1.', f'"{site.topic("receipts.v1.")}'))
    (tmp_path / "ca.pem").write_bytes(site.kafka.ca_file.read_bytes())
    known = {
        "BROKERS": site.kafka.address,
        "KAFKA_USER": "partner.gamma",
        "KAFKA_PASSWORD": password_in(added),
        "TOPIC": site.topic("incidents.v1.gamma"),
        "ORGANISATION": "CLINIC-GAMMA",
    }
    assert all(f"{name}=" in guide or f"read -rs {name}" in guide for name in known)
    sent = run_program("first.py", tmp_path, known)
    assert sent.stdout.strip() == "taken at offset 0", sent.stderr[-1000:]
    [taken] = read_range(site.kafka.admin, known["TOPIC"], 0, 0, 1).messages
    source = Source("incident", "gamma")
    assert decode_message(taken.value, source, "CLINIC-GAMMA", taken.received_at).test
    with Publisher(site.kafka.admin) as publisher:
        publisher.publish_and_wait(site.topic("receipts.v1.gamma"), b"k", b'{"outcome": "test"}')
    assert run_program("answers.py", tmp_path, known).stdout.strip() == '{"outcome": "test"}'
    tries = (run_program("first.py", tmp_path, {**known, "KAFKA_PASSWORD": "wrong"}) for _ in range(3))
    reasons = (wrong.stderr.partition("Traceback")[0] for wrong in tries)
    assert any("SaslAuthenticationFailedError" in reason for reason in reasons), "as the guide says"


def run_program(name: str, folder: Path, known: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, name],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **known},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_written_file_is_read_as_any_other(run: Run, site: Site) -> None:
    assert run("partners", "add", "gamma", *ADD, *COVERS, *MORE, "--file-only").code == 0
    content = yaml.safe_load((site.config_dir / "partners" / "gamma.yaml").read_text())
    assert content["coverage"] == [
        {"areas": "areas/planet", "within": {"region": "south"}, "since": content["coverage"][0]["since"]}
    ]
    assert run("check").code == 0
