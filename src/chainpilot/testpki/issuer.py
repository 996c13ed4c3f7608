"""Makes the test PKI's certificates: every one is linted before its real signature. NEVER for production.

Which CAs there are is `hierarchy`'s, remembering what was issued is `register`'s. Only what is twisted on purpose is
not linted.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from chainpilot.errors import PeerError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.extensions import KeyUsageBit
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import PrivateKey, PublicKey
from chainpilot.pki.profiles import OCSP_SIGNER, SUB_CA, Finding, Profile, lint
from chainpilot.testpki.drafts import (
    Draft,
    ExtensionList,
    access_to,
    key_id,
    key_usage,
    leaf_constraints,
    loaded,
    names,
    revocation_list_at,
    signature_by,
    usages,
)
from chainpilot.testpki.hierarchy import ORGANIZATION, Authority, LeafPlan, OcspSigner
from chainpilot.testpki.material import Material
from chainpilot.testpki.twists import Twist, twisted

__all__ = ["BACKDATED", "CRL_PATH", "IssueError", "Issuer", "make_root", "stranger"]

BACKDATED: Final = timedelta(hours=1)
"""notBefore lies so far in the past: stations' clocks run behind, and one certificate must serve them all."""
CRL_PATH: Final = "/crl/"
"""Where the OCSP server keeps revocation lists."""
_STRANGER: Final = Authority("stranger", None, "TEST Stranger Root CA", "V2G", None, timedelta(days=14600))
_NOWHERE: Final = "http://attacker.test"
"""The top-level domain test resolves to nothing (RFC 6761 section 6.2)."""
_CA_USAGE: Final = frozenset({KeyUsageBit.KEY_CERT_SIGN, KeyUsageBit.CRL_SIGN, KeyUsageBit.DIGITAL_SIGNATURE})


class IssueError(PeerError):
    """What was asked for would not fit its profile; nothing was signed. `findings` say why."""

    def __init__(self, profile: Profile, findings: Sequence[Finding]) -> None:
        said = "; ".join(f"{finding.rule}: {finding.detail}" for finding in findings)
        super().__init__(f"this would be no {profile.name}: {said}")
        self.profile = profile
        self.findings = tuple(findings)


class Issuer:
    """One CA of the test PKI, with its key.

    Args:
        plan: its line in the hierarchy.
        certificate: its own certificate.
        key: its private key.
        ocsp_url: where the responder answers for what it issues.
        material: where serial numbers come from.
        above: the CA that signed its certificate; None for a root.
        generation: how often it was rolled over before.
    """

    def __init__(
        self,
        plan: Authority,
        certificate: Certificate,
        key: PrivateKey,
        *,
        ocsp_url: str,
        material: Material,
        above: "Issuer | None" = None,
        generation: int = 0,
    ) -> None:
        self.plan = plan
        self.certificate = certificate
        self.key = key
        self.above = above
        self.generation = generation
        self._name = x509.load_der_x509_certificate(certificate.der).subject
        self._ocsp_url = ocsp_url
        self._material = material

    @property
    def file_name(self) -> str:
        """The stem of its files, its revocation list's too; generations that came later have their number in it."""
        return self.plan.name if not self.generation else f"{self.plan.name}-{self.generation}"

    @property
    def path(self) -> tuple["Issuer", ...]:
        """This CA and those above it, the root last."""
        return (self, *(self.above.path if self.above is not None else ()))

    def issue_authority(
        self, plan: Authority, public_key: PublicKey, at: datetime, *, context: bytes = b"", end: datetime | None = None
    ) -> Certificate:
        """The certificate of a CA under this one, or of another generation of itself. Raises IssueError.

        Args:
            plan: its line in the hierarchy.
            public_key: its key.
            at: now (UTC).
            context: what tells this issuance from others of that name, for a seed's serial number.
            end: notAfter, when it isn't to be `at` plus the plan's lifetime.
        """
        extensions = _ca_extensions(plan)
        draft = self._draft(
            _name_of(plan),
            public_key,
            serial=self._material.serial(plan.name.encode(), *((context,) if context else ())),
            begin=at,
            end=end if end is not None else at + plan.lifetime,
            extensions=extensions,
            key_id_octets=plan.key_id_octets,
        )
        return self._signed(draft, SUB_CA)

    def issue_leaf(
        self,
        subject: x509.Name,
        public_key: PublicKey,
        plan: LeafPlan,
        at: datetime,
        *,
        hosts: Sequence[str] = (),
        context: bytes = b"",
        twists: Collection[Twist] = (),
    ) -> Certificate:
        """A leaf for that subject and key.

        Args:
            subject: taken as it is.
            public_key: judged by the profile.
            plan: use, key usage and lifetime; it ends with this CA at the latest, unless that one has ended.
            at: now (UTC).
            hosts: DNS names and IP addresses for the subject alternative name; none means no such extension.
            context: what tells this issuance from others, for a seed's serial number.
            twists: in what it is to be other than asked for.

        Raises:
            IssueError: the result would not fit the plan's profile.
        """
        extensions = [leaf_constraints(written_out=plan.says_not_ca), key_usage(plan.usage_for(public_key))]
        if plan.extended_key_usage:
            extensions.append(usages(plan.extended_key_usage))
        if hosts:
            extensions.append(names(hosts))
        draft = self._draft(
            subject,
            public_key,
            serial=self._material.serial(self.plan.name.encode(), context),
            begin=at,
            end=at + plan.lifetime,
            extensions=tuple(extensions),
        )
        if twists:
            return self._twisted(draft, twists)
        return self._signed(draft, plan.use.profile_for(public_key))

    def issue_ocsp_signer(self, key: PrivateKey, at: datetime) -> Certificate:
        """A delegate that may sign OCSP answers for this CA as long as it lives (RFC 6960 section 4.2.2.2)."""
        extensions = (
            leaf_constraints(),
            key_usage(frozenset({KeyUsageBit.DIGITAL_SIGNATURE})),
            usages([ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string]),
            (x509.OCSPNoCheck(), False),
        )
        draft = self._draft(
            DistinguishedName("DE", ORGANIZATION, f"{self.plan.common_name} OCSP").to_name(),
            key.public_key(),
            serial=self._material.serial(self.plan.name.encode(), b"ocsp"),
            begin=at,
            end=max(self.certificate.not_after, at + BACKDATED),
            extensions=extensions,
            with_ocsp=False,
        )
        return self._signed(draft, OCSP_SIGNER)

    def _draft(
        self,
        subject: x509.Name,
        public_key: PublicKey,
        *,
        serial: int,
        begin: datetime,
        end: datetime,
        extensions: ExtensionList,
        with_ocsp: bool = True,
        key_id_octets: int = 20,
    ) -> Draft:
        own = self.certificate
        has_ended = own.not_after <= begin
        return Draft(
            subject,
            self._name,
            public_key,
            key_id(public_key, key_id_octets),
            own.extensions.subject_key_id or key_id(self.key.public_key()),
            serial,
            max(begin - BACKDATED, own.not_before),
            end if has_ended else min(end, own.not_after),
            (*extensions, *(self._pointers() if with_ocsp else ())),
        )

    def _pointers(self) -> ExtensionList:
        """Where the status of what it issues is told."""
        ocsp = (access_to(self._ocsp_url),) if self.plan.ocsp is not OcspSigner.NOBODY else ()
        crl = (revocation_list_at(f"{self._ocsp_url}{CRL_PATH}{self.file_name}.crl"),) if self.plan.names_crl else ()
        return (*ocsp, *crl)

    def _signed(self, draft: Draft, profile: Profile) -> Certificate:
        """Lint what a throw-away key has signed, then sign those very bytes with the real one (house style 9)."""
        rehearsed = draft.signed(self._material.rehearsal_key(self.plan.key), deterministic=True)
        judged = loaded(rehearsed)
        findings = lint(judged, profile)
        if findings:
            raise IssueError(profile, findings)
        content = rehearsed.tbs_certificate_bytes
        return judged.signed_anew(signature_by(self.key, content, deterministic=self._material.is_deterministic))

    def _twisted(self, draft: Draft, twists: Collection[Twist]) -> Certificate:
        foreign = Twist.FOREIGN_ISSUER in twists
        key = self._material.key("stranger", self.plan.key) if foreign else self.key
        changed = twisted(draft, twists, self._material)
        return loaded(changed.signed(key, deterministic=self._material.is_deterministic))


def make_root(
    plan: Authority,
    key: PrivateKey,
    at: datetime,
    material: Material,
    *,
    context: bytes = b"",
    end: datetime | None = None,
) -> Certificate:
    """A self-signed root; it is rehearsed as the root of a throw-away key. Raises IssueError.

    `context` and `end` are those of `Issuer.issue_authority`.
    """
    until = end if end is not None else at + plan.lifetime
    serial = material.serial(plan.name.encode(), *((context,) if context else ()))
    rehearsed = _root(plan, material.rehearsal_key(plan.key), serial, at, until, deterministic=True)
    findings = lint(rehearsed, plan.profile)
    if findings:
        raise IssueError(plan.profile, findings)
    return _root(plan, key, serial, at, until, deterministic=material.is_deterministic)


def stranger(material: Material, at: datetime) -> Issuer:
    """A root that is in no hierarchy, for faults."""
    key = material.key(_STRANGER.name)
    root = make_root(_STRANGER, key, at, material, context=at.isoformat().encode())
    return Issuer(_STRANGER, root, key, ocsp_url=_NOWHERE, material=material)


def _root(
    plan: Authority, key: PrivateKey, serial: int, at: datetime, end: datetime, *, deterministic: bool
) -> Certificate:
    name, public_key = _name_of(plan), key.public_key()
    own_id = key_id(public_key, plan.key_id_octets)
    draft = Draft(name, name, public_key, own_id, own_id, serial, at - BACKDATED, end, _ca_extensions(plan))
    return loaded(draft.signed(key, deterministic=deterministic))


def _ca_extensions(plan: Authority) -> ExtensionList:
    constraints = (x509.BasicConstraints(ca=True, path_length=plan.path_length), True)
    extended = (usages([ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string]),) if plan.may_sign_ocsp else ()
    return (constraints, key_usage(_CA_USAGE), *extended)


def _name_of(plan: Authority) -> x509.Name:
    return DistinguishedName("DE", ORGANIZATION, plan.common_name, plan.domain).to_name()
