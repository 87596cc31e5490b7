"""What this machine lacks: told in one place at the end of a run, and not allowed where CI=true.

A fixture that cannot give what it promises calls `absent`. Its tests are skipped, and a short section names
the thing, the reason and how many tests waited for it. With CI=true every skip, whatever its cause, fails.
"""

import os
from collections import Counter
from collections.abc import Generator, Iterable
from typing import Any, NoReturn

import pytest

_KEY = "absent"


class Absent(pytest.skip.Exception):
    """A skip because of what the machine lacks; pytest treats it as any other."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what} is absent: {reason}")
        self.what, self.reason = what, reason


def absent(what: str, reason: str) -> NoReturn:
    """Skips the test that asks, saying what is absent and why: absent("Chromium", "it is not installed")."""
    raise Absent(what, reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes on each report what was absent. It travels with the report, also from another process."""
    del item
    report = yield
    lacking = call.excinfo.value if call.excinfo else None
    if isinstance(lacking, Absent):
        report.user_properties.append((_KEY, [lacking.what, lacking.reason]))
    if report.skipped and not hasattr(report, "wasxfail"):
        _fail_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that skips itself as a whole is no better."""
    report = yield
    if report.skipped:
        _fail_in_ci(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The section, where anything was absent."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    lines = list(_sentences(reports))
    if lines:
        terminalreporter.section("Not run on this machine")
        for line in lines:
            terminalreporter.write_line(line)


def _sentences(reports: Iterable[Any]) -> Iterable[str]:
    lacking = Counter(
        tuple(value)
        for report in reports
        for key, value in getattr(report, "user_properties", ())
        if key == _KEY
    )
    for (what, reason), tests in sorted(lacking.items()):
        yield f"{what}: {reason} ({tests} {'test' if tests == 1 else 'tests'})"


def _fail_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("CI") != "true":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{reason}; with CI=true nothing may be skipped"
