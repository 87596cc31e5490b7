"""What listens for whom: the pages and the metrics, with TLS where the settings name a certificate."""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import REGISTRY, CollectorRegistry

from surveillance.cli.errors import Mistake
from surveillance.health import Checks, serve
from surveillance.settings import Settings
from surveillance.tls import server_tls

NOTHING: Checks = {}
DRAIN_SECONDS = 10
"""How long answers under way may take once the server was told to stop; that of a live page never ends."""


def serve_metrics(
    settings: Settings,
    port: int,
    registry: CollectorRegistry = REGISTRY,
    live: Checks = NOTHING,
    ready: Checks = NOTHING,
) -> None:
    """Answers Prometheus and supervisors until the end. With `metrics_client_ca_file`, nobody else."""
    serve(settings.metrics_host, port, registry, live, ready, **_metrics_tls(settings))


def web_options(settings: Settings) -> dict[str, Any]:
    """How uvicorn serves the pages: where, with which certificate, and what ends when. Raises Mistake."""
    return {
        "host": settings.web_host,
        "port": settings.web_port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": DRAIN_SECONDS,
        **proxies_of(settings),
        **_web_tls(settings),
    }


def proxies_of(settings: Settings) -> dict[str, Any]:
    """Whose word for where a request came from the server believes; nobody's where none is named."""
    return {
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": settings.trusted_proxies or None,
    }


def _metrics_tls(settings: Settings) -> dict[str, Any]:
    certificate, clients = settings.metrics_cert_file, settings.metrics_client_ca_file
    if certificate is None:
        if clients is not None:
            raise Mistake("setting metrics_client_ca_file: needs TLS. Set metrics_cert_file as well")
        return {}
    key = settings.metrics_key_file
    _checked("metrics_cert_file", certificate, key, clients)  # told by its setting, before anything listens
    return {
        "certfile": str(certificate),
        "keyfile": str(key or certificate),
        "client_cafile": None if clients is None else str(clients),
        "client_auth_required": clients is not None,
    }


def _web_tls(settings: Settings) -> dict[str, Any]:
    certificate = settings.web_cert_file
    if certificate is None:
        return {}
    if urlsplit(settings.web_url).scheme != "https":
        raise Mistake(
            "setting web_url: the pages are served with TLS (web_cert_file), and it begins with http://. "
            "Give the address that begins with https://, with a name that the certificate has"
        )
    context = _checked("web_cert_file", certificate, settings.web_key_file, None)
    return {"ssl_context_factory": lambda _config, _default: context}


def _checked(setting: str, certificate: Path, key: Path | None, clients: Path | None) -> ssl.SSLContext:
    try:
        return server_tls(certificate, key, clients)
    except OSError as error:
        raise Mistake(
            f"setting {setting}: {certificate} cannot be used with its key and what goes with it "
            f"({getattr(error, 'reason', None) or type(error).__name__}). Give files in PEM that this user "
            f"may read, and the key as {setting.replace('_cert_', '_key_')}"
        ) from None
