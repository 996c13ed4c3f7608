"""Certificate revocation lists (RFC 5280 section 5): read whole, then asked about one certificate.

Only complete lists by the issuer itself count: a list that covers a part of what a CA issued, or another CA's
certificates, is refused rather than misread. Fetching lists and mixing their word into a path is not handled here.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from chainpilot.errors import PeerError
from chainpilot.pki.certificate import Certificate, SerialNumber
from chainpilot.pki.der import DerError, Element, read_one
from chainpilot.pki.extensions import KeyUsageBit, read_extensions
from chainpilot.pki.identity import Name, name_key, read_name
from chainpilot.pki.keys import key_weakness
from chainpilot.pki.signatures import Signed

__all__ = [
    "CLOCK_TOLERANCE",
    "MAX_CRLS",
    "MAX_CRL_BYTES",
    "Crl",
    "CrlError",
    "CrlVerdict",
    "NoCurrentCrl",
    "NotRevoked",
    "RevocationReason",
    "Revoked",
    "load_crl",
    "load_crls",
    "revocation",
]

MAX_CRL_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a file read at most: about 100 000 revoked certificates, more than a CPO's sub-CA has in force."""
MAX_CRLS: Final = 64
"""Lists of one PEM file read at most: one for each CA of every path a station has, many times over."""
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far a thisUpdate may lie ahead of us: the issuer's clock and ours differ, and answers are signed on demand.
RFC 5019 section 4 leaves the figure open; `openssl ocsp` takes five minutes too."""

_BEGIN: Final = b"-----BEGIN X509 CRL-----"
_END: Final = b"-----END X509 CRL-----"
_WHITE: Final = re.compile(rb"\s+")
_VERSION: Final = 0x02
_EXTENSIONS: Final = 0xA0


class RevocationReason(Enum):
    """Why a certificate was revoked, in the words of RFC 5280 section 5.3.1."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    CA_COMPROMISE = "cACompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    CERTIFICATE_HOLD = "certificateHold"
    REMOVE_FROM_CRL = "removeFromCRL"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"
    AA_COMPROMISE = "aACompromise"


class CrlError(PeerError):
    """Bytes are not a revocation list we can use; `why` says what is wrong."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not a usable CRL: {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Revoked:
    """The list names the certificate."""

    revoked_at: datetime
    reason: RevocationReason


@dataclass(frozen=True, slots=True)
class NotRevoked:
    """The issuer's current list doesn't name the certificate; good until `until`, the list's nextUpdate."""

    until: datetime


@dataclass(frozen=True, slots=True)
class NoCurrentCrl:
    """None of the lists can tell; `why` is a sentence. Never means "not revoked"."""

    why: str


CrlVerdict = Revoked | NotRevoked | NoCurrentCrl


@dataclass(frozen=True, slots=True)
class Crl:
    """A revocation list; equal to another when the DER bytes are equal. Made by `load_crl`, its signature unchecked."""

    der: bytes = field(repr=False)
    issuer_key: Name = field(compare=False)
    """The issuer's name with case and white space folded, as `Certificate.subject_key`."""
    this_update: datetime = field(compare=False)
    next_update: datetime = field(compare=False)
    number: int | None = field(compare=False)
    revoked: Mapping[SerialNumber, Revoked] = field(compare=False, repr=False)
    openssl: x509.CertificateRevocationList = field(compare=False, repr=False)
    """The same list as `OpenSSL.crypto.X509Store.add_crl` takes it."""
    signed: Signed = field(compare=False, repr=False)

    def was_signed_by(self, issuer: Certificate) -> bool:
        """Whether the issuer's key made the signature and may: cRLSign where it has a key usage, key and digest sound.

        Names play no part.
        """
        usage = issuer.extensions.key_usage
        if usage is not None and KeyUsageBit.CRL_SIGN not in usage:
            return False
        return key_weakness(issuer.public_key) is None and self.signed.was_made_by(issuer.public_key)

    def is_current(self, at: datetime) -> bool:
        """Whether thisUpdate <= at <= nextUpdate, inclusive, thisUpdate up to CLOCK_TOLERANCE ahead; `at` is aware."""
        return self.this_update - at <= CLOCK_TOLERANCE and at <= self.next_update


def load_crl(data: bytes) -> Crl:
    """Read the one list that `data` is, in PEM or DER.

    Raises:
        CrlError: as `load_crls`, or several lists.
    """
    crls = load_crls(data)
    if len(crls) != 1:
        raise CrlError(f"{len(crls)} lists where one is expected")
    return crls[0]


def load_crls(data: bytes) -> tuple[Crl, ...]:
    """Read one list in DER, or all of a PEM text in the order they stand; at least one.

    Raises:
        CrlError: too long, too many, malformed, without a nextUpdate, a delta, for a part of the CA's certificates
            only, for another CA's, or with a critical extension we don't know.
    """
    if len(data) > MAX_CRL_BYTES:
        raise CrlError(f"{len(data)} bytes; at most {MAX_CRL_BYTES} are read")
    blocks = tuple(_pem_blocks(data)) if _BEGIN in data else (data,)
    if len(blocks) > MAX_CRLS:
        raise CrlError(f"{len(blocks)} lists; at most {MAX_CRLS} are read")
    return tuple(map(_read, blocks))


def revocation(crls: Iterable[Crl], certificate: Certificate, issuer: Certificate, at: datetime) -> CrlVerdict:
    """What the issuer's newest list in force at `at` says of a certificate.

    Args:
        crls: lists of any issuers; those by others, badly signed or out of date are passed over, but that a list which
            has ended named the certificate still counts.
        certificate: what is asked about.
        issuer: whose certificate it is; believed by the caller.
        at: timezone-aware.

    Raises:
        ValueError: `at` has no timezone, which is our own mistake.
    """
    if at.tzinfo is None:
        raise ValueError("the time of a judgement needs a timezone")
    # 1: the certificate is the issuer's, else its serial number means nothing in the issuer's lists
    if certificate.issuer_key != issuer.subject_key or not certificate.was_signed_by(issuer):
        return NoCurrentCrl(f"{certificate.subject} was not issued by {issuer.subject}")
    # 2: lists by that name
    named = [crl for crl in crls if crl.issuer_key == issuer.subject_key]
    if not named:
        return NoCurrentCrl(f"there is no list by {issuer.subject}")
    # 3: signed by the issuer itself
    signed = [crl for crl in named if crl.was_signed_by(issuer)]
    if not signed:
        return NoCurrentCrl(f"no list by that name was properly signed by {issuer.subject}")
    # 4: in force
    current = [crl for crl in signed if crl.is_current(at)]
    if not current:
        newest = max(signed, key=_age)
        ended = newest.revoked.get(certificate.serial_number) if newest.next_update <= at else None
        if ended is not None and ended.reason is not RevocationReason.CERTIFICATE_HOLD:
            return ended  # revoking is for good (RFC 5280 section 5.3.1): that the list is old makes nothing better
        span = f"{newest.this_update.isoformat()} to {newest.next_update.isoformat()}"
        return NoCurrentCrl(f"the newest list by {issuer.subject} is in force from {span} only")
    # 5: of several the newest, since a certificate on hold may have been let go
    newest = max(current, key=_age)
    return newest.revoked.get(certificate.serial_number) or NotRevoked(newest.next_update)


def _age(crl: Crl) -> tuple[datetime, int]:
    return crl.this_update, crl.number if crl.number is not None else -1


def _pem_blocks(data: bytes) -> Iterator[bytes]:
    position = data.find(_BEGIN)
    while position >= 0:
        stop = data.find(_END, position)
        if stop < 0:
            raise CrlError("an X509 CRL block begins and never ends")
        try:
            yield base64.b64decode(_WHITE.sub(b"", data[position + len(_BEGIN) : stop]), validate=True)
        except (binascii.Error, ValueError) as error:
            raise CrlError("broken base64") from error
        position = data.find(_BEGIN, stop)


def _read(der: bytes) -> Crl:
    try:
        return _parsed(der)
    except CrlError:
        raise
    except DerError as error:
        raise CrlError(error.why) from error
    except Exception as error:  # x509.md duty 7: whatever a parser raises is a verdict on the bytes
        raise CrlError(f"{type(error).__name__}: {error}") from error


def _parsed(der: bytes) -> Crl:
    parsed = x509.load_der_x509_crl(der)
    signed = Signed.from_parts(read_one(der).children())
    fields = read_one(signed.content).children()
    issuer = fields[2] if fields[0].tag == _VERSION else fields[1]
    next_update = parsed.next_update_utc
    if next_update is None:
        raise CrlError("it has no nextUpdate, so nobody can tell when it ends (RFC 5280 section 5.1.2.5)")
    if next_update < parsed.last_update_utc:
        raise CrlError("its nextUpdate is before its thisUpdate")
    _check_scope(fields[-1])
    return Crl(
        der=der,
        issuer_key=name_key(read_name(issuer)),
        this_update=parsed.last_update_utc,
        next_update=next_update,
        number=_number(parsed),
        revoked=MappingProxyType(_entries(parsed)),
        openssl=parsed,
        signed=signed,
    )


_REFUSED: Final = {
    ExtensionOID.DELTA_CRL_INDICATOR.dotted_string: "a delta, which is nothing without its complete list",
    ExtensionOID.ISSUING_DISTRIBUTION_POINT.dotted_string: "for a part of the certificates only, or for another CA's",
}
_UNDERSTOOD: Final = frozenset(
    oid.dotted_string for oid in (ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER)
)


def _check_scope(last: Element) -> None:
    """Refuse what isn't a complete list of the issuer's own; `last` is the last field, where extensions stand."""
    if last.tag != _EXTENSIONS:
        return
    extensions = read_extensions(read_one(last.content))
    for oid, why in _REFUSED.items():
        if oid in extensions.present:
            raise CrlError(f"it is {why}")
    if unknown := sorted(extensions.critical - _UNDERSTOOD):
        raise CrlError(f"a critical extension that we don't know: {unknown[0]}")


def _number(parsed: x509.CertificateRevocationList) -> int | None:
    try:
        return parsed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return None


def _entries(parsed: x509.CertificateRevocationList) -> dict[SerialNumber, Revoked]:
    """Every revoked certificate; of one that is named twice, the earlier date."""
    entries: dict[SerialNumber, Revoked] = {}
    for entry in parsed:
        serial = SerialNumber(entry.serial_number)
        revoked = Revoked(entry.revocation_date_utc, _reason(entry))
        known = entries.get(serial)
        if known is None or revoked.revoked_at < known.revoked_at:
            entries[serial] = revoked
    return entries


def _reason(entry: x509.RevokedCertificate) -> RevocationReason:
    reason = RevocationReason.UNSPECIFIED
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = RevocationReason(extension.value.reason.value)
        elif extension.oid == CRLEntryExtensionOID.CERTIFICATE_ISSUER:
            raise CrlError("an entry is for another CA's certificate, which makes the list indirect")
        elif extension.critical and extension.oid != CRLEntryExtensionOID.INVALIDITY_DATE:
            raise CrlError(f"an entry has a critical extension that we don't know: {extension.oid.dotted_string}")
    return reason
