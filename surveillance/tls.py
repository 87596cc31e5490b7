"""TLS of what this service listens on: pages, metrics, HL7."""

import ssl
from pathlib import Path


def server_tls(certificate: Path, key: Path | None = None, clients: Path | None = None) -> ssl.SSLContext:
    """TLS from 1.2 on, with a certificate in PEM and its key (None: in the same file).

    With `clients`, only those with a certificate that it vouches for are heard. Raises OSError, which
    ssl.SSLError is as well, where the files cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
