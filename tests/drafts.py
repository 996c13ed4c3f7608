"""Certificates as drafts: every field may be odd, and what is odd stays known to the test that made it.

`forge` keeps to what a builder writes; a draft is written byte by byte, so that version 1, doubled extensions, weak
digests and spoilt signatures can be had too.
"""

import functools
import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chainpilot.pki.keys import PrivateKey
from derwriter import bit_string, extension, integer, key_algorithm, octets, oid, sequence, signature, tlv

__all__ = [
    "BASIC_CONSTRAINTS",
    "CERT_SIGN",
    "KEY_USAGE",
    "NAME_CONSTRAINTS",
    "SIGN",
    "Constraint",
    "Draft",
    "Extension",
    "KeyPool",
    "Name",
    "Spelling",
    "extensions_of",
    "family_of",
    "key_id",
    "kind_of",
    "write",
]

BASIC_CONSTRAINTS = "2.5.29.19"
KEY_USAGE = "2.5.29.15"
NAME_CONSTRAINTS = "2.5.29.30"
SIGN = "digitalSignature"
CERT_SIGN = "keyCertSign"
_BITS = (SIGN, "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", CERT_SIGN, "cRLSign")
_COMMON_NAME, _ORGANIZATION, _COUNTRY = "2.5.4.3", "2.5.4.10", "2.5.4.6"
_UTF8, _PRINTABLE = 0x0C, 0x13
_OTHER_DIGESTS = {
    ("ec", "sha224"): "1.2.840.10045.4.3.1",
    ("rsa", "sha224"): "1.2.840.113549.1.1.14",
    ("rsa", "md5"): "1.2.840.113549.1.1.4",
}
"""Signature algorithms that nobody but a test writes any more."""


@dataclass(frozen=True)
class Extension:
    """An extension of any content."""

    oid: str
    value: bytes
    critical: bool = False


class Spelling(Enum):
    """How a name is written; names that differ in nothing else are the same name (RFC 5280 section 7.1)."""

    PLAIN = "UTF8String"
    PRINTABLE = "PrintableString"
    WIDE = "capitals and more white space"


@dataclass(frozen=True)
class Name:
    """The distinguished name C, O, CN; an empty one where there is no common name."""

    common: str = ""
    organization: str = ""
    spelling: Spelling = field(default=Spelling.PLAIN, compare=False)

    def spelt(self, spelling: Spelling) -> "Name":
        """The same name in another spelling."""
        return replace(self, spelling=spelling)

    def write(self) -> bytes:
        """The name as DER."""
        if not self.common:
            return sequence()
        kind = _PRINTABLE if self.spelling is Spelling.PRINTABLE else _UTF8
        common = f"  {self.common.upper()} ".replace(" ", "  ") if self.spelling is Spelling.WIDE else self.common
        return sequence(*_organization(self.organization, kind), _pair(_COMMON_NAME, common, kind))


@dataclass(frozen=True)
class Constraint:
    """A name constraint: the names below must, or must not, be of the organization."""

    organization: str
    permitted: bool = True
    has_minimum: bool = False
    """Whether it has a distance, which RFC 5280 section 4.2.1.10 forbids."""


@dataclass(eq=False)
class Draft:
    """A certificate before it is written; `above` is the CA that signs it, itself where None."""

    subject: Name
    key: PrivateKey
    begin: datetime
    end: datetime
    above: "Draft | None" = None
    serial: int = 1
    version: int = 3
    digest: str = "sha256"
    pss: bool = False
    is_ca: bool | None = None
    """What basicConstraints says; None leaves the extension out."""
    path_length: int | None = None
    usage: frozenset[str] | None = None
    has_ski: bool = True
    odd_ski: bytes | None = None
    """The subject key identifier where it isn't the usual hash over the key."""
    has_aki: bool = True
    odd_aki: bytes | None = None
    """The key identifier in the authority key identifier where it isn't the issuer's."""
    aki_serial: int | None = None
    """A serial number there, beside the issuer's issuer, in place of the key identifier."""
    constraint: Constraint | None = None
    asks_for_policy: bool = False
    """Whether it demands a policy that every certificate below has (requireExplicitPolicy = 0)."""
    policy: str | None = None
    are_critical: bool = True
    """Whether key usage and basicConstraints are."""
    extensions: list[Extension] = field(default_factory=list)
    has_extensions: bool | None = None
    """Where it isn't as the version has it: only version 3 has extensions (RFC 5280 section 4.1.2.9)."""
    has_long_time: bool = False
    """Whether times before 2050 are a GeneralizedTime, against RFC 5280 section 4.1.2.5."""
    issuer_name: Name | None = None
    """Where it isn't the subject of `above`."""
    outer_digest: str | None = None
    """Where the algorithm outside the signed part isn't the one inside."""
    is_spoilt: bool = False
    """Whether one bit of the signature is wrong."""

    @property
    def signer(self) -> "Draft":
        """The CA whose key signs it."""
        return self.above or self

    @property
    def issuer(self) -> Name:
        """The issuer's name."""
        return self.issuer_name if self.issuer_name is not None else self.signer.subject

    @property
    def is_extended(self) -> bool:
        """Whether it has extensions at all."""
        return self.has_extensions if self.has_extensions is not None else self.version == 3

    @property
    def ski(self) -> bytes | None:
        """The subject key identifier as it will be written."""
        return (self.odd_ski or key_id(self.key)) if self.has_ski and self.is_extended else None

    @property
    def aki(self) -> bytes | None:
        """The key identifier of the issuer as it will be written."""
        if not self.has_aki or not self.is_extended or self.aki_serial is not None:
            return None
        return self.odd_aki or self.signer.ski

    @property
    def hashed_by(self) -> str | None:
        """The digest that is signed; None where the signer's kind of key has none of its own."""
        if isinstance(self.signer.key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
            return None
        is_unwritable = self.digest == "md5" and not isinstance(self.signer.key, rsa.RSAPrivateKey)
        return "sha1" if is_unwritable else self.digest

    @property
    def is_self_signed(self) -> bool:
        """Whether it names and signs itself."""
        return self.signer.key is self.key and self.issuer == self.subject


class KeyPool:
    """Keys made once, since making them costs more than all else; `take` never gives the same key twice to a chain."""

    def __init__(self) -> None:
        self._made: dict[str, list[PrivateKey]] = {}

    def get(self, kind: str, number: int) -> PrivateKey:
        """The key of that kind and number, made when it is asked for first."""
        made = self._made.setdefault(kind, [])
        while len(made) <= number:
            made.append(_new_key(kind))
        return made[number]


_CURVES: dict[str, ec.EllipticCurve] = {
    "P-192": ec.SECP192R1(),
    "P-224": ec.SECP224R1(),
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
}


def _new_key(kind: str) -> PrivateKey:
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    return rsa.generate_private_key(65537, int(kind.removeprefix("RSA-")))


def _organization(organization: str, kind: int) -> tuple[bytes, bytes]:
    return _pair(_COUNTRY, "DE", _PRINTABLE), _pair(_ORGANIZATION, organization, kind)


def _pair(which: str, text: str, kind: int) -> bytes:
    return tlv(0x31, sequence(oid(which), tlv(kind, text.encode())))


@functools.lru_cache(maxsize=4096)
def _spki(key: PrivateKey) -> bytes:
    """The key's DER SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: PrivateKey) -> bytes:
    """An identifier of the key: a hash over its SubjectPublicKeyInfo, in the length that is usual."""
    return hashlib.sha256(_spki(key)).digest()[:20]


def kind_of(key: PrivateKey) -> str:
    """The kind that `KeyPool` made it as."""
    if isinstance(key, rsa.RSAPrivateKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return next(kind for kind, curve in _CURVES.items() if curve.name == key.curve.name)
    return "Ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "Ed448"


def family_of(key: PrivateKey) -> str:
    """The kind without its size: signatures of one family can't be mistaken for another's."""
    return kind_of(key) if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) else type(key).__name__


def write(draft: Draft) -> bytes:
    """The draft as DER, signed anew at every call."""
    signing, digest = draft.signer.key, draft.hashed_by or "sha256"
    pss = draft.pss and isinstance(signing, rsa.RSAPrivateKey) and signing.key_size >= 2048
    content = sequence(
        tlv(0xA0, integer(draft.version - 1)) if draft.version > 1 else b"",
        integer(draft.serial),
        _algorithm(signing, digest, pss=pss),
        draft.issuer.write(),
        sequence(*(_time(moment, generalized=draft.has_long_time) for moment in (draft.begin, draft.end))),
        draft.subject.write(),
        _spki(draft.key),
        tlv(0xA3, sequence(*_written(draft))) if draft.is_extended else b"",
    )
    made = signature(signing, content, digest, pss=pss)
    if draft.is_spoilt:
        made = made[:-1] + bytes([made[-1] ^ 1])
    return sequence(content, _algorithm(signing, draft.outer_digest or digest, pss=pss), bit_string(made))


def _written(draft: Draft) -> list[bytes]:
    return [extension(one.oid, one.value, critical=one.critical) for one in extensions_of(draft)]


def extensions_of(draft: Draft) -> list[Extension]:
    """Everything that will stand in the draft's extensions, in order."""
    made = []
    if draft.usage is not None:
        made.append(Extension(KEY_USAGE, _usage(draft.usage), draft.are_critical))
    if draft.is_ca is not None:
        made.append(Extension(BASIC_CONSTRAINTS, _basic_constraints(draft), draft.are_critical))
    if draft.ski is not None:
        made.append(Extension("2.5.29.14", octets(draft.ski)))
    if draft.aki is not None:
        made.append(Extension("2.5.29.35", sequence(tlv(0x80, draft.aki))))
    if draft.aki_serial is not None:
        names, serial = tlv(0xA1, tlv(0xA4, draft.signer.issuer.write())), integer(draft.aki_serial)
        made.append(Extension("2.5.29.35", sequence(names, tlv(0x82, serial[2:]))))
    if draft.constraint is not None:
        made.append(Extension(NAME_CONSTRAINTS, _name_constraints(draft.constraint), critical=True))
    if draft.asks_for_policy:
        made.append(Extension("2.5.29.36", sequence(tlv(0x80, b"\x00")), critical=True))
    if draft.policy is not None:
        made.append(Extension("2.5.29.32", sequence(sequence(oid(draft.policy)))))
    return [*made, *draft.extensions]


def _basic_constraints(draft: Draft) -> bytes:
    """`cA=FALSE` is written out, as some CAs do against DER's rule on defaults."""
    length = integer(draft.path_length) if draft.path_length is not None else b""
    return sequence(tlv(0x01, b"\xff" if draft.is_ca else b"\x00"), length)


def _name_constraints(constraint: Constraint) -> bytes:
    minimum = tlv(0x80, b"\x01") if constraint.has_minimum else b""
    base = sequence(*_organization(constraint.organization, _UTF8))
    return sequence(tlv(0xA0 if constraint.permitted else 0xA1, sequence(tlv(0xA4, base), minimum)))


def _usage(on: frozenset[str]) -> bytes:
    """A BIT STRING, its trailing zero bits left out as DER wants it."""
    bits = "".join("1" if bit in on else "0" for bit in _BITS).rstrip("0")
    unused = -len(bits) % 8
    content = int(bits.ljust(len(bits) + unused, "0") or "0", 2).to_bytes((len(bits) + 7) // 8, "big")
    return bit_string(content, unused)


def _time(moment: datetime, *, generalized: bool) -> bytes:
    """UTCTime through 2049 (RFC 5280 section 4.1.2.5), GeneralizedTime from then on."""
    if moment.year >= 2050 or generalized:
        return tlv(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())
    return tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


def _algorithm(key: PrivateKey, digest: str, *, pss: bool) -> bytes:
    family = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ec"
    if (family, digest) in _OTHER_DIGESTS and not isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return sequence(oid(_OTHER_DIGESTS[family, digest]), b"\x05\x00" if family == "rsa" else b"")
    return _known_algorithm(key, digest, pss)


@functools.lru_cache(maxsize=1024)
def _known_algorithm(key: PrivateKey, digest: str, pss: bool) -> bytes:
    return key_algorithm(key, digest, pss=pss)
