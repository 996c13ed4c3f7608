"""Signing requests: what we build is judged good by us and by openssl, and each defect is told."""

import subprocess
from typing import Any, NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.csr import MAX_CSR_BYTES, CsrDefect, CsrError, build_csr, inspect_csr
from chainpilot.pki.encoding import PemLabel, pem_encode
from chainpilot.pki.extensions import KeyUsageBit
from chainpilot.pki.identity import DistinguishedName, IdentityError, attributes
from chainpilot.pki.keys import KeySpec, generate_private_key, spki_hash

SUBJECT = DistinguishedName(country="DE", organization="Operator", common_name="DE*ICE*E1", domain_component="CPO")
KEY = generate_private_key(KeySpec.P256)


def assert_defect(der: bytes, defect: CsrDefect) -> None:
    with pytest.raises(CsrError) as caught:
        inspect_csr(der)
    assert caught.value.defect is defect
    assert caught.value.detail


def openssl_says(der: bytes) -> str:
    """What `openssl req` verified and read."""
    pem = pem_encode(der, PemLabel.CERTIFICATE_REQUEST)
    run = subprocess.run(
        ["openssl", "req", "-verify", "-noout", "-text"], input=pem, check=True, capture_output=True, text=True
    )
    assert "verify OK" in run.stderr
    return run.stdout


def test_a_built_request_passes_its_own_inspection() -> None:
    csr = inspect_csr(build_csr(KEY, SUBJECT))
    assert csr.subject == SUBJECT
    assert csr.common_name == "DE*ICE*E1"
    assert csr.spki_hash == spki_hash(KEY.public_key())


def test_openssl_reads_a_built_request_as_meant() -> None:
    said = openssl_says(build_csr(KEY, SUBJECT))
    for words in ("C = DE, O = Operator, CN = DE*ICE*E1, DC = CPO", "CA:FALSE", "Digital Signature, Key Agreement"):
        assert words in said
    assert said.count("critical") == 2


SIGNATURES = {
    KeySpec.P256: "ecdsa-with-SHA256",
    KeySpec.P384: "ecdsa-with-SHA384",
    KeySpec.P521: "ecdsa-with-SHA512",
    KeySpec.ED25519: "ED25519",
    KeySpec.ED448: "ED448",
    KeySpec.RSA2048: "sha256WithRSAEncryption",
    KeySpec.RSA3072: "sha256WithRSAEncryption",
    KeySpec.RSA4096: "sha256WithRSAEncryption",
}
AGREEING = {KeySpec.P256, KeySpec.P384, KeySpec.P521}


@pytest.mark.parametrize("spec", KeySpec)
def test_a_request_for_a_key_of_every_kind_passes_inspection_and_openssl(spec: KeySpec) -> None:
    key = generate_private_key(spec)
    der = build_csr(key, SUBJECT)
    assert inspect_csr(der).spki_hash == spki_hash(key.public_key())
    assert f"Signature Algorithm: {SIGNATURES[spec]}\n" in openssl_says(der)


@pytest.mark.parametrize("spec", KeySpec)
def test_a_request_asks_for_key_agreement_only_where_the_key_can_agree(spec: KeySpec) -> None:
    usage = inspect_csr(build_csr(generate_private_key(spec), SUBJECT)).extensions.key_usage
    agreement = frozenset({KeyUsageBit.KEY_AGREEMENT} if spec in AGREEING else ())
    assert usage == agreement | {KeyUsageBit.DIGITAL_SIGNATURE}


class Elsewhere:
    """A key that isn't in this process: it signs, tells its public half, and gives nothing away."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def sign(self, *words: Any) -> bytes:
        signature: bytes = self._key.sign(*words)
        return signature

    def public_key(self) -> Any:
        return self._key.public_key()

    @property
    def key_size(self) -> int:
        return int(self._key.key_size)

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError("the key is elsewhere")

    private_bytes = private_bytes_raw = private_numbers = decrypt = exchange = __copy__ = __deepcopy__ = _refuse


class EllipticElsewhere(Elsewhere, ec.EllipticCurvePrivateKey):
    @property
    def curve(self) -> ec.EllipticCurve:
        curve: ec.EllipticCurve = self._key.curve
        return curve


class RsaElsewhere(Elsewhere, rsa.RSAPrivateKey):
    pass


class Ed25519Elsewhere(Elsewhere, ed25519.Ed25519PrivateKey):
    pass


class Ed448Elsewhere(Elsewhere, ed448.Ed448PrivateKey):
    pass


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        (EllipticElsewhere, KeySpec.P256),
        (EllipticElsewhere, KeySpec.P384),
        (EllipticElsewhere, KeySpec.P521),
        (RsaElsewhere, KeySpec.RSA2048),
        (Ed25519Elsewhere, KeySpec.ED25519),
        (Ed448Elsewhere, KeySpec.ED448),
    ],
)
def test_a_key_that_only_signs_is_enough(kind: type[Any], spec: KeySpec) -> None:
    key = kind(generate_private_key(spec))
    der = build_csr(key, SUBJECT)
    assert inspect_csr(der).spki_hash == spki_hash(key.public_key())
    assert SIGNATURES[spec] in openssl_says(der)


def test_a_broken_signature_is_told() -> None:
    der = bytearray(build_csr(KEY, SUBJECT))
    der[-1] ^= 1
    assert_defect(bytes(der), CsrDefect.BAD_SIGNATURE)


@pytest.mark.parametrize("octet", [1, 6, 7])
def test_a_signature_that_is_not_whole_octets_is_told(octet: int) -> None:
    der = bytearray(build_csr(KEY, SUBJECT))
    place = bytes(der).rindex(b"\x03", 0, -69) + 2
    assert der[place] == 0
    der[place] = octet
    assert_defect(bytes(der), CsrDefect.UNREADABLE)


def test_what_it_asks_for_is_read() -> None:
    plain = inspect_csr(build_csr(KEY, SUBJECT))
    assert not plain.extensions.is_ca
    assert not plain.extensions.has_alternative_names
    names = x509.SubjectAlternativeName([x509.DNSName("csms.example.org")])
    request = (
        x509.CertificateSigningRequestBuilder(SUBJECT.to_name())
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(KEY, hashes.SHA256())
    )
    greedy = inspect_csr(request.public_bytes(Encoding.DER))
    assert greedy.extensions.is_ca
    assert greedy.extensions.has_alternative_names


def test_the_whole_subject_is_there_beside_the_four_attributes() -> None:
    unit = x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "Unit")
    name = x509.Name([*SUBJECT.to_name(), unit])
    request = x509.CertificateSigningRequestBuilder(name).sign(KEY, hashes.SHA256())
    csr = inspect_csr(request.public_bytes(Encoding.DER))
    assert csr.subject == SUBJECT
    assert ("2.5.4.11", "Unit") in attributes(csr.subject_name)
    assert attributes(csr.subject_name) != attributes(inspect_csr(build_csr(KEY, SUBJECT)).subject_name)


def test_a_weak_key_is_told() -> None:
    request = x509.CertificateSigningRequestBuilder(SUBJECT.to_name())
    weak = rsa.generate_private_key(65537, 1024)
    assert_defect(request.sign(weak, hashes.SHA256()).public_bytes(Encoding.DER), CsrDefect.WEAK_KEY)


def test_a_weak_digest_is_told() -> None:
    request = x509.CertificateSigningRequestBuilder(SUBJECT.to_name())
    key = ec.generate_private_key(ec.SECP256R1())
    assert_defect(request.sign(key, hashes.SHA224()).public_bytes(Encoding.DER), CsrDefect.WEAK_DIGEST)


@pytest.mark.parametrize("names", [[], ["DE*ICE*E1", "DE*ICE*E2"]], ids=["none", "two"])
def test_no_common_name_and_two_common_names_are_told(names: list[str]) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text) for text in names])
    request = x509.CertificateSigningRequestBuilder(name).sign(KEY, hashes.SHA256())
    assert_defect(request.public_bytes(Encoding.DER), CsrDefect.NO_COMMON_NAME)


def test_a_country_of_three_letters_is_told() -> None:
    pairs = ((x509.NameOID.COUNTRY_NAME, "DEU"), (x509.NameOID.COMMON_NAME, "DEICEE1"))
    with pytest.warns(UserWarning, match="length"):
        name = x509.Name([x509.NameAttribute(oid, text, _validate=False) for oid, text in pairs])
    request = x509.CertificateSigningRequestBuilder(name).sign(KEY, hashes.SHA256())
    assert_defect(request.public_bytes(Encoding.DER), CsrDefect.BAD_NAME)


def test_trailing_bytes_and_too_many_bytes_are_told() -> None:
    der = build_csr(KEY, SUBJECT)
    assert_defect(der + b"\x00", CsrDefect.UNREADABLE)
    assert_defect(der.ljust(MAX_CSR_BYTES + 1, b"\x00"), CsrDefect.UNREADABLE)


@given(st.binary(max_size=400))
def test_no_bytes_escape_the_error_family_of_requests(data: bytes) -> None:
    assert_defect(data, CsrDefect.UNREADABLE)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_no_mutated_request_is_taken_for_another_one(position: int, octet: int) -> None:
    original = build_csr(KEY, SUBJECT)
    der = bytearray(original)
    der[position % len(der)] = octet
    if bytes(der) == original:
        return
    with pytest.raises(CsrError):
        inspect_csr(bytes(der))


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        (DistinguishedName(country="Germany", common_name="x"), "two capital letters"),
        (DistinguishedName(country="de", common_name="x"), "two capital letters"),
        (DistinguishedName(country="DE", common_name="x" * 65), "65 characters"),
        (DistinguishedName(country="DE", common_name=""), "0 characters"),
    ],
)
def test_a_subject_that_can_not_be_written_is_refused_and_nothing_dropped(subject: DistinguishedName, why: str) -> None:
    with pytest.raises(IdentityError, match=why):
        build_csr(KEY, subject)
