"""Makes the test PKI's certificates: every one is linted before its real signature. NEVER for production.

Which CAs there are is `hierarchy`'s, remembering what was issued is `register`'s.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from chainpilot.errors import PeerError
from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.extensions import TEST_EXTENSION_OID, KeyUsageBit
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import PublicKey
from chainpilot.pki.profiles import Finding, Profile, lint
from chainpilot.testpki.hierarchy import ORGANIZATION, Authority, LeafPlan, OcspSigner
from chainpilot.testpki.material import Material

__all__ = ["BACKDATED", "IssueError", "Issuer", "make_root"]

BACKDATED: Final = timedelta(hours=1)
"""notBefore lies so far in the past: stations' clocks run behind, and one certificate must serve them all."""
_TEST_VALUE: Final = b"\x0c\x04TEST"
"""A UTF8String, so that a certificate's dump says TEST to people."""
_ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
"""AlgorithmIdentifier of ecdsa-with-SHA256 (RFC 5758 section 3.2)."""
_CA_USAGE: Final = frozenset({KeyUsageBit.KEY_CERT_SIGN, KeyUsageBit.CRL_SIGN, KeyUsageBit.DIGITAL_SIGNATURE})


class IssueError(PeerError):
    """What was asked for would not fit its profile; nothing was signed. `findings` say why."""

    def __init__(self, profile: Profile, findings: Sequence[Finding]) -> None:
        said = "; ".join(f"{finding.rule}: {finding.detail}" for finding in findings)
        super().__init__(f"this would be no {profile.name}: {said}")
        self.profile = profile
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class _Draft:
    """Everything of a certificate but its signature."""

    subject: x509.Name
    issuer: x509.Name
    public_key: PublicKey
    authority_key: ec.EllipticCurvePublicKey
    serial: int
    not_before: datetime
    not_after: datetime
    extensions: tuple[tuple[x509.ExtensionType, bool], ...]

    def signed(self, key: ec.EllipticCurvePrivateKey, *, deterministic: bool) -> x509.Certificate:
        test = x509.UnrecognizedExtension(x509.ObjectIdentifier(TEST_EXTENSION_OID), _TEST_VALUE)
        named = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority_key)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.issuer)
            .public_key(self.public_key)
            .serial_number(self.serial)
            .not_valid_before(self.not_before)
            .not_valid_after(self.not_after)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.public_key), critical=False)
            .add_extension(named, critical=False)
            .add_extension(test, critical=False)
        )
        for extension, critical in self.extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=deterministic or None)


class Issuer:
    """One CA of the test PKI, with its key.

    Args:
        plan: its line in the hierarchy.
        certificate: its own certificate.
        key: its private key.
        ocsp_url: where the responder answers for what it issues.
        material: where serial numbers come from.
    """

    def __init__(
        self,
        plan: Authority,
        certificate: Certificate,
        key: ec.EllipticCurvePrivateKey,
        *,
        ocsp_url: str,
        material: Material,
    ) -> None:
        self.plan = plan
        self.certificate = certificate
        self.key = key
        self._name = x509.load_der_x509_certificate(certificate.der).subject
        self._ocsp_url = ocsp_url
        self._material = material
        self._rehearsal_key = material.key("rehearsal")

    def issue_authority(self, plan: Authority, key: ec.EllipticCurvePrivateKey, at: datetime) -> Certificate:
        """The certificate of a sub-CA under this one. Raises IssueError."""
        constraints = x509.BasicConstraints(ca=True, path_length=plan.path_length)
        extensions = ((constraints, True), (_key_usage(_CA_USAGE), True))
        serial = self._material.serial(plan.name.encode())
        draft = self._draft(
            _name_of(plan),
            key.public_key(),
            serial=serial,
            begin=at,
            lifetime=plan.lifetime,
            extensions=extensions,
        )
        return self._signed(draft, plan.profile)

    def issue_leaf(
        self,
        subject: x509.Name,
        public_key: PublicKey,
        plan: LeafPlan,
        at: datetime,
        *,
        hosts: Sequence[str] = (),
        context: bytes = b"",
    ) -> Certificate:
        """A leaf for that subject and key.

        Args:
            subject: taken as it is.
            public_key: judged by the profile.
            plan: use, key usage and lifetime; it ends with this CA at the latest.
            at: now (UTC).
            hosts: DNS names and IP addresses for the subject alternative name; none means no such extension.
            context: what tells this issuance from others, for a seed's serial number.

        Raises:
            IssueError: the result would not fit the plan's profile.
        """
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_key_usage(plan.key_usage), True),
        ]
        if plan.extended_key_usage:
            usages = [x509.ObjectIdentifier(usage.value) for usage in plan.extended_key_usage]
            extensions.append((x509.ExtendedKeyUsage(usages), False))
        if hosts:
            extensions.append((x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False))
        serial = self._material.serial(self.plan.name.encode(), context)
        draft = self._draft(
            subject,
            public_key,
            serial=serial,
            begin=at,
            lifetime=plan.lifetime,
            extensions=tuple(extensions),
        )
        return self._signed(draft, plan.profile)

    def issue_ocsp_signer(self, key: ec.EllipticCurvePrivateKey, at: datetime) -> Certificate:
        """A delegate that may sign OCSP answers for this CA as long as it lives (RFC 6960 section 4.2.2.2)."""
        extensions = (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_key_usage(frozenset({KeyUsageBit.DIGITAL_SIGNATURE})), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
            (x509.OCSPNoCheck(), False),
        )
        name = DistinguishedName("DE", ORGANIZATION, f"{self.plan.common_name} OCSP").to_name()
        serial = self._material.serial(self.plan.name.encode(), b"ocsp")
        draft = self._draft(
            name,
            key.public_key(),
            serial=serial,
            begin=at,
            lifetime=self.certificate.not_after - at,
            extensions=extensions,
            with_ocsp=False,
        )
        return _loaded(draft.signed(self.key, deterministic=self._material.is_deterministic))

    def _draft(
        self,
        subject: x509.Name,
        public_key: PublicKey,
        *,
        serial: int,
        begin: datetime,
        lifetime: timedelta,
        extensions: tuple[tuple[x509.ExtensionType, bool], ...],
        with_ocsp: bool = True,
    ) -> _Draft:
        access = self._access() if with_ocsp and self.plan.ocsp is not OcspSigner.NOBODY else ()
        return _Draft(
            subject,
            self._name,
            public_key,
            self.key.public_key(),
            serial,
            max(begin - BACKDATED, self.certificate.not_before),
            min(begin + lifetime, self.certificate.not_after),
            (*extensions, *access),
        )

    def _access(self) -> tuple[tuple[x509.ExtensionType, bool], ...]:
        location = x509.UniformResourceIdentifier(self._ocsp_url)
        described = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)
        return ((x509.AuthorityInformationAccess([described]), False),)

    def _signed(self, draft: _Draft, profile: Profile) -> Certificate:
        """Lint what a throw-away key has signed, then sign those very bytes with the real one (house style 9)."""
        rehearsed = draft.signed(self._rehearsal_key, deterministic=True)
        findings = lint(_loaded(rehearsed), profile)
        if findings:
            raise IssueError(profile, findings)
        scheme = ec.ECDSA(hashes.SHA256(), deterministic_signing=self._material.is_deterministic)
        return load_certificate(_with_signature(rehearsed, self.key.sign(rehearsed.tbs_certificate_bytes, scheme)))


def make_root(plan: Authority, key: ec.EllipticCurvePrivateKey, at: datetime, material: Material) -> Certificate:
    """A self-signed root; it is rehearsed as the root of a throw-away key. Raises IssueError."""
    findings = lint(_root(plan, material.key("rehearsal"), at, material), plan.profile)
    if findings:
        raise IssueError(plan.profile, findings)
    return _root(plan, key, at, material)


def _root(plan: Authority, key: ec.EllipticCurvePrivateKey, at: datetime, material: Material) -> Certificate:
    name, public_key = _name_of(plan), key.public_key()
    constraints = x509.BasicConstraints(ca=True, path_length=plan.path_length)
    extensions = ((constraints, True), (_key_usage(_CA_USAGE), True))
    serial = material.serial(plan.name.encode())
    begin, end = at - BACKDATED, at + plan.lifetime
    draft = _Draft(name, name, public_key, public_key, serial, begin, end, extensions)
    return _loaded(draft.signed(key, deterministic=material.is_deterministic))


def _loaded(certificate: x509.Certificate) -> Certificate:
    return load_certificate(certificate.public_bytes(Encoding.DER))


def _with_signature(certificate: x509.Certificate, signature: bytes) -> bytes:
    """The DER of a P-256 certificate with another key's signature over the same content (RFC 5280 section 4.1)."""
    content = certificate.tbs_certificate_bytes + _ECDSA_SHA256 + _der(0x03, b"\x00" + signature)
    return _der(0x30, content)


def _der(tag: int, content: bytes) -> bytes:
    """One DER value (X.690 section 8.1.3)."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _name_of(plan: Authority) -> x509.Name:
    return DistinguishedName("DE", ORGANIZATION, plan.common_name, plan.domain).to_name()


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(bits: frozenset[KeyUsageBit]) -> x509.KeyUsage:
    return x509.KeyUsage(
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
