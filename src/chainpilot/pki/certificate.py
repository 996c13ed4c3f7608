"""One X.509 certificate as a value: parsed whole and at once, so that nothing raises later.

Whether it may be trusted is not said here: that is `verify`; whether it fits its purpose is `profiles`.
"""

import functools
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final, NewType, cast, final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from OpenSSL import crypto

from chainpilot.errors import PeerError
from chainpilot.pki.der import DerError, Element, encode_bit_string, encode_sequence, read_one, read_parts
from chainpilot.pki.encoding import MAX_TEXT, PemLabel, pem_encode, recognise
from chainpilot.pki.extensions import Extensions, read_extensions
from chainpilot.pki.identity import DistinguishedName, Name, name_key, read_name
from chainpilot.pki.keys import PublicKey, SpkiHash, key_weakness, spki_hash

__all__ = [
    "MAX_CERTIFICATE_BYTES",
    "Certificate",
    "CertificateError",
    "SerialNumber",
    "load_certificate",
    "load_certificates",
]

MAX_CERTIFICATE_BYTES: Final = 16 * 1024
"""DER bytes read at most; V2G certificates have at most 800 (ISO 15118-2), web server certificates a few thousand."""
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_MAX_PARSED: Final = 256
"""Certificates whose parsed form is kept, about 10 kB each: the sub-CAs of every PKI that a station or CPMS meets."""
_MAX_KEPT_BYTES: Final = 3000
"""Longer ones are parsed each time: nobody's crowd of large certificates is to fill the memory."""
_MAX_REMEMBERED: Final = 64
"""Issuers' keys a certificate remembers to have been checked against: a fact about bytes, not a verdict."""

SerialNumber = NewType("SerialNumber", int)
"""A certificate's serial number; unique only together with its issuer."""


class CertificateError(PeerError):
    """Bytes are not a certificate we can read; `why` says what is wrong."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not a readable certificate: {why}")
        self.why = why


@final
class Certificate:
    """A parsed certificate; equal to another when the DER bytes are equal. Made by `load_certificate`.

    Times are timezone-aware UTC; `subject_der`, `issuer_der` and `spki_der` are the bytes as they stand in the
    certificate, which is what hash data is computed over.
    """

    __slots__ = (
        "_checked",
        "_issuer_name",
        "_openssl",
        "_weakness",
        "_x509",
        "der",
        "extensions",
        "issuer_der",
        "issuer_key",
        "not_after",
        "not_before",
        "public_key",
        "serial_number",
        "signature_hash",
        "spki_der",
        "spki_hash",
        "subject_der",
        "subject_key",
        "subject_name",
        "version",
    )

    _checked: dict[SpkiHash, bool]
    _issuer_name: Name
    _openssl: crypto.X509 | None
    _weakness: tuple[str | None] | None
    _x509: x509.Certificate
    der: bytes
    version: int
    """3 where it may have extensions (RFC 5280 section 4.1.2.1); as written, one more than its number in the DER."""
    subject_der: bytes
    issuer_der: bytes
    serial_number: SerialNumber
    spki_der: bytes
    spki_hash: SpkiHash
    public_key: PublicKey
    not_before: datetime
    not_after: datetime
    signature_hash: str | None
    """Name of the digest the issuer signed, such as `sha256`; None for Ed25519 and Ed448."""
    extensions: Extensions
    subject_name: Name
    """Every attribute of the subject, in order."""
    subject_key: Name
    issuer_key: Name
    """The names with case and white space folded: names that OpenSSL takes for equal have equal keys."""

    def __init__(self, der: bytes) -> None:
        """Parse `der`; every defect is raised as some exception that `load_certificate` turns into ours."""
        parsed = x509.load_der_x509_certificate(der)
        version, fields = _tbs_fields(der)
        issuer, subject = read_name(fields[2]), read_name(fields[4])
        digest, key = parsed.signature_hash_algorithm, parsed.public_key()
        values: dict[str, object] = {
            "der": der,
            "_checked": {},
            "_issuer_name": issuer,
            "_weakness": None,
            "_x509": parsed,
            "version": version,
            "_openssl": None,
            "issuer_der": fields[2].encoding,
            "subject_der": fields[4].encoding,
            "spki_der": fields[5].encoding,
            "serial_number": SerialNumber(parsed.serial_number),
            "spki_hash": _fingerprint(fields[5].encoding, key),
            "public_key": key,
            "not_before": parsed.not_valid_before_utc,
            "not_after": parsed.not_valid_after_utc,
            "signature_hash": digest.name if digest else None,
            "extensions": read_extensions(_extensions_of(fields)),
            "subject_name": subject,
            "subject_key": name_key(subject),
            "issuer_key": name_key(issuer),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Certificate can't be changed ({name})")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<Certificate {self.subject} serial {self.serial_number:x}>"

    @property
    def openssl(self) -> crypto.X509:
        """The same certificate for OpenSSL; kept because loading it costs more than judging it."""
        if self._openssl is None:
            object.__setattr__(self, "_openssl", crypto.load_certificate(crypto.FILETYPE_ASN1, self.der))
        return cast("crypto.X509", self._openssl)

    @property
    def subject(self) -> DistinguishedName:
        """The attributes of the subject that Plug & Charge uses."""
        return DistinguishedName.from_name(self.subject_name)

    @property
    def issuer(self) -> DistinguishedName:
        """The same of the issuer."""
        return DistinguishedName.from_name(self._issuer_name)

    @property
    def is_ca(self) -> bool:
        """Whether basicConstraints says so; absent means no."""
        return self.extensions.is_ca

    @property
    def is_test(self) -> bool:
        """Whether it carries our private TEST extension."""
        return self.extensions.is_test

    @property
    def ocsp_urls(self) -> tuple[str, ...]:
        """The OCSP responders it names, in order."""
        return self.extensions.ocsp_urls

    @property
    def key_weakness(self) -> str | None:
        """Why its key is too weak or of a kind we don't accept, as a sentence; None when it is good."""
        if self._weakness is None:
            object.__setattr__(self, "_weakness", (key_weakness(self.public_key),))
        return self._weakness[0] if self._weakness is not None else None

    @property
    def fingerprint(self) -> str:
        """Lower-case hex SHA-256 of the DER bytes."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are the same name (RFC 5280 section 6.1); says nothing about who signed."""
        return self.subject_key == self.issuer_key

    @property
    def is_self_signed(self) -> bool:
        """Whether its own key signed it: what makes a root a root; a cross certificate is only self-issued."""
        return self.is_self_issued and self.was_signed_by(self)

    def was_signed_by(self, issuer: "Certificate") -> bool:
        """Whether the issuer's key made this certificate's signature; names play no part."""
        known = self._checked.get(issuer.spki_hash)
        if known is None:
            known = _signature_holds(self._x509, issuer.public_key)
            if len(self._checked) >= _MAX_REMEMBERED:
                self._checked.clear()
            self._checked[issuer.spki_hash] = known
        return known

    def valid_at(self, at: datetime) -> bool:
        """Whether notBefore <= at <= notAfter, inclusive (RFC 5280 section 4.1.2.5); `at` is timezone-aware."""
        return self.not_before <= at <= self.not_after

    def signed_anew(self, signature: bytes) -> "Certificate":
        """The same content and algorithm under another signature, which isn't checked.

        For a CA that judges what it issues before its own key signs. What was read of the content isn't read again.
        """
        content, algorithm, _ = read_parts(self.der)
        der = encode_sequence(content.encoding, algorithm.encoding, encode_bit_string(signature))
        twin = object.__new__(Certificate)
        own: dict[str, object] = {
            "der": der,
            "_checked": {},
            "_openssl": None,
            "_x509": x509.load_der_x509_certificate(der),
        }
        for name in self.__slots__:
            object.__setattr__(twin, name, own[name] if name in own else getattr(self, name))
        return twin

    def to_pem(self) -> str:
        """The certificate as one PEM block."""
        return pem_encode(self.der, PemLabel.CERTIFICATE)


def load_certificate(der: bytes) -> Certificate:
    """Parse one DER certificate whole.

    Raises:
        CertificateError: too long, malformed, with bytes behind it, or with a key of a kind nobody uses.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise CertificateError(f"{len(der)} bytes; at most {MAX_CERTIFICATE_BYTES} are read")
    return _kept(der) if len(der) <= _MAX_KEPT_BYTES else _parsed(der)


def _parsed(der: bytes) -> Certificate:
    try:
        certificate = Certificate(der)
        certificate.openssl  # noqa: B018 - loaded for its verdict on the bytes
    except DerError as error:
        raise CertificateError(error.why) from error
    except Exception as error:  # x509.md duty 7: whatever a parser raises is a verdict on the bytes
        raise CertificateError(f"{type(error).__name__}: {error}") from error
    return certificate


_kept: Final = functools.lru_cache(maxsize=_MAX_PARSED)(_parsed)
"""The same bytes make the same value: sub-CAs come with every leaf, and are parsed once."""


def load_certificates(text: str | bytes, *, limit: int = MAX_TEXT) -> tuple[Certificate, ...]:
    """Read every certificate of a text in PEM, hexadecimal or base64, in the order they stand.

    Raises:
        EncodingError: the text is in no known encoding, or longer than `limit` characters.
        CertificateError: one of the blocks is not a readable certificate.
    """
    return tuple(map(load_certificate, recognise(text, PemLabel.CERTIFICATE, limit=limit).blocks))


def _fingerprint(encoding: bytes, key: PublicKey) -> SpkiHash:
    """Of the key, however the certificate writes it: a point may be compressed, an algorithm's parameters left out."""
    if isinstance(key, ec.EllipticCurvePublicKey) and len(encoding) > 2 * (key.key_size // 8):
        return SpkiHash(hashlib.sha256(encoding).hexdigest())
    return spki_hash(key)


def _tbs_fields(der: bytes) -> tuple[int, tuple[Element, ...]]:
    """The version; serial, algorithm, issuer, validity, subject, key and what follows (RFC 5280 section 4.1).

    The algorithm outside the signed part must be the one inside (section 4.1.1.2): no signature would notice a change.
    """
    signed, algorithm = read_parts(der)[:2]
    version, fields = 1, signed.children()
    if fields and fields[0].tag == _VERSION:
        version, fields = 1 + int.from_bytes(read_one(fields[0].content).content, signed=True), fields[1:]
    if len(fields) < 6:
        raise DerError("a TBSCertificate of too few fields")
    if fields[1].encoding != algorithm.encoding:
        raise DerError("the signature algorithms inside and outside differ")
    return version, fields


def _extensions_of(fields: tuple[Element, ...]) -> Element | None:
    wrapped = next((element for element in fields[6:] if element.tag == _EXTENSIONS), None)
    return read_one(wrapped.content) if wrapped is not None else None


def _signature_holds(parsed: x509.Certificate, key: PublicKey) -> bool:
    try:
        _verifier(key, parsed)(parsed.signature, parsed.tbs_certificate_bytes)
    except (InvalidSignature, ValueError, TypeError):
        return False
    except Exception:  # noqa: BLE001 - x509.md duty 7: an unsupported algorithm raises many things; none is a yes
        return False
    return True


def _verifier(key: PublicKey, parsed: x509.Certificate) -> Callable[[bytes, bytes], None]:
    digest = parsed.signature_hash_algorithm
    scheme = parsed.signature_algorithm_parameters
    match key:
        case ec.EllipticCurvePublicKey() if isinstance(scheme, ec.ECDSA):
            return lambda signature, data: key.verify(signature, data, scheme)
        case rsa.RSAPublicKey() if isinstance(scheme, padding.PKCS1v15 | padding.PSS) and digest is not None:
            return lambda signature, data: key.verify(signature, data, scheme, digest)
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey() if digest is None:
            return key.verify
        case _:
            raise TypeError("the issuer's key is of another kind than the signature")
