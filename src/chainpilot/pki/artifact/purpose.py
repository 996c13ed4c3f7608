"""What a certificate is for: its role and the domain it belongs to, with the evidence for it.

A guess from what the certificate says of itself, for explaining it; whether it fits the role is `profiles`, whether it
may be trusted in it `verify`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed448

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.extensions import EkuOid, KeyUsageBit
from chainpilot.pki.identity import IdentityError, is_evseid, is_seccid, parse_emaid, parse_pcid

__all__ = ["Domain", "Edition", "Purpose", "Role", "purpose_of"]


class Domain(Enum):
    """The PKIs of Plug & Charge.

    In their order: charging stations and the roots that vehicles trust, mobility operators, OCPP, manufacturers of
    stations, manufacturers of vehicles, and the service that provisions contracts.
    """

    V2G = "V2G"
    MO = "MO"
    CSMS = "CSMS"
    MF = "MF"
    OEM = "OEM"
    CPS = "CPS"


class Role(Enum):
    """What part a certificate plays; the values are those of the machine-readable output and stay."""

    ROOT = "root"
    CROSS = "cross_certificate"
    SUB_CA = "sub_ca"
    SECC = "secc_leaf"
    CONTRACT = "contract_leaf"
    OEM = "oem_leaf"
    CPS = "cps_leaf"
    STATION = "station_client_leaf"
    SERVER = "server_leaf"
    OCSP_SIGNER = "ocsp_signer"
    FIRMWARE = "firmware_signer"
    LEAF = "leaf"


class Edition(Enum):
    """The edition of ISO 15118 whose keys a certificate has."""

    ISO15118_2 = "ISO 15118-2"
    ISO15118_20 = "ISO 15118-20"


@dataclass(frozen=True, slots=True)
class Purpose:
    """Role and domain, None where nothing tells; `evidence` says what told the domain, as a sentence."""

    role: Role
    domain: Domain | None = None
    evidence: str | None = None
    edition: Edition | None = None
    """For the certificates of ISO 15118 only."""


_DOMAINS: Final = {
    "V2G": Domain.V2G,
    "CPO": Domain.V2G,
    "CSO": Domain.V2G,
    "MO": Domain.MO,
    "OEM": Domain.OEM,
    "CPS": Domain.CPS,
    "PROV": Domain.CPS,
    "CSMS": Domain.CSMS,
    "MF": Domain.MF,
}
_LEAVES: Final = {
    Domain.V2G: Role.SECC,
    Domain.MO: Role.CONTRACT,
    Domain.OEM: Role.OEM,
    Domain.CPS: Role.CPS,
}
_OF_ISO15118: Final = frozenset(_LEAVES)
_CODE_SIGNING: Final = "1.3.6.1.5.5.7.3.3"
_WORD: Final = re.compile(
    r"(?<![A-Za-z])(V2G|CPO|CSO|MO|OEM|CPS|Prov|PROV|CSMS|MF)(?=Root|ROOT|Sub|SUB|CA|Prov|PROV|[^A-Za-z]|$)"
)
"""A domain's short form inside a CA's name, as in `CPO Sub2 CA`, `MO_ROOT` or `V2GRootCA`."""


def purpose_of(certificate: Certificate) -> Purpose:
    """The role and domain that the first evidence tells; an unknown domain is None."""
    role, domain, evidence = _authority(certificate) if certificate.is_ca else _leaf(certificate)
    edition = _edition(certificate) if domain in _OF_ISO15118 and role not in _TLS_ROLES else None
    return Purpose(role, domain, evidence, edition)


_TLS_ROLES: Final = frozenset({Role.STATION, Role.SERVER, Role.FIRMWARE})
_Found = tuple[Role, Domain | None, str | None]


def _authority(certificate: Certificate) -> _Found:
    domain, evidence = _named_domain(certificate)
    if certificate.is_self_signed:
        return Role.ROOT, domain, evidence
    return Role.CROSS if certificate.is_self_issued else Role.SUB_CA, domain, evidence


def _leaf(certificate: Certificate) -> _Found:
    return next(_evidence(certificate), (Role.LEAF, *_named_domain(certificate)))


def _evidence(certificate: Certificate) -> Iterator[_Found]:
    usages = certificate.extensions.extended_key_usage or frozenset()
    serves, dials = (usage.value in usages for usage in (EkuOid.SERVER_AUTH, EkuOid.CLIENT_AUTH))
    component = certificate.subject.domain_component
    if EkuOid.OCSP_SIGNING.value in usages:
        yield (Role.OCSP_SIGNER, *_named_domain(certificate))
    if _CODE_SIGNING in usages:
        yield Role.FIRMWARE, Domain.MF, "its extended key usage has codeSigning"
    # stations ask for DC=CPO in both their certificates; only the client's is for TLS clients alone
    if dials and not serves and component in {None, "CPO", "CSMS"}:
        yield Role.STATION, Domain.CSMS, "its extended key usage has clientAuth alone"
    domain = _DOMAINS.get(component or "")
    if domain in _LEAVES:
        yield _LEAVES[domain], domain, f"its domain component is {component}"
    if serves:
        yield Role.SERVER, Domain.CSMS, "its extended key usage has serverAuth"
    yield from _by_common_name(certificate)


def _by_common_name(certificate: Certificate) -> Iterator[_Found]:
    common = certificate.subject.common_name or ""
    usage = certificate.extensions.key_usage or frozenset()
    if KeyUsageBit.NON_REPUDIATION in usage and _parses(parse_emaid, common):
        yield Role.CONTRACT, Domain.MO, f"its common name {common} is an eMAID"
    if is_evseid(common) or is_seccid(common):
        kind = "an EVSEID" if is_evseid(common) else "a SECCID"
        yield Role.SECC, Domain.V2G, f"its common name {common} is {kind}"
    if _parses(parse_emaid, common):
        yield Role.CONTRACT, Domain.MO, f"its common name {common} is an eMAID"
    if _parses(parse_pcid, common):
        yield Role.OEM, Domain.OEM, f"its common name {common} is a PCID"


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except IdentityError:
        return False
    return True


def _named_domain(certificate: Certificate) -> tuple[Domain | None, str | None]:
    """By the domain component, else by a word in the common name."""
    component = certificate.subject.domain_component
    if (domain := _DOMAINS.get(component or "")) is not None:
        return domain, f"its domain component is {component}"
    word = _WORD.search(certificate.subject.common_name or "")
    if word is None:
        return None, None
    return _DOMAINS[word[1].upper()], f"its common name has {word[1]} in it"


def _edition(certificate: Certificate) -> Edition | None:
    key = certificate.public_key
    if isinstance(key, ed448.Ed448PublicKey):
        return Edition.ISO15118_20
    curve = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else ""
    return {"secp256r1": Edition.ISO15118_2, "secp521r1": Edition.ISO15118_20}.get(curve)
