"""Certificate profiles as data, the linter that applies them, and which of them a certificate means to fit.

Sources: x509.md, contract-exi.md and est-opcp-ocsp.md for ISO 15118-2 annex F and ISO 15118-20, the OCPP 1.6 security
whitepaper, RFC 5280. A finding names a rule that a certificate breaks; what a finding leads to is the caller's policy.
"""

from chainpilot.pki.profiles.catalogue import (
    CONTRACT_LEAVES,
    CPS_LEAVES,
    CSMS_CLIENT_LEAF,
    CSMS_SERVER_LEAF,
    FIRMWARE_SIGNER,
    OCSP_SIGNER,
    PROVISIONING_LEAVES,
    ROOT_CA,
    SECC_LEAF,
    SECC_LEAVES,
    SUB_CA,
    V2G_ROOT_CA,
    V2G_SUB_CA,
)
from chainpilot.pki.profiles.edition import MAX_ISO2_BYTES, IsoEdition, edition_for, edition_of
from chainpilot.pki.profiles.linter import Finding, Profile, Rule, Severity, examine, lint
from chainpilot.pki.profiles.recognition import (
    contract_leaf_profile,
    profiles_for,
    secc_leaf_profile,
    trust_domain_of,
)

__all__ = [
    "CONTRACT_LEAVES",
    "CPS_LEAVES",
    "CSMS_CLIENT_LEAF",
    "CSMS_SERVER_LEAF",
    "FIRMWARE_SIGNER",
    "MAX_ISO2_BYTES",
    "OCSP_SIGNER",
    "PROVISIONING_LEAVES",
    "ROOT_CA",
    "SECC_LEAF",
    "SECC_LEAVES",
    "SUB_CA",
    "V2G_ROOT_CA",
    "V2G_SUB_CA",
    "Finding",
    "IsoEdition",
    "Profile",
    "Rule",
    "Severity",
    "contract_leaf_profile",
    "edition_for",
    "edition_of",
    "examine",
    "lint",
    "profiles_for",
    "secc_leaf_profile",
    "trust_domain_of",
]
