"""Houses to act in and services to sign in at, each on a database of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acting_house import PLAN, Acting, acting_house
from argon2 import PasswordHasher
from visiting import NewService, Service, copy_of, make_service

from small_house import House, load_house
from surveillance import passwords
from surveillance.configuration import Configuration
from surveillance.store.database import Store


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_house(tmp_path_factory.mktemp("planned"), response_plan=PLAN)


@pytest.fixture
def acting(planned: Configuration, tmp_path: Path, sqlite_template: Path) -> Iterator[Acting]:
    copy = tmp_path / "surveillance.db"
    copy.write_bytes(sqlite_template.read_bytes())
    store = Store.open(f"sqlite:///{copy}")
    yield acting_house(House(planned, store))
    store.close()


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm with less memory: these tests sign in a hundred times."""
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", quick)
    monkeypatch.setattr(passwords, "_NOBODYS", quick.hash("nobody's"))


@pytest.fixture(scope="session")
def small_configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_house(tmp_path_factory.mktemp("small-house"))


@pytest.fixture
def new_service(
    small_configuration: Configuration, sqlite_template: Path, tmp_path: Path
) -> Iterator[NewService]:
    """Makes a service with an empty database."""
    opened: list[Store] = []

    def make(**options: Any) -> Service:
        opened.append(copy_of(sqlite_template, tmp_path))
        return make_service(small_configuration, opened[-1], **options)

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def service(new_service: NewService) -> Service:
    return new_service()
