"""Commands of a worker: run one, compile what it needs."""

import typer

from agents.worker import run
from surveillance.cli.errors import Mistake
from surveillance.cli.listening import serve_metrics
from surveillance.cli.starting import keep_what_is_loaded, listening_on, wait_for_database
from surveillance.detection.scan import permutation, poisson
from surveillance.log import configure_logging
from surveillance.service import build_service
from surveillance.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Adds these commands."""
    for command in (worker, warm):
        app.command()(command)


def worker() -> None:
    """Run a worker: ingest, evaluate, deliver, repair. Any number may run; SIGTERM ends it cleanly."""
    settings = Settings()
    configure_logging(settings.log_format, role="worker")
    if settings.dead_letter_key is None:
        raise Mistake(
            "setting dead_letter_key: a worker needs it. Set SURVEILLANCE_DEAD_LETTER_KEY to a long random "
            "text that only the operator knows, such as the output of: openssl rand -hex 32"
        )
    service = build_service(settings)
    if settings.metrics_port:
        with listening_on("metrics_port", settings.metrics_port):
            serve_metrics(settings, settings.metrics_port, live=service.live, ready=service.ready)
    wait_for_database(service.store.check_schema)
    wait_for_database(service.prepare)
    permutation.warm()
    chosen = {one.name for of_use_case in service.configuration.detectors.values() for one in of_use_case}
    if poisson.PoissonScan.name in chosen:
        poisson.warm()
    keep_what_is_loaded()
    code = run(settings, service)
    service.close()
    raise typer.Exit(code)


def warm() -> None:
    """Compile the detectors once, so that no worker's first event waits for it."""
    from surveillance.cli.scan_warm import warm_scan  # the workers do without it

    permutation.warm()
    poisson.warm()
    warm_scan()
