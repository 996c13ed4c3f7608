"""An OCSP responder without HTTP: one request in, one signed answer out (RFC 6960). NEVER for production.

Everything issued and in the register is good, everything else unknown; revoking is not handled here.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from chainpilot.pki.certificate import Certificate
from chainpilot.testpki.hierarchy import OcspSigner
from chainpilot.testpki.issuer import Issuer
from chainpilot.testpki.material import Material
from chainpilot.testpki.register import Register

__all__ = ["MAX_OCSP_REQUEST", "VALIDITY", "Responder"]

MAX_OCSP_REQUEST: Final = 4096
"""Bytes of a request read at most; one for a single certificate takes about 120, signed ones with a chain 3000."""
VALIDITY: Final = timedelta(days=8)
"""From thisUpdate to nextUpdate: stations refresh weekly, so it must exceed 7 days (est-opcp-ocsp.md section 3)."""
_MAX_NONCE: Final = 128
"""RFC 9654 section 2.1; the least is 1."""
_ALGORITHMS: Final[tuple[hashes.HashAlgorithm, ...]] = (
    hashes.SHA1(),  # noqa: S303 - a look-up key that RFC 6960 clients use, no signature
    hashes.SHA256(),
    hashes.SHA384(),
    hashes.SHA512(),
)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Who answers for one CA."""

    issuer_der: bytes
    signer: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    delegated: bool


class Responder:
    """Answers for every CA of the hierarchy that has an OCSP signer.

    Args:
        issuers: every CA by its name.
        register: what was issued to others.
        material: where the delegates' keys come from.
        at: now (UTC); the delegates live from here to their CA's end.
    """

    def __init__(self, issuers: Mapping[str, Issuer], register: Register, material: Material, at: datetime) -> None:
        self._register = register
        self._authorities = {
            (issuer.certificate.issuer_der, issuer.certificate.serial_number) for issuer in issuers.values()
        }
        self._desks = dict(_desks(issuers.values(), material, at))

    def answer(self, request: bytes, at: datetime) -> bytes:
        """The DER answer to a DER request received at `at` (UTC); never fails."""
        try:
            asked = ocsp.load_der_ocsp_request(request)
            algorithm, nonce = asked.hash_algorithm, _nonce(asked)
            if asked.serial_number < 0:
                return _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        except UnsupportedAlgorithm:
            return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
        except (ValueError, TypeError, NotImplementedError, x509.DuplicateExtension):
            # several certificates in one request raise NotImplementedError; RFC 5019 allows one only
            return _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        desk = self._desks.get((algorithm.name, asked.issuer_name_hash, asked.issuer_key_hash))
        if desk is None:
            return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
        return self._signed(desk, asked, nonce, at)

    def _signed(self, desk: _Desk, asked: ocsp.OCSPRequest, nonce: x509.OCSPNonce | None, at: datetime) -> bytes:
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                asked.issuer_name_hash,
                asked.issuer_key_hash,
                asked.serial_number,
                asked.hash_algorithm,
                self._status(desk, asked.serial_number),
                at,
                at + VALIDITY,
                None,
                None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, desk.signer)
        )
        if desk.delegated:
            builder = builder.certificates([desk.signer])
        if nonce is not None:
            builder = builder.add_extension(nonce, critical=False)
        return builder.sign(desk.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def _status(self, desk: _Desk, serial: int) -> ocsp.OCSPCertStatus:
        issued = self._register.knows(desk.issuer_der, serial)
        known = issued or (desk.issuer_der, serial) in self._authorities
        return ocsp.OCSPCertStatus.GOOD if known else ocsp.OCSPCertStatus.UNKNOWN


def _desks(
    issuers: Iterable[Issuer], material: Material, at: datetime
) -> Iterable[tuple[tuple[str, bytes, bytes], _Desk]]:
    for issuer in issuers:
        if issuer.plan.ocsp is OcspSigner.NOBODY:
            continue
        desk = _desk(issuer, material, at)
        for algorithm in _ALGORITHMS:
            yield _look_up_key(issuer.certificate, algorithm), desk


def _desk(issuer: Issuer, material: Material, at: datetime) -> _Desk:
    certificate, key = issuer.certificate, issuer.key
    delegated = issuer.plan.ocsp is OcspSigner.DELEGATE
    if delegated:
        key = material.key(f"{issuer.plan.name} ocsp")
        certificate = issuer.issue_ocsp_signer(key, at)
    signer = x509.load_der_x509_certificate(certificate.der)
    return _Desk(issuer.certificate.subject_der, signer, key, delegated)


def _look_up_key(issuer: Certificate, algorithm: hashes.HashAlgorithm) -> tuple[str, bytes, bytes]:
    """The algorithm and both hashes of a CertID (RFC 6960 section 4.1.1); the key's is over its bits alone."""
    bits = issuer.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    name = hashlib.new(algorithm.name, issuer.subject_der, usedforsecurity=False).digest()
    return algorithm.name, name, hashlib.new(algorithm.name, bits, usedforsecurity=False).digest()


def _nonce(asked: ocsp.OCSPRequest) -> x509.OCSPNonce | None:
    """The nonce to give back; ValueError when it is of a length that RFC 9654 forbids."""
    try:
        nonce = asked.extensions.get_extension_for_class(x509.OCSPNonce).value
    except x509.ExtensionNotFound:
        return None
    if not 1 <= len(nonce.nonce) <= _MAX_NONCE:
        raise ValueError("a nonce has 1 to 128 octets")
    return nonce


def _unsuccessful(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
