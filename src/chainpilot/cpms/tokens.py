"""Who may charge without a contract certificate: nobody, until a list of tokens is kept."""

from typing import Final

from chainpilot.cpms.ports import TokenVerdict
from chainpilot.pki.identity import StationId
from chainpilot.wire.ocpp201 import AuthorizationStatus, IdTokenType

__all__ = ["NoTokens"]

_REFUSED: Final = TokenVerdict(AuthorizationStatus.INVALID, "no list of tokens is kept here")


class NoTokens:
    """The `chainpilot.cpms.ports.TokenJudge` that knows no token and refuses each with its reason.

    Not knowing a token must not mean letting it charge: somebody pays for the energy.
    """

    async def judge(self, station_id: StationId, token: str, kind: IdTokenType | None) -> TokenVerdict:
        """Invalid."""
        del station_id, token, kind
        return _REFUSED
