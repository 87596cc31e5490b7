"""The small house on SQLite, then on PostgreSQL, with every kind of row that a year of work leaves."""

import pytest

from small_house import House, load_house
from surveillance.configuration import Configuration
from surveillance.store.database import Store


@pytest.fixture(scope="session")
def planet(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_house(tmp_path_factory.mktemp("planet"))


@pytest.fixture
def house(planet: Configuration, store: Store) -> House:
    return House(planet, store)
