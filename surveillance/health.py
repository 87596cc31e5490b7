"""What a supervisor asks a process over HTTP: does it live (/healthz), does it do its work (/readyz).

Both beside /metrics, on the port that is for machines. A check returns what is wrong, in words without a
secret or an address, or None. Not ready is no reason to end a process: it waits for what is away and goes on.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, make_wsgi_app, start_http_server

Check = Callable[[], str | None]
Checks = Mapping[str, Check]

NEVER = "not yet"


@dataclass
class Pulse:
    """When each step last came to its end, by a clock that nobody sets. Safe from several threads."""

    clock: Callable[[], float] = time.monotonic
    _last: dict[str, float] = field(default_factory=dict)

    def beat(self, step: str) -> None:
        """A step came to its end now."""
        self._last[step] = self.clock()

    def quiet_seconds(self, step: str) -> float | None:
        """Seconds since a step last came to its end; None: it never did."""
        last = self._last.get(step)
        return None if last is None else self.clock() - last

    def within(self, step: str, seconds: float) -> str | None:
        """What is wrong where a step did not come to its end for so long."""
        quiet = self.quiet_seconds(step)
        if quiet is None:
            return NEVER
        return None if quiet <= seconds else f"not for {quiet:.0f} s"


def serve(
    host: str, port: int, registry: CollectorRegistry, live: Checks, ready: Checks, **tls: Any
) -> Callable[[], None]:
    """Serves metrics, /healthz and /readyz in threads of their own; returns what ends that.

    `tls`: certfile, keyfile and what else start_http_server of prometheus_client takes. Raises OSError where
    the port is taken.
    """
    server, thread = start_http_server(port, host, registry, **tls)
    metrics, asked = make_wsgi_app(registry), {"/healthz": live, "/readyz": ready}

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        checks = asked.get(environ["PATH_INFO"])
        if checks is None:
            return metrics(environ, start_response)  # type: ignore[no-any-return]
        found = {name: _said(check) for name, check in checks.items()}
        well = all(said == "ok" for said in found.values())
        headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        start_response("200 OK" if well else "503 Service Unavailable", headers)
        return [json.dumps({"ok": well, "checks": found}).encode()]

    server.set_app(answer)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


def _said(check: Check) -> str:
    try:
        return check() or "ok"
    except Exception as error:  # whatever keeps it from answering is what is wrong; its text may hold a value
        return type(error).__name__
