"""The way to connected stations."""

from typing import Protocol

from chainpilot.errors import OwnError, PeerError, UndecidedError
from chainpilot.pki.identity import StationId
from chainpilot.wire.pnc.dialects import CarrierStatus, Dialect
from chainpilot.wire.pnc.fields import NO_QUIRKS, Quirk
from chainpilot.wire.pnc.messages import (
    PncRequest,
    PncResponse,
)
from chainpilot.wire.schema import Message
from chainpilot.wire.version import OcppVersion

__all__ = ["NotSpoken", "StationLink", "StationRefused", "StationUndecided"]


class StationRefused(PeerError):
    """The station answered, but not with what was asked for.

    Fields: `why` what it said, `status` that of the DataTransfer where it was one that was refused, `is_unserved`
    whether it knows no such message at all, and might know it in another dialect.
    """

    def __init__(self, why: str, status: CarrierStatus | None = None, *, is_unserved: bool = False) -> None:
        self.why = why
        self.status = status
        self.is_unserved = is_unserved
        super().__init__(f"the station answered {why}")


class StationUndecided(UndecidedError):
    """No usable answer from the station.

    Fields: `sent` the message may have reached it (False also when it is offline), `is_answered` something came back
    that is no answer: a CALLERROR, or what can't be read.
    """

    def __init__(self, why: str, *, sent: bool, is_answered: bool = False) -> None:
        self.why = why
        self.sent = sent
        self.is_answered = is_answered
        super().__init__(why)


class NotSpoken(OwnError):
    """What was to be said can't be said to this station; nothing was sent. `why`: a sentence."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class StationLink(Protocol):
    """The way to connected stations."""

    def connected(self, station_id: StationId) -> bool:
        """Whether the station can be asked at this moment: it has a live connection and is past its greeting."""
        ...

    def version(self, station_id: StationId) -> OcppVersion:
        """Of its connection. Raises StationUndecided when it is offline."""
        ...

    def dialects(self, station_id: StationId, request: PncRequest) -> tuple[Dialect, ...]:
        """What has words for it: first what the station was heard to speak, then what it may know all the same.

        Raises StationUndecided when it is offline, NotSpoken where nothing has words for it.
        """
        ...

    def note(self, station_id: StationId, dialect: Dialect) -> tuple[Dialect, ...] | None:
        """The station understood this dialect; all that it is known to speak if that is news, None if it is not."""
        ...

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
        ...

    async def tell(self, station_id: StationId, message: Message) -> Message:
        """Send one of OCPP's own messages and return its answer. Raises StationRefused, StationUndecided, NotSpoken."""
        ...
