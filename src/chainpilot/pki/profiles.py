"""Certificate profiles as data, and the linter that applies them (x509.md, ISO 15118-2 annex F).

A finding names a rule that a certificate breaks; what a finding leads to is the caller's policy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.extensions import EkuOid, KeyUsageBit
from chainpilot.pki.identity import is_evseid, is_seccid

__all__ = [
    "CSMS_CLIENT_LEAF",
    "CSMS_SERVER_LEAF",
    "ROOT_CA",
    "SECC_LEAF",
    "SUB_CA",
    "Finding",
    "Profile",
    "Rule",
    "lint",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a certificate breaks, and how."""

    rule: str
    """The rule's name, such as `common-name`; stable, for programs."""
    detail: str
    """What was seen, as a sentence for people."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One numbered line of a profile: `objection` answers what is wrong with a certificate, None when nothing is."""

    name: str
    objection: Callable[[Certificate], str | None]


@dataclass(frozen=True, slots=True)
class Profile:
    """What certificates of one kind look like."""

    name: str
    rules: tuple[Rule, ...]


def lint(certificate: Certificate, profile: Profile) -> tuple[Finding, ...]:
    """Every rule of the profile that the certificate breaks, in the profile's order; empty when it fits."""
    judged = ((rule, rule.objection(certificate)) for rule in profile.rules)
    return tuple(Finding(rule.name, detail) for rule, detail in judged if detail is not None)


def _is_ca(certificate: Certificate) -> str | None:
    usage = certificate.extensions.key_usage or frozenset()
    if not certificate.is_ca:
        return "it is not a CA (basicConstraints)"
    return None if KeyUsageBit.KEY_CERT_SIGN in usage else "its key usage lacks keyCertSign"


def _is_leaf(certificate: Certificate) -> str | None:
    usage = certificate.extensions.key_usage or frozenset()
    if certificate.is_ca:
        return "it is a CA (basicConstraints)"
    return "its key usage has keyCertSign" if KeyUsageBit.KEY_CERT_SIGN in usage else None


def _is_root(certificate: Certificate) -> str | None:
    return None if certificate.is_self_signed else "it is not signed by its own key"


def _is_not_root(certificate: Certificate) -> str | None:
    return "it is signed by its own key" if certificate.is_self_signed else None


def _signs(certificate: Certificate) -> str | None:
    """Key usage critical with digitalSignature (ISO 15118-2 table F.4)."""
    usage = certificate.extensions.key_usage
    if usage is None:
        return "it has no key usage"
    if KeyUsageBit.DIGITAL_SIGNATURE not in usage:
        return "its key usage lacks digitalSignature"
    return None if certificate.extensions.key_usage_is_critical else "its key usage is not critical"


def _curve_p256(certificate: Certificate) -> str | None:
    """ISO 15118-2: P-256 with SHA-256."""
    key = certificate.public_key
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        return "its key is not on the curve P-256"
    return (
        None
        if certificate.signature_hash == "sha256"
        else f"it is signed over {certificate.signature_hash}, not sha256"
    )


def _names_secc(certificate: Certificate) -> str | None:
    common = certificate.subject.common_name
    if common is None:
        return "it has no common name, or more than one"
    return (
        None
        if is_evseid(common) or is_seccid(common)
        else f"its common name {common} is neither an EVSEID nor a SECCID"
    )


def _no_alternative_names(certificate: Certificate) -> str | None:
    return "it has subject alternative names" if certificate.extensions.has_alternative_names else None


def _has_organization(certificate: Certificate) -> str | None:
    return None if certificate.subject.organization else "it names no organization, or more than one"


def _has_common_name(certificate: Certificate) -> str | None:
    return None if certificate.subject.common_name else "it has no common name, or more than one"


def _domain_component(wanted: str) -> Rule:
    def objection(certificate: Certificate) -> str | None:
        found = certificate.subject.domain_component
        return None if found == wanted else f"its domain component is {found or 'absent'}, not {wanted}"

    return Rule("domain-component", objection)


def _usable_for(usage: EkuOid) -> Rule:
    """An extended key usage, where there is one, allows the use (RFC 5280 section 4.2.1.12)."""

    def objection(certificate: Certificate) -> str | None:
        allowed = certificate.extensions.extended_key_usage
        fits = allowed is None or bool({usage.value, EkuOid.ANY.value} & allowed)
        return None if fits else f"its extended key usage lacks {usage.name.lower()} ({usage.value})"

    return Rule("extended-key-usage", objection)


def _poses_as_no_server(certificate: Certificate) -> str | None:
    """Alternative names in a client certificate would let its holder pose as the server of that name."""
    allowed = certificate.extensions.extended_key_usage
    may_serve = allowed is None or bool({EkuOid.SERVER_AUTH.value, EkuOid.ANY.value} & allowed)
    if certificate.extensions.has_alternative_names and may_serve:
        return "it has alternative names and may be used by a server: its holder could pose as one"
    return None


def _has_subject(certificate: Certificate) -> str | None:
    subject = certificate.subject
    return None if subject.common_name or subject.organization else "it names no subject"


ROOT_CA: Final = Profile("root CA", (Rule("ca", _is_ca), Rule("self-signed", _is_root), Rule("subject", _has_subject)))
SUB_CA: Final = Profile(
    "sub-CA", (Rule("ca", _is_ca), Rule("self-signed", _is_not_root), Rule("subject", _has_subject))
)

SECC_LEAF: Final = Profile(
    "SECC leaf (ISO 15118-2)",
    (
        Rule("leaf", _is_leaf),
        Rule("common-name", _names_secc),
        Rule("organization", _has_organization),
        _domain_component("CPO"),
        Rule("key-usage", _signs),
        Rule("alternative-names", _no_alternative_names),
        Rule("algorithm", _curve_p256),
    ),
)
CSMS_CLIENT_LEAF: Final = Profile(
    "station's client certificate (OCPP security profile 3)",
    (
        Rule("leaf", _is_leaf),
        Rule("common-name", _has_common_name),
        Rule("organization", _has_organization),
        Rule("key-usage", _signs),
        _usable_for(EkuOid.CLIENT_AUTH),
        Rule("alternative-names", _poses_as_no_server),
    ),
)
CSMS_SERVER_LEAF: Final = Profile(
    "CSMS's server certificate",
    (Rule("leaf", _is_leaf), Rule("key-usage", _signs), _usable_for(EkuOid.SERVER_AUTH)),
)
