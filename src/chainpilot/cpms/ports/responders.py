"""An OCSP responder, as far as asking it goes."""

from typing import Protocol

from chainpilot.cpms.model import Reason
from chainpilot.errors import PeerError

__all__ = ["ResponderSilent", "Responders"]


class ResponderSilent(PeerError):
    """There is no answer from a responder. Fields: `reason` its code, `why` a sentence that names the host alone."""

    def __init__(self, reason: Reason, why: str) -> None:
        super().__init__(f"{reason.value}: {why}")
        self.reason = reason
        self.why = why


class Responders(Protocol):
    """Asks OCSP responders; judging what they answer is somebody else's."""

    async def ask(self, url: str, request: bytes) -> bytes:
        """The DER bytes that a POST to this URL brings. Raises ResponderSilent, and nothing else."""
        ...
