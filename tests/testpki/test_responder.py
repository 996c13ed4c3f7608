"""The OCSP responder without HTTP."""

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.hashdata import HashAlgorithm, hash_data
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.ocsp import CertStatus, Good, OcspResponseSummary, build_request, judge_response, read_response
from chainpilot.testpki.authorities import Authorities
from chainpilot.testpki.hierarchy import SECC
from chainpilot.testpki.register import IssuedRecord, Register
from chainpilot.testpki.responder import Responder
from chainpilot.testpki.revocations import Revocations
from derwriter import sequence
from forge import forge

NAME = DistinguishedName("DE", "Operator", "DE*ICE*E123", "CPO").to_name()
LATER = timedelta(days=3)


@pytest.fixture(scope="module")
def leaf(issuers: Authorities, at: datetime) -> Certificate:
    """A leaf in the register."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return issuers["cpo_sub2"].issue_leaf(NAME, key, SECC, at)


@pytest.fixture(scope="module")
def responder(
    issuers: Authorities, leaf: Certificate, at: datetime, tmp_path_factory: pytest.TempPathFactory
) -> Responder:
    """A responder that knows the leaf."""
    register = Register(Path(tmp_path_factory.mktemp("register")) / "issued")
    register.add(IssuedRecord("cpo", "some", leaf))
    return Responder(issuers, register, Revocations(Path(tmp_path_factory.mktemp("revoked")) / "revoked"))


def parsed(certificate: Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.der)


def ask(
    certificate: Certificate,
    issuer: Certificate,
    algorithm: hashes.HashAlgorithm | None = None,
    *,
    nonce: bytes | None = None,
) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        parsed(certificate), parsed(issuer), algorithm or hashes.SHA256()
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def read(answer: bytes) -> ocsp.OCSPResponse:
    return ocsp.load_der_ocsp_response(answer)


@pytest.mark.parametrize(
    "algorithm",
    [hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()],
    ids=["SHA-1", "SHA-256", "SHA-384", "SHA-512"],
)
def test_an_issued_leaf_is_good_by_every_hash(
    algorithm: hashes.HashAlgorithm,
    responder: Responder,
    leaf: Certificate,
    issuers: Authorities,
    at: datetime,
) -> None:
    answer = read(responder.answer(ask(leaf, issuers["cpo_sub2"].certificate, algorithm), at + LATER))
    assert answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert answer.serial_number == leaf.serial_number
    assert answer.hash_algorithm.name == algorithm.name


def test_the_hash_data_of_a_station_finds_the_responder_s_certificate(
    responder: Responder, leaf: Certificate, issuers: Authorities, at: datetime
) -> None:
    data = hash_data(leaf, issuers["cpo_sub2"].certificate, HashAlgorithm.SHA256)
    request = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        bytes.fromhex(data.issuer_name_hash),
        bytes.fromhex(data.issuer_key_hash),
        int(data.serial_number, 16),
        hashes.SHA256(),
    )
    answer = read(responder.answer(request.build().public_bytes(Encoding.DER), at))
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD


def test_an_answer_holds_for_more_than_a_week(
    responder: Responder, leaf: Certificate, issuers: Authorities, at: datetime
) -> None:
    answer = read(responder.answer(ask(leaf, issuers["cpo_sub2"].certificate), at + LATER))
    assert answer.next_update_utc is not None
    assert answer.this_update_utc == at + LATER
    assert answer.next_update_utc - answer.this_update_utc > timedelta(days=7)


def test_a_delegate_signs_for_sub2_and_comes_along(
    responder: Responder, leaf: Certificate, issuers: Authorities, at: datetime
) -> None:
    issuer = issuers["cpo_sub2"].certificate
    answer = read(responder.answer(ask(leaf, issuer), at))
    (delegate,) = answer.certificates
    delegate.verify_directly_issued_by(parsed(issuer))
    key = delegate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    assert answer.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(key).digest


def test_the_issuer_itself_signs_for_sub1(responder: Responder, issuers: Authorities, at: datetime) -> None:
    issuer = issuers["cpo_sub1"].certificate
    answer = read(responder.answer(ask(issuers["cpo_sub2"].certificate, issuer), at))
    key = issuer.public_key
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert answer.certificates == []


def test_a_serial_number_nobody_issued_is_unknown(
    responder: Responder, leaf: Certificate, issuers: Authorities, at: datetime
) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    other = issuers["cpo_sub2"].issue_leaf(NAME, key, SECC, at, context=b"never registered")
    answer = read(responder.answer(ask(other, issuers["cpo_sub2"].certificate), at))
    assert answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def test_an_unknown_issuer_is_unauthorized(responder: Responder, leaf: Certificate, at: datetime) -> None:
    stranger = forge("Stranger", ca=True).certificate
    answer = read(responder.answer(ask(leaf, stranger), at))
    assert answer.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED


def test_a_ca_without_a_responder_is_unauthorized(
    responder: Responder, issuers: Authorities, leaf: Certificate, at: datetime
) -> None:
    answer = read(responder.answer(ask(leaf, issuers["web_root"].certificate), at))
    assert answer.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED


@pytest.mark.parametrize("size", [1, 32, 128])
def test_a_nonce_comes_back(
    size: int, responder: Responder, leaf: Certificate, issuers: Authorities, at: datetime
) -> None:
    answer = read(responder.answer(ask(leaf, issuers["cpo_sub2"].certificate, nonce=b"n" * size), at))
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * size


@pytest.mark.parametrize("size", [0, 129])
def test_a_nonce_of_a_forbidden_length_is_malformed(
    size: int, responder: Responder, leaf: Certificate, issuers: Authorities, at: datetime
) -> None:
    answer = read(responder.answer(ask(leaf, issuers["cpo_sub2"].certificate, nonce=b"n" * size), at))
    assert answer.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def joined(*requests: bytes) -> bytes:
    """One request that asks what these ask, each for one certificate by SHA-1."""
    # OCSPRequest { TBSRequest { requestList { Request } } }: short enough for lengths of one octet each
    entries = sequence(*(request[6:] for request in requests))
    return sequence(sequence(entries))


def test_several_certificates_of_one_ca_are_answered_in_one_answer(
    responder: Responder, leaf: Certificate, issuers: Authorities, at: datetime
) -> None:
    issuer = issuers["cpo_sub2"].certificate
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    other = issuers["cpo_sub2"].issue_leaf(NAME, key, SECC, at, context=b"never registered")
    asked = [ask(certificate, issuer, hashes.SHA1()) for certificate in (leaf, other)]
    answer = read_response(responder.answer(joined(*asked), at))
    assert isinstance(answer, OcspResponseSummary)
    assert answer.basic is not None
    said = [(single.cert_id.serial_number, single.status) for single in answer.basic.singles]
    assert said == [(f"{leaf.serial_number:x}", CertStatus.GOOD), (f"{other.serial_number:x}", CertStatus.UNKNOWN)]


def test_certificates_of_cas_with_different_signers_are_not_answered_together(
    responder: Responder, leaf: Certificate, issuers: Authorities, at: datetime
) -> None:
    sub2, sub1 = issuers["cpo_sub2"].certificate, issuers["cpo_sub1"].certificate
    asked = [ask(leaf, sub2, hashes.SHA1()), ask(sub2, sub1, hashes.SHA1())]
    answer = read(responder.answer(joined(*asked), at))
    assert answer.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED


@pytest.mark.parametrize("name", ["cpo20_sub2", "cpo20ed_sub2", "csms_issuing"])
def test_answers_are_signed_as_the_ca_s_kind_of_key_signs(
    name: str, responder: Responder, issuers: Authorities, at: datetime
) -> None:
    chained = [each.certificate for each in issuers[name].path]
    for subject, signer in pairwise(chained):
        data = hash_data(subject, signer, HashAlgorithm.SHA512)
        verdict = judge_response(responder.answer(build_request(data, signer), at), data, signer, at)
        assert isinstance(verdict, Good)


@pytest.mark.parametrize(
    ("first", "status"),
    [(0x00, ocsp.OCSPResponseStatus.SUCCESSFUL), (0xFF, ocsp.OCSPResponseStatus.MALFORMED_REQUEST)],
)
def test_a_negative_serial_number_is_malformed(
    *,
    first: int,
    status: ocsp.OCSPResponseStatus,
    responder: Responder,
    leaf: Certificate,
    issuers: Authorities,
    at: datetime,
) -> None:
    request = ask(leaf, issuers["cpo_sub2"].certificate)
    serial = leaf.serial_number.to_bytes((leaf.serial_number.bit_length() + 8) // 8, "big")
    other = bytes([first, 0x80]) + serial[2:]
    assert read(responder.answer(request.replace(serial, other), at)).response_status is status


@given(request_bytes=st.binary(max_size=200))
def test_no_request_bytes_escape(request_bytes: bytes, responder: Responder, at: datetime) -> None:
    answer = read(responder.answer(request_bytes, at))
    assert answer.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


@given(where=st.integers(0, 10_000), what=st.integers(0, 255))
def test_no_changed_byte_escapes(
    *,
    where: int,
    what: int,
    responder: Responder,
    leaf: Certificate,
    issuers: Authorities,
    at: datetime,
) -> None:
    changed = bytearray(ask(leaf, issuers["cpo_sub2"].certificate, nonce=b"nonce"))
    changed[where % len(changed)] = what
    assert read(responder.answer(bytes(changed), at)).response_status in ocsp.OCSPResponseStatus


def test_the_answer_fits_into_an_ocpp_message(
    responder: Responder, leaf: Certificate, issuers: Authorities, at: datetime
) -> None:
    answer = responder.answer(ask(leaf, issuers["cpo_sub2"].certificate, nonce=b"n" * 32), at)
    assert len(answer) * 4 / 3 <= 5500


def test_the_delegate_is_one_of_ours(
    responder: Responder, leaf: Certificate, issuers: Authorities, at: datetime
) -> None:
    (delegate,) = read(responder.answer(ask(leaf, issuers["cpo_sub2"].certificate), at)).certificates
    assert load_certificate(delegate.public_bytes(Encoding.DER)).is_test
