"""The pages over the stored alerts."""

from urllib.parse import urlsplit

from fastapi import FastAPI

from surveillance.cli.errors import Mistake
from surveillance.configuration import load_configuration
from surveillance.deciding import Desk
from surveillance.settings import Settings
from surveillance.store.database import Store
from surveillance.web.app import LOOPBACK, make_web
from surveillance.web.printing import find_printer
from surveillance.web.reading import Reading


def make_pages(settings: Settings) -> FastAPI:
    """The web application of this configuration and database."""
    store = Store.open(settings.database_url.get_secret_value())
    hosts = {*LOOPBACK, urlsplit(settings.web_url).hostname or ""}
    configuration = load_configuration(settings.config_dir)
    if settings.audit_key is None:
        raise Mistake("SURVEILLANCE_AUDIT_KEY: missing; set it to a long random text, at least 32 characters")
    return make_web(
        Reading(configuration, store),
        Desk(configuration, store),
        hosts=sorted(hosts),
        audit_key=settings.audit_key.get_secret_value().encode(),
        printer=find_printer(settings.chromium),
    )
