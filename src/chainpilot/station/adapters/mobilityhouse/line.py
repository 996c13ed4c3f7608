"""The agent's `Line` over a ChargePoint of PyPI's `ocpp`: in turn with the station's own calls, and lossless.

OCPP-J lets one call be under way at a time, and whose turn it is the ChargePoint's own `call` decides. So each call
of the agent's is made by it, as an empty message under an id of ours. `attached` puts our text in its place on its way
out, and takes the answer off on its way in; then the turn is given back by cancelling it. So neither the library's
renaming of members, nor its classes, nor its log has to do with what the agent says and hears.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, make_dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from chainpilot.clock import Clock
from chainpilot.errors import ChainpilotError, outline
from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed
from chainpilot.wire.ocppj.frames import Call, CallError, CallResult, FrameError, encode
from chainpilot.wire.version import OcppVersion

__all__ = ["TURN_SECONDS", "ChargePoint", "ChargePointLine", "Ids"]

TURN_SECONDS: Final = 120.0
"""That a call waits for its turn: four of the station's own, each with the library's 30 s, may go before it."""
_NO_CODE: Final = 1006
"""RFC 6455 section 7.4.1: the connection ended, and how isn't known here."""

_log = logging.getLogger(__name__)


class Ids:
    """Message ids by which one connection's calls of the agent's are told from everybody else's."""

    def __init__(self) -> None:
        self._prefix = f"chainpilot-{secrets.token_hex(4)}-"

    def new(self) -> str:
        """Another one: 34 of OCPP-J's 36 characters."""
        return self._prefix + secrets.token_hex(7)

    def has(self, message_id: str) -> bool:
        """Whether it is one of these."""
        return message_id.startswith(self._prefix)


class ChargePoint(Protocol):
    """What is used of `ocpp.v16.ChargePoint`, `ocpp.v201.ChargePoint` and classes made of them; all of it public."""

    route_map: Any
    """Handlers by action."""

    def start(self) -> Awaitable[Any]:
        """Read and handle until the connection ends, which it raises."""
        ...

    def call(self, payload: Any, suppress: bool, unique_id: Any, skip_schema_validation: bool) -> Awaitable[Any]:  # noqa: FBT001 - the library's own shape
        """Send a call when its turn has come."""
        ...


@dataclass(slots=True, eq=False)
class _Asked:
    """A call of the agent's that has no answer yet."""

    action: str
    text: str = field(repr=False)
    answer: asyncio.Future[dict[str, object]] = field(repr=False)
    sent: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when the connection begins to take it: from then on the CSMS may have it."""


class ChargePointLine:
    """`agent.ports.Line` over one ChargePoint, which `over` names."""

    def __init__(self, version: OcppVersion, ids: Ids, clock: Clock) -> None:
        self._version = version
        self._ids = ids
        self._clock = clock
        self._charge_point: ChargePoint | None = None
        self._asked: dict[str, _Asked] = {}
        self._ended: str | None = None

    @property
    def version(self) -> OcppVersion:
        """Whose messages are spoken."""
        return self._version

    def over(self, charge_point: ChargePoint) -> None:
        """Call by this ChargePoint from now on."""
        self._charge_point = charge_point

    async def call(self, action: str, payload: Mapping[str, object], *, answer_timeout: float | None = None) -> object:
        """Call the CSMS and return its answer's payload as it came.

        Args:
            action: OCPP action.
            payload: its JSON object.
            answer_timeout: seconds for the answer, from sending; the ChargePoint's own `response_timeout` ends the wait
                too.

        Raises:
            CallRefused: answered with CALLERROR or unreadably.
            CallTimedOut: not answered, or not even sent, in time; also where the library fails.
            LinkClosed: the connection is, or was meanwhile, closed.
            UnwritableFrameError: the payload is not JSON or too large; nothing was sent.
        """
        if self._ended is not None or self._charge_point is None:
            raise self._closed(action, sent=False)
        message_id = self._ids.new()
        text = encode(Call(message_id, action, dict(payload)))
        asked = _Asked(action, text, asyncio.get_running_loop().create_future())
        self._asked[message_id] = asked
        turn = asyncio.ensure_future(_take_turn(self._charge_point, action, message_id))
        turn.add_done_callback(_look_at)
        try:
            await self._wait(asked, turn, answer_timeout)
            return _outcome(asked, turn)
        finally:
            del self._asked[message_id]
            turn.cancel()  # the station's calls go on; an answer that comes after this is nobody's
            if not asked.answer.cancel():
                asked.answer.exception()  # looked at, even if the caller was cancelled in the moment it came

    def outgoing(self, message_id: str) -> str | None:
        """Our text in place of the empty message, and that it is being sent; None where nobody waits any more."""
        asked = self._asked.get(message_id)
        if asked is None or self._ended is not None:
            return None
        asked.sent.set()
        return asked.text

    def broken(self, message_id: str) -> None:
        """The connection didn't take that text to its end."""
        asked = self._asked.get(message_id)
        if asked is not None:
            _settle(asked, self._closed(asked.action, sent=True))

    def incoming(self, frame: CallResult | CallError) -> None:
        """Take an answer of the CSMS to a call under an id of ours; one that nobody waits for any more is dropped."""
        asked = self._asked.get(frame.message_id)
        if asked is None:
            return
        if isinstance(frame, CallResult):
            _settle(asked, frame.payload)
        else:
            _settle(asked, CallRefused(asked.action, frame.code, frame.description))

    def unreadable(self, message_id: str, fault: FrameError) -> None:
        """Take an answer that nobody can read."""
        asked = self._asked.get(message_id)
        if asked is not None:
            refused = CallRefused(asked.action, fault.code, f"its answer cannot be read: {fault.why}")
            refused.__cause__ = fault
            _settle(asked, refused)

    def close(self, why: str) -> None:
        """The connection has ended, and with it every call; the first end counts."""
        if self._ended is not None:
            return
        self._ended = why
        for asked in self._asked.values():
            _settle(asked, self._closed(asked.action, sent=asked.sent.is_set()))

    def _closed(self, action: str, *, sent: bool) -> LinkClosed:
        return LinkClosed(action, sent=sent, code=_NO_CODE, reason=self._ended or "")

    async def _wait(self, asked: _Asked, turn: asyncio.Future[Any], answer_timeout: float | None) -> None:
        """Return when the call is answered, its turn is over, or time is."""
        begun = asyncio.ensure_future(asked.sent.wait())
        try:
            await self._first(TURN_SECONDS, asked.answer, turn, begun)
            if asked.sent.is_set():
                await self._first(answer_timeout, asked.answer, turn)
        finally:
            begun.cancel()
            await asyncio.gather(begun, return_exceptions=True)

    async def _first(self, seconds: float | None, *waits: asyncio.Future[Any]) -> None:
        time = (
            [asyncio.ensure_future(self._clock.sleep_until(self._clock.monotonic() + seconds))]
            if seconds is not None
            else []
        )
        try:
            await asyncio.wait((*waits, *time), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in time:
                one.cancel()
            await asyncio.gather(*time, return_exceptions=True)


async def _take_turn(charge_point: ChargePoint, action: str, message_id: str) -> None:
    await charge_point.call(_empty(action)(), suppress=False, unique_id=message_id, skip_schema_validation=True)


def _look_at(turn: asyncio.Future[None]) -> None:
    if not turn.cancelled():
        turn.exception()


@lru_cache(maxsize=64)
def _empty(action: str) -> type:
    """A message without members: the library names the action by the class."""
    return make_dataclass(action, ())


def _settle(asked: _Asked, outcome: dict[str, object] | ChainpilotError) -> None:
    if asked.answer.done():
        return
    if isinstance(outcome, ChainpilotError):
        asked.answer.set_exception(outcome)
    else:
        asked.answer.set_result(outcome)


def _outcome(asked: _Asked, turn: asyncio.Future[Any]) -> object:
    """The answer, or one of the three faults; what the library raised is its cause."""
    if asked.answer.done():
        return asked.answer.result()
    timed_out = CallTimedOut(asked.action, sent=asked.sent.is_set())
    error = turn.exception() if turn.done() and not turn.cancelled() else None
    if error is not None and not isinstance(error, TimeoutError):
        _log.warning("the ChargePoint didn't carry out the agent's %s: %s", asked.action, outline(error))
    raise timed_out from error
