"""The use cases of an enrolment: accept, issue, deliver, confirm; each may run twice without a second effect.

They know ports and values only. A certificate's renewal and its withdrawal are not handled here.
"""

from chainpilot.cpms.enrolment.accept import accept
from chainpilot.cpms.enrolment.deliver import confirm_by_connection, deliver
from chainpilot.cpms.enrolment.issue import issue
from chainpilot.cpms.enrolment.office import CacertsShelf, NoDecisions, Office, Policy, wait_after
from chainpilot.cpms.enrolment.request import CsrProfile, with_use

__all__ = [
    "CacertsShelf",
    "CsrProfile",
    "NoDecisions",
    "Office",
    "Policy",
    "accept",
    "confirm_by_connection",
    "deliver",
    "issue",
    "wait_after",
    "with_use",
]
