"""What docs/howto/local-ca.md shows runs: founding, configuring, revoking."""

import contextlib
import io
import re
import socket
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from backoffice import write_server_files
from chainpilot.clock import SYSTEM
from chainpilot.cpms.adapters.ca_material import CaSetupError
from sims import csms_ladder

__all__: list[str] = []

PAGE = (Path(__file__).parents[2] / "docs/howto/local-ca.md").read_text()
LISTENER = """
[database]
file = "cpms.sqlite"
[[listener]]
name = "password"
profile = 2
port = {port}
certificate = "{files.file}"
key = "{files.key}"
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def run(code: str, folder: Path) -> str:
    """What a program of the page prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code.replace("/etc/chainpilot", str(folder)), {})
    return said.getvalue()


def test_its_programs_found_a_ca_and_the_configuration_uses_it(tmp_path: Path) -> None:
    founding, revoking = blocks("python")
    (section,) = blocks("toml")
    made = [Path(line) for line in run(founding, tmp_path).splitlines()]
    assert all(f"`{file.name}`" in PAGE for file in made)
    assert {stat.S_IMODE(file.stat().st_mode) for file in made if file.suffix == ".key"} == {0o600}
    with pytest.raises(CaSetupError, match="never overwritten"):
        run(founding, tmp_path)
    files, _ = write_server_files(tmp_path, csms_ladder(), end=SYSTEM.now() + timedelta(days=365))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    here = section.replace("/srv/www/crl", str(tmp_path))
    (tmp_path / "cpms.toml").write_text(LISTENER.format(port=port, files=files) + here)
    assert run(revoking, tmp_path) == ""
