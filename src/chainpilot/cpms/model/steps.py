"""The steps of the main job, told to whoever watches, right after each was taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from chainpilot.cpms.model.enrolments import EnrolmentId
from chainpilot.pki.identity import StationId
from chainpilot.pki.trust import LeafUse

__all__ = ["Step", "StepTaken"]


class Step(Enum):
    """One step; between any two of them the process may die."""

    TURNED_AWAY = "turned-away"
    """Whoever knocked was not let in; the name it gave is no proof of who it was."""
    STATION_CONNECTED = "station-connected"
    CLIENT_CERTIFICATE_SEEN = "client-certificate-seen"
    MESSAGE_REFUSED = "message-refused"
    """A station's message could not be understood; it was answered so, and nothing is recorded."""
    CHARGING_REFUSED = "charging-refused"
    """Whoever showed a token at the station may not charge; it was answered so."""
    REQUEST_ACCEPTED = "request-accepted"
    """Enrolment and job are recorded; the answer has not been sent."""
    REQUEST_REFUSED = "request-refused"
    JOB_TAKEN = "job-taken"
    SUBMIT_RECORDED = "submit-recorded"
    POSTED = "posted"
    """The CA's answer is in hand, nothing of it is recorded."""
    ANSWER_RECORDED = "answer-recorded"
    CACERTS_READ = "cacerts-read"
    CHAIN_CHECKED = "chain-checked"
    ISSUE_RECORDED = "issue-recorded"
    POSTPONED = "postponed"
    PUT_OFF = "put-off"
    """The peer could not be asked; the same work is due again later."""
    OUTCOME_UNKNOWN = "outcome-unknown"
    WAITS_FOR_STATION = "waits-for-station"
    DELIVERY_RECORDED = "delivery-recorded"
    SIGNED_ANSWERED = "signed-answered"
    READ_BACK = "read-back"
    INSTALL_RECORDED = "install-recorded"
    FAILED = "failed"
    STATUS_ANSWERED = "status-answered"
    """What an OCSP responder says of a station's certificates was passed on."""
    STATUS_REFUSED = "status-refused"
    CALL_ORDERED = "call-ordered"
    """Somebody wants something of the station; it is recorded."""
    CALL_SENT = "call-sent"
    """The message is recorded; it is sent next."""
    CALL_ANSWERED = "call-answered"
    CALL_PUT_OFF = "call-put-off"
    CALL_ENDED = "call-ended"
    CALL_PROGRESS = "call-progress"
    """The station told how far it is with what a call began."""
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a word for people
    """The station came in with the password that it was given; the former ones are gone."""


@dataclass(frozen=True, slots=True)
class StepTaken:
    """What was just done, for whom, with facts fit for a log line."""

    step: Step
    station_id: StationId | None
    """None: what knocked gave no name that a station can have."""
    enrolment_id: EnrolmentId | None = None
    use: LeafUse | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    """Allow-listed values; never a key, a password or a payload."""
