"""Ways to a CSMS that a test scripts: what is asked is kept, and what is answered is the test's."""

import asyncio
from collections.abc import Callable

from chainpilot.errors import ChainpilotError
from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed
from chainpilot.station.agent.ports import NotUnderstood
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.pnc.codec import (
    CarrierRefusal,
    DecodedRequest,
    OcppCall,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import PncRequest, PncResponse
from chainpilot.wire.pnc.tables import DIALECTS

__all__ = ["FAULTS", "Answer", "ScriptedVoice", "WireVoice"]

Answer = PncResponse | ChainpilotError | None
"""What is answered or raised; None: nothing ever."""

FAULTS: dict[str, Callable[[], ChainpilotError]] = {
    "callerror": lambda: CallRefused("Authorize", ErrorCode.INTERNAL_ERROR, "no such table: tokens"),
    "not understood": lambda: NotUnderstood("Authorize", "dialect H: UnknownVendorId"),
    "closed": lambda: LinkClosed("Authorize", sent=True, code=1006),
    "not sent": lambda: CallTimedOut("Authorize", sent=False),
    "timed out": lambda: CallTimedOut("Authorize", sent=True),
}
"""How a question fails, by name."""


class ScriptedVoice:
    """Answers every question as the script says."""

    def __init__(self, script: Callable[[PncRequest], Answer]) -> None:
        self._script = script
        self.asked: list[PncRequest] = []
        self.patience: list[float | None] = []
        self.heard = asyncio.Event()
        self.cut_short = asyncio.Event()
        """Somebody stopped waiting for an answer."""

    @classmethod
    def saying(cls, answer: Answer) -> "ScriptedVoice":
        """One that has the same answer for everything."""
        return cls(lambda _: answer)

    async def ask(self, request: PncRequest, *, answer_timeout: float | None = None) -> PncResponse:
        """As the script says."""
        self.asked.append(request)
        self.patience.append(answer_timeout)
        self.heard.set()
        answer = self._script(request)
        if isinstance(answer, ChainpilotError):
            raise answer
        if answer is None:
            try:
                await asyncio.Event().wait()
            finally:
                self.cut_short.set()
        assert answer is not None
        return answer


class WireVoice:
    """Speaks one dialect with a CSMS over the real codec, and keeps the calls and answers as they went."""

    def __init__(self, dialect: Dialect, csms: Callable[[PncRequest], PncResponse]) -> None:
        self.dialect = dialect
        self._csms = csms
        self.calls: list[OcppCall] = []
        self.understood: list[PncRequest] = []

    async def ask(self, request: PncRequest, *, answer_timeout: float | None = None) -> PncResponse:
        """What the CSMS's answer says after its way over the wire; raises InexpressibleError as the codec does."""
        call = encode_request(request, self.dialect)
        self.calls.append(call)
        heard = decode_request(call.action, call.payload, DIALECTS[self.dialect].version)
        assert isinstance(heard, DecodedRequest)
        self.understood.append(heard.request)
        payload = encode_response(self._csms(heard.request), heard.dialect)
        answer = decode_response(request, self.dialect, payload)
        if isinstance(answer, CarrierRefusal):
            raise NotUnderstood(call.action, answer.why)
        return answer
