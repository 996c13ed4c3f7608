"""The page about rehearsing with the test PKI: its commands are run as they stand, the ports apart."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from chainpilot.cli.testpki import app
from chainpilot.pki.csr import build_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.testpki import declaration
from chainpilot.testpki.app import TestPki
from chainpilot.testpki.declaration import packaged, parse_hierarchy
from chainpilot.testpki.faults import Fault
from programs import program

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "rehearse.md"
PORTS = ("9443", "9080")


def part_of(heading: str) -> str:
    """A part of the page."""
    return PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]


def table_of(part: str, head: str) -> list[list[str]]:
    """The cells of the table's rows."""
    lines = part.split(f"| {head}")[1].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def commands() -> list[str]:
    """The shell blocks of the part for a CPMS, in order."""
    part = part_of("Bring your own CPMS")
    return re.findall(r"^```sh\n(.*?)^```", part, re.MULTILINE | re.DOTALL)


def free_ports(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Terminal:
    """Runs the page's commands in a folder, with free ports for the page's and this program for the clone's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))

    def command(self, block: str) -> list[str]:
        program("curl")
        program("openssl")
        block = block.replace(".venv/bin", str(Path(sys.executable).parent))
        for shown, free in self._ports.items():
            block = block.replace(shown, free)
        return ["sh", "-e", "-c", block]

    def run(self, block: str) -> str:
        """What it prints; its failure fails the test."""
        done = subprocess.run(
            self.command(block), cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.mark.parametrize("option", ["", " --pending-first", " --no-repost-safe"])
def test_every_step_of_the_page_runs_as_it_stands(option: str, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    start, request, enrol, unpack, verify, status, renew = commands()
    server = terminal.command("exec " + start.rstrip() + option)
    with subprocess.Popen(server, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert next((line for line in process.stdout if line.startswith("Stop it")), None)
            terminal.run(request)
            terminal.run(enrol)
            if option == " --pending-first":
                assert (tmp_path / "answer.b64").read_text() == "not decided yet\n"
                terminal.run(enrol)
            told = terminal.run(unpack).replace(" = ", "=")
            assert "CN=DE*CHP*E0003*1" in told
            assert "CN=TEST CPO Sub2 CA" in told
            assert terminal.run(verify) == "leaf.pem: OK\n"
            told = terminal.run(status)
            assert "Response verify OK" in told
            assert "leaf.pem: good" in told
            chain = (tmp_path / "chain.pem").read_text()
            assert chain.count("BEGIN CERTIFICATE") == 3
            terminal.run(renew)
            if option == " --pending-first":
                terminal.run(renew[renew.index("curl") :])
            assert (tmp_path / "answer2.b64").read_text().startswith("MII")
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_a_refusal_stands_in_the_answer_in_words(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    start, request, enrol, *_ = commands()
    server = terminal.command("exec " + start)
    with subprocess.Popen(server, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert next((line for line in process.stdout if line.startswith("Stop it")), None)
            terminal.run(request.replace("DE*CHP*E0003*1", "my charger"))
            with pytest.raises(AssertionError, match="400"):
                terminal.run(enrol)
            assert "neither an EVSEID nor a SECCID" in (tmp_path / "answer.b64").read_text()
        finally:
            process.send_signal(signal.SIGINT)


def test_the_options_of_the_page_are_those_of_the_command() -> None:
    command = [str(Path(sys.executable).with_name("chainpilot")), "testpki", "run", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    part = part_of("Bring your own CPMS").split("Three options make")[1]
    for option in re.findall(r"--[a-z-]+", part):
        assert option in told


def test_the_faults_of_the_page_are_those_there_are() -> None:
    rows = table_of(part_of("Make it go wrong"), "fault |")
    assert rows == [[f"`{fault.word}`", fault.meaning] for fault in Fault]


def test_the_labels_of_the_page_are_the_default_s() -> None:
    hierarchy = packaged()
    parents = {authority.name: authority.parent for authority in hierarchy.authorities}
    expected = []
    for name, label in hierarchy.labels.items():
        path = [label.authority]
        while (parent := parents[path[0]]) is not None:
            path.insert(0, parent)
        expected.append([f"`{name}`", ", ".join(f"`{each}`" for each in path), label.keys[0].value])
    rows = table_of(part_of("What it issues"), "label |")
    assert [[row[0], *row[2:]] for row in rows] == expected


def test_the_example_of_a_declaration_is_one() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert [authority.name for authority in parse_hierarchy(text).authorities] == ["tls_root", "my_root", "my_sub"]


@pytest.mark.parametrize(
    ("head", "form"), [("key of a CA |", declaration._AuthorityForm), ("key of a label |", declaration._LabelForm)]
)
def test_the_keys_of_a_declaration_are_all_explained(head: str, form: type[msgspec.Struct]) -> None:
    rows = table_of(part_of("Declare your own hierarchy"), head)
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row[0])} == set(form.__struct_fields__)


def orders() -> list[list[str]]:
    """The orders of the page's later parts, without the program."""
    later = PAGE.read_text().split("## What it issues")[1]
    lines = re.findall(r"^\.venv/bin/chainpilot testpki (.*)$", later, re.MULTILINE)
    return [line.split() for line in lines]


async def test_every_order_of_the_page_is_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = DistinguishedName("DE", "Demo Operator", "DE*CHP*E0003*1", "CPO")
    (tmp_path / "csr.pem").write_text(build_csr(generate_private_key(KeySpec.P256), name).hex())
    assert len(orders()) == 12
    async with TestPki(tmp_path / "testpki"):
        for order in orders():
            result = await asyncio.to_thread(CliRunner().invoke, app, order, catch_exceptions=False)
            assert result.exit_code == 0, result.output


def test_the_page_s_tests_pass(pytester: pytest.Pytester) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    pytester.makepyfile(code)
    result = pytester.runpytest_subprocess("-p", "chainpilot.testpki.pytest_plugin", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=4)
