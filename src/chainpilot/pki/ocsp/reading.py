"""An OCSP response read for what it says, nothing of it believed (RFC 6960 section 4.2).

`cryptography` parses first and is strict DER; our own reader then picks what it doesn't show or shows late.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from cryptography.x509 import ocsp

from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate
from chainpilot.pki.crl import RevocationReason
from chainpilot.pki.der import DerError, Element, read_one
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.extensions import read_extensions
from chainpilot.pki.identity import Name, name_key, read_name
from chainpilot.pki.ocsp.certid import CertId, CertIdDigest, key_digest, read_cert_id
from chainpilot.pki.ocsp.verdicts import Indeterminate, OcspDefect
from chainpilot.pki.signatures import Signed

__all__ = [
    "MAX_INCLUDED",
    "MAX_RESPONSE_BYTES",
    "MAX_RESPONSE_TEXT",
    "MAX_SINGLES",
    "BasicAnswer",
    "CertStatus",
    "OcspResponseSummary",
    "ResponderId",
    "ResponseStatus",
    "SingleAnswer",
    "decode_response",
    "read_response",
]

MAX_RESPONSE_BYTES: Final = 64 * 1024
"""DER bytes read at most, as from a responder (est-opcp-ocsp.md section 3); real answers have about 1200."""
MAX_RESPONSE_TEXT: Final = 96 * 1024
"""Characters read at most: MAX_RESPONSE_BYTES in base64 with line ends; OCPP allows 5500, or 18 000 in 2.1."""
MAX_SINGLES: Final = 64
"""Certificates answered for at most; RFC 5019 allows one, and stores of prepared answers a few."""
MAX_INCLUDED: Final = 8
"""Certificates included at most: a delegate and the path above it."""

_WHITE: Final = re.compile(r"\s+")
_BY_NAME: Final = 0xA1
_BY_KEY: Final = 0xA2
_EXTENSIONS: Final = 0xA1


class ResponseStatus(Enum):
    """The responder's status, in the words of RFC 6960 section 4.2.1."""

    SUCCESSFUL = "successful"
    MALFORMED_REQUEST = "malformedRequest"
    INTERNAL_ERROR = "internalError"
    TRY_LATER = "tryLater"
    SIG_REQUIRED = "sigRequired"
    UNAUTHORIZED = "unauthorized"


class CertStatus(Enum):
    """What is said of one certificate, in the words of RFC 6960 section 4.2.1."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ResponderId:
    """Who claims to have signed: by name or by SHA-1 of the key, in hex; the other is None."""

    name: Name | None
    key_hash: str | None

    def fits(self, certificate: Certificate) -> bool:
        """Whether that is this certificate's subject or key, names compared as OpenSSL does."""
        if self.name is not None:
            return name_key(self.name) == certificate.subject_key
        return self.key_hash == key_digest(certificate, CertIdDigest.SHA1)


@dataclass(frozen=True, slots=True)
class SingleAnswer:
    """What is said of one certificate."""

    cert_id: CertId
    status: CertStatus
    this_update: datetime
    next_update: datetime | None
    revoked_at: datetime | None
    reason: RevocationReason | None
    """None unless revoked; unspecified when the responder gives none."""
    critical: frozenset[str]
    """Dotted identifiers of its critical extensions."""


@dataclass(frozen=True, slots=True)
class BasicAnswer:
    """A signed answer (BasicOCSPResponse), its signature unchecked."""

    responder: ResponderId
    produced_at: datetime
    singles: tuple[SingleAnswer, ...]
    critical: frozenset[str]
    """Dotted identifiers of the answer's own critical extensions."""
    certificates: tuple[Certificate, ...]
    """Certificates included, in the order they stand."""
    signed: Signed
    signature_algorithm: str
    """In the words of its standard, or dotted."""


@dataclass(frozen=True, slots=True)
class OcspResponseSummary:
    """What a response says; `basic` is None unless the status is successful."""

    status: ResponseStatus
    basic: BasicAnswer | None = None


def decode_response(text: str) -> bytes:
    """The response that OCPP carries as base64; white space is passed over, what is inside isn't judged.

    Raises:
        EncodingError: longer than MAX_RESPONSE_TEXT, empty, or not in the base64 of RFC 4648 section 4, padded.
    """
    if len(text) > MAX_RESPONSE_TEXT:
        raise EncodingError(f"{len(text)} characters; at most {MAX_RESPONSE_TEXT} are read")
    packed = _WHITE.sub("", text)
    if not packed:
        raise EncodingError("the text is empty")
    try:
        return base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EncodingError("broken base64") from error


def read_response(der: bytes) -> OcspResponseSummary | Indeterminate:
    """What a DER response says, without judging it, or why it can't be read; never an exception for any bytes."""
    if len(der) > MAX_RESPONSE_BYTES:
        return Indeterminate(OcspDefect.TOO_LONG, f"{len(der)} bytes; at most {MAX_RESPONSE_BYTES} are read")
    try:
        parsed = ocsp.load_der_ocsp_response(der)
        status = ResponseStatus[parsed.response_status.name]
        if status is not ResponseStatus.SUCCESSFUL:
            return OcspResponseSummary(status)
        return OcspResponseSummary(status, _basic(parsed, der))
    except (DerError, CertificateError) as error:
        return Indeterminate(OcspDefect.MALFORMED, str(error))
    except Exception as error:  # noqa: BLE001 - x509.md duty 7: whatever a parser raises is a verdict on the bytes
        return Indeterminate(OcspDefect.MALFORMED, f"{type(error).__name__}: {error}")


def _basic(parsed: ocsp.OCSPResponse, der: bytes) -> BasicAnswer:
    """OCSPResponse { status, [0] { { type, OCTET STRING { data, algorithm, signature, [0] certificates } } } }."""
    _, wrapped = read_one(der).children()
    _, octets = read_one(wrapped.content).children()
    parts = read_one(octets.content).children()
    signed = Signed.from_parts(parts)
    responder, _, singles, *rest = parts[0].children()  # a version field means another than 1, and isn't parsed
    return BasicAnswer(
        responder=_responder(responder),
        produced_at=parsed.produced_at_utc,
        singles=_singles(parsed, singles.children()),
        critical=_critical(rest),
        certificates=_certificates(parts[3:]),
        signed=signed,
        signature_algorithm=signed.algorithm_name,
    )


def _responder(element: Element) -> ResponderId:
    inner = read_one(element.content)
    if element.tag == _BY_NAME:
        return ResponderId(read_name(inner), None)
    if element.tag == _BY_KEY:
        return ResponderId(None, inner.content.hex())
    raise DerError("the responder is named neither by name nor by key")


def _singles(parsed: ocsp.OCSPResponse, elements: tuple[Element, ...]) -> tuple[SingleAnswer, ...]:
    if not 0 < len(elements) <= MAX_SINGLES:
        raise DerError(f"answers for {len(elements)} certificates; 1 to {MAX_SINGLES} are read")
    return tuple(_single(*pair) for pair in zip(parsed.responses, elements, strict=True))


def _single(parsed: ocsp.OCSPSingleResponse, element: Element) -> SingleAnswer:
    """Values as `cryptography` reads them; the CertID as it stands, whatever its digest, and the extensions."""
    cert_id, _, _, *rest = element.children()
    status = CertStatus[parsed.certificate_status.name]
    reason = None
    if status is CertStatus.REVOKED:
        given = parsed.revocation_reason
        reason = RevocationReason(given.value) if given is not None else RevocationReason.UNSPECIFIED
    return SingleAnswer(
        cert_id=read_cert_id(cert_id),
        status=status,
        this_update=parsed.this_update_utc,
        next_update=parsed.next_update_utc,
        revoked_at=parsed.revocation_time_utc,
        reason=reason,
        critical=_critical(rest),
    )


def _critical(rest: list[Element]) -> frozenset[str]:
    wrapped = next((element for element in rest if element.tag == _EXTENSIONS), None)
    return read_extensions(read_one(wrapped.content)).critical if wrapped is not None else frozenset()


def _certificates(parts: tuple[Element, ...]) -> tuple[Certificate, ...]:
    elements = read_one(parts[0].content).children() if parts else ()
    if len(elements) > MAX_INCLUDED:
        raise DerError(f"{len(elements)} certificates are included; at most {MAX_INCLUDED} are read")
    return tuple(load_certificate(element.encoding) for element in elements)
