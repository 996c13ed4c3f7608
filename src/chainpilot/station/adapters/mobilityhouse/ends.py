"""The two ends of a shared WebSocket: the station's, which its ChargePoint reads, and the agent's, for `link.ocpp`.

Which message is for which end is `attached`'s to say.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from chainpilot.clock import Clock
from chainpilot.link.faults import RpcFault, SocketClosed
from chainpilot.station.adapters.mobilityhouse.line import Ids
from chainpilot.station.agent.contracts.deadline import within
from chainpilot.wire.ocppj.frames import Call, CallError, CallResult, ErrorCode, encode

__all__ = ["MAX_WAITING", "STATION_SECONDS", "AgentsEnd", "StationsEnd"]

MAX_WAITING: Final = 64
"""Messages that wait at one end before no more are read: a CSMS must not fill our memory."""
STATION_SECONDS: Final = 30.0
"""That the station's own handler has for its part of a call; a CSMS waits no longer."""


@dataclass(frozen=True, slots=True)
class _Over:
    error: Exception


class StationsEnd:
    """What the ChargePoint is given to read, and what it is asked on the agent's behalf."""

    def __init__(self, ids: Ids, clock: Clock) -> None:
        self._ids = ids
        self._clock = clock
        self._messages: asyncio.Queue[str | bytes | _Over] = asyncio.Queue(MAX_WAITING)
        self._asked: dict[str, asyncio.Future[CallResult | CallError]] = {}

    async def put(self, message: str | bytes) -> None:
        """Hand a message on as it came, once there is room."""
        await self._messages.put(message)

    async def end(self, error: Exception) -> None:
        """The WebSocket ended so; that is found once all messages before it were read."""
        await self._messages.put(_Over(error))

    async def recv(self) -> str | bytes:
        """The next message. Raises what the WebSocket raised, from then on always."""
        message = await self._messages.get()
        if isinstance(message, _Over):
            self._messages.put_nowait(message)  # whoever reads on finds the same end
            raise message.error
        return message

    async def ask(self, action: str, payload: dict[str, object]) -> dict[str, object]:
        """The answer of the station's own handler, asked by a frame like any other. Raises RpcFault."""
        message_id = self._ids.new()
        answer: asyncio.Future[CallResult | CallError] = asyncio.get_running_loop().create_future()
        self._asked[message_id] = answer

        async def asking() -> CallResult | CallError:
            await self.put(encode(Call(message_id, action, payload)))
            return await answer

        try:
            frame = await within(self._clock, self._clock.monotonic() + STATION_SECONDS, asking())
        finally:
            del self._asked[message_id]
        if frame is None:
            raise RpcFault(ErrorCode.INTERNAL_ERROR, "the station's own software didn't answer its part in time")
        if isinstance(frame, CallError):
            raise RpcFault(frame.code, frame.description)
        return frame.payload

    def answered(self, frame: CallResult | CallError) -> None:
        """Take what the ChargePoint answers; an answer that nobody waits for any more is dropped."""
        answer = self._asked.get(frame.message_id)
        if answer is not None and not answer.done():
            answer.set_result(frame)


class AgentsEnd:
    """`link.outbox.MessageSocket` with the calls that are the agent's to answer.

    Args:
        deliver: sends a text over the WebSocket; raises what it likes.
    """

    def __init__(self, deliver: Callable[[str], Awaitable[object]]) -> None:
        self._deliver = deliver
        self._calls: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(MAX_WAITING)
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether the WebSocket has ended."""
        return self._is_over

    async def put(self, message: str | bytes) -> None:
        """Have a call answered, once there is room."""
        await self._room.acquire()
        self._calls.put_nowait(message)

    def end(self) -> None:
        """The WebSocket has ended: nobody waits for answers any more."""
        self._is_over = True
        self._calls.put_nowait(None)

    async def recv(self) -> str | bytes:
        """The next call. Raises SocketClosed."""
        message = None if self._is_over else await self._calls.get()
        if message is None or self._is_over:
            raise SocketClosed
        self._room.release()
        return message

    def offer(self, text: str, /) -> bool:
        """Nothing is sent without waiting."""
        del text
        return False

    async def send(self, text: str, /) -> None:
        """Send an answer. Raises SocketClosed."""
        try:
            await self._deliver(text)
        except Exception as error:  # the border of house style rule 4: whatever the WebSocket raises, it is over
            raise SocketClosed(1006, type(error).__name__) from error

    async def close(self, code: int, reason: str) -> None:
        """Take no more calls; the WebSocket is the station's to close."""
        del code, reason
        self.end()
