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

    STATION_CONNECTED = "station-connected"
    CLIENT_CERTIFICATE_SEEN = "client-certificate-seen"
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


@dataclass(frozen=True, slots=True)
class StepTaken:
    """What was just done, for whom, with facts fit for a log line."""

    step: Step
    station_id: StationId
    enrolment_id: EnrolmentId | None = None
    use: LeafUse | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    """Allow-listed values; never a key, a password or a payload."""
