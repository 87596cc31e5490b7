"""The configuration that submissions are judged by."""

import pytest

from small_house import load_house
from surveillance.configuration import Configuration


@pytest.fixture(scope="session")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_house(tmp_path_factory.mktemp("small-house"))
