"""Which CAs count: proposed from many sides, approved by a person or an anchor's signature, never by themselves.

Pure rules (`judging`, `pool`) and the flows around them (`desk`, `lists`); they know ports and values only.
"""

from chainpilot.cpms.trust.desk import MAX_PROPOSALS, Proposals, TrustDesk, TrustPolicy, TrustRefused
from chainpilot.cpms.trust.judging import anchor_that_signed, objection_to
from chainpilot.cpms.trust.pool import MAX_ISSUERS, TrustPool

__all__ = [
    "MAX_ISSUERS",
    "MAX_PROPOSALS",
    "Proposals",
    "TrustDesk",
    "TrustPolicy",
    "TrustPool",
    "TrustRefused",
    "anchor_that_signed",
    "objection_to",
]
