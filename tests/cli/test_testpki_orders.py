"""`chainpilot testpki issue|revoke|rollover|expire|status|fault` on a stopped and on a running test PKI."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chainpilot.cli.testpki import app
from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.csr import build_csr
from chainpilot.pki.encoding import PemLabel, pem_encode
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.testpki.app import TestPki
from chainpilot.testpki.control import OrderRefused
from chainpilot.testpki.faults import Fault
from chainpilot.testpki.office import NotIssued, Office
from chainpilot.testpki.orders import NotRunning

EMAID = "DEABCC123456789"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a test PKI that is stopped."""
    with Office(tmp_path / "pki", SYSTEM.now()):
        return tmp_path / "pki"


def ordered(folder: Path, *arguments: str) -> str:
    """What the command prints; its failure fails the test."""
    result = CliRunner().invoke(app, [*arguments, "--dir", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(folder: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments, "--dir", str(folder)], catch_exceptions=False)
    return result.exit_code, result.output


def files_in(printed: str) -> list[Path]:
    return [Path(line) for line in printed.splitlines() if line.startswith("/")]


def test_a_stopped_pki_issues_revokes_rolls_over_and_tells(folder: Path) -> None:
    chain, key = files_in(ordered(folder, "issue", "mo", EMAID))
    assert load_certificates(chain.read_bytes())[0].subject.common_name == EMAID
    assert key.stat().st_mode & 0o777 == 0o600
    assert f"revoked {EMAID}" in ordered(folder, "revoke", EMAID, "--reason", "superseded")
    assert (folder / "crl" / "mo_sub2.crl").is_file()
    assert "new key and certificate" in ordered(folder, "rollover", "v2g_root")
    told = ordered(folder, "status")
    assert told.startswith("stopped\n")
    assert "rollovers: 1" in told
    assert "1 issued, 1 revoked" in told


@pytest.mark.parametrize("armoured", [True, False], ids=["PEM", "DER"])
def test_a_request_in_a_file_gets_its_certificate(armoured: bool, folder: Path, tmp_path: Path) -> None:
    name = DistinguishedName("DE", "Operator", "DE*ICE*E1", "CPO")
    csr = build_csr(generate_private_key(KeySpec.P256), name)
    file = tmp_path / "request"
    file.write_bytes(pem_encode(csr, PemLabel.CERTIFICATE_REQUEST).encode() if armoured else csr)
    (chain,) = files_in(ordered(folder, "issue", "cpo", "--csr", str(file), "--out", str(tmp_path / "out")))
    assert chain.parent == tmp_path / "out"
    assert load_certificates(chain.read_bytes())[0].subject == name


def test_a_certificate_is_made_to_end(folder: Path) -> None:
    (chain, _) = files_in(ordered(folder, "issue", "mo", EMAID, "--days", "0"))
    assert load_certificates(chain.read_bytes())[0].not_after < SYSTEM.now()
    (twin,) = files_in(ordered(folder, "expire", EMAID))
    assert load_certificates(twin.read_bytes())[0].not_after < SYSTEM.now()
    assert files_in(ordered(folder, "expire", "cpo_sub2")) == []


async def test_a_running_pki_is_told_the_same(folder: Path) -> None:
    async with TestPki(folder) as pki:
        chain, _ = files_in(await asyncio.to_thread(ordered, folder, "issue", "mo", EMAID))
        assert load_certificates(chain.read_bytes())[0] == pki.issued[0].certificate
        told = await asyncio.to_thread(ordered, folder, "fault", "busy", "--times", "2", "--only", "cacerts")
        how = "answers 503 with Retry-After: 1, for cacerts alone, answers left: 2"
        assert told == f"busy is on: the test PKI {how}\n"
        assert f"fault busy: it {how}\n" in await asyncio.to_thread(ordered, folder, "status")
        assert list(pki.faults.active) == [Fault.BUSY]
        await asyncio.to_thread(ordered, folder, "fault", "busy", "--off")
        assert list(pki.faults.active) == []
        with pytest.raises(OrderRefused, match="'nobody' is neither a CA"):
            await asyncio.to_thread(ordered, folder, "revoke", "nobody")


def test_mistakes_are_told(folder: Path) -> None:
    with pytest.raises(NotIssued):
        ordered(folder, "revoke", "nobody")
    with pytest.raises(NotRunning, match="--fault NAME"):
        ordered(folder, "fault", "busy")
    assert refused(folder, "issue", "mo") == (
        2,
        "chainpilot: give a common name or a signing request (--csr), one of them\n",
    )  # fmt: skip - the sentence in a line
    code, said = refused(folder, "revoke", EMAID, "--reason", "boredom")
    assert (code, said.startswith("chainpilot: 'boredom' is no reason; there are unspecified, ")) == (2, True)
    code, said = refused(folder, "fault", "busy", "--only", "everything")
    assert (code, "--only" in said) == (2, True)


@pytest.mark.parametrize("options", [["--off"], ["--times", "2"], ["--only", "cacerts"]])
def test_switching_a_fault_without_its_name_is_refused(options: list[str], folder: Path) -> None:
    assert refused(folder, "fault", *options) == (
        2,
        "chainpilot: name the fault; `testpki status` tells which are on\n",
    )


def test_status_says_that_a_ca_has_ended(folder: Path) -> None:
    ordered(folder, "expire", "cpo_sub2")
    line = next(line for line in ordered(folder, "status").splitlines() if line.startswith("cpo_sub2:"))
    assert ", has ended on " in line


def test_a_folder_that_is_no_test_pki_s_is_left_alone(tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path):
        code, said = refused(folder, "status")
        assert (code, "no test PKI has ever run" in said) == (3, True)
    assert list(tmp_path.iterdir()) == []


def test_every_fault_is_listed_without_a_folder() -> None:
    result = CliRunner().invoke(app, ["fault"])
    assert [line.split()[0] for line in result.output.splitlines()] == [fault.word for fault in Fault]
