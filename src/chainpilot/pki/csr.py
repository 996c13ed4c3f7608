"""PKCS#10 certificate signing requests: build them, and inspect what a station sends (RFC 2986).

Whether a station may have the name it asks for is not decided here.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from chainpilot.errors import PeerError
from chainpilot.pki.der import DerError, Element, decode_oid, read_signed
from chainpilot.pki.extensions import Extensions, read_extensions
from chainpilot.pki.identity import DistinguishedName, Name, read_name
from chainpilot.pki.keys import PrivateKey, PublicKey, SpkiHash, key_weakness, signing_hash, spki_hash

__all__ = ["MAX_CSR_BYTES", "Csr", "CsrDefect", "CsrError", "build_csr", "inspect_csr"]

MAX_CSR_BYTES: Final = 16 * 1024
"""DER bytes read at most; a P-256 request has about 300, an RSA-4096 one about 1200."""
_EXTENSION_REQUEST: Final = "1.2.840.113549.1.9.14"


class CsrDefect(Enum):
    """Why a signing request is refused."""

    UNREADABLE = "unreadable"
    BAD_SIGNATURE = "bad signature"
    WEAK_KEY = "weak key"
    WEAK_DIGEST = "weak digest"
    BAD_NAME = "bad name"
    NO_COMMON_NAME = "no common name"


class CsrError(PeerError):
    """A signing request is refused: `defect` is the kind, `detail` the sentence."""

    def __init__(self, defect: CsrDefect, detail: str) -> None:
        super().__init__(detail)
        self.defect = defect
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Csr:
    """A signing request that has proved possession of a strong key and names somebody; made by `inspect_csr`."""

    der: bytes
    subject: DistinguishedName
    subject_name: Name
    """Every attribute of the subject, in order."""
    public_key: PublicKey
    spki_hash: SpkiHash
    extensions: Extensions
    """What it asks the certificate's extensions to be; the CA decides."""

    @property
    def common_name(self) -> str:
        """The one common name; `inspect_csr` lets none pass without."""
        return self.subject.common_name or ""


def build_csr(key: PrivateKey, subject: DistinguishedName) -> bytes:
    """A DER request with basicConstraints critical CA:false and a critical key usage.

    The usage is digitalSignature, and with it keyAgreement where the key can agree on another, which is on elliptic
    curves (station-store.md section 4). A CA must refuse it for the others: RFC 9295 section 3 forbids keyAgreement
    beside an Ed25519 or Ed448 key, and RFC 3279 section 2.3.1 doesn't have it among the usages of an RSA key. An RSA
    key doesn't ask for keyEncipherment, which serves only TLS suites without forward secrecy.

    Args:
        key: signs the request, which proves its possession; one that isn't in this process only has to sign and to
            tell its public half.
        subject: C, O, CN and DC as asked.

    Raises:
        IdentityError: the subject can't be written as asked; nothing is dropped silently.
    """
    public = key.public_key()
    usage = x509.KeyUsage(
        digital_signature=True,
        key_agreement=isinstance(public, ec.EllipticCurvePublicKey),
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateSigningRequestBuilder(subject.to_name())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )
    return builder.sign(key, signing_hash(public)).public_bytes(Encoding.DER)


def inspect_csr(der: bytes) -> Csr:
    """Judge a DER request: readable, self-signed with a strong key and digest, one common name.

    Raises:
        CsrError: with the first defect found, in that order.
    """
    if len(der) > MAX_CSR_BYTES:
        raise CsrError(CsrDefect.UNREADABLE, f"{len(der)} bytes; at most {MAX_CSR_BYTES} are read")
    try:
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        name, extensions = _read_der(der)
        is_signed = request.is_signature_valid
        digest = request.signature_hash_algorithm
    except Exception as error:  # x509.md duty 7: whatever a parser raises is a verdict on the bytes
        raise CsrError(
            CsrDefect.UNREADABLE, f"not a readable signing request: {type(error).__name__}: {error}"
        ) from error
    if not is_signed:
        raise CsrError(CsrDefect.BAD_SIGNATURE, "the request is not signed by its own key")
    if (weakness := key_weakness(key)) is not None:
        raise CsrError(CsrDefect.WEAK_KEY, weakness)
    if digest is not None and digest.digest_size < 32:
        raise CsrError(CsrDefect.WEAK_DIGEST, f"the request is signed over {digest.name}; SHA-256 or better is needed")
    subject = DistinguishedName.from_name(name)
    if not subject.common_name:
        raise CsrError(CsrDefect.NO_COMMON_NAME, "the request has no common name, or more than one")
    if (objection := subject.objection()) is not None:
        raise CsrError(CsrDefect.BAD_NAME, objection)
    return Csr(der, subject, name, key, spki_hash(key), extensions)


def _read_der(der: bytes) -> tuple[Name, Extensions]:
    """CertificationRequestInfo { version, subject, key, [0] attributes } (RFC 2986 section 4.1). Raises DerError."""
    fields = read_signed(der).children()
    if len(fields) < 3:
        raise DerError("a request of too few fields")
    requested = [value for field in fields[3:] for value in _requested(field)]
    if len(requested) > 1:
        raise DerError("extensions are asked for twice")
    return read_name(fields[1]), read_extensions(requested[0] if requested else None)


def _requested(attributes: Element) -> list[Element]:
    """The extensions an extensionRequest attribute asks for (RFC 2985 section 5.4.2)."""
    pairs = (attribute.children() for attribute in attributes.children())
    asked = (pair[1].children() for pair in pairs if len(pair) == 2 and decode_oid(pair[0]) == _EXTENSION_REQUEST)
    return [value for values in asked for value in values]
