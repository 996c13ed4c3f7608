"""What a DER value is, told from the tags of its first two levels; whether it reads whole is said by its reader."""

import re
from enum import Enum
from typing import Final

from chainpilot.pki.der import DerError, Element, read_one

__all__ = ["Kind", "kind_of", "kind_of_label"]


class Kind(Enum):
    """Kinds of objects; the values are the `kind` of the machine-readable output and stay."""

    CERTIFICATE = "certificate"
    SIGNING_REQUEST = "signing_request"
    PKCS7 = "pkcs7"
    CRL = "crl"
    OCSP_REQUEST = "ocsp_request"
    OCSP_RESPONSE = "ocsp_response"
    PRIVATE_KEY = "private_key"
    PUBLIC_KEY = "public_key"
    PARAMETERS = "parameters"
    PKCS12 = "pkcs12"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """The kind with its article, for sentences."""
        return _WORDS[self]


_WORDS: Final = {
    Kind.CERTIFICATE: "a certificate",
    Kind.SIGNING_REQUEST: "a signing request (CSR)",
    Kind.PKCS7: "a PKCS#7 bag",
    Kind.CRL: "a revocation list (CRL)",
    Kind.OCSP_REQUEST: "an OCSP request",
    Kind.OCSP_RESPONSE: "an OCSP response",
    Kind.PRIVATE_KEY: "a private key",
    Kind.PUBLIC_KEY: "a public key",
    Kind.PARAMETERS: "parameters of a key",
    Kind.PKCS12: "a PKCS#12 container (.p12, .pfx)",
    Kind.UNKNOWN: "something of no kind we know",
}

_SHAPES: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (Kind.CERTIFICATE, r"303003/(a0)?02(30){5}(81|82|a1|a2|a3)*"),
        (Kind.SIGNING_REQUEST, r"303003/023030(a0)?"),
        (Kind.CRL, r"303003/(02)?3030(17|18)(17|18|30|a0)*"),
        (Kind.OCSP_RESPONSE, r"0a(a0)?/"),
        (Kind.PKCS7, r"06a0/"),
        (Kind.PKCS12, r"0230(30)?/"),
        (Kind.PRIVATE_KEY, r"023004(a0|a1|81)*/|0204(a0|a1)*/|(02){6}/|(02){9}(30)?/"),
        (Kind.PRIVATE_KEY, r"3004/06.*"),
        (Kind.PUBLIC_KEY, r"3003/06.*|0202/"),
        (Kind.OCSP_REQUEST, r"30(a0)?/(a0)?(a1)?30(a2)?"),
    )
)
"""The tags of the outer sequence's parts, and behind the stroke those of its first part (RFC 5280, 2986, 6960, 5652,
7292, 5958, 5915, 8017)."""

_LABELS: Final = {
    "CERTIFICATE": Kind.CERTIFICATE,
    "X509 CERTIFICATE": Kind.CERTIFICATE,
    "TRUSTED CERTIFICATE": Kind.CERTIFICATE,
    "CERTIFICATE REQUEST": Kind.SIGNING_REQUEST,
    "NEW CERTIFICATE REQUEST": Kind.SIGNING_REQUEST,
    "PKCS7": Kind.PKCS7,
    "PKCS #7 SIGNED DATA": Kind.PKCS7,
    "CMS": Kind.PKCS7,
    "X509 CRL": Kind.CRL,
    "CRL": Kind.CRL,
    "OCSP REQUEST": Kind.OCSP_REQUEST,
    "OCSP RESPONSE": Kind.OCSP_RESPONSE,
    "PUBLIC KEY": Kind.PUBLIC_KEY,
    "RSA PUBLIC KEY": Kind.PUBLIC_KEY,
    "PKCS12": Kind.PKCS12,
}


def kind_of(der: bytes) -> Kind:
    """What the value looks like; UNKNOWN for what has none of the shapes."""
    try:
        shape = _shape(read_one(der))
    except DerError:
        return Kind.UNKNOWN
    return next((kind for kind, pattern in _SHAPES if pattern.fullmatch(shape)), Kind.UNKNOWN)


def kind_of_label(label: str) -> Kind:
    """What a PEM armour says it holds; UNKNOWN for words of no use here."""
    if label.endswith("PRIVATE KEY"):
        return Kind.PRIVATE_KEY
    if label.endswith(" PARAMETERS"):
        return Kind.PARAMETERS
    return _LABELS.get(label, Kind.UNKNOWN)


def _shape(outer: Element) -> str:
    parts = outer.children() if outer.tag == 0x30 else ()
    first = parts[0].children() if parts and parts[0].tag == 0x30 else ()
    return f"{_tags(parts)}/{_tags(first)}"


def _tags(elements: tuple[Element, ...]) -> str:
    return "".join(f"{element.tag:02x}" for element in elements)
