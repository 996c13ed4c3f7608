"""What the use cases need from the world; the adapters keep these promises.

An adapter lets out only the exceptions named here, whatever its libraries raise.
"""

from chainpilot.cpms.model import Reason, RetryClass
from chainpilot.cpms.ports.authorities import CaPending, CaRefused, CaUndecided, CertificateAuthority, IssuedBag
from chainpilot.cpms.ports.issuing import Issuance, IssuingRecords, KeyUnavailable, Revocation, SigningKey
from chainpilot.cpms.ports.judges import ContractOffice, StatusSource, TokenJudge, TokenVerdict
from chainpilot.cpms.ports.ledger import Ledger, LedgerConflict, LedgerFailed, QuotaSpent, TooManyCalls
from chainpilot.cpms.ports.responders import Responders, ResponderSilent
from chainpilot.cpms.ports.stations import NotSpoken, StationLink, StationRefused, StationUndecided
from chainpilot.cpms.ports.trust import (
    ClientStanding,
    Issuers,
    KeptList,
    Learner,
    ListMissing,
    ListSource,
    OfferedRoot,
    RevocationLists,
    RootsMissing,
    RootSource,
    RootStanding,
    TrustEntry,
    TrustRecords,
)

__all__ = [
    "CaPending",
    "CaRefused",
    "CaUndecided",
    "CertificateAuthority",
    "ClientStanding",
    "ContractOffice",
    "Issuance",
    "IssuedBag",
    "Issuers",
    "IssuingRecords",
    "KeptList",
    "KeyUnavailable",
    "Learner",
    "Ledger",
    "LedgerConflict",
    "LedgerFailed",
    "ListMissing",
    "ListSource",
    "NotSpoken",
    "OfferedRoot",
    "QuotaSpent",
    "Reason",
    "ResponderSilent",
    "Responders",
    "RetryClass",
    "Revocation",
    "RevocationLists",
    "RootSource",
    "RootStanding",
    "RootsMissing",
    "SigningKey",
    "StationLink",
    "StationRefused",
    "StationUndecided",
    "StatusSource",
    "TokenJudge",
    "TokenVerdict",
    "TooManyCalls",
    "TrustEntry",
    "TrustRecords",
]
