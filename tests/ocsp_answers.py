"""Forges OCSP responses of any shape, good and bad, for tests; written by hand, since builders only write good ones."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography.x509.oid import ExtendedKeyUsageOID

from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.der import decode_bit_string, read_one, read_signed
from derwriter import (
    bit_string,
    generalized,
    integer,
    key_algorithm,
    octets,
    oid,
    sequence,
    signature,
    tlv,
)
from forge import NOON, Forged, forge

__all__ = [
    "NEXT",
    "SINCE",
    "answer",
    "cert_id",
    "delegate",
    "resigned",
    "responder_by_key",
    "responder_by_name",
    "single",
    "wrapped",
]

SINCE = NOON - timedelta(hours=1)
"""thisUpdate, unless said otherwise."""
NEXT = NOON + timedelta(days=8)
"""nextUpdate, unless said otherwise."""

_DIGESTS = {
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
BASIC = "1.3.6.1.5.5.7.48.1.1"
"""The response type that RFC 6960 defines."""


def delegate(issuer: Forged, common_name: str = "OCSP", **changes: object) -> Forged:
    """An OCSP signer that `issuer` issued; `changes` are `forge`'s arguments."""
    arguments: dict[str, object] = {"eku": (ExtendedKeyUsageOID.OCSP_SIGNING,), "usage": {"digital_signature": True}}
    return forge(common_name, issuer, **(arguments | changes))  # type: ignore[arg-type]  # - forge checks them


def resigned(forged: Forged, issuer: Forged, digest: str) -> Forged:
    """The same certificate signed by `issuer` over another digest, such as one that builders refuse."""
    algorithm = key_algorithm(issuer.key, digest)
    fields = [field.encoding for field in read_one(read_signed(forged.certificate.der).encoding).children()]
    content = sequence(*fields[:2], algorithm, *fields[3:])
    der = sequence(content, algorithm, bit_string(signature(issuer.key, content, digest)))
    return Forged(load_certificate(der), forged.key)


def cert_id(certificate: Certificate, issuer: Certificate, digest: str = "sha1", *, serial: int | None = None) -> bytes:
    """A CertID; of the issuer, name and key."""
    name = hashlib.new(digest, issuer.subject_der).digest()
    key = hashlib.new(digest, _key_bits(issuer)).digest()
    number = certificate.serial_number if serial is None else serial
    return sequence(sequence(oid(_DIGESTS[digest]), b"\x05\x00"), octets(name), octets(key), integer(number))


def single(
    named: bytes,
    *,
    revoked: datetime | None = None,
    reason: int | None = None,
    unknown: bool = False,
    since: datetime = SINCE,
    until: datetime | None = NEXT,
    extensions: tuple[bytes, ...] = (),
) -> bytes:
    """A SingleResponse for the CertID `named`: good, unless `revoked` or `unknown`."""
    status = tlv(0x80)
    if revoked is not None:
        why = tlv(0xA0, tlv(0x0A, bytes([reason]))) if reason is not None else b""
        status = tlv(0xA1, generalized(revoked), why)
    elif unknown:
        status = tlv(0x82)
    end = tlv(0xA0, generalized(until)) if until is not None else b""
    return sequence(named, status, generalized(since), end, _extensions(extensions))


def responder_by_name(certificate: Certificate) -> bytes:
    """A ResponderID by name."""
    return tlv(0xA1, certificate.subject_der)


def responder_by_key(certificate: Certificate) -> bytes:
    """A ResponderID by key."""
    return tlv(0xA2, octets(hashlib.new("sha1", _key_bits(certificate)).digest()))


def answer(
    signer: Forged,
    *singles: bytes,
    responder: bytes | None = None,
    included: Iterable[Certificate] = (),
    produced: datetime = SINCE,
    extensions: tuple[bytes, ...] = (),
    digest: str = "sha256",
    pss: bool = False,
    algorithm: bytes | None = None,
    unused: int = 0,
    version: bytes = b"",
    status: int = 0,
    kind: str = BASIC,
) -> bytes:
    """A whole response by `signer`, who names himself by key; what else is said of it is true unless changed."""
    named = responder if responder is not None else responder_by_key(signer.certificate)
    data = sequence(version, named, generalized(produced), sequence(*singles), _extensions(extensions))
    made = signature(signer.key, data, digest, pss=pss)
    stated = algorithm if algorithm is not None else key_algorithm(signer.key, digest, pss=pss)
    bag = [certificate.der for certificate in included]
    certificates = tlv(0xA0, sequence(*bag)) if bag else b""
    basic = sequence(data, stated, bit_string(made, unused), certificates)
    return wrapped(basic, status=status, kind=kind)


def wrapped(basic: bytes, *, status: int = 0, kind: str = BASIC) -> bytes:
    """An OCSPResponse around a BasicOCSPResponse."""
    return sequence(tlv(0x0A, bytes([status])), tlv(0xA0, sequence(oid(kind), octets(basic))))


def _extensions(extensions: tuple[bytes, ...]) -> bytes:
    return tlv(0xA1, sequence(*extensions)) if extensions else b""


def _key_bits(certificate: Certificate) -> bytes:
    return decode_bit_string(read_one(certificate.spki_der).children()[1])
