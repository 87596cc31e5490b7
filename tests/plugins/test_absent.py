"""What the plugin says at the end of a run, asked of pytest itself."""

from collections.abc import Callable

import pytest

pytest_plugins = ["pytester"]
Run = Callable[..., pytest.RunResult]
CASES = """
import pytest
from plugins.absent import absent

@pytest.fixture(scope="session")
def clock():
    absent("A clock", "it is not installed")

def test_one(clock): ...
def test_two(clock): ...
def test_here(): ...
@pytest.mark.xfail(strict=True)
def test_known(): raise ValueError
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*arguments: str, cases: str = CASES, ci: str = "") -> pytest.RunResult:
        monkeypatch.setenv("CI", ci)
        pytester.makepyfile(test_cases=cases)
        return pytester.runpytest("-p", "plugins.absent", "-p", "no:cacheprovider", *arguments)

    return run


@pytest.mark.parametrize("processes", ["0", "2"])
def test_what_is_absent_is_told_once_with_the_tests_that_waited_for_it(run: Run, processes: str) -> None:
    done = run("-n", processes)
    assert str(done.stdout).count("A clock: it is not installed (2 tests)") == 1
    assert "Not run on this machine" in str(done.stdout)
    assert "1 passed, 2 skipped, 1 xfailed" in str(done.stdout)
    assert done.ret == 0


def test_nothing_is_said_where_nothing_is_absent(run: Run) -> None:
    done = run(cases="def test_here(): ...")
    assert "Not run on this machine" not in str(done.stdout)
    assert done.ret == 0


def test_in_ci_each_test_that_could_not_run_fails_with_the_reason(run: Run) -> None:
    done = run(ci="true")
    assert "1 passed, 1 xfailed, 2 errors" in str(done.stdout)
    assert "A clock is absent: it is not installed; with CI=true nothing may be skipped" in str(done.stdout)
    assert "A clock: it is not installed (2 tests)" in str(done.stdout)
    assert done.ret == 1


@pytest.mark.parametrize(
    "cases",
    [
        "import pytest\ndef test_one(): pytest.skip('not today')",
        "import pytest\npytest.skip('not today', allow_module_level=True)",
    ],
    ids=["a test", "a module"],
)
def test_in_ci_a_skip_for_any_other_cause_fails_too(run: Run, cases: str) -> None:
    done = run(ci="true", cases=cases)
    assert "not today; with CI=true nothing may be skipped" in str(done.stdout)
    assert done.ret != 0
    assert run(cases=cases).ret in (0, pytest.ExitCode.NO_TESTS_COLLECTED)
