"""Commands in this process; `command.run_apart` runs them in one of their own."""

import sys
from pathlib import Path

import pytest
from command import ROOT, Ran, Run

from surveillance import cli
from surveillance.settings import Settings


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs a command in this process, with a database in tmp_path unless the environment says otherwise."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SURVEILLANCE_{name.upper()}", raising=False)
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(ROOT / "config"))
    monkeypatch.setenv("SURVEILLANCE_DATABASE_URL", f"sqlite:///{tmp_path / 'surveillance.db'}")
    monkeypatch.setenv("SURVEILLANCE_BROKERS", "127.0.0.1:1")
    for port in ("METRICS_PORT", "WEB_METRICS_PORT"):  # a server would outlive the command in this process
        monkeypatch.setenv(f"SURVEILLANCE_{port}", "0")

    def run_command(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["surveillance", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else int(code is not None), said.out, said.err)

    return run_command
