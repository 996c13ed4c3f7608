"""One connection shared by a ChargePoint of PyPI's `ocpp` and the agent: who gets a message, and when the agent speaks.

An `Attached` stands between the WebSocket and the ChargePoint, which knows it as its connection. What is neither asked
of the agent nor an answer to it passes through as it is, letter by letter, either way. The agent's answers are given by
`link.ocpp` in tasks of its own, so that the library's receive loop, which waits for its handlers, neither delays nor
blocks them; what follows an answer runs once it is on the wire.
"""

import asyncio
import inspect
import logging
import secrets
import ssl
from collections.abc import Awaitable
from functools import partial
from typing import Any, Final, Protocol

from chainpilot.errors import OwnError, outline
from chainpilot.link.faults import SocketClosed
from chainpilot.link.ocpp import Answer, OcppLink
from chainpilot.link.watch import seen_received
from chainpilot.pki.certificate import Certificate
from chainpilot.station.adapters.mobilityhouse import settings_parts
from chainpilot.station.adapters.mobilityhouse.ends import AgentsEnd, StationsEnd
from chainpilot.station.adapters.mobilityhouse.line import ChargePoint, ChargePointLine, Ids
from chainpilot.station.adapters.mobilityhouse.shares import Claim, Shares, claim
from chainpilot.station.adapters.ocpp_client import anchor_of
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.conversation import Conversation
from chainpilot.wire.ocppj.events import FrameRefused
from chainpilot.wire.ocppj.frames import Call, CallError, CallResult, ErrorCode, Frame, FrameError, MessageType, decode
from chainpilot.wire.version import OcppVersion

__all__ = ["RESTART_SECONDS", "Attached", "NotAttachable", "Socket"]

RESTART_SECONDS: Final = 60.0
"""Before a conversation that failed is begun again."""
_MAX_NOTED: Final = 16
"""The station's calls whose answers are waited for; the library makes one at a time."""
_BOOT: Final = "BootNotification"
_HEARTBEAT: Final = "Heartbeat"

_log = logging.getLogger(__name__)


class NotAttachable(OwnError):
    """The agent can't be attached so; `why` says it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Socket(Protocol):
    """An open WebSocket as PyPI's `ocpp` uses it, such as a connection of `websockets`."""

    def recv(self) -> Awaitable[Any]:
        """The next message; raises what it likes once the connection has ended."""
        ...

    def send(self, message: str, /) -> Awaitable[Any]:
        """Send one message."""
        ...


class Attached:
    """Is the ChargePoint's connection; made by `attach`, one for each WebSocket.

    What else is asked of a connection (`close`, `subprotocol` and so on) is the WebSocket's own.
    """

    def __init__(self, agent: Agent, socket: Socket, version: OcppVersion, shares: Shares) -> None:
        self._agent = agent
        self._socket = socket
        self._version = version
        self._shares = shares
        self._ids = Ids()
        self._line = ChargePointLine(version, self._ids, agent.clock)
        self._charge_point: ChargePoint | None = None
        self._for_station = StationsEnd(self._ids, agent.clock)
        self._for_agent = AgentsEnd(socket.send)
        self._noted: dict[str, str] = {}
        self._accepted = asyncio.Event()
        self._refused = asyncio.Event()
        self._anchor: Certificate | None = None

    async def serve(self, charge_point: ChargePoint) -> None:
        """Run the ChargePoint, and the agent beside it, until the connection ends; in place of `charge_point.start()`.

        Raises:
                NotAttachable: this connection was served before, or its `call` is another one than the library's.
            Exception: whatever `charge_point.start()` raises, such as the WebSocket's ConnectionClosed.
        """
        self._bind(charge_point)
        conversation = self._agent.converse(self._line, boots=False)
        link = OcppLink(
            self._for_agent,
            partial(self._answer, conversation),
            clock=self._agent.clock,
            watch=self._agent.hear_frame,
            name="CSMS",
            version=self._version,
        )
        self._rest_on_root()
        try:
            await self._run(charge_point.start(), link.run(), self._read(), self._converse(conversation))
        finally:
            self._line.close("the station stopped")
            self._agent.flows.roots.rest_on_none()

    def accepted(self) -> None:
        """The CSMS has accepted the station: the agent may speak.

        Only for a station that doesn't send BootNotification over every connection: where it does, that is noticed.
        """
        self._refused.clear()
        self._accepted.set()

    async def recv(self) -> str | bytes:
        """The next message for the station. Raises what the WebSocket raised, once it has."""
        if self._charge_point is None:
            raise NotAttachable("it is `await attached.serve(charge_point)` that runs the ChargePoint, not its start()")
        return await self._for_station.recv()

    async def send(self, message: str) -> None:
        """Send a message of the station's, or what it stands for. Raises what the WebSocket raises."""
        try:
            frame = decode(message)
        except FrameError as fault:
            if fault.message_id is None or not self._ids.has(fault.message_id):
                await self._socket.send(message)
                return
            frame = CallError(fault.message_id, ErrorCode.INTERNAL_ERROR, "the station's answer can't be read")
        if not self._ids.has(frame.message_id):
            self._note(frame)
            await self._socket.send(message)
        elif isinstance(frame, Call):
            await self._send_ours(frame)
        else:
            self._for_station.answered(frame)

    def __getattr__(self, name: str) -> Any:
        """What else a station asks of its connection."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._socket, name)

    def _bind(self, charge_point: ChargePoint) -> None:
        if self._charge_point is not None:
            raise NotAttachable("a connection is served once; the next WebSocket is attached anew")
        try:
            _signature_of(charge_point).bind(object(), suppress=False, unique_id="", skip_schema_validation=True)
        except (AttributeError, TypeError, ValueError) as error:
            why = "the ChargePoint's `call` must take payload, suppress, unique_id and skip_schema_validation"
            raise NotAttachable(why) from error
        self._charge_point = charge_point
        self._line.over(charge_point)

    async def _run(self, station: Awaitable[Any], link: Awaitable[None], *others: Awaitable[None]) -> None:
        """All of it until the ChargePoint's own loop ends, or anything else fails, which is raised."""
        serving, answering, *_ = tasks = [asyncio.ensure_future(one) for one in (station, link, *others)]
        try:
            while not serving.done():
                waited = [task for task in tasks if not task.done()]
                done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {serving}:
                    task.result()
            if self._for_agent.is_over:
                await answering  # what was begun for the CSMS is ended in peace, within the link's own grace
            serving.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # Messages of the CSMS.

    async def _read(self) -> None:
        """Read beside the ChargePoint's loop, which may be in a handler that waits for the agent."""
        while True:
            try:
                message = await self._socket.recv()
            except Exception as error:  # noqa: BLE001 - the border of house style rule 4: it is the station's, as it is
                self._line.close(f"the WebSocket ended by {type(error).__name__}")
                self._for_agent.end()
                await self._for_station.end(error)
                return
            await self._sort(message)

    async def _sort(self, message: str | bytes) -> None:
        try:
            frame = decode(message)
        except FrameError as fault:
            await self._sort_unreadable(message, fault)
            return
        if isinstance(frame, Call):
            is_claimed = self._claim(frame.action, frame.payload) is not Claim.NOTHING
            await (self._for_agent.put(message) if is_claimed else self._for_station.put(message))
        elif self._ids.has(frame.message_id):
            self._line.incoming(frame)
        else:
            self._hear(frame)
            await self._for_station.put(message)

    async def _sort_unreadable(self, message: str | bytes, fault: FrameError) -> None:
        self._agent.hear_frame(seen_received(message, FrameRefused(fault, answered=False)))
        is_answer = fault.message_type is not MessageType.CALL
        if is_answer and fault.message_id is not None and self._ids.has(fault.message_id):
            self._line.unreadable(fault.message_id, fault)
        else:
            await self._for_station.put(message)

    def _claim(self, action: str, payload: object) -> Claim:
        return claim(self._version, action, payload, self._shares, is_handled=self._has_handler(action))

    def _has_handler(self, action: str) -> bool:
        handlers = self._charge_point.route_map.get(action) if self._charge_point is not None else None
        return handlers is not None and "_on_action" in handlers

    def _hear(self, frame: CallResult | CallError) -> None:
        """An answer to a call of the station's own; the agent minds those that tell the time, or let it speak."""
        action = self._noted.pop(frame.message_id, None)
        if action is None or not isinstance(frame, CallResult):
            return
        if action == _HEARTBEAT:
            self._agent.hear_heartbeat(frame.payload)
        elif self._agent.hear_boot(frame.payload):
            self.accepted()
        else:
            self._accepted.clear()
            self._refused.set()

    # Messages of the station.

    def _note(self, frame: Frame) -> None:
        if not isinstance(frame, Call) or frame.action not in {_BOOT, _HEARTBEAT}:
            return
        self._noted[frame.message_id] = frame.action
        if len(self._noted) > _MAX_NOTED:
            del self._noted[next(iter(self._noted))]

    async def _send_ours(self, call: Call) -> None:
        text = self._line.outgoing(call.message_id)
        if text is None:
            raise SocketClosed(1006, "the agent has given its call up")
        try:
            await self._socket.send(text)
        except Exception:  # the border of house style rule 4: the agent's call ends by LinkClosed
            self._line.broken(call.message_id)
            raise

    # What the agent answers and says.

    async def _answer(self, conversation: Conversation, action: str, payload: object) -> Answer:
        """The agent's answer, joined with the station's own where both have a part. Raises RpcFault."""
        divided = None
        if self._claim(action, payload) is Claim.SETTINGS:
            divided = settings_parts.divide(self._version, action, payload, self._shares.settings)
        if divided is None:
            return await conversation.answer(action, payload)
        theirs: dict[str, object] = {}
        if divided.theirs is not None:
            is_asked = self._has_handler(action) and action not in self._shares.over_own
            unknown = settings_parts.unknown(action, divided.theirs)
            theirs = await self._for_station.ask(action, divided.theirs) if is_asked else unknown
        if divided.ours is None:
            return Answer(theirs)
        said = await conversation.answer(action, divided.ours)
        return Answer(settings_parts.joined(action, divided, said.payload, theirs), said.follow_up)

    async def _converse(self, conversation: Conversation) -> None:
        """Let the agent speak while the station is accepted; a failure of ours ends nothing of the station's."""
        while True:
            await self._accepted.wait()
            if self._anchor is not None:
                await asyncio.to_thread(self._agent.security.csms_root_worked, self._anchor)
            speaking = asyncio.ensure_future(conversation.run())
            refused = asyncio.ensure_future(self._refused.wait())
            try:
                await asyncio.wait((speaking, refused), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (speaking, refused):
                    task.cancel()
                await asyncio.gather(speaking, refused, return_exceptions=True)
            if speaking.cancelled():
                continue
            error = speaking.exception()
            if error is None:
                return
            _log.error("incident %s: the agent's conversation ended by %s", secrets.token_hex(4), outline(error))
            await self._agent.clock.sleep_until(self._agent.clock.monotonic() + RESTART_SECONDS)

    def _rest_on_root(self) -> None:
        """Tell the agent which CSMS root this connection rests on, so that it isn't deleted (M04.FR.06).

        Of a connection that doesn't tell whether it has TLS none is deleted.
        """
        roots = self._agent.flows.roots
        tell = getattr(getattr(self._socket, "transport", None), "get_extra_info", None)
        if tell is None:
            roots.rest_on(None)
            return
        tls = tell("ssl_object")
        if tls is None:
            roots.rest_on_none()
            return
        if tls.context.verify_mode is ssl.CERT_REQUIRED:
            self._anchor = anchor_of(tls)
        roots.rest_on(self._anchor)


def _signature_of(charge_point: ChargePoint) -> inspect.Signature:
    return inspect.signature(charge_point.call)
