"""The certificates and keys of a run, made once: all P-256 and SHA-256, good from yesterday on for ten years."""

import base64
import hashlib
import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

__all__ = ["CROWD_KEYS", "CROWD_LEAVES", "HashFields", "KeyedLeaf", "Material", "Spare", "make_material"]

CROWD_LEAVES: Final = 5
CROWD_KEYS: Final = 1000
_OTHER_DOMAINS: Final = ("MO", "CSMS", "MF")
_RESPONDER: Final = "http://ocsp.example.org/v2g"


@dataclass(frozen=True, slots=True)
class HashFields:
    """The fields of a SHA-256 CertificateHashData, computed here and not by the store."""

    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


@dataclass(frozen=True, slots=True)
class Spare:
    """A root to install and to delete again."""

    pem: str
    names: HashFields


@dataclass(frozen=True, slots=True)
class KeyedLeaf:
    """A SECC leaf with its private key, both PEM."""

    pem: str
    key: str


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """An OCSP response as base64 of its DER, and the certificate it is about."""

    names: HashFields
    response: str


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that is laid into a store or handed to one."""

    roots: tuple[str, ...]
    """V2G roots; the last of them is the anchor of every chain, so that nothing is found by looking at the first."""
    spares: tuple[Spare, ...]
    others: dict[str, str]
    """One root for each other domain."""
    sub_cas: str
    """CPO Sub2 and Sub1, one text."""
    strangers: tuple[str, ...]
    """Leaves for judging, each for one call."""
    leaves: tuple[KeyedLeaf, ...]
    """Leaves to be installed; the first is the one of a store without a crowd."""
    keys: tuple[str, ...]
    """Keys of no certificate."""
    responses: tuple[CachedResponse, ...]
    """For the first leaf, Sub2 and Sub1."""

    def anchored(self, count: int) -> tuple[str, ...]:
        """That many roots, the anchor being the last."""
        return (*self.roots[: count - 1], self.roots[-1])


def make_material(now: datetime, *, roots: int, spares: int, strangers: int) -> Material:
    """Make it all, the anchor among `roots`."""
    maker = _Maker(now - timedelta(days=1), now + timedelta(days=3650))
    anchor = maker.root("V2G Root", "V2G")
    sub1 = maker.issue("CPO Sub1", anchor, is_ca=True)
    sub2 = maker.issue("CPO Sub2", sub1, is_ca=True)
    leaves = tuple(maker.issue(f"DE*BEN*E{number:06}", sub2) for number in range(CROWD_LEAVES))
    chain = (leaves[0], sub2, sub1, anchor)
    return Material(
        roots=(*(maker.root(f"V2G Root {number}", "V2G").pem for number in range(1, roots)), anchor.pem),
        spares=tuple(_spare(maker.root(f"Spare Root {number}", "V2G")) for number in range(spares)),
        others={domain: maker.root(f"{domain} Root", domain).pem for domain in _OTHER_DOMAINS},
        sub_cas=sub2.pem + sub1.pem,
        strangers=tuple(maker.issue(f"DE*BEN*E9{number:06}", sub2).pem for number in range(strangers)),
        leaves=tuple(KeyedLeaf(leaf.pem, leaf.key_pem) for leaf in leaves),
        keys=tuple(_key_pem(ec.generate_private_key(ec.SECP256R1())) for _ in range(CROWD_KEYS)),
        responses=tuple(_respond(one, issuer, now) for one, issuer in itertools.pairwise(chain)),
    )


@dataclass(frozen=True, slots=True)
class _Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode("ascii")

    @property
    def key_pem(self) -> str:
        return _key_pem(self.key)


@dataclass(frozen=True, slots=True)
class _Maker:
    begin: datetime
    end: datetime

    def root(self, common_name: str, domain: str) -> _Issued:
        return self._sign(common_name, None, domain, is_ca=True)

    def issue(self, common_name: str, issuer: _Issued, *, is_ca: bool = False) -> _Issued:
        return self._sign(common_name, issuer, "CPO", is_ca=is_ca)

    def _sign(self, common_name: str, issuer: _Issued | None, domain: str, *, is_ca: bool) -> _Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(common_name, domain)
        signer = issuer.key if issuer else key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.begin)
            .not_valid_after(self.end)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(_usage(is_ca=is_ca), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if issuer is not None:
            above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
            builder = builder.add_extension(above, critical=False).add_extension(_responder(), critical=False)
        return _Issued(builder.sign(signer, SHA256()), key)


def _name(common_name: str, domain: str) -> x509.Name:
    pairs = (
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.ORGANIZATION_NAME, "Benchmark"),
        (NameOID.COMMON_NAME, common_name),
        (NameOID.DOMAIN_COMPONENT, domain),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _responder() -> x509.AuthorityInformationAccess:
    place = x509.UniformResourceIdentifier(_RESPONDER)
    return x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)])


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def _spare(root: _Issued) -> Spare:
    return Spare(root.pem, _hash_fields(root, root))


def _hash_fields(one: _Issued, issuer: _Issued) -> HashFields:
    point = issuer.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return HashFields(
        issuer_name_hash=hashlib.sha256(one.certificate.issuer.public_bytes()).hexdigest(),
        issuer_key_hash=hashlib.sha256(point).hexdigest(),
        serial_number=f"{one.certificate.serial_number:x}",
    )


def _respond(one: _Issued, issuer: _Issued, now: datetime) -> CachedResponse:
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=one.certificate,
            issuer=issuer.certificate,
            algorithm=SHA256(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=now - timedelta(hours=1),
            next_update=now + timedelta(days=7),
            revocation_time=None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
    )
    signed = builder.sign(issuer.key, SHA256()).public_bytes(Encoding.DER)
    return CachedResponse(_hash_fields(one, issuer), base64.b64encode(signed).decode("ascii"))
