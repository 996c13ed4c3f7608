"""What docs/howto/local-ca.md shows works: its files, its configuration, its commands."""

import re
import shlex
import stat
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chainpilot.cli import app
from chainpilot.clock import SYSTEM
from chainpilot.cpms.adapters.ca_material import read_ca, write_founded
from chainpilot.cpms.config import load_config
from chainpilot.cpms.issuing import Founding
from chainpilot.pki.trust import LeafUse
from rawserver import make_identity
from tokens import PIN, soft_tokens

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
    founding, section = blocks("sh")[0], blocks("toml")[0]
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


def test_its_key_moves_into_a_token_and_the_configuration_finds_it_there(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    write_founded(folder, Founding("Demo Operator", "DE"), SYSTEM.now())
    (folder / "pin").write_text(PIN)
    (folder / "pin").chmod(0o600)
    importing, section = blocks("sh")[1], blocks("toml")[1]
    with soft_tokens(tmp_path / "hsm") as tokens:
        tokens.add("cpms")
        moved = shlex.split(importing.replace("/etc/chainpilot/ca", str(folder)))
        subprocess.run([*moved, "--pin", PIN], check=True, capture_output=True)
        (folder / "issuing.key").unlink()
        here = section.replace("/usr/lib/softhsm/libsofthsm2.so", str(tokens.module))
        (tmp_path / "cpms.toml").write_text(LISTENER + here)
        own = load_config(tmp_path / "cpms.toml", {}).cas["own"]
        read_ca("own", own.certificate, own.key, signs_lists=True).key.close()


@pytest.mark.parametrize("command", ["list", "revoke"])
def test_its_commands_are_commands(command: str) -> None:
    assert f"chainpilot cpms ca {command} own" in PAGE
    assert CliRunner().invoke(app, ["cpms", "ca", command, "--help"]).exit_code == 0
