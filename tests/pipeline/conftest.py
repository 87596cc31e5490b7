"""Houses to work in: the small one, empty or with its background of ordinary cases."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from small_house import House, NewHouse, background, house_maker, load_house
from surveillance.configuration import Configuration
from surveillance.store.database import Store


@pytest.fixture(scope="session")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_house(tmp_path_factory.mktemp("planet"))


@pytest.fixture(scope="session")
def lived_in(
    configuration: Configuration, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A database with the background in it, to copy from."""
    path = tmp_path_factory.mktemp("lived-in") / "surveillance.db"
    shutil.copyfile(sqlite_template, path)
    house = House(configuration, Store.open(f"sqlite:///{path}"))
    house.ingest(*background())
    house.evaluate()
    assert house.alerts() == []
    house.store.close()  # the last connection writes the log into the file
    return path


@pytest.fixture(scope="session")
def new_house(
    configuration: Configuration, lived_in: Path, tmp_path_factory: pytest.TempPathFactory
) -> NewHouse:
    """Makes a house with the background in it."""
    return house_maker(configuration, lived_in, tmp_path_factory.mktemp("houses"))


@pytest.fixture
def house(new_house: Callable[[], House]) -> House:
    return new_house()
