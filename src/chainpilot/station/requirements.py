"""Which certificate profile a leaf of each domain has to fit."""

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.profiles import (
    CSMS_CLIENT_LEAF,
    FIRMWARE_SIGNER,
    Profile,
    contract_leaf_profile,
    secc_leaf_profile,
)
from chainpilot.station.model import LeafCertificateType

__all__ = ["profile_of"]


def profile_of(kind: LeafCertificateType, leaf: Certificate) -> Profile:
    """The profile of a domain's leaves; that of an edition of ISO 15118 goes by the leaf's key."""
    match kind:
        case LeafCertificateType.CSMS:
            return CSMS_CLIENT_LEAF
        case LeafCertificateType.V2G:
            return secc_leaf_profile(leaf)
        case LeafCertificateType.MO:
            return contract_leaf_profile(leaf)
        case LeafCertificateType.MF:
            return FIRMWARE_SIGNER
