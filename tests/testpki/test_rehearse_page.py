"""The page about rehearsing with the test PKI: its commands are run as they stand, the ports apart."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from programs import program

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "rehearse.md"
PORTS = ("9443", "9080")


def commands() -> list[str]:
    """The shell blocks of the part for a CPMS, in order."""
    part = PAGE.read_text().split("## Bring your own CPMS\n")[1]
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
    start, request, enrol, unpack, verify, status = commands()
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
    part = PAGE.read_text().split("Three options make")[1]
    for option in re.findall(r"--[a-z-]+", part):
        assert option in told
