"""OCSP requests: openssl reads ours, we read openssl's, and nothing is asked that nobody could answer."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs import key_pem
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data
from chainpilot.pki.ocsp import (
    MAX_REQUEST_BYTES,
    CertId,
    CertIdDigest,
    Indeterminate,
    OcspDefect,
    OcspRequestError,
    OcspRequestSummary,
    build_request,
    build_request_for,
    issuer_id,
    read_request,
)
from derwriter import extension, octets, sequence, tlv
from forge import v2g_hierarchy
from ocsp_answers import cert_id
from programs import program

V2G = v2g_hierarchy()
ISSUER, LEAF = V2G.sub2.certificate, V2G.leaf.certificate
SUBJECT = hash_data(LEAF, ISSUER)
Subject = CertificateHashData | Certificate
NONCE = "1.3.6.1.5.5.7.48.1.2"


def read(der: bytes) -> OcspRequestSummary:
    summary = read_request(der)
    assert isinstance(summary, OcspRequestSummary), summary
    return summary


def openssl(*arguments: str, folder: Path) -> str:
    command = [program("openssl"), "ocsp", *arguments]
    printed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return printed.replace("\\\n", "")


@pytest.mark.parametrize("digest", CertIdDigest)
@pytest.mark.parametrize("subject", [SUBJECT, LEAF], ids=["hash data", "certificate"])
def test_openssl_reads_what_we_ask(
    subject: CertificateHashData | Certificate, digest: CertIdDigest, tmp_path: Path
) -> None:
    (tmp_path / "request.der").write_bytes(build_request(subject, ISSUER, algorithm=digest))
    printed = openssl("-reqin", "request.der", "-req_text", folder=tmp_path)
    found = dict(re.findall(r"(Hash Algorithm|Issuer Name Hash|Issuer Key Hash|Serial Number): (\w+)", printed))
    asked = issuer_id(ISSUER, SUBJECT.serial_number, digest)
    assert found["Hash Algorithm"] == digest.value
    assert found["Issuer Name Hash"].lower() == asked.issuer_name_hash
    assert found["Issuer Key Hash"].lower() == asked.issuer_key_hash
    assert int(found["Serial Number"], 16) == LEAF.serial_number
    assert "Nonce" not in printed


@pytest.mark.parametrize("digest", CertIdDigest)
def test_openssl_asks_in_the_same_bytes(digest: CertIdDigest, tmp_path: Path) -> None:
    (tmp_path / "leaf.pem").write_text(LEAF.to_pem())
    (tmp_path / "issuer.pem").write_text(ISSUER.to_pem())
    names = [f"-{digest.value}", "-issuer", "issuer.pem", "-cert", "leaf.pem", "-no_nonce", "-reqout", "theirs.der"]
    openssl(*names, folder=tmp_path)
    ours = build_request(LEAF, ISSUER, algorithm=digest)
    assert ours == (tmp_path / "theirs.der").read_bytes()


def test_several_certificates_and_a_nonce_of_openssl_are_read(tmp_path: Path) -> None:
    for name, one in (("leaf", LEAF), ("issuer", ISSUER), ("sub1", V2G.sub1.certificate)):
        (tmp_path / f"{name}.pem").write_text(one.to_pem())
    names = ["-issuer", "issuer.pem", "-cert", "leaf.pem", "-issuer", "sub1.pem", "-cert", "issuer.pem"]
    printed = openssl(*names, "-reqout", "request.der", "-req_text", folder=tmp_path)
    summary = read((tmp_path / "request.der").read_bytes())
    assert summary.asked == (
        issuer_id(ISSUER, f"{LEAF.serial_number:x}", CertIdDigest.SHA1),
        issuer_id(V2G.sub1.certificate, f"{ISSUER.serial_number:x}", CertIdDigest.SHA1),
    )
    assert summary.nonce is not None
    assert summary.nonce.upper() in printed
    assert not summary.is_signed


def test_a_signed_request_is_told_as_signed(tmp_path: Path) -> None:
    (tmp_path / "leaf.pem").write_text(LEAF.to_pem())
    (tmp_path / "issuer.pem").write_text(ISSUER.to_pem())
    (tmp_path / "key.pem").write_bytes(key_pem(V2G.leaf.key))
    names = ["-issuer", "issuer.pem", "-cert", "leaf.pem", "-signer", "leaf.pem", "-signkey", "key.pem"]
    openssl(*names, "-reqout", "request.der", folder=tmp_path)
    assert read((tmp_path / "request.der").read_bytes()).is_signed


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_hash_data_are_asked_about_in_their_own_digest(algorithm: HashAlgorithm) -> None:
    data = hash_data(LEAF, ISSUER, algorithm)
    assert read(build_request(data, ISSUER)) == OcspRequestSummary((CertId.of(data),), None, is_signed=False)


def test_a_certificate_is_asked_about_in_sha1() -> None:
    (asked,) = read(build_request(LEAF, ISSUER)).asked
    assert asked == issuer_id(ISSUER, f"{LEAF.serial_number:x}", CertIdDigest.SHA1)


@given(st.integers(0, (1 << 160) - 1), st.sampled_from(CertIdDigest))
def test_what_is_asked_is_read_back(serial: int, digest: CertIdDigest) -> None:
    data = replace(SUBJECT, serial_number=f"{serial:x}")
    (asked,) = read(build_request(data, ISSUER, algorithm=digest)).asked
    assert asked == issuer_id(ISSUER, f"{serial:x}", digest)


@pytest.mark.parametrize("change", [{"issuer_name_hash": "00" * 32}, {"issuer_key_hash": ""}])
def test_hash_data_of_another_issuer_are_not_asked_about(change: dict[str, Any]) -> None:
    with pytest.raises(OcspRequestError, match="CPO Sub2"):
        build_request(replace(SUBJECT, **change), ISSUER)


def test_a_certificate_of_another_issuer_is_not_asked_about() -> None:
    with pytest.raises(OcspRequestError, match="not issued by"):
        build_request(LEAF, V2G.root.certificate)


@pytest.mark.parametrize("serial", ["no hex", "-1", "1 2", "1_0", "٣", "0x0x1"])
def test_a_serial_number_that_is_no_hex_is_not_asked_about(serial: str) -> None:
    with pytest.raises(OcspRequestError, match="serial number"):
        build_request(replace(SUBJECT, serial_number=serial), ISSUER)


@pytest.mark.parametrize(("digits", "fits"), [(39, True), (40, True), (41, False)])
def test_digits_of_a_serial_number(digits: int, *, fits: bool) -> None:
    data = replace(SUBJECT, serial_number="f" * digits)
    if fits:
        assert read(build_request(data, ISSUER)).asked[0].serial_number == "f" * digits
    else:
        with pytest.raises(OcspRequestError, match="40"):
            build_request(data, ISSUER)


def asking(named: bytes = b"", *extensions: bytes) -> bytes:
    """A request for LEAF and `named`, unless that is all there is."""
    wrapped = tlv(0xA2, sequence(*extensions)) if extensions else b""
    return sequence(sequence(sequence(sequence(cert_id(LEAF, ISSUER)), named), wrapped))


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_bytes_of_a_request(more: int, *, fits: bool) -> None:
    size = MAX_REQUEST_BYTES + more
    padding = size - len(asking(b"", extension("1.2.3.4", bytes(1000)))) + 1000
    der = asking(b"", extension("1.2.3.4", bytes(padding)))
    assert len(der) == size
    if fits:
        assert len(read(der).asked) == 1
    else:
        verdict = read_request(der)
        assert isinstance(verdict, Indeterminate)
        assert verdict.why is OcspDefect.TOO_LONG


def test_a_nonce_is_told_with_its_octet_string_and_without() -> None:
    assert read(asking(b"", extension(NONCE, octets(b"\xab\xcd")))).nonce == "abcd"
    assert read(asking(b"", extension(NONCE, b"\xab\xcd"))).nonce == "abcd"
    assert read(asking(b"", extension("1.2.3.4", b"\xab"))).nonce is None


@pytest.mark.parametrize(
    "der",
    [
        b"",
        sequence(),
        sequence(sequence()),
        sequence(sequence(sequence())),
        sequence(sequence(sequence(sequence()))),
        sequence(sequence(sequence(sequence(sequence())))),
        asking(sequence(octets(b""))),
        asking(b"", sequence()),
        asking() + b"\x00",
        b"<html>",
    ],
    ids=range(10),
)
def test_what_asks_nothing_is_malformed(der: bytes) -> None:
    verdict = read_request(der)
    assert isinstance(verdict, Indeterminate), verdict
    assert verdict.why is OcspDefect.MALFORMED


@given(st.lists(st.integers(1, 2**159), min_size=1, max_size=20))
def test_a_request_for_several_certificates_asks_about_each_in_order(serials: list[int]) -> None:
    subjects = [replace(SUBJECT, serial_number=f"{serial:x}") for serial in serials]
    summary = read(build_request_for(subjects, ISSUER))
    assert [one.serial_number for one in summary.asked] == [f"{serial:x}" for serial in serials]
    assert {one.algorithm for one in summary.asked} == {"sha256"}


def test_openssl_reads_a_request_for_several_certificates(tmp_path: Path) -> None:
    subjects = [SUBJECT, replace(SUBJECT, serial_number="ff")]
    (tmp_path / "request.der").write_bytes(build_request_for(subjects, ISSUER, algorithm=CertIdDigest.SHA1))
    printed = openssl("-reqin", "request.der", "-req_text", folder=tmp_path)
    found = re.findall(r"Serial Number: (\w+)", printed)
    assert [int(one, 16) for one in found] == [LEAF.serial_number, 0xFF]


def test_a_request_for_one_certificate_is_the_same_by_either_way() -> None:
    assert build_request_for([SUBJECT], ISSUER) == build_request(SUBJECT, ISSUER)


@pytest.mark.parametrize("count", [0, 100])
def test_none_and_too_many_certificates_make_no_request(count: int) -> None:
    with pytest.raises(OcspRequestError):
        build_request_for([SUBJECT] * count, ISSUER)
