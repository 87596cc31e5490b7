"""Where the database is, and how its server shows that it is the one that is meant."""

from dataclasses import dataclass, field
from pathlib import Path

from surveillance.sealing import SealingKeys


@dataclass(frozen=True, slots=True)
class Address:
    """`sqlite:///FILE` or `postgresql+psycopg://USER:PASSWORD@HOST/NAME`; its text holds neither password.

    `password` takes the place of the URL's. `tls`: PostgreSQL is spoken to with TLS only, and only where its
    certificate is vouched for by `ca_file` (PEM; None: the system's authorities) and names the host of the
    URL (libpq's sslmode verify-full). Without it the URL's own `sslmode` counts. SQLite needs none of these.
    `keys`: restricted values are sealed under the first of them; None: they are stored plain.
    """

    url: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_file: Path | None = None
    keys: SealingKeys | None = None
