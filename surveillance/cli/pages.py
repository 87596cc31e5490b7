"""The pages over the stored alerts."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import FastAPI

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.admitting import Porter, derive_key
from surveillance.cli.errors import Mistake
from surveillance.cli.keys import audit_key_of, desk_keys
from surveillance.configuration import Configuration, load_configuration
from surveillance.deciding import Desk
from surveillance.settings import Settings
from surveillance.store import accounts
from surveillance.store.database import Store
from surveillance.submitting.gateway import Gateway
from surveillance.submitting.outlet import Outlet
from surveillance.submitting.spool import Spool
from surveillance.web.app import LOOPBACK, make_web
from surveillance.web.door import SessionDoor
from surveillance.web.house import People, utc_now
from surveillance.web.printing import find_printer
from surveillance.web.provider import load_provider
from surveillance.web.reading import Reading
from surveillance.web.session import Seal


def make_pages(settings: Settings) -> FastAPI:
    """The web application of this configuration and database."""
    store = Store.open(settings.database)
    configuration = load_configuration(settings.config_dir)
    audit_key, erasure_key = desk_keys(settings)
    return make_web(
        Reading(configuration, store),
        Desk(configuration, store, audit_key, erasure_key),
        door=make_door(settings, configuration, store),
        hosts=sorted({*LOOPBACK, urlsplit(settings.web_url).hostname or ""}),
        audit_key=audit_key,
        people=people_of(store),
        printer=find_printer(settings.chromium),
        gateway=make_gateway(settings, configuration),
    )


def make_gateway(settings: Settings, configuration: Configuration) -> Gateway:
    """What takes the records that partners hand in."""
    return Gateway(
        configuration,
        Spool(settings.spool_dir, settings.spool_megabytes * 1_000_000, settings.restricted_keys),
        Outlet(settings.kafka),
        utc_now,
        settings.topic_prefix,
        settings.upload_megabytes * 1_000_000,
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
        load_provider(
            settings.config_dir, oidc, configuration.regions, configuration.use_cases, configuration.partners
        ),
    )


def people_of(store: Store) -> People:
    """The accounts that may do something somewhere."""

    def people(scope: str, use_case: str, permission: Permission) -> list[str]:
        with store.reading() as tx:
            known = [a for a in accounts.listed(tx) if a.disabled_at is None]
        return [a.id for a in known if Person(a.id, a.grants).may(permission, scope, use_case)]

    return people


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
