"""The configuration of the small house, and services over it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from visiting import NewService, Service, copy_of, make_service

from small_house import load_house
from surveillance import passwords
from surveillance.configuration import Configuration
from surveillance.store.database import Store


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
