"""The page about the command line: its commands run, and what it shows is what they print."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs import FROM, UNTIL, issue, v2g_pki
from chainpilot.cli.exits import Exit
from chainpilot.cli.station import app
from chainpilot.station.config_file import read_store_file
from cli.station.runs import station
from forge import forge
from programs import program

PAGE = Path(__file__).parents[3] / "docs/howto/station-cli.md"
TEXT = PAGE.read_text()
SHOWN = "/etc/everest/certs"
_VARIABLE = (
    (r"\d{8}T\d{6}-[0-9a-f]+", "<word>"),
    (r"\b[0-9a-f]{30,}\b", "<hex>"),
    (r"\b\d{1,2} [A-Z][a-z]{2} \d{4}( \d\d:\d\d(:\d\d)?( UTC)?)?", "<day>"),
    (r'"result": \d+', '"result": <count>'),
    (r"\b\d+ (years?|days?)\b", "<span>"),
)
"""What is another at every run."""


def examples() -> list[tuple[str, str]]:
    """Each command of the page with what is shown below it."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"^```console\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def replay(place: Path) -> Iterator[tuple[str, str]]:
    """Run the page's commands in turn, the CA's part played in between; each with what a terminal would show."""
    v2g = v2g_pki()
    (place / "v2g_root.pem").write_text(v2g.root.certificate.to_pem())
    (place / "sub1.pem").write_text(v2g.sub1.certificate.to_pem())
    (place / "sub2.der").write_bytes(v2g.issuing.certificate.der)
    (place / "foreign.pem").write_text(foreign())
    environment = {
        **os.environ,
        "CHAINPILOT_CERTS": str(place / "certs"),
        "COLUMNS": "200",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for command, _ in examples():
        request = place / "request.pem"
        if "chain.pem" in command and not (place / "chain.pem").exists():
            (place / "chain.pem").write_text(v2g.stack(issue(v2g.issuing, request.read_text())))
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        yield command, done.stdout.replace(str(place / "certs"), SHOWN)


def foreign() -> str:
    """A whole chain of another PKI."""
    other = v2g_pki()
    return other.stack(forge("DE*XYZ*E1*1", other.issuing, begin=FROM, end=UNTIL).certificate)


def constant(text: str) -> str:
    """The text with what is another at every run replaced."""
    for pattern, word in _VARIABLE:
        text = re.sub(pattern, word, text)
    return text


def test_what_the_page_shows_is_what_the_commands_print(tmp_path: Path) -> None:
    program("openssl")
    for (command, output), (_, shown) in zip(replay(tmp_path), examples(), strict=True):
        assert constant(output) == constant(shown), command


def test_the_page_s_configuration_is_one_that_is_read() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    file = read_store_file(text)
    assert file.hardware is not None
    assert file.settings


def test_every_command_is_on_the_page() -> None:
    for one in app.registered_commands:
        assert one.callback is not None
        assert f"`{one.callback.__name__.replace('_', '-')}`" in TEXT


def test_every_exit_code_of_the_store_is_on_the_page() -> None:
    told = re.findall(r"^\| (\d) \|", TEXT, re.MULTILINE)
    assert set(map(int, told)) == {code.value for code in Exit} - {Exit.WAITED_TOO_LONG, Exit.STOPPED}


@pytest.mark.parametrize("option", re.findall(r"`(--[a-z-]+)", TEXT))
def test_every_option_on_the_page_exists(option: str) -> None:
    helps = [station(None, "-h").out]
    helps += [
        station(None, one.callback.__name__.replace("_", "-"), "-h").out
        for one in app.registered_commands
        if one.callback is not None
    ]
    assert any(re.search(rf"{option}\b", text) for text in helps) or option == "--install-completion"
