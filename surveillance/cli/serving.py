"""The command that serves the pages."""

import signal
import sys
import threading

import typer
import uvicorn

from surveillance import observe
from surveillance.cli.first_account import tell_of_first_account
from surveillance.cli.listening import serve_metrics, web_options
from surveillance.cli.pages import make_pages
from surveillance.cli.starting import keep_what_is_loaded, listening_on, wait_for_database
from surveillance.health import Checks
from surveillance.log import configure_logging
from surveillance.metrics import WEB
from surveillance.settings import Settings
from surveillance.submitting.spool import Spool


def add_to(app: typer.Typer) -> None:
    """Adds this command."""
    app.command()(web)


def web() -> None:
    """Serve the leads' pages."""
    settings = Settings()
    configure_logging(settings.log_format, role="web")
    options = web_options(settings)
    pages = make_pages(settings)
    if settings.web_metrics_port:
        spool: Spool = pages.state.gateway.spool
        observe.spool(spool)
        ready: Checks = {
            "database": pages.state.unready,
            "spool": lambda: None if spool.used_bytes() < spool.most_bytes else "full",
        }
        with listening_on("web_metrics_port", settings.web_metrics_port):
            serve_metrics(settings, settings.web_metrics_port, WEB, ready=ready)
    wait_for_database(lambda: tell_of_first_account(settings))
    keep_what_is_loaded()
    threading.Thread(target=pages.state.warm, daemon=True).start()
    stop = threading.Event()
    draining = threading.Thread(target=pages.state.gateway.run, args=(stop, pages.state.enter), daemon=True)
    draining.start()
    # uvicorn sends itself the signal that ended it once more, which would end us before what follows.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.run(pages, **options)
    finally:
        stop.set()
        draining.join(10.0)  # what it is publishing is published; what is not waits on the disk
