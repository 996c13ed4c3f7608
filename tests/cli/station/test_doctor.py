"""`chainpilot station doctor`: blocks for people, JSON for programs, and an exit code that scripts can use."""

import os
import pty
import re
import shlex
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chainpilot.station.model import CaCertificateType
from cli.station.runs import PROGRAM, station
from forge import forge
from station.checkup.bench import Bench, benches
from station.checkup.cases.authorities import mo_root
from stock import put

PAGE = Path(__file__).parents[3] / "docs/reference/doctor.md"
MO = CaCertificateType.MO
SETTINGS = 'default_ocsp_url = "http://ocsp.example/"\n'


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A healthy store, its settings in a file beside it."""
    with benches() as bench:
        put(bench.directory.parent / "store.toml", SETTINGS)
        yield bench


def config(bench: Bench) -> Path:
    return bench.directory.parent / "store.toml"


def doctor(bench: Bench, *words: str) -> tuple[int, str]:
    run = station(bench.directory, "--config", config(bench), "doctor", *words)
    assert run.err == ""
    return run.code, run.out


def too_wide(bench: Bench) -> Path:
    key = next(bench.leaves.glob("*.key"))
    key.chmod(0o644)
    return key


def test_a_healthy_store_needs_nothing(bench: Bench) -> None:
    assert doctor(bench) == (0, "Nothing to do: 8 certificates, 2 keys looked at\n")


def test_an_error_is_a_block_with_its_reason_and_a_line_to_copy(bench: Bench) -> None:
    key = too_wide(bench)
    code, out = doctor(bench)
    assert code == 1
    assert out == (
        "error KeyModeTooWide\n"
        f"  seen The key file {key} has the mode 0644; 0600 is configured.\n"
        "  why  Other users of this machine may read or replace it, and whoever has the key can pose as this station.\n"
        "  do   Take their rights away; if somebody may have read it, enrol again.\n"
        f"       chmod 600 {key}\n"
        "\n"
        "1 error; 8 certificates, 2 keys looked at\n"
    )


def test_the_page_shows_what_is_printed(bench: Bench) -> None:
    key = too_wide(bench)
    _, out = doctor(bench)
    shown = re.search(r"^\$ chainpilot .* doctor\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert shown is not None
    named = out.replace(str(key), "/etc/everest/certs/client/cso/SECC_LEAF.key")
    assert shown[1] == named


def test_a_warning_needs_somebody_and_a_notice_nobody(bench: Bench) -> None:
    put(bench.bundle(MO), b"")
    code, out = doctor(bench)
    assert code == 0
    assert out.splitlines()[0] == "notice BundleEmpty"
    assert out.splitlines()[-1] == "1 notice; 8 certificates, 2 keys looked at"
    put(bench.bundle(MO), mo_root().to_pem() + forge("DE*XYZ*E1").certificate.to_pem())
    code, out = doctor(bench)
    assert code == 1
    assert out.splitlines()[-1] == "1 warning; 9 certificates, 2 keys looked at"


def test_the_worst_comes_first(bench: Bench) -> None:
    too_wide(bench)
    put(bench.leaves / "gone.txt", b"")
    (bench.leaves / "gone.pem").symlink_to("nowhere")
    put(bench.bundle(MO), mo_root().to_pem() + forge("DE*XYZ*E1").certificate.to_pem())
    _, out = doctor(bench)
    heads = [line for line in out.splitlines() if re.match(r"(error|warning|notice) ", line)]
    assert heads == ["error KeyModeTooWide", "warning LeafInBundle", "notice LinkLeadsNowhere"]
    assert out.splitlines()[-1] == "1 error, 1 warning, 1 notice; 9 certificates, 2 keys looked at"


def test_a_command_is_told_whole_with_what_the_person_brings(bench: Bench) -> None:
    bench.bundle(CaCertificateType.V2G).write_bytes(b"")
    _, out = doctor(bench)
    line = f"chainpilot station --certs {bench.directory} --config {config(bench)} install-ca-certificate ROOT.pem V2G"
    assert f"       {line}\n         ROOT.pem: the certificate of the V2G root\n" in out
    brought = put(bench.workshop / "brought.pem", bench.v2g.root.certificate.to_pem())
    words = shlex.split(line.replace("ROOT.pem", str(brought)))
    done = subprocess.run([PROGRAM, *words[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert doctor(bench)[0] == 0


def test_a_setting_is_told_with_the_file_it_stands_in(bench: Bench) -> None:
    put(config(bench), SETTINGS + "allow_test_pki = true\n")
    assert f"       in {config(bench)}: allow_test_pki = false\n" in doctor(bench)[1]
    run = station(bench.directory, "--allow-test-pki", "doctor")
    assert "       in the store's settings (--config FILE): allow_test_pki = false\n" in run.out


def test_programs_get_one_object(bench: Bench) -> None:
    key = too_wide(bench)
    bench.bundle(CaCertificateType.V2G).write_bytes(b"")
    run = station(bench.directory, "--config", config(bench), "doctor", "--json")
    assert run.code == 1
    assert run.told["command"] == "doctor"
    assert run.told["reason"] == "2 errors; 7 certificates, 2 keys looked at"
    result = run.result
    assert list(result) == ["directory", "at", "certificates", "keys", "problems"]
    assert (result["directory"], result["certificates"], result["keys"]) == (str(bench.directory), 7, 2)
    missing, wide = result["problems"]
    assert (missing["code"], missing["severity"]) == ("RootMissing", "error")
    begin = f"chainpilot station --certs {bench.directory} --config {config(bench)}"
    assert missing["steps"] == [
        {
            "kind": "command",
            "line": f"{begin} install-ca-certificate ROOT.pem V2G",
            "needs": {"ROOT.pem": "the certificate of the V2G root"},
        }
    ]
    assert wide["path"] == str(key)
    assert wide["subject"] is None
    assert wide["steps"] == [{"kind": "shell", "line": f"chmod 600 {key}", "needs": {}}]


def test_of_an_empty_store_it_says_that_it_is_empty_and_where_to_begin(tmp_path: Path) -> None:
    run = station(tmp_path, "doctor")
    assert run.code == 0
    assert run.out.startswith(
        "Nothing is wrong, and nothing is there: no root, no leaf, no key; begin with: chainpilot "
    )
    assert run.out.endswith("install-ca-certificate FILE V2G\n")


def test_a_healthy_store_is_an_empty_list_for_programs(bench: Bench) -> None:
    run = station(bench.directory, "--config", config(bench), "doctor", "--json")
    assert (run.code, run.told["reason"], run.result["problems"]) == (0, None, [])


def test_settings_and_what_is_done_by_hand_have_their_form_too(bench: Bench) -> None:
    put(config(bench), SETTINGS + "allow_test_pki = true\n")
    later = mo_root("MO Root 2", begin=datetime(2040, 1, 1, tzinfo=UTC))
    put(bench.bundle(MO), mo_root().to_pem() + later.to_pem())
    run = station(bench.directory, "--config", config(bench), "doctor", "--json")
    steps = {one["code"]: one["steps"] for one in run.result["problems"]}
    assert steps == {
        "TestPkiAllowed": [{"kind": "setting", "key": "allow_test_pki", "value": "false", "needs": {}}],
        "RootNotYetValid": [{"kind": "by hand", "what": "Wait until 2040-01-01 00:00 UTC."}],
    }


def test_names_that_would_steer_a_terminal_are_made_harmless(bench: Bench) -> None:
    put(bench.bundle(MO), mo_root().to_pem() + forge("evil\x1b[31m\nname").certificate.to_pem())
    _, out = doctor(bench)
    assert "\x1b" not in out
    assert "evil\\x1b[31m\\nname" in out


def test_sentences_are_folded_on_a_terminal_and_commands_are_not(bench: Bench) -> None:
    put(bench.bundle(MO), mo_root().to_pem() + forge("DE*XYZ*E1").certificate.to_pem())
    master, slave = pty.openpty()
    command = [str(PROGRAM), "station", "--certs", str(bench.directory), "--config", str(config(bench)), "doctor"]
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm"}
    with subprocess.Popen(command, stdout=slave, stderr=slave, env=environment) as running:
        os.close(slave)
        shown = b""
        while chunk := _read(master):
            shown += chunk
        assert running.wait() == 1
    os.close(master)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n").splitlines()
    (edit,) = (line for line in lines if "sed -i" in line)
    assert edit.endswith("MO_ROOT_CA.pem")
    sentences = [line for line in lines if line != edit and str(bench.directory) not in line]
    assert max(map(len, sentences)) <= 60
    assert any(line.startswith("       ") for line in sentences)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


def test_a_missing_directory_is_told_as_by_every_command(tmp_path: Path) -> None:
    run = station(tmp_path / "nowhere", "doctor")
    assert run.code == 3
    assert "there is no directory" in run.err


def test_the_doctor_changes_nothing(bench: Bench) -> None:
    too_wide(bench)
    before = {path: path.stat() for path in sorted(bench.directory.rglob("*"))}
    doctor(bench)
    after = {path: path.stat() for path in sorted(bench.directory.rglob("*"))}
    assert {path: (one.st_ino, one.st_mtime_ns, one.st_ctime_ns) for path, one in before.items()} == {
        path: (one.st_ino, one.st_mtime_ns, one.st_ctime_ns) for path, one in after.items()
    }
