"""A certificate before its signature, and the extensions it is made of. NEVER for production."""

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.der import decode_bit_string, read_one
from chainpilot.pki.extensions import TEST_EXTENSION_OID, KeyUsageBit
from chainpilot.pki.keys import PrivateKey, PublicKey, signing_hash

__all__ = [
    "Draft",
    "ExtensionList",
    "access_to",
    "key_id",
    "key_usage",
    "leaf_constraints",
    "loaded",
    "names",
    "revocation_list_at",
    "signature_by",
    "usages",
]

ExtensionList = tuple[tuple[x509.ExtensionType, bool], ...]
"""Extensions, each with whether it is critical."""
_TEST_VALUE: Final = b"\x0c\x04TEST"
"""A UTF8String, so that a certificate's dump says TEST to people."""
_SAYS_NOT_CA: Final = bytes.fromhex("3003010100")
"""BasicConstraints with cA=FALSE written out."""
_SHORT_KEY_ID: Final = 8


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything of a certificate but its signature."""

    subject: x509.Name
    issuer: x509.Name
    public_key: PublicKey
    subject_key_id: bytes
    authority_key_id: bytes
    serial: int
    not_before: datetime
    not_after: datetime
    extensions: ExtensionList

    def signed(self, key: PrivateKey, *, deterministic: bool) -> x509.Certificate:
        """The certificate with that key's signature, over the digest that goes with the key."""
        test = x509.UnrecognizedExtension(x509.ObjectIdentifier(TEST_EXTENSION_OID), _TEST_VALUE)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.issuer)
            .public_key(self.public_key)
            .serial_number(self.serial)
            .not_valid_before(self.not_before)
            .not_valid_after(self.not_after)
            .add_extension(x509.SubjectKeyIdentifier(self.subject_key_id), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier(self.authority_key_id, None, None), critical=False)
            .add_extension(test, critical=False)
        )
        for extension, critical in self.extensions:
            builder = builder.add_extension(extension, critical=critical)
        repeats = True if deterministic and isinstance(key, ec.EllipticCurvePrivateKey) else None
        return builder.sign(key, signing_hash(key.public_key()), ecdsa_deterministic=repeats)


def loaded(certificate: x509.Certificate) -> Certificate:
    """The same certificate as a value of ours."""
    return load_certificate(certificate.public_bytes(Encoding.DER))


def signature_by(key: PrivateKey, content: bytes, *, deterministic: bool) -> bytes:
    """The key's signature over its own digest of the content.

    Raises:
        TypeError: a kind of key that no CA here has.
    """
    digest = signing_hash(key.public_key())
    match key:
        case ec.EllipticCurvePrivateKey() if digest is not None:
            return key.sign(content, ec.ECDSA(digest, deterministic_signing=deterministic))
        case ed448.Ed448PrivateKey() | ed25519.Ed25519PrivateKey():
            return key.sign(content)
        case rsa.RSAPrivateKey() if digest is not None:
            return key.sign(content, padding.PKCS1v15(), digest)
        case _:
            raise TypeError("a CA of the test PKI has a key on a NIST curve, for Ed25519, Ed448 or RSA")


def key_id(public_key: PublicKey, size: int = 20) -> bytes:
    """A key's identifier (RFC 5280 section 4.2.1.2): method 1 of 20 octets, or method 2 of 8."""
    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    _, key = read_one(der).children()
    digest = hashlib.sha1(decode_bit_string(key), usedforsecurity=False).digest()
    if size != _SHORT_KEY_ID:
        return digest
    tail = digest[-_SHORT_KEY_ID:]
    return bytes((0x40 | tail[0] & 0x0F,)) + tail[1:]


def leaf_constraints(*, written_out: bool = False) -> tuple[x509.ExtensionType, bool]:
    """Basic constraints that say it is no CA: by saying nothing, as DER wants, or written out as some PKIs do."""
    if written_out:
        return x509.UnrecognizedExtension(ExtensionOID.BASIC_CONSTRAINTS, _SAYS_NOT_CA), True
    return x509.BasicConstraints(ca=False, path_length=None), True


def usages(identifiers: Iterable[str]) -> tuple[x509.ExtensionType, bool]:
    """An extended key usage."""
    return x509.ExtendedKeyUsage([x509.ObjectIdentifier(identifier) for identifier in identifiers]), False


def names(hosts: Iterable[str]) -> tuple[x509.ExtensionType, bool]:
    """A subject alternative name with DNS names and IP addresses."""
    return x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False


def access_to(ocsp_url: str) -> tuple[x509.ExtensionType, bool]:
    """Where the OCSP responder is."""
    location = x509.UniformResourceIdentifier(ocsp_url)
    described = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)
    return x509.AuthorityInformationAccess([described]), False


def revocation_list_at(url: str) -> tuple[x509.ExtensionType, bool]:
    """Where the issuer's revocation list is."""
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return x509.CRLDistributionPoints([point]), False


def key_usage(bits: frozenset[KeyUsageBit]) -> tuple[x509.ExtensionType, bool]:
    """A critical key usage."""
    usage = x509.KeyUsage(
        digital_signature=KeyUsageBit.DIGITAL_SIGNATURE in bits,
        content_commitment=KeyUsageBit.NON_REPUDIATION in bits,
        key_encipherment=KeyUsageBit.KEY_ENCIPHERMENT in bits,
        data_encipherment=KeyUsageBit.DATA_ENCIPHERMENT in bits,
        key_agreement=KeyUsageBit.KEY_AGREEMENT in bits,
        key_cert_sign=KeyUsageBit.KEY_CERT_SIGN in bits,
        crl_sign=KeyUsageBit.CRL_SIGN in bits,
        encipher_only=KeyUsageBit.ENCIPHER_ONLY in bits,
        decipher_only=KeyUsageBit.DECIPHER_ONLY in bits,
    )
    return usage, True


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
