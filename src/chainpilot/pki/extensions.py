"""The extensions of a certificate that path building, profiles and OCSP need, read from the raw bytes.

`cryptography` reads all extensions at once and late, and raises on an explicit `cA=FALSE`, which four of Hubject's real
certificates carry and OpenSSL accepts (x509.md duty 7). Policies and alternative names are left to OpenSSL.
"""

import functools
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from chainpilot.pki.der import DerError, Element, decode_bit_string, decode_oid, read_all, read_one

__all__ = ["TEST_EXTENSION_OID", "EkuOid", "Extensions", "KeyUsageBit", "read_extensions"]

TEST_EXTENSION_OID: Final = "2.25.324679409327939605319400870813806677148"
"""Our private extension that says TEST; the arc 2.25 needs no registration (ITU-T X.667)."""

_BASIC_CONSTRAINTS: Final = "2.5.29.19"
_KEY_USAGE: Final = "2.5.29.15"
_EXTENDED_KEY_USAGE: Final = "2.5.29.37"
_SUBJECT_KEY_ID: Final = "2.5.29.14"
_AUTHORITY_KEY_ID: Final = "2.5.29.35"
_AUTHORITY_INFO_ACCESS: Final = "1.3.6.1.5.5.7.1.1"
_SUBJECT_ALT_NAME: Final = "2.5.29.17"
_CRL_POINTS: Final = "2.5.29.31"
_OCSP_ACCESS: Final = "1.3.6.1.5.5.7.48.1"

_BOOLEAN: Final = 0x01
_INTEGER: Final = 0x02
_OCTET_STRING: Final = 0x04
_URI: Final = 0x86
_KEY_ID: Final = 0x80
_POINT_NAME: Final = 0xA0
_FULL_NAME: Final = 0xA0
_POINT_REASONS: Final = 0x81
_POINT_ISSUER: Final = 0xA2


class KeyUsageBit(Enum):
    """Bits of the key usage extension (RFC 5280 section 4.2.1.3); the value is the bit's number."""

    DIGITAL_SIGNATURE = 0
    NON_REPUDIATION = 1
    KEY_ENCIPHERMENT = 2
    DATA_ENCIPHERMENT = 3
    KEY_AGREEMENT = 4
    KEY_CERT_SIGN = 5
    CRL_SIGN = 6
    ENCIPHER_ONLY = 7
    DECIPHER_ONLY = 8


class EkuOid(Enum):
    """Extended key usages we speak of (RFC 5280 section 4.2.1.12)."""

    SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"
    OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
    ANY = "2.5.29.37.0"


@dataclass(frozen=True, slots=True)
class Extensions:
    """What we read of a certificate's extensions; None or empty where one is absent."""

    is_ca: bool = False
    path_length: int | None = None
    key_usage: frozenset[KeyUsageBit] | None = None
    extended_key_usage: frozenset[str] | None = None
    """Dotted object identifiers."""
    subject_key_id: bytes | None = None
    authority_key_id: bytes | None = None
    ocsp_urls: tuple[str, ...] = ()
    crl_urls: tuple[str, ...] = ()
    """Where the issuer's complete revocation lists are said to be (RFC 5280 section 4.2.1.13)."""
    is_test: bool = False
    present: frozenset[str] = field(default_factory=frozenset)
    """Dotted identifiers of all extensions."""
    critical: frozenset[str] = field(default_factory=frozenset)
    """Dotted identifiers of those marked critical."""

    @property
    def key_usage_is_critical(self) -> bool:
        """Whether the key usage extension is there and critical."""
        return _KEY_USAGE in self.critical

    @property
    def has_alternative_names(self) -> bool:
        """Whether there is a subject alternative name."""
        return _SUBJECT_ALT_NAME in self.present


def read_extensions(encoded: Element | None) -> Extensions:
    """Read the `Extensions` sequence of a TBSCertificate; None means there is none.

    Raises:
        DerError: an extension we need is malformed or occurs twice (RFC 5280 section 4.2).
    """
    values: dict[str, bytes] = {}
    critical: set[str] = set()
    for entry in encoded.children() if encoded is not None else ():
        oid, is_critical, value = _entry(entry.content)
        if oid in values:
            raise DerError(f"the extension {oid} occurs twice")
        values[oid] = value
        if is_critical:
            critical.add(oid)
    is_ca, path_length = _basic_constraints(values.get(_BASIC_CONSTRAINTS))
    return Extensions(
        is_ca=is_ca,
        path_length=path_length,
        key_usage=_key_usage(values.get(_KEY_USAGE)),
        extended_key_usage=_extended_key_usage(values.get(_EXTENDED_KEY_USAGE)),
        subject_key_id=_subject_key_id(values.get(_SUBJECT_KEY_ID)),
        authority_key_id=_authority_key_id(values.get(_AUTHORITY_KEY_ID)),
        ocsp_urls=_ocsp_urls(values.get(_AUTHORITY_INFO_ACCESS)),
        crl_urls=_crl_urls(values.get(_CRL_POINTS)),
        is_test=TEST_EXTENSION_OID in values,
        present=frozenset(values),
        critical=frozenset(critical),
    )


@functools.lru_cache(maxsize=512)
def _entry(content: bytes) -> tuple[str, bool, bytes]:
    """Of a PKI's leaves only the key identifiers differ."""
    parts = tuple(read_all(content))
    if not 2 <= len(parts) <= 3 or parts[-1].tag != _OCTET_STRING:
        raise DerError("an extension is not (identifier, critical, value)")
    is_critical = len(parts) == 3 and parts[1].tag == _BOOLEAN and parts[1].content != b"\x00"
    return decode_oid(parts[0]), is_critical, parts[-1].content


@functools.lru_cache(maxsize=256)
def _basic_constraints(value: bytes | None) -> tuple[bool, int | None]:
    if value is None:
        return False, None
    is_ca, path_length = False, None
    for part in read_one(value).children():
        if part.tag == _BOOLEAN:
            is_ca = part.content != b"\x00"
        elif part.tag == _INTEGER:
            path_length = int.from_bytes(part.content, "big", signed=True)
    return is_ca, path_length


@functools.lru_cache(maxsize=256)
def _key_usage(value: bytes | None) -> frozenset[KeyUsageBit] | None:
    if value is None:
        return None
    octets = decode_bit_string(read_one(value))
    bits = int.from_bytes(octets[:2].ljust(2, b"\x00"), "big")
    return frozenset(bit for bit in KeyUsageBit if bits >> (15 - bit.value) & 1)


@functools.lru_cache(maxsize=256)
def _extended_key_usage(value: bytes | None) -> frozenset[str] | None:
    return None if value is None else frozenset(map(decode_oid, read_one(value).children()))


def _subject_key_id(value: bytes | None) -> bytes | None:
    return None if value is None else read_one(value).content


@functools.lru_cache(maxsize=256)
def _authority_key_id(value: bytes | None) -> bytes | None:
    if value is None:
        return None
    return next((part.content for part in read_one(value).children() if part.tag == _KEY_ID), None)


@functools.lru_cache(maxsize=256)
def _ocsp_urls(value: bytes | None) -> tuple[str, ...]:
    described = (one.children() for one in (read_one(value).children() if value is not None else ()))
    return tuple(
        location[0].content.decode("ascii", "replace")
        for method, *location in described
        if decode_oid(method) == _OCSP_ACCESS and location and location[0].tag == _URI
    )


@functools.lru_cache(maxsize=256)
def _crl_urls(value: bytes | None) -> tuple[str, ...]:
    """Of the points without reasons and without another CA as issuer; one that can't be read names nothing.

    OpenSSL judges the extension's form when a path is built; where a list is said to be is no reason to refuse.
    """
    if value is None:
        return ()
    try:
        points = [point.children() for point in read_one(value).children()]
        whole = [point for point in points if not {part.tag for part in point} & {_POINT_REASONS, _POINT_ISSUER}]
        names = [name for point in whole for part in point if part.tag == _POINT_NAME for name in part.children()]
        located = [one for name in names if name.tag == _FULL_NAME for one in name.children()]
    except DerError:
        return ()
    return tuple(one.content.decode("ascii", "replace") for one in located if one.tag == _URI)
