"""A receiver with a broker that is a list, and areas of Cheshire and Merseyside."""

from pathlib import Path

import pytest
from messages import DIALECT, NOW, OLD_SECRET, PARTNER, SECRET, MakeReceiver, Taken, journal

from surveillance.adapters.hl7.receiver import Receiver
from surveillance.geography.area import load_areas
from surveillance.geography.lookup import Gazetteer


@pytest.fixture(scope="session")
def gazetteer() -> Gazetteer:
    return Gazetteer.load((load_areas("cheshire_merseyside", Path("config")),))


@pytest.fixture(scope="session")
def make_receiver(gazetteer: Gazetteer) -> MakeReceiver:
    """A receiver that remembers nothing yet, and what it publishes."""

    def make() -> tuple[Receiver, Taken]:
        taken = Taken()
        secrets = [SECRET, OLD_SECRET]
        return Receiver(PARTNER, secrets, gazetteer, journal(), taken, DIALECT, lambda: NOW), taken

    return make


@pytest.fixture
def receiver(make_receiver: MakeReceiver) -> Receiver:
    return make_receiver()[0]


@pytest.fixture
def taken(receiver: Receiver) -> Taken:
    assert isinstance(receiver.deliver, Taken)
    return receiver.deliver
