"""The operator's own issuing CA for the CSMS domain: drafts, issuance on record, revocation lists, founding one."""

from chainpilot.cpms.issuing.authority import BACKDATED, CaPlan, ListUnpublished, LocalCa, RevocationRefused
from chainpilot.cpms.issuing.drafting import (
    CaDraft,
    DraftRefused,
    SignatureBroken,
    sign_authority,
    sign_client_leaf,
    sign_list,
)
from chainpilot.cpms.issuing.founding import FoundedCa, Founding, found_ca

__all__ = [
    "BACKDATED",
    "CaDraft",
    "CaPlan",
    "DraftRefused",
    "FoundedCa",
    "Founding",
    "ListUnpublished",
    "LocalCa",
    "RevocationRefused",
    "SignatureBroken",
    "found_ca",
    "sign_authority",
    "sign_client_leaf",
    "sign_list",
]
