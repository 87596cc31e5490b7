"""A house to act in, on a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from acting_house import Acting, acting_house

from small_house import House, load_house
from surveillance.configuration import Configuration
from surveillance.store.database import Store

PLAN = {
    "guidance": ["The planet's handbook"],
    "tasks": [
        {
            "id": "meet",
            "title": "Call the group together",
            "what": "Ask all.",
            "owner": "lead",
            "due_hours": 4,
        },
        {
            "id": "support",
            "title": "Refer to bereavement support",
            "what": "Ask who was not reached.",
            "owner": "liaison",
            "due_working_hours": 8,
        },
    ],
}


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
