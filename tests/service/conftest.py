"""The small house with an empty database, for tests of what a service does beside its pipeline."""

import shutil
from pathlib import Path

import pytest

from small_house import House, NewHouse, house_maker, load_house
from surveillance.configuration import Configuration
from surveillance.store.database import Store


@pytest.fixture(scope="session")
def small_configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_house(tmp_path_factory.mktemp("planet"))


@pytest.fixture
def house(small_configuration: Configuration, sqlite_template: Path, tmp_path: Path) -> House:
    copy = tmp_path / "surveillance.db"
    shutil.copyfile(sqlite_template, copy)
    return House(small_configuration, Store.open(f"sqlite:///{copy}"))


@pytest.fixture
def new_house(small_configuration: Configuration, sqlite_template: Path, tmp_path: Path) -> NewHouse:
    """Makes houses on databases of their own."""
    return house_maker(small_configuration, sqlite_template, tmp_path)
