"""What docs/howto/local-ca.md shows works: its files, its configuration, its commands."""

import re
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chainpilot.cli import app
from chainpilot.cpms.config import load_config
from chainpilot.pki.trust import LeafUse
from rawserver import make_identity

__all__: list[str] = []

PAGE = (Path(__file__).parents[2] / "docs/howto/local-ca.md").read_text()
LISTENER = """
[database]
file = "cpms.sqlite"
[[listener]]
name = "password"
profile = 2
certificate = "server.pem"
key = "server.key"
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_founded_files_are_those_of_the_page_and_its_configuration_takes_them(tmp_path: Path) -> None:
    make_identity(tmp_path, "127.0.0.1")
    (founding, _), (section,) = blocks("sh"), blocks("toml")
    assert founding.startswith("chainpilot cpms ca init --dir /etc/chainpilot/ca ")
    words = ["cpms", "ca", "init", "--dir", str(tmp_path / "ca"), "--organization", "Demo Operator", "--country", "DE"]
    assert CliRunner().invoke(app, words).exit_code == 0
    made = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "ca").iterdir()}
    assert made == {"root.pem": 0o644, "root.key": 0o600, "issuing.pem": 0o644, "issuing.key": 0o600}
    assert all(f"| `{name}` |" in PAGE for name in made)
    (tmp_path / "cpms.toml").write_text(LISTENER + section)
    config = load_config(tmp_path / "cpms.toml", {})
    assert config.issue == {LeafUse.CSMS: "own"}
    assert "own" in config.cas


@pytest.mark.parametrize("command", ["list", "revoke"])
def test_its_commands_are_commands(command: str) -> None:
    assert f"chainpilot cpms ca {command} own" in PAGE
    assert CliRunner().invoke(app, ["cpms", "ca", command, "--help"]).exit_code == 0
