"""Which stations are connected, and the way to them: `chainpilot.cpms.ports.StationLink`.

A station has one session; a newer connection ends the older one, and its number fences what the older still does.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal

from chainpilot.clock import Clock
from chainpilot.cpms.model import SecurityProfile
from chainpilot.cpms.ports import NotSpoken, StationRefused, StationUndecided
from chainpilot.link.ocpp import CallRefused, CallTimedOut, LinkClosed, OcppLink
from chainpilot.pki.identity import StationId
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.jsontext import UnwritableJsonError
from chainpilot.wire.ocppj.frames import ErrorCode, FrameError, UnwritableFrameError
from chainpilot.wire.ocppj.rpc import QueueFullError
from chainpilot.wire.pnc.codec import CarrierRefusal, OcppCall, decode_response, encode_request
from chainpilot.wire.pnc.dialects import CarrierStatus, Dialect
from chainpilot.wire.pnc.fields import NO_QUIRKS, InexpressibleError, Quirk
from chainpilot.wire.pnc.messages import PncRequest, PncResponse
from chainpilot.wire.pnc.tables import DIALECTS, NATIVE
from chainpilot.wire.schema import Message, SchemaBreach, UnwritableMessageError, read_answer, write_message
from chainpilot.wire.version import OcppVersion

__all__ = ["QUIET", "Session", "Sessions"]

QUIET: Final = 10.0
"""Seconds after which a connected station that says nothing may be asked all the same."""

_NEVER_SERVED: Final = frozenset({ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_SUPPORTED})
"""The CALLERRORs that say what the station is; any other may be a moment's trouble (a full queue, a restart)."""
_SAID_NO: Final = {status.value: status for status in CarrierStatus if status is not CarrierStatus.ACCEPTED}
_ANSWERS: Final[Mapping[OcppVersion, Mapping[type[Message], type[Message]]]] = {
    OcppVersion.V16: ocpp16.ANSWERS,
    OcppVersion.V201: ocpp201.ANSWERS,
}

_ASKED_IN: Final = {
    OcppVersion.V16: (Dialect.S, Dialect.H, Dialect.O),
    OcppVersion.V201: (Dialect.V201,),
    OcppVersion.V21: (Dialect.V21,),
}
"""What a station may be asked in that it was not heard to speak: what it does not serve it refuses without harm."""

_epochs = count(1)


@dataclass(slots=True)
class Session:
    """One live connection of a station."""

    station_id: StationId
    profile: SecurityProfile
    """The one its connection came in with."""
    version: OcppVersion = OcppVersion.V16
    spoken: dict[Dialect, None] = field(default_factory=dict)
    """The dialects of its messages, the latest last."""
    link: OcppLink | None = None
    """Set before the session is entered."""
    epoch: int = field(default_factory=lambda: next(_epochs))
    """Higher is newer; counts within this process, which is alone with its database."""
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the station may be asked: its first call was answered, or it stayed silent for `QUIET`."""

    def note(self, dialect: Dialect) -> bool:
        """The station spoke it; whether that changes what it is asked in."""
        if next(reversed(self.spoken), None) is dialect:
            return False
        before = self.dialects, dialect in self.spoken
        self.spoken.pop(dialect, None)
        self.spoken[dialect] = None
        return before != (self.dialects, True)

    @property
    def dialects(self) -> tuple[Dialect, ...]:
        """What it may be asked in, the first that has words for it.

        OCPP's own messages once it has used them, then the DataTransfer that it used last, H where it used none. On
        1.6 a station has its client certificate by its own messages and its SECC leaf by DataTransfer.
        """
        own = NATIVE[self.version].dialect
        if self.version is not OcppVersion.V16:
            return (own,)
        # a record may tell of connections in other versions
        carried = [one for one in reversed(self.spoken) if one is not own and DIALECTS[one].version is self.version]
        return (*((own,) if own in self.spoken else ()), *(carried[:1] or [Dialect.H]))

    async def hear(self) -> None:
        """The station was answered; it may be asked from now on."""
        self.heard.set()

    async def until_heard(self, clock: Clock) -> None:
        """Wait for the station's first call to be answered, `QUIET` seconds at most.

        A station that has not booted yet refuses calls; one that only reconnects says nothing for minutes.
        """
        silence = asyncio.create_task(_wait(clock, clock.monotonic() + QUIET))
        hearing = asyncio.create_task(self.heard.wait())
        try:
            await asyncio.wait((silence, hearing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            silence.cancel()
            hearing.cancel()
        self.heard.set()


class Sessions:
    """The connected stations of this process."""

    def __init__(self) -> None:
        self._by_station: dict[StationId, Session] = {}

    def __len__(self) -> int:
        """How many stations are connected."""
        return len(self._by_station)

    def enter(self, session: Session) -> Session | None:
        """Make it the station's session; the older one, if there was one, is returned for closing."""
        older = self._by_station.get(session.station_id)
        self._by_station[session.station_id] = session
        return older

    def leave(self, session: Session) -> None:
        """It has ended; a newer session of the station stays."""
        current = self._by_station.get(session.station_id)
        if current is not None and current.epoch == session.epoch:
            del self._by_station[session.station_id]

    def connected(self, station_id: StationId) -> bool:
        """Whether the station can be asked at this moment; a connection that has ended only clears up."""
        session = self._by_station.get(station_id)
        return session is not None and session.link is not None and session.link.end is None and session.heard.is_set()

    def version(self, station_id: StationId) -> OcppVersion:
        """Of its connection. Raises StationUndecided when it is offline."""
        return self._online(station_id)[0].version

    def dialects(self, station_id: StationId, request: PncRequest) -> tuple[Dialect, ...]:
        """What has words for it: first what the station was heard to speak, then what it may know all the same.

        Raises StationUndecided when it is offline, NotSpoken where nothing has words for it.
        """
        session = self._online(station_id)[0]
        known = session.dialects if session.version is not OcppVersion.V16 or session.spoken else ()
        able = tuple(one for one in dict.fromkeys((*known, *_ASKED_IN[session.version])) if _can_say(request, one))
        if not able:
            raise NotSpoken(f"nothing that is spoken over {session.version.value} has words for this")
        return able

    def note(self, station_id: StationId, dialect: Dialect) -> tuple[Dialect, ...] | None:
        """The station understood this dialect; all that it is known to speak if that is news, None if it is not."""
        session = self._by_station.get(station_id)
        if session is None or dialect in session.spoken:
            return None
        session.note(dialect)
        return tuple(session.spoken)

    async def ask(
        self,
        station_id: StationId,
        request: PncRequest,
        quirks: frozenset[Quirk] = NO_QUIRKS,
        dialect: Dialect | None = None,
    ) -> PncResponse:
        """Ask in `dialect` or else in the station's own, in the quirks' spellings, and return its answer.

        Raises StationRefused, StationUndecided, NotSpoken.
        """
        session, link = self._online(station_id)
        try:
            spoken, call = _worded(request, (dialect,) if dialect is not None else session.dialects, quirks)
        except (InexpressibleError, UnwritableJsonError) as error:
            raise NotSpoken(str(error)) from error
        response = decode_response(request, spoken, await _call(link, call.action, call.payload))
        if isinstance(response, CarrierRefusal):
            said = f"{response.status}: {response.why}"
            status = _SAID_NO.get(response.status)
            if status is None:
                raise StationUndecided(response.why, sent=True, is_answered=True)
            raise StationRefused(said, status, is_unserved=status is not CarrierStatus.REJECTED)
        return response

    async def tell(self, station_id: StationId, message: Message) -> Message:
        """Send one of OCPP's own messages and return its answer.

        Raises StationRefused, StationUndecided, NotSpoken.
        """
        session, link = self._online(station_id)
        action = type(message).__name__
        answer = _ANSWERS.get(session.version, {}).get(type(message))
        if answer is None:
            raise NotSpoken(f"it speaks {session.version.value}, which has no such {action}")
        try:
            written = write_message(message)
        except UnwritableMessageError as error:
            raise NotSpoken(str(error)) from error
        payload = await _call(link, action, written)
        try:
            return read_answer(payload, answer, session.version)
        except SchemaBreach as breach:
            why = f"its answer to {action} can't be read: {breach.why}"
            raise StationUndecided(why, sent=True, is_answered=True) from breach

    def _online(self, station_id: StationId) -> tuple[Session, OcppLink]:
        session = self._by_station.get(station_id)
        if session is None or session.link is None:
            raise StationUndecided("the station is offline", sent=False)
        return session, session.link


async def _call(link: OcppLink, action: str, payload: Mapping[str, object]) -> object:
    """The answer's payload. Raises StationRefused, StationUndecided, NotSpoken."""
    try:
        return await link.call(action, payload)
    except CallRefused as error:
        if isinstance(error.__cause__, FrameError):
            raise StationUndecided(error.description, sent=True, is_answered=True) from error
        said = f"CALLERROR {error.code.value}" + (f": {error.description}" if error.description else "")
        if error.code in _NEVER_SERVED:
            raise StationRefused(said, is_unserved=True) from error
        raise StationUndecided(said, sent=True, is_answered=True) from error
    except (CallTimedOut, LinkClosed) as error:
        raise StationUndecided(str(error), sent=error.sent) from error
    except QueueFullError as error:
        raise StationUndecided(str(error), sent=False) from error
    except (UnwritableFrameError, UnwritableJsonError) as error:
        raise NotSpoken(str(error)) from error


def _can_say(request: PncRequest, dialect: Dialect) -> bool:
    try:
        encode_request(request, dialect)
    except InexpressibleError:
        return False
    except UnwritableJsonError:  # asking tells what is wrong
        return True
    return True


def _worded(request: PncRequest, dialects: tuple[Dialect, ...], quirks: frozenset[Quirk]) -> tuple[Dialect, OcppCall]:
    """The call in the first dialect that can say it. Raises InexpressibleError where none can."""
    *others, last = dialects
    for dialect in others:
        with suppress(InexpressibleError):
            return dialect, encode_request(request, dialect, quirks)
    return last, encode_request(request, last, quirks)


async def _wait(clock: Clock, moment: float) -> Literal[True]:
    await clock.sleep_until(moment)
    return True
