"""MLLP as senders speak it: real sockets, a real listener, a real broker behind it."""

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from messages import DIALECT, NOW, OLD_SECRET, PARTNER, SECRET, Taken, message, visit

from surveillance.adapters.hl7.mllp import END, MOST_BYTES, START, serve
from surveillance.adapters.hl7.receiver import Receiver
from surveillance.adapters.journal import open_journal
from surveillance.adapters.publishing import ToTopic
from surveillance.events.decode import decode
from surveillance.events.topics import Source
from surveillance.geography.lookup import Gazetteer
from surveillance.kafka.admin import TopicSpec, create_topics
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.ports import free_port
from surveillance.kafka.reader import read_range
from surveillance.tls import server_tls


@contextmanager
def listening(
    receiver: Receiver, tls: ssl.SSLContext | None = None, idle_seconds: float = 30.0
) -> Iterator[int]:
    """The listener on a thread of its own; gives its port."""
    ports: list[int] = []
    bound = threading.Event()
    loop = asyncio.new_event_loop()

    def ready(port: int) -> None:
        ports.append(port)
        bound.set()

    serving = loop.create_task(
        serve(receiver, "127.0.0.1", 0, tls=tls, idle_seconds=idle_seconds, ready=ready)
    )
    thread = threading.Thread(target=_run, args=(loop, serving))
    thread.start()
    assert bound.wait(10)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(10)
        assert not thread.is_alive()


def _run(loop: asyncio.AbstractEventLoop, serving: "asyncio.Task[None]") -> None:
    try:
        loop.run_until_complete(serving)
    except asyncio.CancelledError:
        loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def framed(*contents: bytes) -> bytes:
    return b"".join(START + content + END for content in contents)


def answers(sender: socket.socket, count: int) -> list[str]:
    """MSA-1 and MSA-2 of so many answers."""
    heard = b""
    while heard.count(END) < count:
        more = sender.recv(65536)
        assert more, f"closed after {heard!r}"
        heard += more
    blocks = heard.split(END)[:count]
    assert all(block.startswith(START) for block in blocks)
    return ["|".join(block.decode().split("\r")[1].split("|")[1:3]) for block in blocks]


def send(port: int, *contents: bytes) -> list[str]:
    with connect(port) as sender:
        sender.sendall(framed(*contents))
        return answers(sender, len(contents))


def test_frames_arrive_in_any_pieces_and_every_one_is_answered_in_order(
    receiver: Receiver, taken: Taken
) -> None:
    contents = [message("A01", "1"), message("A08", "2"), message("A99", "3"), message("A11", "4")]
    with listening(receiver) as port:
        assert send(port, *contents) == ["AA|1", "AA|2", "AR|3", "AA|4"]
        with connect(port) as sender:
            for byte in framed(message("A01", "5", "20240302100000")):
                sender.sendall(bytes([byte]))
            assert answers(sender, 1) == ["AA|5"]
    assert len(taken["V0001"]) == 4


def test_noise_between_frames_and_a_message_that_was_broken_off_are_dropped(
    receiver: Receiver, taken: Taken
) -> None:
    whole = message("A01", "1")
    with listening(receiver) as port, connect(port) as sender:
        sender.sendall(b"noise" + END + b"\r\n" + START + whole[:50] + framed(whole))
        assert answers(sender, 1) == ["AA|1"]
    assert len(taken["V0001"]) == 1


def test_a_frame_that_never_ends_is_refused_and_others_are_still_heard(receiver: Receiver) -> None:
    with listening(receiver) as port:
        with connect(port) as sender:
            sender.sendall(START + b"x" * (MOST_BYTES + 100_000))
            assert answers(sender, 1) == ["AR|"]
            assert sender.recv(10) == b""
        assert send(port, message()) == ["AA|1"]


def test_a_silent_or_vanished_sender_is_let_go(receiver: Receiver) -> None:
    with listening(receiver, idle_seconds=0.3) as port:
        with connect(port) as silent:
            assert silent.recv(10) == b""
        vanished = connect(port)
        vanished.sendall(START + message()[:40])
        vanished.close()
        assert send(port, message()) == ["AA|1"]


def test_many_senders_at_once_are_all_answered_and_each_record_is_whole(
    receiver: Receiver, taken: Taken
) -> None:
    told: dict[int, list[str]] = {}

    def talk(number: int) -> None:
        contents = [
            message(
                "A04" if n == 0 else "A08", f"{number}-{n}", f"2024030209{n:02d}00", pv1=visit(f"W{number}")
            )
            for n in range(10)
        ]
        told[number] = send(port, *contents)

    with listening(receiver) as port:
        threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert told == {number: [f"AA|{number}-{n}" for n in range(10)] for number in range(8)}
    for number in range(8):
        versions = [json.loads(value)["version"] for value in taken[f"W{number}"]]
        assert versions == sorted(set(versions))


def test_tls_hears_only_senders_that_are_vouched_for(receiver: Receiver, tmp_path: Path) -> None:
    authority, strangers = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "clients.pem")
    tls = server_tls(tmp_path / "server.pem", None, tmp_path / "clients.pem")

    def talk(port: int, own: trustme.LeafCert | None) -> list[str]:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        if own is not None:
            own.configure_cert(context)
        with context.wrap_socket(connect(port), server_hostname="127.0.0.1") as sender:
            sender.sendall(framed(message()))
            return answers(sender, 1)

    with listening(receiver, tls) as port:
        assert talk(port, authority.issue_cert("sender.example.org")) == ["AA|1"]
        for unknown in (None, strangers.issue_cert("stranger.example.org")):
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                talk(port, unknown)
        with pytest.raises((ConnectionError, AssertionError)):
            send(port, message("A01", "2"))  # without TLS


def broker_receiver(address: str, topic_prefix: str, gazetteer: Gazetteer, path: Path) -> Receiver:
    deliver = ToTopic(address, PARTNER.id, topic_prefix)
    secrets = [SECRET, OLD_SECRET]
    return Receiver(PARTNER, secrets, gazetteer, open_journal(path), deliver, DIALECT, lambda: NOW)


def test_what_was_answered_aa_stands_in_the_topic_and_is_what_the_service_accepts(
    embedded_broker: EmbeddedBroker, new_topic: Callable[[str], str], gazetteer: Gazetteer, tmp_path: Path
) -> None:
    topic = new_topic("admissions.v1.royal")
    create_topics(embedded_broker.address, [TopicSpec(topic, partitions=1)])
    prefix = topic.removesuffix("admissions.v1.royal")
    receiver = broker_receiver(embedded_broker.address, prefix, gazetteer, tmp_path / "hl7.journal")
    contents = [
        message("A01", "1"),
        message("A08", "2", "20240302100000"),
        message("A11", "3", "20240302110000"),
    ]
    with listening(receiver) as port:
        assert send(port, *contents, contents[1]) == ["AA|1", "AA|2", "AA|3", "AA|2"]
    assert isinstance(receiver.deliver, ToTopic)
    receiver.deliver.close()
    stored = read_range(embedded_broker.address, topic, 0, 0, 10).messages
    events = [decode(m.value, Source("admission", "royal"), "ROYAL", datetime.now(UTC)) for m in stored]
    assert [event.action for event in events] == ["admitted", "amended", "cancelled"]
    assert [event.version for event in events] == sorted({event.version for event in events})
    assert (tmp_path / "hl7.journal").stat().st_mode & 0o077 == 0


def test_a_listener_without_a_broker_answers_send_again_and_takes_the_message_once_there_is_one(
    gazetteer: Gazetteer, tmp_path: Path
) -> None:
    port_of_broker = free_port()
    receiver = broker_receiver(f"127.0.0.1:{port_of_broker}", "", gazetteer, tmp_path / "hl7.journal")
    with listening(receiver) as port:
        assert send(port, message()) == ["AE|1"]
        with EmbeddedBroker(port_of_broker) as broker:
            create_topics(broker.address, [TopicSpec("admissions.v1.royal", partitions=1)])
            assert send(port, message()) == ["AA|1"]
            assert len(read_range(broker.address, "admissions.v1.royal", 0, 0, 5).messages) == 1
            assert isinstance(receiver.deliver, ToTopic)
            receiver.deliver.close()
