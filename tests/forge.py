"""Forges certificates of any shape, good and bad, for tests; nothing here keeps to a profile unless asked."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.extensions import TEST_EXTENSION_OID
from chainpilot.pki.keys import PrivateKey, PublicKey

__all__ = ["BEGIN", "END", "NOON", "Forged", "Hierarchy", "forge", "v2g_hierarchy"]

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Forged:
    """A certificate with the key that goes with it."""

    certificate: Certificate
    key: PrivateKey


@dataclass(frozen=True)
class Hierarchy:
    """Root, Sub1, Sub2 and a SECC leaf."""

    root: Forged
    sub1: Forged
    sub2: Forged
    leaf: Forged

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Leaf, Sub2, Sub1, root."""
        return tuple(forged.certificate for forged in (self.leaf, self.sub2, self.sub1, self.root))


def forge(
    common_name: str,
    issuer: Forged | None = None,
    *,
    ca: bool = False,
    path_length: int | None = None,
    key: PrivateKey | None = None,
    public_key: PublicKey | None = None,
    begin: datetime = BEGIN,
    end: datetime = END,
    digest: hashes.HashAlgorithm | None = None,
    domain: str = "CPO",
    organization: str | None = "Operator",
    usage: dict[str, bool] | None = None,
    usage_critical: bool = True,
    eku: tuple[x509.ObjectIdentifier, ...] = (),
    explicit_ca_false: bool = False,
    key_ids: bool = True,
    subject: x509.Name | None = None,
    issuer_name: x509.Name | None = None,
    serial: int | None = None,
    test: bool = False,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
) -> Forged:
    """A certificate signed by `issuer` (by itself when None), P-256 and SHA-256 unless said otherwise.

    `public_key` is certified in place of that of `key`, for requests whose private key stays elsewhere.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    signer = issuer.key if issuer else key
    subject = subject or _name(common_name, organization, domain)
    above = issuer_name or (x509.load_der_x509_certificate(issuer.certificate.der).subject if issuer else subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(public_key or key.public_key())
        .serial_number(serial if serial is not None else x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    elif explicit_ca_false:
        raw = x509.UnrecognizedExtension(x509.BasicConstraints.oid, bytes.fromhex("3003010100"))
        builder = builder.add_extension(raw, critical=True)
    builder = builder.add_extension(_usage(usage or _default_usage(ca=ca)), critical=usage_critical)
    if key_ids:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public_key or key.public_key()), critical=False
        )
        aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(aki, critical=False)
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
    if test:
        oid = x509.ObjectIdentifier(TEST_EXTENSION_OID)
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, b"\x05\x00"), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    pure = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    signed: Any = builder.sign(signer, None if pure else digest or hashes.SHA256())  # type: ignore[arg-type]  # - SHA-1 is outside the stub's union
    return Forged(load_certificate(signed.public_bytes(Encoding.DER)), key)


def v2g_hierarchy(*, years: int = 1, test: bool = False) -> Hierarchy:
    """V2G root, CPO Sub1, CPO Sub2 and a SECC leaf that fits its profile; the leaf lives for `years`."""
    long = BEGIN + timedelta(days=3650)
    root = forge("V2G Root", ca=True, domain="V2G", end=long, test=test)
    sub1 = forge("CPO Sub1", root, ca=True, path_length=1, end=long, test=test)
    sub2 = forge("CPO Sub2", sub1, ca=True, path_length=0, end=long, test=test)
    leaf = forge("DE*ICE*E0001", sub2, end=BEGIN + timedelta(days=365 * years), test=test)
    return Hierarchy(root, sub1, sub2, leaf)


def _name(common_name: str, organization: str | None, domain: str) -> x509.Name:
    pairs = (
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.ORGANIZATION_NAME, organization),
        (NameOID.COMMON_NAME, common_name),
        (NameOID.DOMAIN_COMPONENT, domain),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs if value is not None])


def _default_usage(*, ca: bool) -> dict[str, bool]:
    return {"key_cert_sign": True, "crl_sign": True} if ca else {"digital_signature": True, "key_agreement": True}


def _usage(on: dict[str, bool]) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: on.get(name, False) for name in names})
