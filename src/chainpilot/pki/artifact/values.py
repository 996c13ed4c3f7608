"""What was read out of an input: a tagged union of values, each with its place."""

from dataclasses import dataclass, field

from chainpilot.pki.artifact.armour import Carrier
from chainpilot.pki.artifact.keys import Key
from chainpilot.pki.artifact.shapes import Kind
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import Crl
from chainpilot.pki.csr import CsrDefect
from chainpilot.pki.extensions import Extensions
from chainpilot.pki.identity import DistinguishedName, Name
from chainpilot.pki.keys import PublicKey, SpkiHash
from chainpilot.pki.ocsp import OcspRequestSummary, OcspResponseSummary

__all__ = ["Bag", "Item", "OcspAnswer", "Parameters", "RevocationList", "SigningRequest", "Unreadable", "Value"]


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A signing request as far as it reads, good or not."""

    der: bytes = field(repr=False)
    subject: DistinguishedName
    subject_name: Name
    public_key: PublicKey
    spki_hash: SpkiHash
    extensions: Extensions | None
    """What it asks for; None when it was refused before that was read."""
    defect: CsrDefect | None = None
    why: str | None = None
    """Why `inspect_csr` refuses it, as a sentence."""


@dataclass(frozen=True, slots=True)
class Bag:
    """The certificates of a PKCS#7 bag, in an order that means nothing."""

    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A CRL with its issuer's whole name."""

    crl: Crl
    issuer: Name


@dataclass(frozen=True, slots=True)
class OcspAnswer:
    """An OCSP response and what it says, unjudged."""

    der: bytes = field(repr=False)
    summary: OcspResponseSummary


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of a key, such as the curve that openssl ecparam writes in front of a key; nothing of use."""

    words: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What can't be read: what it seems to be, and why it can't, as a sentence."""

    kind: Kind
    why: str


Value = (
    Certificate
    | SigningRequest
    | Bag
    | RevocationList
    | OcspRequestSummary
    | OcspAnswer
    | Key
    | Parameters
    | Unreadable
)


@dataclass(frozen=True, slots=True)
class Item:
    """One object of an input."""

    carrier: Carrier
    label: str | None
    """The words of its PEM armour."""
    kind: Kind
    value: Value
    remark: str | None = None
    """What is wrong with how it was given, as a sentence."""
