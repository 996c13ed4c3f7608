"""An OCSP responder without HTTP: one request in, one signed answer out (RFC 6960). NEVER for production.

What is issued and in the register is good unless it was revoked, everything else unknown. A request may name several
certificates of one CA; `cryptography` can neither read nor write that, so both are done here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import RevocationReason
from chainpilot.pki.keys import KeySpec, PrivateKey, key_spec_of
from chainpilot.pki.ocsp import MAX_SINGLES, CertId, CertIdDigest, Indeterminate, issuer_id, read_request
from chainpilot.testpki.authorities import Authorities
from chainpilot.testpki.derwriter import bit_string, generalized, integer, octets, sequence, tlv
from chainpilot.testpki.drafts import key_id, signature_by
from chainpilot.testpki.faults import Fault, Faults
from chainpilot.testpki.hierarchy import OcspSigner
from chainpilot.testpki.issuer import Issuer, stranger
from chainpilot.testpki.register import Register
from chainpilot.testpki.revocations import Revocation, Revocations

__all__ = ["MAX_OCSP_REQUEST", "VALIDITY", "Responder"]

MAX_OCSP_REQUEST: Final = 4096
"""Bytes of a request read at most; one for a single certificate takes about 120, signed ones with a chain 3000."""
VALIDITY: Final = timedelta(days=8)
"""From thisUpdate to nextUpdate: stations refresh weekly, so it must exceed 7 days (est-opcp-ocsp.md section 3)."""
_MAX_NONCE: Final = 128
"""RFC 9654 section 2.1; the least is 1."""
_STALE: Final = timedelta(days=30)
"""How old the answers of a fault are."""
_BASIC: Final = bytes.fromhex("06092b0601050507300101")
_NONCE: Final = bytes.fromhex("06092b0601050507300102")
_DIGESTS: Final = {
    CertIdDigest.SHA1: bytes.fromhex("300906052b0e03021a0500"),
    CertIdDigest.SHA256: bytes.fromhex("300d06096086480165030402010500"),
    CertIdDigest.SHA384: bytes.fromhex("300d06096086480165030402020500"),
    CertIdDigest.SHA512: bytes.fromhex("300d06096086480165030402030500"),
}
"""AlgorithmIdentifiers, with the NULL that RFC 6960 clients send."""
_REASONS: Final = {
    reason: number
    for number, reason in (
        (1, RevocationReason.KEY_COMPROMISE),
        (2, RevocationReason.CA_COMPROMISE),
        (3, RevocationReason.AFFILIATION_CHANGED),
        (4, RevocationReason.SUPERSEDED),
        (5, RevocationReason.CESSATION_OF_OPERATION),
        (6, RevocationReason.CERTIFICATE_HOLD),
        (9, RevocationReason.PRIVILEGE_WITHDRAWN),
        (10, RevocationReason.AA_COMPROMISE),
    )
}
"""RFC 5280 section 5.3.1; what isn't here is sent without a reason."""
_SIGNATURES: Final[dict[KeySpec | None, bytes]] = {
    KeySpec.P256: bytes.fromhex("300a06082a8648ce3d040302"),
    KeySpec.P384: bytes.fromhex("300a06082a8648ce3d040303"),
    KeySpec.P521: bytes.fromhex("300a06082a8648ce3d040304"),
    KeySpec.ED25519: bytes.fromhex("300506032b6570"),
    KeySpec.ED448: bytes.fromhex("300506032b6571"),
    **dict.fromkeys(
        (KeySpec.RSA2048, KeySpec.RSA3072, KeySpec.RSA4096), bytes.fromhex("300d06092a864886f70d01010b0500")
    ),
}
"""AlgorithmIdentifiers of what `signature_by` makes (RFC 5758 section 3.2, RFC 8410 section 3, RFC 8017)."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """Who answers for one CA."""

    issuer: Certificate
    signer: Certificate
    key: PrivateKey
    is_delegated: bool


class Responder:
    """Answers for every CA of the hierarchy that has an OCSP signer.

    Args:
        authorities: every CA by its name.
        register: what was issued to others.
        revocations: what was revoked.
        faults: what is to go wrong.
    """

    def __init__(
        self,
        authorities: Authorities,
        register: Register,
        revocations: Revocations,
        faults: Faults | None = None,
    ) -> None:
        self._own = authorities
        self._register = register
        self._revocations = revocations
        self._faults = faults or Faults()
        self._issuers: dict[tuple[str, str, str], Issuer] = {}
        self._desks: dict[Issuer, _Desk] = {}
        self._authorities: set[tuple[bytes, int]] = set()
        self.refresh()

    def refresh(self) -> None:
        """Take over what has changed among the CAs."""
        self._authorities = {(each.issuer_der, each.serial_number) for each in self._own.certificates()}
        self._issuers = {
            _look_up_key(issuer_id(issuer.certificate, "0", digest)): issuer
            for issuer in reversed(self._own.everyone())
            if issuer.plan.ocsp is not OcspSigner.NOBODY
            for digest in CertIdDigest
        }

    def answer(self, request: bytes, at: datetime) -> bytes:
        """The DER answer to a DER request received at `at` (UTC); never fails."""
        asked = read_request(request)
        if isinstance(asked, Indeterminate) or not _is_well_formed(asked.asked, asked.nonce):
            return _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        if self._faults.strikes(Fault.OCSP_TRY_LATER):
            return _unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
        issuers = {self._issuers.get(_look_up_key(cert_id)) for cert_id in asked.asked}
        issuer = issuers.pop()
        if issuer is None or issuers:
            # one signature can't answer for CAs with different signers (RFC 6960 section 2.3: unauthorized)
            return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
        if issuer not in self._desks:
            self._desks[issuer] = self._desk(issuer, at)
        return self._signed(self._desks[issuer], asked.asked, asked.nonce, at)

    def _signed(self, desk: _Desk, asked: tuple[CertId, ...], nonce: str | None, at: datetime) -> bytes:
        if self._faults.strikes(Fault.WRONG_OCSP_SIGNER):
            desk = self._by_stranger(desk, at)
        stale = self._faults.strikes(Fault.STALE_OCSP)
        since = at - _STALE if stale else at
        extension = sequence(_NONCE, octets(octets(bytes.fromhex(nonce)))) if nonce is not None else None
        content = sequence(
            tlv(0xA2, octets(key_id(desk.key.public_key()))),
            generalized(since),
            sequence(*(self._single(desk, cert_id, since) for cert_id in asked)),
            *((tlv(0xA1, sequence(extension)),) if extension is not None else ()),
        )
        signature = signature_by(desk.key, content, deterministic=self._own.material.is_deterministic)
        included = (tlv(0xA0, sequence(desk.signer.der)),) if desk.is_delegated else ()
        basic = sequence(content, _SIGNATURES[key_spec_of(desk.key.public_key())], bit_string(signature), *included)
        return sequence(tlv(0x0A, b"\x00"), tlv(0xA0, sequence(_BASIC, octets(basic))))

    def _single(self, desk: _Desk, cert_id: CertId, since: datetime) -> bytes:
        serial = int(cert_id.serial_number, 16)
        status = self._status(desk, serial)
        if self._faults.strikes(Fault.OCSP_OTHER_CERTIFICATE):
            serial += 1
        digest = CertIdDigest(cert_id.algorithm)
        named = sequence(
            _DIGESTS[digest],
            octets(bytes.fromhex(cert_id.issuer_name_hash)),
            octets(bytes.fromhex(cert_id.issuer_key_hash)),
            integer(serial),
        )
        return sequence(named, status, generalized(since), tlv(0xA0, generalized(since + VALIDITY)))

    def _status(self, desk: _Desk, serial: int) -> bytes:
        """CertStatus { good [0], revoked [1], unknown [2] } (RFC 6960 section 4.2.1)."""
        if self._faults.strikes(Fault.OCSP_UNKNOWN):
            return tlv(0x82)
        revocation = self._revocations.find(desk.issuer, serial)
        if revocation is not None:
            return _revoked(revocation)
        issued = self._register.knows(desk.issuer, serial)
        return tlv(0x80 if issued or (desk.issuer.subject_der, serial) in self._authorities else 0x82)

    def _desk(self, issuer: Issuer, at: datetime) -> _Desk:
        """The CA itself or a delegate, which lives from the first question to its CA's end."""
        certificate, key = issuer.certificate, issuer.key
        is_delegated = issuer.plan.ocsp is OcspSigner.DELEGATE
        if is_delegated:
            key = self._own.material.key(f"{issuer.file_name} ocsp", issuer.plan.key)
            certificate = issuer.issue_ocsp_signer(key, at)
        return _Desk(issuer.certificate, certificate, key, is_delegated)

    def _by_stranger(self, desk: _Desk, at: datetime) -> _Desk:
        key = self._own.material.key("stranger's delegate")
        signer = stranger(self._own.material, at).issue_ocsp_signer(key, at)
        return _Desk(desk.issuer, signer, key, is_delegated=True)


def _look_up_key(cert_id: CertId) -> tuple[str, str, str]:
    return cert_id.algorithm, cert_id.issuer_name_hash, cert_id.issuer_key_hash


def _is_well_formed(asked: tuple[CertId, ...], nonce: str | None) -> bool:
    """Not more than a reader of ours takes, no negative serial number, a nonce of 1 to 128 octets (RFC 9654)."""
    if len(asked) > MAX_SINGLES or any(cert_id.serial_number.startswith("-") for cert_id in asked):
        return False
    return nonce is None or 1 <= len(nonce) // 2 <= _MAX_NONCE


def _revoked(revocation: Revocation) -> bytes:
    number = _REASONS.get(revocation.reason)
    reason = (tlv(0xA0, tlv(0x0A, bytes((number,)))),) if number is not None else ()
    return tlv(0xA1, generalized(revocation.at), *reason)


def _unsuccessful(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
