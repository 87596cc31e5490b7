"""The pages over the stored alerts."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import FastAPI

from surveillance.admitting import Porter, derive_key
from surveillance.cli.errors import Mistake
from surveillance.configuration import Configuration, load_configuration
from surveillance.deciding import Desk
from surveillance.settings import Settings
from surveillance.store.database import Store
from surveillance.web.app import LOOPBACK, make_web
from surveillance.web.door import SessionDoor
from surveillance.web.house import utc_now
from surveillance.web.provider import load_provider
from surveillance.web.reading import Reading
from surveillance.web.session import Seal


def make_pages(settings: Settings) -> FastAPI:
    """The web application of this configuration and database."""
    store = Store.open(settings.database_url.get_secret_value())
    configuration = load_configuration(settings.config_dir)
    return make_web(
        Reading(configuration, store),
        Desk(configuration, store),
        door=make_door(settings, configuration, store),
        hosts=sorted({*LOOPBACK, urlsplit(settings.web_url).hostname or ""}),
        audit_key=audit_key_of(settings),
    )


def make_door(settings: Settings, configuration: Configuration, store: Store) -> SessionDoor:
    """The door that people sign in at. Raises Mistake where passwords would travel in the open."""
    secure = urlsplit(settings.web_url).scheme == "https"
    if not secure and not _is_loopback(urlsplit(settings.web_url).hostname or ""):
        raise Mistake(
            "setting web_url: begins with http://, but people sign in: put a proxy that ends TLS in front, "
            "and give the address that begins with https://"
        )
    audit_key = audit_key_of(settings)
    secret = audit_key if settings.session_key is None else settings.session_key.get_secret_value().encode()
    oidc = (settings.oidc_secret.get_secret_value() if settings.oidc_secret else "") or None
    return SessionDoor(
        Porter(store, audit_key, derive_key(secret, "names"), utc_now),
        Seal(derive_key(secret, "sessions"), secure),
        settings.web_url,
        load_provider(settings.config_dir, oidc, configuration.regions, configuration.use_cases),
    )


def audit_key_of(settings: Settings) -> bytes:
    """The key of the audit chain. Raises Mistake where there is none."""
    if settings.audit_key is None:
        raise Mistake("SURVEILLANCE_AUDIT_KEY: missing; set it to a long random text, at least 32 characters")
    return settings.audit_key.get_secret_value().encode()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
