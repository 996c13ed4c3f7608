"""Plug & Charge over one connection: each question in the dialect that this CSMS understands.

OCPP 2.0.1 has one; in 1.6 there are three (pnc-messages.md section 1). What was understood once is tried first from
then on, over restarts too. Only a message that the CSMS says it doesn't know is said in another dialect: what it
refused, or answered so that nobody can read it, it may have acted on.
"""

import asyncio
import logging
from collections.abc import Iterable
from enum import Enum
from typing import Final

import msgspec

from chainpilot.link.faults import CallRefused
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.ports import Line, Memory, MemoryFault, NotUnderstood
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.pnc.codec import CarrierRefusal, decode_response, encode_request
from chainpilot.wire.pnc.dialects import CarrierStatus, Dialect
from chainpilot.wire.pnc.fields import InexpressibleError
from chainpilot.wire.pnc.messages import (
    AuthorizeRequest,
    PncRequest,
    PncResponse,
    SignCertificateRequest,
    SignCertificateResponse,
)
from chainpilot.wire.pnc.tables import DIALECTS
from chainpilot.wire.pnc.words import GenericStatus
from chainpilot.wire.version import OcppVersion

__all__ = ["Dialects", "Speech", "Topic", "topic_of"]

DOCUMENT: Final = "dialects"
_UNKNOWN: Final = frozenset({CarrierStatus.UNKNOWN_VENDOR_ID.value, CarrierStatus.UNKNOWN_MESSAGE_ID.value})
_NOT_KNOWN: Final = frozenset({ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_SUPPORTED})

_log = logging.getLogger(__name__)


class Topic(Enum):
    """What is spoken about; a CSMS of 1.6 may know the one in another dialect than the other."""

    V2G = "v2g"
    """ISO 15118: SECC leaf, contracts, OCSP."""
    CLIENT = "client"
    """The station's own client certificate, which the security whitepaper has messages for."""


_NATIVE: Final = {OcppVersion.V201: Dialect.V201, OcppVersion.V21: Dialect.V21}
_USUAL: Final = {Topic.V2G: (Dialect.H, Dialect.O), Topic.CLIENT: (Dialect.S, Dialect.H, Dialect.O)}


def topic_of(request: PncRequest) -> Topic:
    """What that request is about."""
    is_client = isinstance(request, SignCertificateRequest) and request.certificate_type is LeafUse.CSMS
    return Topic.CLIENT if is_client else Topic.V2G


class _Known(msgspec.Struct, frozen=True):
    version: int
    dialects: dict[str, str]


class Dialects:
    """The dialect of 1.6 that the CSMS understood, by topic; kept over restarts."""

    def __init__(self, memory: Memory) -> None:
        """Read what is known; may block.

        Raises:
            MemoryFault: it can't be read.
        """
        self._memory = memory
        self._known: dict[Topic, Dialect] = _read(memory.read(DOCUMENT))

    def order(self, topic: Topic) -> tuple[Dialect, ...]:
        """The dialects to try, the likeliest first.

        A client certificate is asked for in the dialect that is known for V2G, since that says what the request is for,
        until another one is known to serve.
        """
        known = (self._known.get(topic), self._known.get(Topic.V2G), *_USUAL[topic])
        return tuple(dict.fromkeys(one for one in known if one is not None))

    def is_known(self, topic: Topic, dialect: Dialect) -> bool:
        """Whether the CSMS has understood that topic in that dialect."""
        return self._known.get(topic) is dialect

    async def learn(self, topic: Topic, dialect: Dialect) -> None:
        """The CSMS understands, or speaks, that dialect; what can't be written down is known until the next start."""
        if dialect not in _USUAL[topic] or self._known.get(topic) is dialect:
            return
        self._known[topic] = dialect
        known = _Known(1, {one.value: what.value for one, what in self._known.items()})
        try:
            await asyncio.to_thread(self._memory.write, {DOCUMENT: msgspec.json.encode(known)})
        except MemoryFault as fault:
            _log.warning("the CSMS's dialect isn't kept: %s", fault.why)


class Speech:
    """Asks over one line; the agent's `Voice`."""

    def __init__(self, line: Line, dialects: Dialects) -> None:
        self._line = line
        self._dialects = dialects

    async def ask(
        self, request: PncRequest, *, answer_timeout: float | None = None, dialect: Dialect | None = None
    ) -> PncResponse:
        """The answer to `request`; in `dialect`, where the CSMS has just spoken it, and in no other then.

        Raises:
            NotUnderstood: the CSMS knows it in no dialect, or answers unreadably.
            CallRefused: answered with a CALLERROR that says nothing of the message being unknown.
            CallTimedOut: not answered, or not even sent, in time.
            LinkClosed: the connection is, or was meanwhile, closed.
        """
        topic = topic_of(request)
        unknown = NotUnderstood(type(request).__name__, "there is no dialect for it")
        refusal: PncResponse | None = None
        for one in self._ways(request, dialect):
            said = await self._ask_in(one, request, answer_timeout)
            if isinstance(said, NotUnderstood):
                unknown = said
            elif dialect is None and self._may_know_it_otherwise(said, topic, one):
                refusal = said
            else:
                await self._learn(topic, one)
                return said
        if refusal is None:
            raise unknown
        return refusal

    def _ways(self, request: PncRequest, dialect: Dialect | None) -> Iterable[Dialect]:
        if dialect is not None and DIALECTS[dialect].version is self._line.version:
            return (dialect,)
        native = _NATIVE.get(self._line.version)
        if native is not None:
            return (native,)
        # H's text has no certificate: who keeps to it would judge the eMAID alone, which anybody can write into one
        is_judged_there = isinstance(request, AuthorizeRequest) and request.certificate is not None
        return (one for one in self._dialects.order(topic_of(request)) if not (is_judged_there and one is Dialect.H))

    def _may_know_it_otherwise(self, said: PncResponse, topic: Topic, dialect: Dialect) -> bool:
        """Whether a client certificate was refused in a dialect that was a guess: its other messages may serve."""
        return (
            topic is Topic.CLIENT
            and self._line.version is OcppVersion.V16
            and not self._dialects.is_known(topic, dialect)
            and isinstance(said, SignCertificateResponse)
            and said.status is GenericStatus.REJECTED
        )

    async def _learn(self, topic: Topic, dialect: Dialect) -> None:
        if self._line.version is OcppVersion.V16:
            await self._dialects.learn(topic, dialect)

    async def _ask_in(
        self, dialect: Dialect, request: PncRequest, answer_timeout: float | None
    ) -> PncResponse | NotUnderstood:
        """The answer, or that the CSMS doesn't know the message in this dialect."""
        name = type(request).__name__.removesuffix("Request")
        try:
            call = encode_request(request, dialect)
        except InexpressibleError as error:
            return NotUnderstood(name, str(error), is_unknown=False)
        try:
            payload = await self._line.call(call.action, call.payload, answer_timeout=answer_timeout)
        except CallRefused as refused:
            if refused.code in _NOT_KNOWN:
                return NotUnderstood(name, f"dialect {dialect.value}: {refused.code.value}")
            raise
        answer = decode_response(request, dialect, payload)
        if not isinstance(answer, CarrierRefusal):
            return answer
        why = f"dialect {dialect.value}: {answer.why}"
        if answer.status in _UNKNOWN:
            return NotUnderstood(name, why)
        raise NotUnderstood(name, why, is_unknown=False)


def _read(data: bytes | None) -> dict[Topic, Dialect]:
    if data is None:
        return {}
    try:
        known = msgspec.json.decode(data, type=_Known)
        return {Topic(topic): Dialect(dialect) for topic, dialect in known.dialects.items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        _log.warning("what was known of the CSMS's dialects can't be read, and is learned anew")
        return {}
