"""`chainpilot testpki run` in a process of its own: the line it prints works, Ctrl-C ends it."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from programs import program

PROGRAM = Path(sys.executable).with_name("chainpilot")


def test_the_command_it_prints_shows_its_ca_certificates_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    program("curl")
    program("openssl")
    command = [str(PROGRAM), "testpki", "run", "--dir", str(tmp_path / "pki")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        example = next(line for line in process.stdout if line.startswith("  curl"))
        printed = subprocess.run(["sh", "-c", example], capture_output=True, text=True, check=True).stdout
        assert re.findall(r"subject=.*CN ?= ?TEST ([^,\n]+)", printed)
        assert len(re.findall("BEGIN CERTIFICATE", printed)) == 3
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(30) == 0
    assert re.search(r"est +cpo/cacerts +200", rest)


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path) -> None:
    command = [str(PROGRAM), "testpki", "run", "--dir", str(tmp_path / "pki"), "--est-port", "1", "--host", "192.0.2.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("chainpilot: can't listen on 192.0.2.1:1")
