"""Which profile a certificate means to fit: what it is, told from what it says of itself.

A guess for people and for choosing a linter's profile; nothing that is trusted rests on it.
"""

from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.extensions import EkuOid
from chainpilot.pki.identity import is_evseid, is_seccid
from chainpilot.pki.profiles.catalogue import (
    CODE_SIGNING_OID,
    CONTRACT_LEAVES,
    CPS_LEAVES,
    CSMS_CLIENT_LEAF,
    CSMS_SERVER_LEAF,
    FIRMWARE_SIGNER,
    OCSP_SIGNER,
    PROVISIONING_LEAVES,
    ROOT_CA,
    SECC_LEAVES,
    SUB_CA,
    V2G_ROOT_CA,
    V2G_SUB_CA,
)
from chainpilot.pki.profiles.edition import edition_of
from chainpilot.pki.profiles.linter import Profile
from chainpilot.pki.profiles.naming import is_contract_name, is_vehicle_name
from chainpilot.pki.trust import TrustDomain

__all__ = ["contract_leaf_profile", "profiles_for", "secc_leaf_profile", "trust_domain_of"]

_ISO_COMPONENTS: Final = frozenset({"V2G", "CPO", "CPS", "MO", "OEM"})
"""Domain components of the CAs that ISO 15118 has profiles for."""
_LEAVES_OF: Final = {"CPO": SECC_LEAVES, "MO": CONTRACT_LEAVES, "OEM": PROVISIONING_LEAVES, "CPS": CPS_LEAVES}
_DOMAIN_OF: Final = {
    "V2G": TrustDomain.V2G,
    "CPO": TrustDomain.V2G,
    "CPS": TrustDomain.V2G,
    "MO": TrustDomain.MO,
    "CSMS": TrustDomain.CSMS,
    "MF": TrustDomain.MF,
}


def secc_leaf_profile(certificate: Certificate) -> Profile:
    """The SECC leaf's profile in the edition that the certificate's key is made for."""
    return SECC_LEAVES[edition_of(certificate.public_key)]


def contract_leaf_profile(certificate: Certificate) -> Profile:
    """The contract leaf's profile in the edition that the certificate's key is made for."""
    return CONTRACT_LEAVES[edition_of(certificate.public_key)]


def profiles_for(certificate: Certificate) -> tuple[Profile, ...]:
    """The profiles that a certificate most likely means to fit; two where it may be either, never none.

    In this order: CA or not, signed by itself or not; an extended key usage that only one kind has; the domain
    component; the form of the common name; what TLS allows it.
    """
    if certificate.is_ca:
        return (_authority(certificate),)
    return (
        _by_purpose(certificate) or _by_component(certificate) or _by_common_name(certificate) or _by_tls(certificate)
    )


def trust_domain_of(certificate: Certificate) -> TrustDomain | None:
    """The station's trust domain that a certificate means to belong to; None where it tells none, as an OEM's."""
    told = _DOMAIN_OF.get(_component(certificate))
    if told is not None or certificate.is_ca:
        return told
    return profiles_for(certificate)[0].domain


def _authority(certificate: Certificate) -> Profile:
    is_iso = _component(certificate) in _ISO_COMPONENTS
    if certificate.is_self_signed:
        return V2G_ROOT_CA if is_iso else ROOT_CA
    return V2G_SUB_CA if is_iso else SUB_CA


def _by_purpose(certificate: Certificate) -> tuple[Profile, ...]:
    allowed = certificate.extensions.extended_key_usage or frozenset()
    if EkuOid.OCSP_SIGNING.value in allowed:
        return (OCSP_SIGNER,)
    return (FIRMWARE_SIGNER,) if CODE_SIGNING_OID in allowed else ()


def _by_component(certificate: Certificate) -> tuple[Profile, ...]:
    component = _component(certificate)
    if component == "MF":
        return (FIRMWARE_SIGNER,)
    if component == "CSMS" or (component == "CPO" and _is_only_client(certificate)):
        return _by_tls(certificate)
    leaves = _LEAVES_OF.get(component)
    return (leaves[edition_of(certificate.public_key)],) if leaves is not None else ()


def _by_common_name(certificate: Certificate) -> tuple[Profile, ...]:
    """An EVSEID without separators may be an eMAID or a PCID as well; an SECC is a server, whatever its name."""
    common, edition = certificate.subject.common_name or "", edition_of(certificate.public_key)
    forms = (
        ((is_evseid(common) or is_seccid(common)) and not _is_only_client(certificate), SECC_LEAVES),
        (is_contract_name(common), CONTRACT_LEAVES),
        (is_vehicle_name(common), PROVISIONING_LEAVES),
    )
    return tuple(leaves[edition] for fits, leaves in forms if fits)


def _by_tls(certificate: Certificate) -> tuple[Profile, ...]:
    allowed = certificate.extensions.extended_key_usage or frozenset()
    if _is_only_client(certificate):
        return (CSMS_CLIENT_LEAF,)
    if EkuOid.SERVER_AUTH.value in allowed and EkuOid.CLIENT_AUTH.value not in allowed:
        return (CSMS_SERVER_LEAF,)
    if certificate.extensions.has_alternative_names:
        return (CSMS_SERVER_LEAF, CSMS_CLIENT_LEAF)
    return (CSMS_CLIENT_LEAF, CSMS_SERVER_LEAF)


def _is_only_client(certificate: Certificate) -> bool:
    allowed = certificate.extensions.extended_key_usage or frozenset()
    return EkuOid.CLIENT_AUTH.value in allowed and EkuOid.SERVER_AUTH.value not in allowed


def _component(certificate: Certificate) -> str:
    return (certificate.subject.domain_component or "").upper()
