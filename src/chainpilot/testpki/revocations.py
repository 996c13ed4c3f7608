"""What was revoked, one line a certificate, and the lists that say so (RFC 5280 section 5). NEVER for production."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import RevocationReason
from chainpilot.pki.keys import signing_hash
from chainpilot.testpki.cabinet import CabinetError
from chainpilot.testpki.issuer import Issuer
from chainpilot.testpki.lines import append_line, whole_lines

__all__ = ["CRL_VALIDITY", "Revocation", "Revocations", "revocation_list"]

CRL_VALIDITY: Final = timedelta(days=8)
"""From thisUpdate to nextUpdate, as that of OCSP answers."""
_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Revocation:
    """One certificate that doesn't count any more."""

    issuer_key: str
    """The `SpkiHash` of the CA's key: two generations of a CA have the same name."""
    serial_number: int
    at: datetime
    reason: RevocationReason


class _Line(msgspec.Struct):
    issuer: str
    serial: str
    at: datetime
    reason: RevocationReason


class Revocations:
    """The revocations, kept in `path` over restarts.

    Raises:
        CabinetError: the file can't be read or written, or a line of it is no record.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._by_key: dict[tuple[str, int], Revocation] = {}
        for number, line in enumerate(whole_lines(path), start=1):
            try:
                read = msgspec.json.decode(line, type=_Line)
                revocation = Revocation(read.issuer, int(read.serial, 16), read.at.astimezone(UTC), read.reason)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
                raise CabinetError(path, f"line {number} is no record of a revocation ({error})") from error
            self._by_key[revocation.issuer_key, revocation.serial_number] = revocation

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, issuer: Certificate, serial: int) -> Revocation | None:
        """The revocation of what that CA has issued under that number; None when it wasn't revoked."""
        return self._by_key.get((issuer.spki_hash, serial))

    def by(self, issuer: Certificate) -> tuple[Revocation, ...]:
        """Everything that the CA has revoked, in order."""
        return tuple(each for each in self._by_key.values() if each.issuer_key == issuer.spki_hash)

    def add(self, revocation: Revocation) -> None:
        """Write a revocation down; it is in the file when this returns."""
        line = _Line(revocation.issuer_key, f"{revocation.serial_number:x}", revocation.at, revocation.reason)
        append_line(self._path, _ENCODER.encode(line))
        self._by_key[revocation.issuer_key, revocation.serial_number] = revocation


def revocation_list(issuer: Issuer, revocations: Revocations, at: datetime, *, deterministic: bool) -> bytes:
    """The CA's complete list in DER, as of `at` (UTC)."""
    own = x509.load_der_x509_certificate(issuer.certificate.der)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(own.subject)
        .last_update(at)
        .next_update(at + CRL_VALIDITY)
        .add_extension(x509.CRLNumber(int(at.timestamp())), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier(issuer.certificate.extensions.subject_key_id, None, None), critical=False
        )
    )
    for revocation in revocations.by(issuer.certificate):
        entry = x509.RevokedCertificateBuilder().serial_number(revocation.serial_number).revocation_date(revocation.at)
        if revocation.reason is not RevocationReason.UNSPECIFIED:  # which RFC 5280 section 5.3.1 leaves out
            entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags(revocation.reason.value)), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    repeats = True if deterministic and isinstance(issuer.key, ec.EllipticCurvePrivateKey) else None
    signed = builder.sign(issuer.key, signing_hash(issuer.key.public_key()), ecdsa_deterministic=repeats)
    return signed.public_bytes(Encoding.DER)
