"""One call of the CSMS to a station, from the demand to what the station said, and the table of its states."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Final, NewType

from chainpilot.cpms.model.demands import Demand
from chainpilot.cpms.model.reasons import Reason
from chainpilot.errors import OwnError
from chainpilot.pki.identity import StationId

__all__ = [
    "CALL_TRANSITIONS",
    "OPEN_CALL_STATES",
    "CallEnd",
    "CallEvent",
    "CallId",
    "CallProgress",
    "CallState",
    "Exchange",
    "ImpossibleCallTransition",
    "NewCall",
    "StationCall",
]

CallId = NewType("CallId", int)
"""Counts up within a database; the requestId of messages that have one."""


class CallState(Enum):
    """How far a call has come."""

    WAITING = "Waiting"
    """For the station, for its turn, or for the next try."""
    SENT = "Sent"
    """Recorded before a message is sent; found again without an answer, the station may have it."""
    DONE = "Done"
    REFUSED = "Refused"
    """By the station, or by us because it can't be said to it; it is not tried again."""
    FAILED = "Failed"
    """Given up."""
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    """The station may have done it, and doing it twice would be worse than not knowing."""
    CANCELLED = "Cancelled"


class CallEvent(Enum):
    """What can happen to a call."""

    SEND = "send"
    """We are about to send a message."""
    ANSWER = "answer"
    """The station answered one."""
    PUT_OFF = "put-off"
    """Later; what waits for the station is due when it expires, and before if the station connects."""
    FINISH = "finish"
    REFUSE = "refuse"
    GIVE_UP = "give-up"
    LOSE = "lose"
    """No answer came to what must not be said twice."""
    CANCEL = "cancel"


_S = CallState
_E = CallEvent
_ENDS: Final[Mapping[CallEvent, CallState]] = {
    _E.FINISH: _S.DONE,
    _E.REFUSE: _S.REFUSED,
    _E.GIVE_UP: _S.FAILED,
    _E.CANCEL: _S.CANCELLED,
}
_ALLOWED: Final[Mapping[CallState, Mapping[CallEvent, CallState]]] = {
    _S.WAITING: {_E.SEND: _S.SENT, _E.PUT_OFF: _S.WAITING, **_ENDS},
    _S.SENT: {
        _E.SEND: _S.SENT,
        _E.ANSWER: _S.SENT,
        _E.PUT_OFF: _S.WAITING,
        _E.LOSE: _S.OUTCOME_UNKNOWN,
        **_ENDS,
    },
}
CALL_TRANSITIONS: Final[Mapping[tuple[CallState, CallEvent], CallState | None]] = {
    (state, event): _ALLOWED.get(state, {}).get(event) for state in CallState for event in CallEvent
}
"""The whole table; None marks what must not happen."""

OPEN_CALL_STATES: Final = frozenset(_ALLOWED)
"""Those that something leads out of."""


class ImpossibleCallTransition(OwnError):
    """An event reached a call in a state where it must not happen; fields: `state`, `event`."""

    def __init__(self, state: CallState, event: CallEvent) -> None:
        self.state = state
        self.event = event
        super().__init__(f"a call in state {state.value} can't {event.value}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One message that was sent for a call, and what came back."""

    action: str
    """As the message is named in OCPP 2.0.1, whatever it was carried by."""
    spoken: str
    """The dialect of Plug & Charge, or OCPP's version for other messages."""
    sent_at: datetime
    sent: Mapping[str, str]
    """Allow-listed facts of the message, no secret among them."""
    answered_at: datetime | None = None
    answer: str | None = None
    """The status, and the station's reason where it gave one; None: none came."""
    is_unsent: bool = False
    """It provably never left; `answer` says why."""
    is_unusable: bool = False
    """What came back is no answer: a CALLERROR that may pass, or what can't be read; `answer` tells it."""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """Why a call that is not done has ended."""

    reason: Reason
    detail: str
    """One sentence with the values seen."""


@dataclass(frozen=True, slots=True)
class CallProgress:
    """What the station told later of the work that a call began (uploads, updates)."""

    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to be written."""

    station_id: StationId
    demand: Demand
    """Without its secrets."""
    ordered_at: datetime
    expires_at: datetime
    is_withheld: bool = False
    """Secrets of the demand are kept in this process's memory alone."""


@dataclass(frozen=True, slots=True)
class StationCall:
    """A call and its record."""

    call_id: CallId
    station_id: StationId
    demand: Demand
    """Without its secrets."""
    state: CallState
    ordered_at: datetime
    changed_at: datetime
    expires_at: datetime
    """When it is given up, wherever it stands."""
    version: int = 0
    """Counts the recorded changes; a change is recorded only on top of the version it was decided on."""
    is_withheld: bool = False
    due: datetime | None = None
    """When it is taken next, if its turn has come; None: it has ended."""
    lease_until: datetime | None = None
    attempts: int = 0
    """Times taken while the station was there; waiting for it does not count."""
    exchanges: tuple[Exchange, ...] = ()
    """Oldest first."""
    end: CallEnd | None = None
    findings: Mapping[str, object] = field(default_factory=dict)
    """What the station told, as JSON values: its list of certificates, values of variables."""
    progress: CallProgress | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still goes on."""
        return self.state in OPEN_CALL_STATES

    @property
    def has_left(self) -> bool:
        """Whether the station may have its last message and no conclusion was drawn from that yet."""
        return self.state is CallState.SENT and bool(self.exchanges) and not self.exchanges[-1].is_unsent

    def after(self, event: CallEvent, at: datetime) -> "StationCall":
        """This call in the state that `event` leads to. Raises ImpossibleCallTransition."""
        state = CALL_TRANSITIONS[self.state, event]
        if state is None:
            raise ImpossibleCallTransition(self.state, event)
        ended = state not in OPEN_CALL_STATES
        return replace(
            self,
            state=state,
            changed_at=at,
            version=self.version + 1,
            due=None if ended else self.due,
            lease_until=None if ended else self.lease_until,
        )
