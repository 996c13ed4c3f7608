"""Who decides what is not an enrolment's: tokens, contracts, revocation."""

from dataclasses import dataclass
from typing import Protocol

from chainpilot.pki.identity import StationId
from chainpilot.wire.ocpp201 import AuthorizationStatus, IdTokenType
from chainpilot.wire.pnc.messages import (
    AuthorizeRequest,
    AuthorizeResponse,
    Get15118EVCertificateRequest,
    Get15118EVCertificateResponse,
    GetCertificateStatusRequest,
    GetCertificateStatusResponse,
)

__all__ = ["ContractOffice", "StatusSource", "TokenJudge", "TokenVerdict"]


@dataclass(frozen=True, slots=True)
class TokenVerdict:
    """What holds of a token, in the words of OCPP 2.0.1."""

    status: AuthorizationStatus
    why: str
    """One sentence for the log; it does not quote the token."""


class TokenJudge(Protocol):
    """Who may charge with a token that is no contract certificate."""

    async def judge(self, station_id: StationId, token: str, kind: IdTokenType | None) -> TokenVerdict:
        """What holds of the token at this station. Raises LedgerFailed.

        Args:
            station_id: where it was shown.
            token: what was shown; OCPP 1.6 types it CiString, case does not count.
            kind: what kind of thing it is; None: OCPP 1.6 does not tell.
        """
        ...


class ContractOffice(Protocol):
    """Who may charge with a contract certificate, and where a vehicle gets one."""

    async def authorize(self, station_id: StationId, request: AuthorizeRequest) -> AuthorizeResponse:
        """What holds of the contract (use case C07). Raises LedgerFailed."""
        ...

    async def fetch(
        self, station_id: StationId, request: Get15118EVCertificateRequest
    ) -> Get15118EVCertificateResponse:
        """The vehicle's certificate, or Failed with an empty answer, within its deadline (use cases M01, M02)."""
        ...


class StatusSource(Protocol):
    """What OCSP responders say of the certificates that stations hold."""

    async def status(self, station_id: StationId, request: GetCertificateStatusRequest) -> GetCertificateStatusResponse:
        """The responder's answer, or Failed with the reason (use case M06). Raises LedgerFailed."""
        ...
