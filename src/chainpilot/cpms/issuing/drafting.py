"""What a CA of the operator's own signs, built and linted before the real key is used (house style 9).

A throw-away key of the same kind signs first; the linter looks at the result, and the real key signs those very bytes.
So a key in hardware needs to do nothing but sign, and a certificate that breaks its profile never exists.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from chainpilot.cpms.ports import Issuance, SigningKey
from chainpilot.errors import OwnError, PeerError
from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.crl import Crl, RevocationReason, load_crl
from chainpilot.pki.csr import Csr
from chainpilot.pki.der import encode_bit_string, encode_sequence, read_parts
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, PrivateKey, PublicKey, generate_private_key, key_spec_of, signing_hash
from chainpilot.pki.profiles import CSMS_CLIENT_LEAF, ROOT_CA, SUB_CA, Finding, Profile, lint

__all__ = ["CaDraft", "DraftRefused", "SignatureBroken", "sign_authority", "sign_client_leaf", "sign_list"]

_REASONS: Final = {one.value: one for one in x509.ReasonFlags}


class DraftRefused(PeerError):
    """What was asked for would break its profile; nothing was signed. `findings` say why."""

    def __init__(self, profile: Profile, findings: Sequence[Finding]) -> None:
        self.profile = profile
        self.findings = tuple(findings)
        said = "; ".join(f"{finding.rule}: {finding.detail}" for finding in findings)
        super().__init__(f"this would be no {profile.name}: {said}")


class SignatureBroken(OwnError):
    """The CA's key made a signature that its certificate doesn't verify; nothing of it leaves."""

    def __init__(self) -> None:
        super().__init__("the CA's key and its certificate don't go together: the signature does not verify")


@dataclass(frozen=True, slots=True)
class CaDraft:
    """A CA that shall be made: a root where `issuer` is None."""

    subject: DistinguishedName
    begin: datetime
    end: datetime
    path_length: int | None


def sign_client_leaf(
    csr: Csr, issuer: Certificate, key: SigningKey, *, begin: datetime, end: datetime, crl_url: str = ""
) -> Certificate:
    """A station's client certificate for that request: its subject and key, and nothing else that it asks for.

    Args:
        csr: judged; its extensions are not copied.
        issuer: the CA's certificate.
        key: the CA's.
        begin: notBefore.
        end: notAfter.
        crl_url: where the CA's list is; empty: not said.

    Raises:
        DraftRefused: it would not fit the profile of a client certificate.
        SignatureBroken: the key is not the certificate's.
    """
    builder = (
        _begun(x509.load_der_x509_csr(csr.der).subject, csr.public_key, begin, end)
        .issuer_name(_subject_of(issuer))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(_key_id_of(issuer), critical=False)
    )
    if crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return _signed(builder, key, issuer, CSMS_CLIENT_LEAF)


def sign_authority(
    draft: CaDraft, public_key: PublicKey, key: SigningKey, issuer: Certificate | None = None
) -> Certificate:
    """A CA's certificate; without an issuer it is a root, and `key` is its own. Raises as `sign_client_leaf`."""
    if issuer is not None:
        return _signed(_authority(draft, public_key, issuer), key, issuer, SUB_CA)
    # rehearsed as the root of the throw-away key: the linter wants a root to be self-signed
    rehearsal = _rehearsal_key(_spec(key))
    rehearsed = _authority(draft, rehearsal.public_key(), None).sign(_any(rehearsal), signing_hash(key.public_key))
    _lint(load_certificate(rehearsed.public_bytes(Encoding.DER)), ROOT_CA)
    drafted = _authority(draft, public_key, None).sign(_any(rehearsal), signing_hash(key.public_key))
    root = load_certificate(_with_signature(drafted.public_bytes(Encoding.DER), key))
    if not root.is_self_signed:
        raise SignatureBroken
    return root


def _authority(draft: CaDraft, public_key: PublicKey, issuer: Certificate | None) -> x509.CertificateBuilder:
    subject = draft.subject.to_name()
    own = x509.AuthorityKeyIdentifier.from_issuer_public_key(_any(public_key))
    return (
        _begun(subject, public_key, draft.begin, draft.end)
        .issuer_name(_subject_of(issuer) if issuer is not None else subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=draft.path_length), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(_key_id_of(issuer) if issuer is not None else own, critical=False)
    )


def sign_list(
    issuer: Certificate,
    key: SigningKey,
    revoked: Iterable[Issuance],
    *,
    number: int,
    begin: datetime,
    end: datetime,
) -> Crl:
    """The CA's complete revocation list (RFC 5280 section 5). Raises SignatureBroken."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(_subject_of(issuer))
        .last_update(begin)
        .next_update(end)
        .add_extension(_key_id_of(issuer), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for one in revoked:
        if one.revocation is not None:
            builder = builder.add_revoked_certificate(_entry(one.certificate, one.revocation.at, one.revocation.reason))
    rehearsed = builder.sign(_any(_rehearsal_key(_spec(key))), signing_hash(key.public_key))
    crl = load_crl(_with_signature(rehearsed.public_bytes(Encoding.DER), key))
    if not crl.was_signed_by(issuer):
        raise SignatureBroken
    return crl


def _entry(certificate: Certificate, at: datetime, reason: RevocationReason) -> x509.RevokedCertificate:
    entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(at)
    if reason is not RevocationReason.UNSPECIFIED:  # to be left out then (RFC 5280 section 5.3.1)
        entry = entry.add_extension(x509.CRLReason(_REASONS[reason.value]), critical=False)
    return entry.build()


def _begun(subject: x509.Name, key: PublicKey, begin: datetime, end: datetime) -> x509.CertificateBuilder:
    """Serial numbers are 159 random bits, positive and 20 octets at most (RFC 5280 section 4.1.2.2)."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: SigningKey, issuer: Certificate, profile: Profile) -> Certificate:
    rehearsal = _rehearsal_key(_spec(key))
    rehearsed = builder.sign(_any(rehearsal), signing_hash(key.public_key)).public_bytes(Encoding.DER)
    _lint(load_certificate(rehearsed), profile)
    certificate = load_certificate(_with_signature(rehearsed, key))
    if not certificate.was_signed_by(issuer):
        raise SignatureBroken
    return certificate


def _lint(certificate: Certificate, profile: Profile) -> None:
    if findings := lint(certificate, profile):
        raise DraftRefused(profile, findings)


def _with_signature(rehearsed: bytes, key: SigningKey) -> bytes:
    """The same content and algorithm with the real key's signature (RFC 5280 sections 4.1 and 5.1)."""
    content, algorithm = read_parts(rehearsed)[:2]
    signature = encode_bit_string(key.sign(content.encoding))
    return encode_sequence(content.encoding, algorithm.encoding, signature)


@lru_cache(maxsize=8)
def _rehearsal_key(spec: KeySpec) -> PrivateKey:
    return generate_private_key(spec)


def _spec(key: SigningKey) -> KeySpec:
    """Raises ValueError for a kind that we don't make, which whoever reads a CA's key has excluded."""
    spec = key_spec_of(key.public_key)
    if spec is None:
        raise ValueError("a CA's key of a kind that is not made here")
    return spec


def _subject_of(certificate: Certificate) -> x509.Name:
    return x509.load_der_x509_certificate(certificate.der).subject


def _key_id_of(issuer: Certificate) -> x509.AuthorityKeyIdentifier:
    """As the issuer itself writes it: OpenSSL compares the two."""
    own = issuer.extensions.subject_key_id
    if own is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(_any(issuer.public_key))
    return x509.AuthorityKeyIdentifier(own, None, None)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _any(key: Any) -> Any:
    """The stubs know fewer kinds of keys in these places than the library takes."""
    return key
