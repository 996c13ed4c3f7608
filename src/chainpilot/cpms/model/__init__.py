"""The back office's vocabulary: stations, enrolments and their states, reasons, jobs, steps.

Values only. What happens to them is decided in `chainpilot.cpms.enrolment`, how they are kept in the adapters.
"""

from chainpilot.cpms.model.calls import (
    CALL_TRANSITIONS,
    OPEN_CALL_STATES,
    CallEnd,
    CallEvent,
    CallId,
    CallProgress,
    CallState,
    Exchange,
    ImpossibleCallTransition,
    NewCall,
    StationCall,
)
from chainpilot.cpms.model.enrolments import (
    CertificateRecord,
    Enrolment,
    EnrolmentId,
    Failure,
    Proof,
    RefusedRequest,
    Slot,
    new_enrolment_id,
)
from chainpilot.cpms.model.jobs import Entry, Job, JobKind, JobOrder, Quota
from chainpilot.cpms.model.reasons import Reason, RetryClass
from chainpilot.cpms.model.states import (
    OPEN_STATES,
    TRANSITIONS,
    EnrolmentEvent,
    EnrolmentState,
    ImpossibleTransition,
    next_state,
)
from chainpilot.cpms.model.stations import SecurityProfile, StationRecord
from chainpilot.cpms.model.steps import Step, StepTaken
from chainpilot.cpms.model.trust import (
    TRUST_DECISIONS,
    Fingerprint,
    FingerprintError,
    ImpossibleTrustDecision,
    TrustChange,
    TrustDecision,
    TrustRecord,
    TrustSource,
    TrustState,
    parse_fingerprint,
)

__all__ = [
    "CALL_TRANSITIONS",
    "OPEN_CALL_STATES",
    "OPEN_STATES",
    "TRANSITIONS",
    "TRUST_DECISIONS",
    "CallEnd",
    "CallEvent",
    "CallId",
    "CallProgress",
    "CallState",
    "CertificateRecord",
    "Enrolment",
    "EnrolmentEvent",
    "EnrolmentId",
    "EnrolmentState",
    "Entry",
    "Exchange",
    "Failure",
    "Fingerprint",
    "FingerprintError",
    "ImpossibleCallTransition",
    "ImpossibleTransition",
    "ImpossibleTrustDecision",
    "Job",
    "JobKind",
    "JobOrder",
    "NewCall",
    "Proof",
    "Quota",
    "Reason",
    "RefusedRequest",
    "RetryClass",
    "SecurityProfile",
    "Slot",
    "StationCall",
    "StationRecord",
    "Step",
    "StepTaken",
    "TrustChange",
    "TrustDecision",
    "TrustRecord",
    "TrustSource",
    "TrustState",
    "new_enrolment_id",
    "next_state",
    "parse_fingerprint",
]
