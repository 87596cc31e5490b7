import socket

import pytest

from surveillance.kafka import broker as broker_module
from surveillance.kafka.broker import BrokerUnavailable, EmbeddedBroker
from surveillance.kafka.ports import free_port


def test_a_broker_answers_on_the_given_loopback_port_and_frees_it_when_stopped() -> None:
    port = free_port()
    with EmbeddedBroker(port) as broker:
        assert broker.address == f"127.0.0.1:{port}"
        assert broker.running
    assert not broker.running
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_stopping_twice_does_nothing() -> None:
    broker = EmbeddedBroker()
    broker.start()
    broker.stop()
    broker.stop()


def test_a_taken_port_is_an_error_that_names_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BrokerUnavailable, match=str(port)):
            EmbeddedBroker(port, start_seconds=2.0).start()


def test_where_no_binary_exists_the_error_says_what_to_use_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", "/nowhere/tansu")
    with pytest.raises(BrokerUnavailable, match="SURVEILLANCE_BROKERS"):
        broker_module.find_binary()
