"""Contract certificates: nobody is served yet, and everybody is told so."""

from typing import Final

from chainpilot.pki.identity import StationId
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.messages import (
    AuthorizeRequest,
    AuthorizeResponse,
    Get15118EVCertificateRequest,
    Get15118EVCertificateResponse,
    IdTokenInfo,
)
from chainpilot.wire.pnc.words import (
    AuthorizeCertificateStatus,
    Iso15118EvCertificateStatus,
)

__all__ = ["NoContracts"]

_WHY: Final = "NotServed: this back office does not serve it yet"


class NoContracts:
    """The `chainpilot.cpms.ports.ContractOffice` that knows no contract.

    What can't be verified is CertChainError and Invalid (OCPP 2.0.1 C07.FR.17): nothing missing means that all is well.
    """

    async def authorize(self, station_id: StationId, request: AuthorizeRequest) -> AuthorizeResponse:
        """Invalid, and the chain not verified."""
        del station_id, request
        return AuthorizeResponse(IdTokenInfo(AuthorizationStatus.INVALID), AuthorizeCertificateStatus.CERT_CHAIN_ERROR)

    async def fetch(
        self, station_id: StationId, request: Get15118EVCertificateRequest
    ) -> Get15118EVCertificateResponse:
        """Failed, with nothing for the vehicle."""
        del station_id, request
        return Get15118EVCertificateResponse(Iso15118EvCertificateStatus.FAILED, reason=_WHY)
