"""A station that answers the CSMS's calls over a real WebSocket, in one or several dialects, as a test tells it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from backoffice import STATION, BackOffice
from chainpilot.cpms.model import CallId, StationCall, Step
from chainpilot.cpms.model.demands import Demand
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.pnc.codec import DecodedRequest, decode_request, encode_response, is_pnc
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import PncRequest, PncResponse
from chainpilot.wire.pnc.tables import DIALECTS
from chainpilot.wire.schema import Message, read_message, write_message
from chainpilot.wire.version import OcppVersion

__all__ = [
    "BOOTS",
    "SILENCE",
    "AnsweringStation",
    "Replies",
    "Reply",
    "Said",
    "answering",
    "by_message",
    "carried_out",
    "ended",
]

BOOTS: Final[Mapping[OcppVersion, dict[str, Any]]] = {
    OcppVersion.V16: {"chargePointVendor": "V", "chargePointModel": "M"},
    OcppVersion.V201: {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}},
}
"""What a station says when it has started."""

SILENCE = object()
"""What stands for no answer at all."""
Said = PncRequest | Message
Reply = PncResponse | Message | dict[str, Any] | list[Any] | object
"""An answer, the payload of one, a whole frame without its id (CALLERROR), or SILENCE."""

Replies = Callable[[Said, str], Reply]
"""What a station says to a question, given what it means and how it came, as text."""


def by_message(*replies: tuple[type[Any], Reply]) -> Replies:
    """To each of these messages always the same; nothing else is asked."""
    known = dict(replies)
    return lambda said, text: known[type(said)]


_NATIVE = {
    (version, kind.__name__): kind
    for version, answers in ((OcppVersion.V16, ocpp16.ANSWERS), (OcppVersion.V201, ocpp201.ANSWERS))
    for kind in answers
}


@dataclass
class AnsweringStation:
    """The station's end of one connection."""

    socket: ClientConnection
    speaks: tuple[Dialect, ...]
    reply: Replies
    heard: list[Said] = field(default_factory=list)
    """What it was asked, understood or not refused for its dialect."""
    frames: list[Any] = field(default_factory=list)
    """Every call, as it came."""
    unknown: list[Any] = field(default_factory=lambda: [4, "NotImplemented", "", {}])
    """What answers OCPP's own messages that it does not know."""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once there was a call."""
    _answers: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)

    @property
    def version(self) -> OcppVersion:
        """Of the connection."""
        return DIALECTS[self.speaks[0]].version

    async def call(self, action: str, payload: dict[str, Any]) -> Any:
        """A call of the station, and the frame that answers it."""
        await self.socket.send(json.dumps([2, "own", action, payload]))
        return await self._answers.get()

    async def boot(self) -> None:
        """BootNotification, which is accepted."""
        kind, _, told = await self.call("BootNotification", BOOTS[self.version])
        assert (kind, told["status"]) == (3, "Accepted")

    def payloads(self, action: str) -> list[Any]:
        """Of the calls that it got with this action, as they came."""
        return [frame[3] for frame in self.frames if frame[2] == action]

    async def serve(self) -> None:
        """Answer until the connection ends."""
        try:
            async for text in self.socket:
                frame = json.loads(text)
                if frame[0] != 2:
                    await self._answers.put(frame)
                    continue
                self.frames.append(frame)
                self.came.set()
                answer = self._answer(frame[2], frame[3])
                if answer is not SILENCE:
                    kind, *rest = answer
                    await self.socket.send(json.dumps([kind, frame[1], *rest]))
        except ConnectionClosed:
            return

    def _answer(self, action: str, payload: dict[str, Any]) -> Any:
        native = _NATIVE.get((self.version, action))
        if native is not None:
            message = read_message(payload, native, self.version)
            self.heard.append(message)
            return self._framed(self.reply(message, str(payload)), None)
        if not is_pnc(action, self.version):
            return self.unknown
        decoded = decode_request(action, payload, self.version)
        if isinstance(decoded, DecodedRequest) and decoded.dialect not in self.speaks:
            return [3, {"status": "UnknownVendorId"}] if action == "DataTransfer" else self.unknown
        assert isinstance(decoded, DecodedRequest), decoded
        self.heard.append(decoded.request)
        return self._framed(self.reply(decoded.request, str(payload)), decoded.dialect)

    def _framed(self, reply: Reply, dialect: Dialect | None) -> Any:
        match reply:
            case dict():
                return [3, reply]
            case list() | None:
                return reply
            case Message():
                return [3, write_message(reply)]
            case _ if reply is SILENCE:
                return SILENCE
            case _:
                assert isinstance(reply, PncResponse)
                assert dialect is not None
                return [3, encode_response(reply, dialect)]


@asynccontextmanager
async def answering(
    office: BackOffice, speaks: Iterable[Dialect], reply: Replies, **options: Any
) -> AsyncIterator[AnsweringStation]:
    """A station that has come in, has booted, and answers with what `reply` makes of each question."""
    spoken = tuple(speaks)
    subprotocols = [Subprotocol(DIALECTS[spoken[0]].version.value)]
    async with office.dial(subprotocols=subprotocols, **options) as socket:
        station = AnsweringStation(socket, spoken, reply)
        serving = asyncio.create_task(station.serve())
        try:
            await station.boot()
            yield station
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def carried_out(office: BackOffice, demand: Demand) -> StationCall:
    """Ordered, and its record when it has ended."""
    ordered = await office.cpms.calls.order(STATION, demand)
    return await ended(office, ordered.call_id)


async def ended(office: BackOffice, call_id: CallId) -> StationCall:
    """Its record when it has ended."""
    times = 0
    while True:
        call = await office.cpms.ledger.call(call_id)
        assert call is not None
        if not call.is_open:
            return call
        times += 1
        await office.steps.until(Step.CALL_ENDED, times)
