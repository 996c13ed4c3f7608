"""What the use cases need from the world; the adapters keep these promises.

An adapter lets out only the exceptions named here, whatever its libraries raise.
"""

from chainpilot.cpms.model import Reason, RetryClass
from chainpilot.cpms.ports.authorities import CaPending, CaRefused, CaUndecided, CertificateAuthority, IssuedBag
from chainpilot.cpms.ports.judges import ContractOffice, StatusSource, TokenJudge, TokenVerdict
from chainpilot.cpms.ports.ledger import Ledger, LedgerConflict, LedgerFailed, QuotaSpent, TooManyCalls
from chainpilot.cpms.ports.responders import Responders, ResponderSilent
from chainpilot.cpms.ports.stations import NotSpoken, StationLink, StationRefused, StationUndecided
from chainpilot.cpms.ports.trust import Issuers

__all__ = [
    "CaPending",
    "CaRefused",
    "CaUndecided",
    "CertificateAuthority",
    "ContractOffice",
    "IssuedBag",
    "Issuers",
    "Ledger",
    "LedgerConflict",
    "LedgerFailed",
    "NotSpoken",
    "QuotaSpent",
    "Reason",
    "ResponderSilent",
    "Responders",
    "RetryClass",
    "StationLink",
    "StationRefused",
    "StationUndecided",
    "StatusSource",
    "TokenJudge",
    "TokenVerdict",
    "TooManyCalls",
]
