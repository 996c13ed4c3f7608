"""Every decision about a contract, in one table: when it is taken, what it rests on, and whether the contract charges.

A decision names its row, and the row says whether it is a yes: nothing that isn't written here authorizes anybody (use
case C07). docs/reference/contract-authorization.md shows the table; which row applies is `contract_decisions`'.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Final

from chainpilot.pki.verify import Reason
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.words import AuthorizeCertificateStatus

__all__ = ["CHAIN_WORDS", "RULES", "Basis", "ContractDecision", "Ground", "Rule", "chain_word"]


class Basis(Enum):
    """What a decision rests on."""

    SETTINGS = "settings"
    """What the station is set to, whatever the contract."""
    CLOCK = "clock"
    """The time isn't known, or there wasn't enough of it."""
    LOCALLY_REFUSED = "locally refused"
    """The station's own judgement of what the vehicle showed."""
    CSMS = "CSMS"
    """The CSMS's answer."""
    LOCAL_LIST = "local list"
    """The local authorization list, while the CSMS can't be asked."""
    CACHE = "cache"
    """An earlier answer of the CSMS, while it can't be asked."""
    OFFLINE = "offline"
    """What is to become of contracts that nobody knows while the CSMS can't be asked."""


class Ground(Enum):
    """The rows of the table."""

    PNC_DISABLED = "PncDisabled"
    CLOCK_UNTRUSTED = "ClockUntrusted"
    CHAIN_REFUSED = "ChainRefused"
    NOT_A_CONTRACT = "NotAContract"
    EMAID_CONTRADICTED = "EmaidContradicted"
    NO_ROOT = "NoRoot"
    CHAIN_TOO_LONG = "ChainTooLong"
    NOT_ASKABLE = "NotAskable"
    NOT_ASKED = "NotAsked"
    CSMS_FAULT = "CsmsFault"
    CSMS_ACCEPTED = "CsmsAccepted"
    CSMS_REFUSED = "CsmsRefused"
    CHAIN_UNANSWERED = "ChainUnanswered"
    OFFLINE_NOT_ALLOWED = "OfflineNotAllowed"
    LISTED = "Listed"
    LIST_REFUSED = "ListRefused"
    CACHED = "Cached"
    UNKNOWN_OFFLINE = "UnknownOffline"
    UNKNOWN_ADMITTED = "UnknownAdmitted"
    TOO_LATE = "TooLate"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row."""

    when: str
    basis: Basis
    sentence: str
    """For a person; what came is put behind it."""
    accepted: bool = False


_LOCAL: Final = Basis.LOCALLY_REFUSED

RULES: Final[Mapping[Ground, Rule]] = MappingProxyType(
    {
        Ground.PNC_DISABLED: Rule(
            "Plug & Charge is switched off", Basis.SETTINGS, "Plug & Charge is switched off at this station"
        ),
        Ground.CLOCK_UNTRUSTED: Rule(
            "the station doesn't know what time it is",
            Basis.CLOCK,
            "the station's clock isn't set, so no certificate's validity can be judged",
        ),
        Ground.CHAIN_REFUSED: Rule(
            "the chain is refused here, for any reason but an unknown root", _LOCAL, "the contract's chain is no good"
        ),
        Ground.NOT_A_CONTRACT: Rule(
            "the leaf has no eMAID for its common name, or says that it is another kind of leaf",
            _LOCAL,
            "the leaf is no contract's",
        ),
        Ground.EMAID_CONTRADICTED: Rule(
            "the vehicle names another eMAID than its leaf",
            _LOCAL,
            "the vehicle's eMAID isn't the one in its contract certificate",
        ),
        Ground.NO_ROOT: Rule(
            "no MO or V2G root leads to the leaf, and the CSMS can't be asked or isn't to judge chains",
            _LOCAL,
            "no root of this contract is installed; CentralContractValidationAllowed would leave it to a CSMS at hand",
        ),
        Ground.CHAIN_TOO_LONG: Rule(
            "no root leads to the leaf, the CSMS is to judge, and the chain has more than 5500 characters",
            _LOCAL,
            "no root of this contract is installed, and its chain is too long to be sent",
        ),
        Ground.NOT_ASKABLE: Rule(
            "the chain holds, but hash data can't name all of it: a serial number is too long, or it has more than 4 "
            "certificates",
            _LOCAL,
            "the contract's chain can't be asked about as a whole",
        ),
        Ground.NOT_ASKED: Rule("a fault of the station's own", _LOCAL, "the CSMS couldn't be asked"),
        Ground.CSMS_FAULT: Rule(
            "CALLERROR, or an answer that can't be understood, in every dialect",
            Basis.CSMS,
            "the CSMS didn't answer Authorize as it should",
        ),
        Ground.CSMS_ACCEPTED: Rule(
            "certificateStatus Accepted and idTokenInfo.status Accepted",
            Basis.CSMS,
            "the CSMS accepted the contract",
            accepted=True,
        ),
        Ground.CSMS_REFUSED: Rule(
            "any other certificateStatus or idTokenInfo.status", Basis.CSMS, "the CSMS didn't accept the contract"
        ),
        Ground.CHAIN_UNANSWERED: Rule(
            "idTokenInfo.status Accepted and no certificateStatus",
            Basis.CSMS,
            "the CSMS said nothing of the chain that it was asked about",
        ),
        Ground.OFFLINE_NOT_ALLOWED: Rule(
            "offline, ContractValidationOffline false",
            Basis.SETTINGS,
            "the CSMS can't be asked, and ContractValidationOffline doesn't allow to do without it",
        ),
        Ground.LISTED: Rule(
            "offline, the local list has the eMAID as Accepted",
            Basis.LOCAL_LIST,
            "the local list has the contract",
            accepted=True,
        ),
        Ground.LIST_REFUSED: Rule(
            "offline, the local list has the eMAID as anything else",
            Basis.LOCAL_LIST,
            "the local list doesn't admit the contract",
        ),
        Ground.CACHED: Rule(
            "offline, not in the list, and the CSMS's earlier yes to this very certificate still counts",
            Basis.CACHE,
            "the CSMS accepted this contract before",
            accepted=True,
        ),
        Ground.UNKNOWN_OFFLINE: Rule(
            "offline, and neither list nor cache know the contract",
            Basis.OFFLINE,
            "the CSMS can't be asked, and neither the local list nor the cache know the contract",
        ),
        Ground.UNKNOWN_ADMITTED: Rule(
            "the same, and the firmware has set offline_unknown_emaid",
            Basis.OFFLINE,
            "the CSMS can't be asked, and unknown contracts with a good chain are admitted meanwhile",
            accepted=True,
        ),
        Ground.TOO_LATE: Rule(
            "the deadline passed before anything could be decided", Basis.CLOCK, "it took too long to decide"
        ),
    }
)
"""In the order in which they are looked at."""


_UNVERIFIABLE: Final = AuthorizeCertificateStatus.CERT_CHAIN_ERROR
CHAIN_WORDS: Final[Mapping[Reason, AuthorizeCertificateStatus]] = MappingProxyType(
    {
        Reason.EXPIRED: AuthorizeCertificateStatus.CERTIFICATE_EXPIRED,
        Reason.NOT_YET_VALID: _UNVERIFIABLE,
        Reason.BAD_SIGNATURE: AuthorizeCertificateStatus.SIGNATURE_ERROR,
        Reason.BAD_LEAF_SIGNATURE: AuthorizeCertificateStatus.SIGNATURE_ERROR,
        Reason.ISSUER_NOT_FOUND: _UNVERIFIABLE,
        Reason.INVALID_CHAIN: _UNVERIFIABLE,
        Reason.REVOKED: AuthorizeCertificateStatus.CERTIFICATE_REVOKED,
        Reason.REVOCATION_UNKNOWN: _UNVERIFIABLE,
        Reason.WEAK_ALGORITHM: _UNVERIFIABLE,
        Reason.NOT_A_LEAF: _UNVERIFIABLE,
        Reason.UNREADABLE: AuthorizeCertificateStatus.NO_CERTIFICATE_AVAILABLE,
    }
)
"""The station's own verdicts in Authorize's words; C07 has CertChainError for whatever can't be verified."""


def chain_word(cause: Reason | None) -> AuthorizeCertificateStatus:
    """The word for a chain that doesn't hold; without a cause the store couldn't judge it."""
    return CHAIN_WORDS[cause] if cause is not None else _UNVERIFIABLE


@dataclass(frozen=True, slots=True)
class ContractDecision:
    """Whether a contract may charge, and why. Made of a row: what the row says can't be said otherwise."""

    ground: Ground
    """The row that applied."""
    reason: str
    """A sentence for a person, the eMAID masked in it."""
    emaid: str | None = field(default=None, repr=False)
    """The leaf's eMAID as the leaf spells it, which is what transactions are to name; None where it has none.

    It tells who drives: no log is to show it.
    """
    certificate_status: AuthorizeCertificateStatus | None = None
    """What is thought of the chain by whoever decided; ISO 15118-2's response codes have the same words."""
    token_status: AuthorizationStatus | None = None
    """What is thought of the eMAID by whoever decided; None where nobody was asked."""
    cache_until: datetime | None = None
    """Until when this yes counts while the CSMS can't be asked, timezone-aware UTC; None: it isn't kept."""

    @property
    def accepted(self) -> bool:
        """Whether the contract may charge."""
        return RULES[self.ground].accepted

    @property
    def basis(self) -> Basis:
        """What the decision rests on."""
        return RULES[self.ground].basis
