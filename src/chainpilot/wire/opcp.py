"""The root pool's JSON in Hubject's OPCP: the collection that rootCerts answers, and signed webhook events.

Whether a root may be trusted is not said here, and a signature only says who sent an event.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chainpilot.errors import PeerError
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate
from chainpilot.pki.encoding import EncodingError, decode_base64
from chainpilot.pki.trust import TrustDomain
from chainpilot.wire.jsontext import JsonError, decode_json

__all__ = [
    "MAX_COLLECTION",
    "MAX_EVENT",
    "MAX_ROOTS",
    "SIGNATURE_HEADER",
    "OpcpError",
    "PoolRoot",
    "RootEvent",
    "RootEventKind",
    "is_signed",
    "read_event",
    "read_roots",
    "rootcerts_path",
    "signature_of",
]

MAX_COLLECTION: Final = 4 * 1024 * 1024
"""Bytes of an answer read at most: MAX_ROOTS with their cross certificates have about 3 MB."""
MAX_ROOTS: Final = 500
"""Roots of an answer read at most; the pools of today hold some dozens."""
MAX_EVENT: Final = 64 * 1024
"""Bytes of an event read at most; one with a certificate has about 2 KB."""
MAX_EVENT_ID: Final = 128
"""Characters of an event's id; a UUID has 36."""
SIGNATURE_HEADER: Final = "X-Hubject-Signature"

_SIGNATURE: Final = re.compile(r"sha256=([0-9A-Fa-f]{64})")
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_CERTIFICATES: Final = ("caCertificate", "crossCertificatePair")
"""Of these members the second may hold a cross certificate, which tells by whom a root was signed."""


class OpcpError(PeerError):
    """A root pool's text is not what OPCP says; `why` is a sentence that quotes nothing of it."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class PoolRoot:
    """One entry of the collection that reads."""

    certificates: tuple[Certificate, ...]
    """The root, and cross certificates that came with it."""
    domain: TrustDomain | None
    """None: the pool calls it something that we have no anchors for, such as OEM."""


class RootEventKind(Enum):
    """What a webhook tells of a root; values as they are sent."""

    ADDED = "root.cert.added"
    EXPIRED = "root.cert.expired"
    REVOKED = "root.cert.revoked"


@dataclass(frozen=True, slots=True)
class RootEvent:
    """One event."""

    event_id: str
    kind: RootEventKind | None
    """None: it is of something else, such as a contract."""
    root: PoolRoot | None = None
    """What it brings, if it brings one."""
    fingerprint: str | None = None
    """SHA-256 of the root that it is about, 64 lower-case hex digits, if it says so."""


def rootcerts_path(root_type: TrustDomain) -> str:
    """Path and query of the operation, under the pool's own URL."""
    return f"/v1/root/rootCerts?rootType={root_type.value}"


def read_roots(body: bytes) -> tuple[tuple[PoolRoot, ...], tuple[str, ...]]:
    """The entries of a collection that can be read, and a sentence for each that can't.

    Raises:
        OpcpError: it is no collection, or one of too many.
    """
    document = _object(body, MAX_COLLECTION)
    collection = document.get("RootCertificateCollection", document)
    listed = collection.get("rootCertificates") if isinstance(collection, dict) else None
    if not isinstance(listed, list):
        raise OpcpError("the answer has no RootCertificateCollection.rootCertificates")
    if len(listed) > MAX_ROOTS:
        raise OpcpError(f"the answer has {len(listed)} roots; at most {MAX_ROOTS} are read")
    roots: list[PoolRoot] = []
    faults: list[str] = []
    for place, entry in enumerate(listed, start=1):
        try:
            roots.append(_root(entry))
        except OpcpError as error:
            faults.append(f"root {place}: {error.why}")
    return tuple(roots), tuple(faults)


def signature_of(body: bytes, secret: str) -> str:
    """What the header holds for that body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, header: str | None, secret: str) -> bool:
    """Whether the header is the body's signature; compared in constant time, over the bytes as they came."""
    found = _SIGNATURE.fullmatch(header.strip()) if header is not None else None
    given = found[1].lower() if found is not None else ""
    return hmac.compare_digest(f"sha256={given}", signature_of(body, secret))


def read_event(body: bytes) -> RootEvent:
    """An event whose signature was found good.

    Raises:
        OpcpError: it is no event, or brings a certificate that can't be read.
    """
    document = _object(body, MAX_EVENT)
    event_id, kind, payload = (document.get(name) for name in ("eventId", "eventType", "payload"))
    if not isinstance(event_id, str) or not 0 < len(event_id) <= MAX_EVENT_ID or not event_id.isprintable():
        raise OpcpError(f"the event has no eventId of 1 to {MAX_EVENT_ID} characters")
    if not isinstance(kind, str):
        raise OpcpError("the event has no eventType")
    known = next((one for one in RootEventKind if one.value == kind), None)
    if known is None or not isinstance(payload, dict):
        return RootEvent(event_id, known)
    root = _root(payload) if payload.get("caCertificate") is not None else None
    return RootEvent(event_id, known, root, _fingerprint(payload, root))


def _object(body: bytes, limit: int) -> dict[str, object]:
    try:
        document = decode_json(body, limit=limit)
    except JsonError as error:
        raise OpcpError(f"it is no JSON that is read here: {error}") from error
    if not isinstance(document, dict):
        raise OpcpError("it is no JSON object")
    return document


def _root(entry: object) -> PoolRoot:
    if not isinstance(entry, dict):
        raise OpcpError("it is no JSON object")
    given = [entry.get(name) for name in _CERTIFICATES]
    if not isinstance(given[0], str) or not given[0]:
        raise OpcpError("it has no caCertificate")
    certificates = [_certificate(given[0])]
    if isinstance(given[1], str) and given[1]:
        certificates.append(_certificate(given[1]))
    kind = entry.get("rootType")
    domains = {one.value: one for one in (TrustDomain.V2G, TrustDomain.MO)}
    return PoolRoot(tuple(certificates), domains.get(kind.upper()) if isinstance(kind, str) else None)


def _certificate(text: str) -> Certificate:
    try:
        return load_certificate(decode_base64(text))
    except (EncodingError, CertificateError) as error:
        raise OpcpError(error.why) from error


def _fingerprint(payload: dict[str, object], root: PoolRoot | None) -> str | None:
    if root is not None:
        return root.certificates[0].fingerprint
    given = payload.get("fingerprint")
    digits = given.replace(":", "").lower() if isinstance(given, str) else ""
    return digits if _FINGERPRINT.fullmatch(digits) else None
