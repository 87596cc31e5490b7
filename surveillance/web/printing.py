"""A report as PDF: headless Chromium prints a file of ours, one at a time, without network or session."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
STATIC = Path(__file__).parent / "static"
_SHEET = re.compile(r'<link rel="stylesheet" href="/static/([\w.-]+\.css)">')
_LINK = re.compile(r"<link [^>]*>")
_NOTHING_ELSE = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--no-pdf-header-footer",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


class NotPrinted(RuntimeError):
    """No PDF now: Chromium was busy, took too long, or gave up. The text holds nothing of the report."""


@dataclass(frozen=True, eq=False)
class Printer:
    """Headless Chromium at `path`. A report waits its turn, and may take so many seconds."""

    path: str
    timeout_seconds: float = 60.0
    _turn: Lock = field(default_factory=Lock, repr=False)

    def pdf(self, html: str) -> bytes:
        """The page as PDF. Raises NotPrinted."""
        if not self._turn.acquire(timeout=self.timeout_seconds):
            raise NotPrinted("another report is being printed")
        try:
            with TemporaryDirectory(prefix="report-") as directory:  # only its owner can read it
                return self._print(html, Path(directory))
        finally:
            self._turn.release()

    def _print(self, html: str, directory: Path) -> bytes:
        page, printed = directory / "report.html", directory / "report.pdf"
        page.write_text(on_its_own(html), encoding="utf-8")
        command = [self.path, *_FLAGS, *_as_root(), f"--user-data-dir={directory / 'profile'}"]
        _run([*command, f"--print-to-pdf={printed}", page.as_uri()], directory, self.timeout_seconds)
        if not printed.exists():
            raise NotPrinted("Chromium made no PDF")
        return printed.read_bytes()


def find_printer(path: str | None = None) -> Printer | None:
    """Chromium at this path, or under one of its usual names; None where there is none."""
    found = (shutil.which(name) for name in ([path] if path else NAMES))
    return next((Printer(program) for program in found if program), None)


def on_its_own(html: str) -> str:
    """A page that needs no server: its style sheets stand in it, and it may load nothing."""
    styled = _SHEET.sub(lambda m: f"<style>{(STATIC / m[1]).read_text(encoding='utf-8')}</style>", html)
    return _LINK.sub("", styled).replace("<head>", f"<head>{_NOTHING_ELSE}", 1)


def _as_root() -> tuple[str, ...]:
    """Chromium's own sandbox cannot be had by root, as in a container."""
    return ("--no-sandbox",) if os.geteuid() == 0 else ()


def _run(command: list[str], home: Path, timeout_seconds: float) -> None:
    """Runs it to its end, or ends it with all the processes that it began."""
    environment = {
        "HOME": str(home),
        "TMPDIR": str(home),
        "PATH": os.environ.get("PATH", ""),
        "LANG": "C.UTF-8",
    }
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        raise NotPrinted(f"Chromium took longer than {timeout_seconds:.0f} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
