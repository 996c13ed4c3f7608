"""`chainpilot demo` as people and scripts run it, in a process of its own."""

import json
import os
import re
import shlex
import signal
import ssl
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from chainpilot.cli.demo import SCRIPT
from programs import program

PROGRAM = Path(sys.executable).with_name("chainpilot")
SECONDS = 120


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, "demo", *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def whole(folder: Path) -> dict[str, Any]:
    """One run with --json."""
    done = run("--json", "--dir", str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_every_step_of_the_script_held_and_is_in_the_json(whole: dict[str, Any]) -> None:
    assert whole["ok"] is True
    assert all(step["ok"] for step in whole["steps"])
    assert set(SCRIPT) <= {step["step"] for step in whole["steps"]}


def test_the_steps_come_in_the_order_of_the_main_job(whole: dict[str, Any]) -> None:
    marks = [step["step"] for step in whole["steps"]]
    order = ["key", "accepted", "requested", "submitted", "simpleenroll", "answered", "cacerts", "checked", "issued"]
    order += ["installed", "delivered", "read-back", "recorded"]
    places = [marks.index(f"v2g.{mark}") for mark in order]
    assert places == sorted(places)
    assert marks.index("connected-2") < places[0]
    assert marks.index("csms.recorded") < marks.index("connected-3") < marks.index("csms.proven")


def test_the_readme_shows_these_steps(whole: dict[str, Any]) -> None:
    """`python tools/readme_demo.py` puts the real output there."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    shown = re.findall(r"^ +\d+\.\d{3}  (.{12}) (.{62})", readme, re.MULTILINE)
    assert [(who.strip(), what.strip()) for who, what in shown] == [
        (step["who"], step["what"]) for step in whole["steps"]
    ]


def test_openssl_alone_verifies_what_the_store_holds(whole: dict[str, Any]) -> None:
    program("openssl")
    secc, client = (shlex.split(command) for command in whole["checks"][:2])
    for command in (secc, client):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.endswith(": OK\n")
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-text", "-in", secc[-1]], capture_output=True, text=True, check=True
    )
    assert "CN = DE*CHP*E0001*1" in text.stdout
    assert "DC = CPO" in text.stdout
    assert "Digital Signature, Key Agreement" in text.stdout


def test_the_chain_file_holds_leaf_sub2_and_sub1_in_that_order(whole: dict[str, Any]) -> None:
    program("openssl")
    chain = shlex.split(whole["checks"][0])[5]
    bag = subprocess.run(["openssl", "crl2pkcs7", "-nocrl", "-certfile", chain], capture_output=True, check=True).stdout
    printed = subprocess.run(["openssl", "pkcs7", "-print_certs", "-noout"], input=bag, capture_output=True, check=True)
    subjects = re.findall(r"subject=.*?CN ?= ?([^,\n]+)", printed.stdout.decode())
    assert subjects == ["DE*CHP*E0001*1", "TEST CPO Sub2 CA", "TEST CPO Sub1 CA"]


def test_private_keys_are_for_their_owner_alone(whole: dict[str, Any], folder: Path) -> None:
    keys = [*folder.rglob("*.key"), *folder.rglob("*password"), folder / "cpms" / "cpms.sqlite"]
    assert len(keys) > 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


def test_no_secret_is_in_the_output_or_the_configuration(whole: dict[str, Any], folder: Path) -> None:
    for name in ("pki/est_password", "cpms/BER-0002.password"):
        secret = (folder / name).read_text().strip()
        assert len(secret) > 16
        assert secret not in json.dumps(whole)
        assert secret not in (folder / "cpms" / "cpms.toml").read_text()


def test_a_second_run_in_the_same_folder_enrols_again(whole: dict[str, Any], folder: Path) -> None:
    done = run("--dir", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every step held" in done.stdout
    assert "openssl verify" in done.stdout


def test_a_step_that_does_not_hold_ends_in_exit_code_1_and_says_why(tmp_path: Path) -> None:
    leaves = tmp_path / "station" / "certs" / "client" / "cso"
    leaves.parent.mkdir(parents=True)
    leaves.write_text("a file where a directory should be")
    (tmp_path / ".chainpilot-demo").touch()
    done = run("--dir", str(tmp_path))
    assert done.returncode == 1
    assert "The demo failed." in done.stderr
    assert "client/cso" in done.stderr
    assert "Traceback" not in done.stderr
    failed = run("--json", "--dir", str(tmp_path))
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["ok"] is False
    assert json.loads(failed.stdout)["why"]


def test_a_folder_with_somebody_s_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = run("--dir", str(tmp_path))
    assert done.returncode == 1
    assert "is not empty and no demo made it" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_can_not_be_made_or_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (str(tmp_path / "file" / "below"), "/proc/1", ""):
        done = run("--dir", folder)
        assert done.returncode == 1, folder
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("chainpilot: the folder /")


def test_a_part_that_can_not_write_its_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".chainpilot-demo").touch()
    (tmp_path / "cpms").write_text("a file where a directory should be")
    done = run("--json", "--dir", str(tmp_path))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "cpms") in json.loads(done.stdout)["why"]


def test_the_removal_it_prints_is_quoted(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    assert f"rm -r '{folder}'" in run("--dir", str(folder)).stdout


def test_closed_streams_and_full_disks_end_without_a_trace(tmp_path: Path) -> None:
    for number, shell in enumerate((">&-", "2>&-", ">/dev/full")):
        command = f"{shlex.quote(str(PROGRAM))} demo --dir {shlex.quote(str(tmp_path / str(number)))} {shell}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode in {0, 1}
        assert "Traceback" not in done.stderr


def test_staying_keeps_the_servers_up_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [str(PROGRAM), "demo", "--stay", "--json", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if line == "}\n":
                break
        addresses = json.loads(text)["addresses"]
        trust = ssl.create_default_context(cafile=str(tmp_path / "pki" / "web_root.pem"))
        with pytest.raises(urllib.request.HTTPError, match="401"):
            urllib.request.urlopen(f"{addresses['est']}/cacerts", context=trust, timeout=10)
        second = run("--dir", str(tmp_path))
        assert second.returncode == 7
        assert "another demo runs in" in second.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0


def test_a_guest_finds_the_same_ports_and_password_after_a_restart(whole: dict[str, Any], folder: Path) -> None:
    password = (folder / "cpms" / "BER-0002.password").read_text()
    again = json.loads(run("--json", "--dir", str(folder)).stdout)
    assert again["addresses"] == whole["addresses"]
    assert (folder / "cpms" / "BER-0002.password").read_text() == password


def test_help_tells_what_it_does_and_the_version_is_the_package_s() -> None:
    shown = subprocess.run([PROGRAM, "demo", "--help"], capture_output=True, text=True, check=True).stdout
    assert "--stay" in shown
    assert "Exit code 0 only if" in shown
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"chainpilot \d+\.\d+\.\d+\n", version)


def test_without_the_extras_a_command_says_which_it_needs() -> None:
    code = (
        "import sys\nsys.modules['uvloop'] = None\nsys.argv = ['chainpilot', 'demo']\n"
        "from chainpilot.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs uvloop" in done.stderr
    assert "extra [all]" in done.stderr


def test_the_command_line_loads_no_command_before_it_runs() -> None:
    code = "import sys, chainpilot.cli; print(sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    ).stdout
    assert not {"aiohttp", "httpx", "sqlalchemy", "websockets", "pydantic", "cryptography"} & set(
        re.findall(r"'(\w+)'", loaded)
    )
