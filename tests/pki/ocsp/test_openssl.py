"""openssl as a responder whose answers we judge, and as a second judge of the answers we forge."""

import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from certs import FROM, UNTIL, key_pem
from chainpilot.clock import SYSTEM
from chainpilot.pki.crl import RevocationReason
from chainpilot.pki.hashdata import HashAlgorithm, hash_data
from chainpilot.pki.ocsp import (
    CertIdDigest,
    Good,
    Indeterminate,
    OcspDefect,
    Revoked,
    Unknown,
    build_request,
    judge_response,
)
from forge import Forged, forge
from ocsp_answers import answer, cert_id, delegate, single
from programs import program

ROOT = forge("V2G Root", ca=True, begin=FROM, end=UNTIL)
SUB = forge("CPO Sub2", ROOT, ca=True, begin=FROM, end=UNTIL)
LEAF = forge("DE*ICE*E0001", SUB, begin=FROM, end=UNTIL).certificate
REVOKED = forge("DE*ICE*E0002", SUB, begin=FROM, end=UNTIL).certificate
UNHEARD_OF = forge("DE*ICE*E0003", SUB, begin=FROM, end=UNTIL).certificate
DELEGATE = delegate(SUB, begin=FROM, end=UNTIL)
REVOKED_AT = datetime.fromisoformat("2026-01-02T03:04:05Z")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates, keys and `openssl ca`'s index of the CA."""
    for name, forged in (("root", ROOT), ("sub", SUB), ("delegate", DELEGATE)):
        (tmp_path / f"{name}.pem").write_text(forged.certificate.to_pem())
        (tmp_path / f"{name}.key").write_bytes(key_pem(forged.key))
    (tmp_path / "leaf.pem").write_text(LEAF.to_pem())
    (tmp_path / "index.txt").write_text(
        f"V\t450101000000Z\t\t{_even(LEAF.serial_number)}\tunknown\t/CN=1\n"
        f"R\t450101000000Z\t260102030405Z,keyCompromise\t{_even(REVOKED.serial_number)}\tunknown\t/CN=2\n"
    )
    return tmp_path


def answered(folder: Path, request: bytes, signer: str, *options: str) -> bytes:
    """The answer of `openssl ocsp` with that signer."""
    (folder / "request.der").write_bytes(request)
    command = [program("openssl"), "ocsp", "-index", "index.txt", "-CA", "sub.pem", "-reqin", "request.der"]
    command += ["-rsigner", f"{signer}.pem", "-rkey", f"{signer}.key", "-respout", "response.der", *options]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "response.der").read_bytes()


@pytest.mark.parametrize("options", [(), ("-resp_key_id",), ("-resp_no_certs",), ("-resp_key_id", "-resp_no_certs")])
@pytest.mark.parametrize("asked", HashAlgorithm)
def test_openssl_answers_as_the_ca_itself(folder: Path, asked: HashAlgorithm, options: tuple[str, ...]) -> None:
    subject = hash_data(LEAF, SUB.certificate, asked)
    der = answered(folder, build_request(subject, SUB.certificate), "sub", "-ndays", "8", *options)
    verdict = judge_response(der, subject, SUB.certificate, SYSTEM.now())
    assert isinstance(verdict, Good), verdict
    assert verdict.next_update == verdict.this_update + timedelta(days=8)


@pytest.mark.parametrize("digest", CertIdDigest)
def test_openssl_answers_as_a_delegate_good_revoked_and_unknown(folder: Path, digest: CertIdDigest) -> None:
    verdicts = []
    for certificate in (LEAF, REVOKED, UNHEARD_OF):
        request = build_request(certificate, SUB.certificate, algorithm=digest)
        der = answered(folder, request, "delegate", "-nmin", "5", "-resp_key_id")
        subject = hash_data(certificate, SUB.certificate)
        verdicts.append(judge_response(der, subject, SUB.certificate, SYSTEM.now()))
    good, revoked, unknown = verdicts
    assert isinstance(good, Good), good
    assert isinstance(revoked, Revoked), revoked
    assert (revoked.revoked_at, revoked.reason) == (REVOKED_AT, RevocationReason.KEY_COMPROMISE)
    assert isinstance(unknown, Unknown), unknown


def test_openssls_answer_without_an_end_is_good_for_a_day(folder: Path) -> None:
    der = answered(folder, build_request(LEAF, SUB.certificate), "delegate")
    now = SYSTEM.now()
    subject = hash_data(LEAF, SUB.certificate)
    assert isinstance(judge_response(der, subject, SUB.certificate, now), Good)
    later = judge_response(der, subject, SUB.certificate, now + timedelta(days=1, seconds=1))
    assert isinstance(later, Indeterminate)
    assert later.why is OcspDefect.STALE


def test_an_answer_of_openssl_for_several_certificates_is_good_for_ours(folder: Path) -> None:
    (folder / "revoked.pem").write_text(REVOKED.to_pem())
    command = [program("openssl"), "ocsp", "-issuer", "sub.pem", "-cert", "revoked.pem", "-cert", "leaf.pem"]
    subprocess.run([*command, "-reqout", "both.der"], cwd=folder, check=True, capture_output=True)
    der = answered(folder, (folder / "both.der").read_bytes(), "delegate", "-ndays", "8")
    at = SYSTEM.now()
    assert isinstance(judge_response(der, hash_data(LEAF, SUB.certificate), SUB.certificate, at), Good)
    assert isinstance(judge_response(der, hash_data(REVOKED, SUB.certificate), SUB.certificate, at), Revoked)


@pytest.mark.parametrize("digest", ["sha1", "sha224"])
def test_openssls_answer_over_a_weak_digest_says_nothing(folder: Path, digest: str) -> None:
    request = build_request(LEAF, SUB.certificate)
    der = answered(folder, request, "delegate", "-ndays", "8", "-rmd", digest)
    verdict = judge_response(der, hash_data(LEAF, SUB.certificate), SUB.certificate, SYSTEM.now())
    assert isinstance(verdict, Indeterminate)
    assert verdict.why is OcspDefect.WEAK_ALGORITHM


def test_the_root_answers_for_the_ca_and_not_for_what_the_ca_issued(folder: Path) -> None:
    der = answered(folder, build_request(LEAF, SUB.certificate), "root", "-ndays", "8")
    verdict = judge_response(der, hash_data(LEAF, SUB.certificate), SUB.certificate, SYSTEM.now())
    assert isinstance(verdict, Indeterminate)
    assert verdict.why is OcspDefect.WRONG_SIGNER


@pytest.mark.parametrize("signer", [SUB, DELEGATE], ids=["issuer", "delegate"])
def test_openssl_believes_the_good_answers_we_forge(folder: Path, signer: Forged) -> None:
    """So that the forge's good answers are good by a second opinion, too."""
    now = SYSTEM.now().replace(microsecond=0)
    named = cert_id(LEAF, SUB.certificate)
    word = single(named, since=now - timedelta(hours=1), until=now + timedelta(days=8))
    der = answer(signer, word, included=[signer.certificate], produced=now)
    assert isinstance(judge_response(der, hash_data(LEAF, SUB.certificate), SUB.certificate, now), Good)
    (folder / "response.der").write_bytes(der)
    command = [program("openssl"), "ocsp", "-respin", "response.der", "-issuer", "sub.pem", "-cert", "leaf.pem"]
    command += ["-CAfile", "root.pem", "-no_nonce"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    assert "Response verify OK" in done.stderr
    assert "leaf.pem: good" in done.stdout


def _even(serial: int) -> str:
    """Hex as the index wants it: whole octets."""
    digits = f"{serial:X}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"
