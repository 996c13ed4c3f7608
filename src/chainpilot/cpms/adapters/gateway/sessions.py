"""Which stations are connected, and the way to them: `chainpilot.cpms.ports.StationLink`.

A station has one session; a newer connection ends the older one, and its number fences what the older still does.
"""

from dataclasses import dataclass, field
from itertools import count

from chainpilot.cpms.ports import StationRefused, StationUndecided
from chainpilot.errors import ChainpilotError
from chainpilot.link.ocpp import CallRefused, CallTimedOut, LinkClosed, OcppLink
from chainpilot.pki.identity import StationId
from chainpilot.wire.pnc.codec import CarrierRefusal, decode_response, encode_request
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import PncRequest, PncResponse

__all__ = ["Session", "Sessions"]

_epochs = count(1)


@dataclass(slots=True)
class Session:
    """One live connection of a station."""

    station_id: StationId
    dialect: Dialect = Dialect.H
    """The one its last message was in."""
    link: OcppLink | None = None
    """Set before the session is entered."""
    epoch: int = field(default_factory=lambda: next(_epochs))
    """Higher is newer; counts within this process, which is alone with its database."""


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
        """Whether the station has a live connection at this moment; one that has ended only clears up."""
        session = self._by_station.get(station_id)
        return session is not None and session.link is not None and session.link.end is None

    async def ask(self, station_id: StationId, request: PncRequest) -> PncResponse:
        """Ask in the station's dialect and return its answer. Raises StationRefused, StationUndecided."""
        session = self._by_station.get(station_id)
        if session is None or session.link is None:
            raise StationUndecided("the station is offline", sent=False)
        try:
            call = encode_request(request, session.dialect)
            payload = await session.link.call(call.action, call.payload)
        except CallRefused as error:
            raise StationRefused(f"CALLERROR {error.code.value}: {error.description}") from error
        except (CallTimedOut, LinkClosed) as error:
            raise StationUndecided(str(error), sent=error.sent) from error
        except ChainpilotError as error:
            raise StationUndecided(str(error), sent=False) from error
        response = decode_response(request, session.dialect, payload)
        if isinstance(response, CarrierRefusal):
            raise StationRefused(f"{response.status}: {response.why}")
        return response
