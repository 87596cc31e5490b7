"""The pages over the stored alerts."""

from fastapi import FastAPI

from surveillance.configuration import load_configuration
from surveillance.settings import Settings
from surveillance.store.database import Store
from surveillance.web.app import make_web
from surveillance.web.reading import Reading


def make_pages(settings: Settings) -> FastAPI:
    """The web application of this configuration and database."""
    store = Store.open(settings.database_url.get_secret_value())
    return make_web(Reading(load_configuration(settings.config_dir), store))
