"""Which CAs count: proposed from many sides, approved by a person or an anchor's signature, never by themselves.

Pure rules (`judging`, `pool`) and the flows around them (`desk`, `lists`, `pool_watch`); ports and
values are all they know.
"""

from chainpilot.cpms.trust.desk import MAX_PROPOSALS, TrustDesk
from chainpilot.cpms.trust.judging import anchor_that_signed, objection_to
from chainpilot.cpms.trust.lists import MAX_URLS, ListPolicy, ListState, RevocationDesk, due_at
from chainpilot.cpms.trust.pool import MAX_ISSUERS, TrustPool
from chainpilot.cpms.trust.pool_watch import EventOutcome, PoolWatch
from chainpilot.cpms.trust.terms import Proposals, TrustPolicy, TrustRefused, why_no_anchor

__all__ = [
    "MAX_ISSUERS",
    "MAX_PROPOSALS",
    "MAX_URLS",
    "EventOutcome",
    "ListPolicy",
    "ListState",
    "PoolWatch",
    "Proposals",
    "RevocationDesk",
    "TrustDesk",
    "TrustPolicy",
    "TrustPool",
    "TrustRefused",
    "anchor_that_signed",
    "due_at",
    "objection_to",
    "why_no_anchor",
]
