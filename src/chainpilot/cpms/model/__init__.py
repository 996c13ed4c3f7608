"""The back office's vocabulary: stations, enrolments and their states, reasons, jobs, steps.

Values only. What happens to them is decided in `chainpilot.cpms.enrolment`, how they are kept in the adapters.
"""

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

__all__ = [
    "OPEN_STATES",
    "TRANSITIONS",
    "CertificateRecord",
    "Enrolment",
    "EnrolmentEvent",
    "EnrolmentId",
    "EnrolmentState",
    "Entry",
    "Failure",
    "ImpossibleTransition",
    "Job",
    "JobKind",
    "JobOrder",
    "Proof",
    "Quota",
    "Reason",
    "RefusedRequest",
    "RetryClass",
    "SecurityProfile",
    "Slot",
    "StationRecord",
    "Step",
    "StepTaken",
    "new_enrolment_id",
    "next_state",
]
