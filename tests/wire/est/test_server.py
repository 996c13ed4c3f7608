"""The server's half of EST."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.csr import build_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.pkcs7 import read_certs_only
from chainpilot.wire.est.bodies import encode_body
from chainpilot.wire.est.messages import HttpResponse, header
from chainpilot.wire.est.paths import RFC7030, routes
from chainpilot.wire.est.server import (
    MAX_REQUEST,
    CacertsOperation,
    EnrollOperation,
    read_request,
    write_cacerts,
    write_issued,
    write_pending,
    write_refusal,
    write_unauthorized,
)
from forge import v2g_hierarchy

ROUTES = routes(RFC7030, ("cpo", "csms"))
CACERTS = "/.well-known/est/cpo/cacerts"
ENROLL = "/.well-known/est/cpo/simpleenroll"
NAME = DistinguishedName("DE", "Operator", "DE*ICE*E1", "CPO")
CSR = build_csr(generate_private_key(KeySpec.P256), NAME)


def enroll(body: bytes, content_type: str | None = "application/pkcs10") -> object:
    return read_request("POST", ENROLL, content_type, body, ROUTES)


def assert_refused(answer: object, status: int, words: str = "") -> HttpResponse:
    assert isinstance(answer, HttpResponse)
    assert answer.status == status
    assert words in answer.body.decode()
    return answer


def request_with(*, curve: ec.EllipticCurve | None = None, subject: x509.Name | None = None) -> bytes:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder(NAME.to_name() if subject is None else subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_cacerts_is_recognised_with_its_label() -> None:
    assert read_request("GET", "/.well-known/est/csms/cacerts", None, b"", ROUTES) == CacertsOperation("csms")


@pytest.mark.parametrize(
    "body", [encode_body(CSR), base64.b64encode(CSR) + b"\x00", CSR], ids=["wrapped", "one line and NUL", "raw"]
)
def test_a_signing_request_is_read_in_every_tolerated_form(body: bytes) -> None:
    operation = enroll(body, "Application/PKCS10; charset=us-ascii")
    assert isinstance(operation, EnrollOperation)
    assert operation.label == "cpo"
    assert operation.csr.der == CSR
    assert operation.csr.subject == NAME


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/.well-known/est/cacerts",
        "/.well-known/est/else/cacerts",
        "/.well-known/est/cpo/fullcmc",
        f"{CACERTS}/",
        f"{CACERTS}?x",
    ],
)
def test_an_unknown_path_or_label_is_not_found(path: str) -> None:
    assert_refused(read_request("GET", path, None, b"", ROUTES), 404)


def test_another_method_is_told_the_right_one() -> None:
    assert header(assert_refused(read_request("GET", ENROLL, None, b"", ROUTES), 405).headers, "Allow") == "POST"
    assert header(assert_refused(read_request("POST", CACERTS, None, b"", ROUTES), 405).headers, "Allow") == "GET"


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/pkcs7-mime"])
def test_another_content_type_is_refused(content_type: str | None) -> None:
    assert_refused(enroll(encode_body(CSR), content_type), 415, "application/pkcs10")


def test_the_bound_of_a_body_holds_one_below_at_and_above() -> None:
    body = encode_body(CSR)
    for size in (MAX_REQUEST - 1, MAX_REQUEST):
        assert isinstance(enroll(body.ljust(size, b"\n")), EnrollOperation)
    assert_refused(enroll(body.ljust(MAX_REQUEST + 1, b"\n")), 413)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"?", "base64"),
        (encode_body(CSR + b"\x00"), "follow"),
        (encode_body(CSR[:-1]), "cut off"),
        (encode_body(b"\x30\x00"), "signing request"),
        (encode_body(CSR[:-4] + bytes(4)), "own key"),
        (encode_body(request_with(curve=ec.SECP192R1())), "weak"),
        (encode_body(request_with(subject=x509.Name([]))), "common name"),
    ],
    ids=["empty", "base64", "trailing", "cut", "no CSR", "signature", "weak key", "empty subject"],
)
def test_a_bad_signing_request_is_refused_with_its_reason(body: bytes, words: str) -> None:
    assert_refused(enroll(body), 400, words)


@given(st.binary(max_size=400))
def test_no_body_escapes(body: bytes) -> None:
    assert isinstance(enroll(body), HttpResponse)


@given(st.integers(0, len(CSR) - 1), st.integers(0, 255))
def test_no_changed_byte_of_a_signing_request_is_taken_or_escapes(where: int, what: int) -> None:
    changed = bytearray(CSR)
    changed[where] = what
    answer = enroll(encode_body(bytes(changed)))
    assert bytes(changed) == CSR or isinstance(answer, HttpResponse)


def test_answers_are_written_as_the_strictest_client_reads_them() -> None:
    certificates = v2g_hierarchy().certificates
    cacerts, issued = write_cacerts(certificates), write_issued(certificates[0])
    assert header(cacerts.headers, "Content-Type") == "application/pkcs7-mime"
    assert header(issued.headers, "Content-Type") == "application/pkcs7-mime; smime-type=certs-only"
    for answer in (cacerts, issued):
        names = [name for name, _ in answer.headers]
        assert names == ["Content-Type", "Content-Transfer-Encoding", "Content-Length"]
        assert header(answer.headers, "Content-Length") == str(len(answer.body))
        assert all(len(line) <= 64 for line in answer.body.split(b"\n"))
        assert answer.body.endswith(b"\n")
    assert set(read_certs_only(base64.b64decode(cacerts.body))) == set(certificates)
    assert read_certs_only(base64.b64decode(issued.body)) == certificates[:1]


def test_refusals_carry_their_reason_and_fields() -> None:
    assert header(write_pending(60, "wait").headers, "Retry-After") == "60"
    assert header(write_unauthorized("here").headers, "WWW-Authenticate") == 'Basic realm="here"'
    assert write_refusal(400, "no").body == b"no\n"
