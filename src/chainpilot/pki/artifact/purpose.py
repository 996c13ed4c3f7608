"""What a certificate is for: its role, the domain it belongs to with the evidence for it, and the profiles it may fit.

A guess from what the certificate says of itself, for explaining it; whether it fits is `profiles`, whether it may be
trusted `verify`.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chainpilot.pki.artifact.links import is_its_own_issuer
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.profiles import (
    CONTRACT_LEAVES,
    CPS_LEAVES,
    CSMS_CLIENT_LEAF,
    CSMS_SERVER_LEAF,
    FIRMWARE_SIGNER,
    OCSP_SIGNER,
    PROVISIONING_LEAVES,
    SECC_LEAVES,
    IsoEdition,
    Profile,
    edition_of,
    profiles_for,
)

__all__ = ["Domain", "Purpose", "Role", "purpose_of"]


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


@dataclass(frozen=True, slots=True)
class Purpose:
    """Role and domain, None where nothing tells; `evidence` says what told the domain, as a sentence."""

    role: Role
    profiles: tuple[Profile, ...]
    """Those it may mean to fit; more than one where it may be either."""
    domain: Domain | None = None
    evidence: str | None = None
    edition: IsoEdition | None = None
    """For the certificates of ISO 15118 only."""


_ROLE_OF: Final = {
    **dict.fromkeys(SECC_LEAVES.values(), Role.SECC),
    **dict.fromkeys(CONTRACT_LEAVES.values(), Role.CONTRACT),
    **dict.fromkeys(PROVISIONING_LEAVES.values(), Role.OEM),
    **dict.fromkeys(CPS_LEAVES.values(), Role.CPS),
    CSMS_CLIENT_LEAF: Role.STATION,
    CSMS_SERVER_LEAF: Role.SERVER,
    FIRMWARE_SIGNER: Role.FIRMWARE,
    OCSP_SIGNER: Role.OCSP_SIGNER,
}
_DOMAIN_OF_ROLE: Final = {
    Role.SECC: Domain.V2G,
    Role.CONTRACT: Domain.MO,
    Role.OEM: Domain.OEM,
    Role.CPS: Domain.CPS,
    Role.STATION: Domain.CSMS,
    Role.SERVER: Domain.CSMS,
    Role.FIRMWARE: Domain.MF,
}
_DOMAIN_OF_COMPONENT: Final = {
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
_OF_ISO15118: Final = frozenset({Domain.V2G, Domain.MO, Domain.OEM, Domain.CPS})
_WORD: Final = re.compile(
    r"(?<![A-Za-z])(V2G|CPO|CSO|MO|OEM|CPS|Prov|PROV|CSMS|MF)(?=Root|ROOT|Sub|SUB|CA|Prov|PROV|[^A-Za-z]|$)"
)
"""A domain's short form inside a CA's name, as in `CPO Sub2 CA`, `MO_ROOT` or `V2GRootCA`."""


def purpose_of(certificate: Certificate) -> Purpose:
    """The role and domain that a certificate tells; an unknown domain is None."""
    profiles = profiles_for(certificate)
    role = _authority(certificate) if certificate.is_ca else _leaf(certificate, profiles)
    domain, evidence = _domain(certificate, role)
    edition = edition_of(certificate.public_key) if domain in _OF_ISO15118 else None
    return Purpose(role, profiles, domain, evidence, edition)


def _authority(certificate: Certificate) -> Role:
    if is_its_own_issuer(certificate):
        return Role.ROOT
    return Role.CROSS if certificate.is_self_issued else Role.SUB_CA


def _leaf(certificate: Certificate, profiles: tuple[Profile, ...]) -> Role:
    role = _ROLE_OF.get(profiles[0], Role.LEAF)
    names_no_use = certificate.extensions.extended_key_usage is None
    # without any use named, TLS is but the last resort of recognition
    if len(profiles) > 1 and role in {Role.STATION, Role.SERVER} and names_no_use:
        return Role.LEAF
    return role


def _domain(certificate: Certificate, role: Role) -> tuple[Domain | None, str | None]:
    """By the role of a leaf; of others by the domain component, else by a word in the common name."""
    component = (certificate.subject.domain_component or "").upper()
    named, of_role = _DOMAIN_OF_COMPONENT.get(component), _DOMAIN_OF_ROLE.get(role)
    if named is not None and of_role in {None, named}:
        return named, f"its domain component is {component}"
    if of_role is not None:
        told_by_usage = role in {Role.STATION, Role.SERVER, Role.FIRMWARE}
        return of_role, f"told by {'its extended key usage' if told_by_usage else 'the form of its common name'}"
    word = _WORD.search(certificate.subject.common_name or "")
    return (None, None) if word is None else (_DOMAIN_OF_COMPONENT[word[1].upper()], f"its name has {word[1]} in it")
