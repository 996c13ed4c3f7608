"""What docs/howto/trust.md shows runs, and its decisions are those that there are."""

import contextlib
import io
import re
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backoffice import write_server_files
from chainpilot.cli import app
from chainpilot.clock import SYSTEM
from chainpilot.cpms.model import TrustDecision
from chainpilot.cpms.trust import MAX_PROPOSALS
from sims import csms_ladder, v2g_ladder

__all__: list[str] = []

PAGE = (Path(__file__).parents[2] / "docs/howto/trust.md").read_text()
CONFIG = """
[database]
file = "cpms.sqlite"
[[listener]]
name = "password"
profile = 2
port = {port}
certificate = "{files.file}"
key = "{files.key}"
"""


def test_its_program_imports_and_lists_what_waits(tmp_path: Path) -> None:
    files, _ = write_server_files(tmp_path, csms_ladder(), end=SYSTEM.now() + timedelta(days=365))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (tmp_path / "cpms.toml").write_text(CONFIG.format(port=port, files=files))
    root = v2g_ladder().root.certificate
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots/root.pem").write_text(root.to_pem())
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code.replace("/etc/chainpilot", str(tmp_path)), {})
    faults, listed = said.getvalue().splitlines()
    assert faults == "()"
    assert listed.startswith("V2G ")
    assert root.fingerprint in listed


@pytest.mark.parametrize("decision", TrustDecision)
def test_it_tells_every_decision(decision: TrustDecision) -> None:
    assert f"desk.{decision.value}(fingerprint, by=" in PAGE


def test_it_tells_how_many_may_wait() -> None:
    assert f"{MAX_PROPOSALS} proposals waiting" in PAGE


@pytest.mark.parametrize("command", ["import", "list", "approve", "history"])
def test_its_commands_are_commands(command: str) -> None:
    assert f"chainpilot cpms trust {command} " in PAGE
    assert CliRunner().invoke(app, ["cpms", "trust", command, "--help"]).exit_code == 0
