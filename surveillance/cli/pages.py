"""The pages over the stored alerts."""

from urllib.parse import urlsplit

from fastapi import FastAPI

from surveillance.cli.keys import desk_keys
from surveillance.configuration import load_configuration
from surveillance.deciding import Desk
from surveillance.settings import Settings
from surveillance.store.database import Store
from surveillance.web.app import LOOPBACK, make_web
from surveillance.web.reading import Reading


def make_pages(settings: Settings) -> FastAPI:
    """The web application of this configuration and database."""
    store = Store.open(settings.database_url.get_secret_value())
    hosts = {*LOOPBACK, urlsplit(settings.web_url).hostname or ""}
    configuration = load_configuration(settings.config_dir)
    audit_key, erasure_key = desk_keys(settings)
    return make_web(
        Reading(configuration, store),
        Desk(configuration, store, audit_key, erasure_key),
        hosts=sorted(hosts),
        audit_key=audit_key,
    )
