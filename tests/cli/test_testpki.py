"""`chainpilot testpki run` in a process of its own: what it prints works, mistakes are sentences, Ctrl-C ends it."""

import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from programs import program

PROGRAM = Path(sys.executable).with_name("chainpilot")


class Running:
    """A test PKI in a process of its own, ready; `head` is what it printed until then."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.head = ""
        for line in process.stdout:
            self.head += line
            if line.startswith("Stop it"):
                break

    def example(self) -> str:
        """What the printed example prints."""
        line = next(line for line in self.head.splitlines() if line.startswith("  curl"))
        return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout

    def stop(self) -> str:
        """Ctrl-C, which must be its proper end; what it printed meanwhile."""
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGINT)
        rest = self.process.stdout.read()
        assert self.process.wait(30) == 0
        return rest


@contextmanager
def running(*arguments: str | Path) -> Iterator[Running]:
    command = [PROGRAM, "testpki", "run", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


def refused(*arguments: str | Path) -> tuple[int, str]:
    """The exit code and the sentence of a run that can't begin."""
    command = [PROGRAM, "testpki", "run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize("folder", ["pki", "t p", 'it\'s "$HOME"'])
def test_the_command_it_prints_shows_its_ca_certificates_and_ctrl_c_ends_it(folder: str, tmp_path: Path) -> None:
    program("curl")
    program("openssl")
    with running("--dir", tmp_path / folder) as pki:
        printed = pki.example()
        assert re.findall(r"subject=.*CN ?= ?TEST ([^,\n]+)", printed)
        assert len(re.findall("BEGIN CERTIFICATE", printed)) == 3
        assert re.search(r"est +cpo/cacerts +200", pki.stop())


def test_it_says_the_name_that_others_know_it_by(tmp_path: Path) -> None:
    program("curl")
    program("openssl")
    with running("--dir", tmp_path / "pki", "--host", "0.0.0.0", "--name", "localhost", "--name", "192.0.2.7") as pki:
        assert "https://localhost:" in pki.head
        assert "http://localhost:" in pki.head
        assert "0.0.0.0" not in pki.head
        assert pki.example().count("BEGIN CERTIFICATE") == 3


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_every_address_without_a_name_is_refused(host: str, tmp_path: Path) -> None:
    code, said = refused("--dir", tmp_path / "pki", "--host", host)
    assert code == 2
    assert said == (
        f"chainpilot: {host!r} stands for every address of this machine: "
        "give the name by which others reach it (--name)\n"
    )


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    code, said = refused("--dir", tmp_path / "pki", "--name", "https://pki")
    assert (code, said) == (2, "chainpilot: 'https://pki' is neither a DNS name nor an IP address (--name)\n")


def test_a_port_that_can_not_be_listened_on_is_told_in_a_sentence(tmp_path: Path) -> None:
    code, said = refused("--dir", tmp_path / "pki", "--est-port", "1", "--host", "192.0.2.1")
    assert code == 1
    assert said.startswith("chainpilot: can't listen on 192.0.2.1:1: ")
    assert "choose another address or port" in said


@pytest.mark.parametrize("option", ["--est-port", "--ocsp-port"])
@pytest.mark.parametrize("port", ["-1", "65536", "99999"])
def test_a_number_that_is_no_port_is_a_usage_error(option: str, port: str, tmp_path: Path) -> None:
    code, said = refused("--dir", tmp_path / "pki", option, port)
    assert code == 2
    assert f"Invalid value for '{option}'" in said
    assert not (tmp_path / "pki").exists()


def test_a_file_in_place_of_the_folder_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("hello")
    code, said = refused("--dir", tmp_path / "README.md")
    assert code == 2
    assert "README.md" in said.replace("\n", "")


@pytest.mark.parametrize("where", ["/proc/y", "/sys/y", "/dev/null/y"])
def test_a_folder_that_can_not_be_made_is_told_in_a_sentence(where: str) -> None:
    code, said = refused("--dir", where)
    assert code == 1
    assert re.fullmatch(rf"chainpilot: {where}: [\w ]+; name another folder\n", said)


def test_another_s_folder_is_refused_and_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    tmp_path.chmod(0o1777)
    code, said = refused("--dir", tmp_path)
    assert code == 7
    assert said == (
        f"chainpilot: {tmp_path}: the folder holds other files than a test PKI's; name an empty or a new one\n"
    )
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_second_run_on_a_folder_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    with running("--dir", tmp_path / "pki") as pki:
        ports = (tmp_path / "pki" / "ports.json").read_text()
        code, said = refused("--dir", tmp_path / "pki")
        assert code == 7
        assert said == (
            f"chainpilot: {tmp_path / 'pki'}: a test PKI is running in this folder; stop it, or name another folder\n"
        )
        assert (tmp_path / "pki" / "ports.json").read_text() == ports
        pki.stop()
    with running("--dir", tmp_path / "pki") as pki:
        pki.stop()


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a test PKI has run in."""
    folder = Path(tmp_path_factory.mktemp("used")) / "pki"
    with running("--dir", folder) as pki:
        pki.stop()
    return folder


@pytest.mark.parametrize("name", ["issued.jsonl", "v2g_root.pem", "keys/cpo_sub2.key", "ports.json"])
def test_a_broken_file_is_named_with_what_to_do(name: str, used: Path) -> None:
    whole = (used / name).read_bytes()
    (used / name).write_bytes(b"nonsense!\n")
    try:
        code, said = refused("--dir", used)
    finally:
        (used / name).write_bytes(whole)
    assert code == 1
    assert said.startswith(f"chainpilot: {used / name}: ")
    assert "; put back what it held, or start in a new folder" in said or "; delete it" in said


def test_a_folder_put_right_is_used_again(used: Path) -> None:
    with running("--dir", used) as pki:
        pki.stop()
