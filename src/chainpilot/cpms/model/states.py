"""The states of an enrolment and the one table of what leads from where to where.

Every pair of state and event is in the table: a next state, the same state where a repetition has no second
effect, or None where the event must not happen.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from chainpilot.errors import OwnError

__all__ = [
    "OPEN_STATES",
    "TRANSITIONS",
    "EnrolmentEvent",
    "EnrolmentState",
    "ImpossibleTransition",
    "next_state",
]


class EnrolmentState(Enum):
    """How far one certificate request has come."""

    REQUESTED = "Requested"
    SUBMITTED = "Submitted"
    """Recorded before the POST; found again without an answer, it means that the outcome is not known."""
    PENDING = "Pending"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    ISSUED = "Issued"
    DELIVERED = "Delivered"
    """Recorded before the certificate is sent; the station may or may not have it."""
    INSTALLED = "Installed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class EnrolmentEvent(Enum):
    """What can happen to an enrolment."""

    SUBMIT = "submit"
    """We are about to post the CSR."""
    WITHDRAW = "withdraw"
    """The post provably never left."""
    PUT_OFF = "put-off"
    """The CA could not be asked, or not all it was asked was answered; the same work is due again later."""
    POSTPONE = "postpone"
    """The CA answered 202."""
    LOSE = "lose"
    """The answer to a post is lost, and posting again might issue a second certificate."""
    ANSWER = "answer"
    """The CA's certificates are in hand, unchecked; of a failed enrolment, those it had kept are judged again."""
    ISSUE = "issue"
    """The certificates passed every check; of a failed enrolment, those it had kept."""
    RETRY = "retry"
    """The station asked again with the same CSR after a failure that came before any certificate existed."""
    SEND = "send"
    """We are about to send the chain to the station."""
    ACCEPT = "accept"
    """The station answered Accepted; what its own list says is still to be seen."""
    RESEND = "resend"
    """The station asked again with the same CSR though its certificate exists."""
    CONFIRM = "confirm"
    """The station said, or proved, that it holds the certificate."""
    FAIL = "fail"
    CANCEL = "cancel"
    """A newer CSR for the slot replaces this one, or a person gave it up."""


_Row = Mapping[EnrolmentEvent, EnrolmentState]

_S = EnrolmentState
_E = EnrolmentEvent

_ALLOWED: Final[Mapping[EnrolmentState, _Row]] = {
    _S.REQUESTED: {
        _E.SUBMIT: _S.SUBMITTED,
        _E.PUT_OFF: _S.REQUESTED,
        _E.FAIL: _S.FAILED,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.SUBMITTED: {
        _E.SUBMIT: _S.SUBMITTED,
        _E.WITHDRAW: _S.REQUESTED,
        _E.PUT_OFF: _S.SUBMITTED,
        _E.POSTPONE: _S.PENDING,
        _E.LOSE: _S.OUTCOME_UNKNOWN,
        _E.ANSWER: _S.SUBMITTED,
        _E.ISSUE: _S.ISSUED,
        _E.FAIL: _S.FAILED,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.PENDING: {
        _E.SUBMIT: _S.SUBMITTED,
        _E.POSTPONE: _S.PENDING,
        _E.FAIL: _S.FAILED,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.OUTCOME_UNKNOWN: {
        _E.LOSE: _S.OUTCOME_UNKNOWN,
        _E.ANSWER: _S.SUBMITTED,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.ISSUED: {
        _E.ISSUE: _S.ISSUED,
        _E.SEND: _S.DELIVERED,
        _E.RESEND: _S.ISSUED,
        _E.CONFIRM: _S.INSTALLED,
        _E.FAIL: _S.FAILED,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.DELIVERED: {
        _E.ISSUE: _S.DELIVERED,
        _E.SEND: _S.DELIVERED,
        _E.ACCEPT: _S.DELIVERED,
        _E.RESEND: _S.DELIVERED,
        _E.CONFIRM: _S.INSTALLED,
        _E.FAIL: _S.FAILED,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.INSTALLED: {
        _E.ISSUE: _S.INSTALLED,
        _E.RESEND: _S.ISSUED,
        _E.CONFIRM: _S.INSTALLED,
    },
    _S.FAILED: {
        _E.SUBMIT: _S.SUBMITTED,
        _E.PUT_OFF: _S.FAILED,
        _E.ANSWER: _S.SUBMITTED,
        _E.RETRY: _S.REQUESTED,
        _E.ISSUE: _S.ISSUED,
        _E.RESEND: _S.ISSUED,
        _E.CONFIRM: _S.INSTALLED,
        _E.FAIL: _S.FAILED,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.CANCELLED: {
        _E.ANSWER: _S.CANCELLED,
        _E.CONFIRM: _S.CANCELLED,
        _E.CANCEL: _S.CANCELLED,
    },
}

TRANSITIONS: Final[Mapping[tuple[EnrolmentState, EnrolmentEvent], EnrolmentState | None]] = {
    (state, event): _ALLOWED[state].get(event) for state in EnrolmentState for event in EnrolmentEvent
}
"""The whole table; None marks what must not happen."""

OPEN_STATES: Final = frozenset(
    {
        _S.REQUESTED,
        _S.SUBMITTED,
        _S.PENDING,
        _S.OUTCOME_UNKNOWN,
        _S.ISSUED,
        _S.DELIVERED,
    }
)
"""While an enrolment is in one of these, its slot is taken: one CSR is open per slot."""


class ImpossibleTransition(OwnError):
    """An event reached an enrolment in a state where it must not happen; fields: `state`, `event`."""

    def __init__(self, state: EnrolmentState, event: EnrolmentEvent) -> None:
        self.state = state
        self.event = event
        super().__init__(f"an enrolment in state {state.value} can't {event.value}")


def next_state(state: EnrolmentState, event: EnrolmentEvent) -> EnrolmentState:
    """The state after `event`. Raises ImpossibleTransition where the table has none."""
    after = TRANSITIONS[state, event]
    if after is None:
        raise ImpossibleTransition(state, event)
    return after
