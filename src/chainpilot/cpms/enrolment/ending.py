"""The one way an enrolment fails: reason, sentence and retry class recorded, and its job closed or put off."""

from dataclasses import replace

from chainpilot.cpms.enrolment.office import Office, put_off
from chainpilot.cpms.model import Enrolment, EnrolmentEvent, Entry, Failure, Job, RetryClass, Step

__all__ = ["fail"]


async def fail(office: Office, enrolment: Enrolment, job: Job, failure: Failure) -> None:
    """Record FAILED. What retries by itself keeps its job, due at the failure's time; anything else loses it."""
    at = office.clock.now()
    failed = replace(enrolment.after(EnrolmentEvent.FAIL, at), failure=failure)
    if failure.retry is RetryClass.BY_ITSELF:
        entry = Entry(enrolments=(failed,), orders=(put_off(job, at, failure.retry_at),))
    else:
        entry = Entry(enrolments=(failed,), closes=((job.kind, job.enrolment_id),))
    await office.ledger.commit(entry)
    office.tell(
        Step.FAILED,
        failed,
        reason=failure.reason.value,
        detail=failure.detail,
        retry=failure.retry.value,
    )
