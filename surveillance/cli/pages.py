"""The pages over the stored alerts."""

from urllib.parse import urlsplit

from fastapi import FastAPI

from surveillance.configuration import load_configuration
from surveillance.settings import Settings
from surveillance.store.database import Store
from surveillance.web.app import LOOPBACK, make_web
from surveillance.web.reading import Reading


def make_pages(settings: Settings) -> FastAPI:
    """The web application of this configuration and database."""
    store = Store.open(settings.database_url.get_secret_value())
    hosts = {*LOOPBACK, urlsplit(settings.web_url).hostname or ""}
    return make_web(Reading(load_configuration(settings.config_dir), store), hosts=sorted(hosts))
