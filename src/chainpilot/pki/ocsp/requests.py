"""OCSP requests: built from hash data alone, and read for what they ask (RFC 6960 section 4.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from chainpilot.errors import PeerError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.der import DerError, Element, decode_oid, encode_sequence, read_one
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.ocsp.certid import CertId, CertIdDigest, issuer_id, read_cert_id
from chainpilot.pki.ocsp.verdicts import Indeterminate, OcspDefect

__all__ = [
    "MAX_REQUEST_BYTES",
    "OcspRequestError",
    "OcspRequestSummary",
    "build_request",
    "build_request_for",
    "read_request",
]

MAX_REQUEST_BYTES: Final = 4096
"""DER bytes read at most; one for a single certificate takes about 120, signed ones with a chain 3000."""
MAX_SERIAL: Final = 40
"""Hex digits of a serial number: 20 octets (RFC 5280 section 4.1.2.2), and OCPP's limit."""

_NONCE: Final = "1.3.6.1.5.5.7.48.1.2"
_EXTENSIONS: Final = 0xA2
_SIGNATURE: Final = 0xA0
_SEQUENCE: Final = 0x30
_OCTET_STRING: Final = 0x04
_HASHES: Final[dict[CertIdDigest, hashes.HashAlgorithm]] = {
    CertIdDigest.SHA1: hashes.SHA1(),  # noqa: S303 - a look-up key, no signature
    CertIdDigest.SHA256: hashes.SHA256(),
    CertIdDigest.SHA384: hashes.SHA384(),
    CertIdDigest.SHA512: hashes.SHA512(),
}


class OcspRequestError(PeerError):
    """A certificate can't be asked about; `why` says what is wrong with its name."""

    def __init__(self, why: str) -> None:
        super().__init__(f"no OCSP request can be made: {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class OcspRequestSummary:
    """What a request asks."""

    asked: tuple[CertId, ...]
    nonce: str | None
    """In hex; of old clients too, which leave out the OCTET STRING around it."""
    is_signed: bool
    """Whether there is a signature; it isn't checked."""


def build_request(
    subject: CertificateHashData | Certificate, issuer: Certificate, *, algorithm: CertIdDigest | None = None
) -> bytes:
    """A DER request for one certificate, unsigned and without a nonce, so that answers can be cached (RFC 5019).

    Args:
        subject: the certificate, or its hash data as a station sent them.
        issuer: its issuer.
        algorithm: the CertID's digest. By default hash data stay as they are, so that the answer is in the words the
            station asked in; a certificate is asked about in SHA-1, which RFC 5019 section 2.1.1 demands and every
            responder knows. Whoever answers "unauthorized" to one may know the other.

    Raises:
        OcspRequestError: the hash data or the certificate name another issuer, or the serial number is not 1 to 40
            hex digits.
    """
    if isinstance(subject, Certificate):
        if subject.issuer_key != issuer.subject_key:
            raise OcspRequestError(f"{subject.subject} was not issued by {issuer.subject}")
        serial, digest = f"{subject.serial_number:x}", algorithm or CertIdDigest.SHA1
    else:
        named = CertId.of(subject)
        serial, own = named.serial_number, CertIdDigest.of(subject.hash_algorithm)
        if named != issuer_id(issuer, serial, own):
            raise OcspRequestError(f"the hash data don't name {issuer.subject} as the issuer")
        digest = algorithm or own
    return _encode(issuer_id(issuer, serial, digest), digest)


def build_request_for(
    subjects: Sequence[CertificateHashData], issuer: Certificate, *, algorithm: CertIdDigest | None = None
) -> bytes:
    """One DER request for several certificates of one issuer, as `build_request` makes it for each.

    Raises:
        OcspRequestError: as `build_request`; or there is none, or there are so many that nobody reads them.
    """
    requests = [_list_entry(build_request(subject, issuer, algorithm=algorithm)) for subject in subjects]
    if not requests:
        raise OcspRequestError("it asks about no certificate")
    der = encode_sequence(encode_sequence(encode_sequence(*requests)))
    if len(der) > MAX_REQUEST_BYTES:
        raise OcspRequestError(f"{len(subjects)} certificates are too many for one request")
    return der


def read_request(der: bytes) -> OcspRequestSummary | Indeterminate:
    """What a DER request asks, for several certificates too; never an exception for any bytes."""
    if len(der) > MAX_REQUEST_BYTES:
        return Indeterminate(OcspDefect.TOO_LONG, f"{len(der)} bytes; at most {MAX_REQUEST_BYTES} are read")
    try:
        return _read(der)
    except DerError as error:
        return Indeterminate(OcspDefect.MALFORMED, error.why)


def _list_entry(request: bytes) -> bytes:
    """The Request of a request for one certificate, as its list holds it."""
    (fields,) = read_one(request).children()
    return next(field for field in fields.children() if field.tag == _SEQUENCE).children()[0].encoding


def _encode(cert_id: CertId, digest: CertIdDigest) -> bytes:
    text = cert_id.serial_number
    if len(text) > MAX_SERIAL or not set(text) <= set("0123456789abcdef"):
        raise OcspRequestError(f"the serial number is not 1 to {MAX_SERIAL} hex digits")
    name, key = bytes.fromhex(cert_id.issuer_name_hash), bytes.fromhex(cert_id.issuer_key_hash)
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, int(text, 16), _HASHES[digest])
    return builder.build().public_bytes(Encoding.DER)


def _read(der: bytes) -> OcspRequestSummary:
    """OCSPRequest { { [0] version, [1] requestor, requests, [2] extensions }, [0] signature }."""
    parts = read_one(der).children()
    if not 1 <= len(parts) <= 2:
        raise DerError("not (request, signature)")
    fields = parts[0].children()
    requests = next((field for field in fields if field.tag == _SEQUENCE), None)
    if requests is None or not requests.children():
        raise DerError("it asks about no certificate")
    extensions = next((field for field in fields if field.tag == _EXTENSIONS), None)
    return OcspRequestSummary(
        asked=tuple(_asked(request) for request in requests.children()),
        nonce=_nonce(extensions),
        is_signed=len(parts) == 2 and parts[1].tag == _SIGNATURE,
    )


def _asked(request: Element) -> CertId:
    parts = request.children()
    if not parts:
        raise DerError("a request for nothing")
    return read_cert_id(parts[0])


def _nonce(extensions: Element | None) -> str | None:
    for extension in read_one(extensions.content).children() if extensions is not None else ():
        parts = extension.children()
        if len(parts) < 2:
            raise DerError("an extension is not (identifier, critical, value)")
        if decode_oid(parts[0]) == _NONCE:
            return _nonce_octets(parts[-1].content).hex()
    return None


def _nonce_octets(value: bytes) -> bytes:
    try:
        inner = read_one(value)
    except DerError:
        return value
    return inner.content if inner.tag == _OCTET_STRING else value
