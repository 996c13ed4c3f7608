"""From a recorded request to a checked chain: one POST, told apart from every way in which it can be lost.

SUBMITTED is recorded before the POST. Found again without an answer it is ambiguous: only a PKI that is declared
`repost_safe` gets the same CSR again, else the outcome is unknown and a person decides.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from chainpilot.cpms.enrolment.checks import Unfit, check_issued
from chainpilot.cpms.enrolment.ending import fail
from chainpilot.cpms.enrolment.office import Office, put_off
from chainpilot.cpms.model import (
    CertificateRecord,
    Enrolment,
    EnrolmentEvent,
    EnrolmentState,
    Entry,
    Failure,
    Job,
    JobKind,
    JobOrder,
    Reason,
    RetryClass,
    Step,
)
from chainpilot.cpms.ports import (
    CaPending,
    CaRefused,
    CaUndecided,
    CertificateAuthority,
    IssuedBag,
    LedgerConflict,
)
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.csr import inspect_csr
from chainpilot.pki.verify import VerifiedChain

__all__ = ["issue"]

_ISSUABLE: Final = frozenset(
    {
        EnrolmentState.REQUESTED,
        EnrolmentState.SUBMITTED,
        EnrolmentState.PENDING,
        EnrolmentState.FAILED,
    }
)

_AFTER_A_CHANGE: Final = frozenset({Reason.CHAIN_NOT_TRUSTED, Reason.SUB_CA_EXPIRED, Reason.LEAF_PROFILE_MISMATCH})


async def issue(office: Office, job: Job) -> None:
    """Get the enrolment's certificate, check it, record it; run again, it goes on where the record stands.

    Raises LedgerFailed, LedgerConflict; nothing that comes from the CA.
    """
    enrolment = await office.ledger.enrolment(job.enrolment_id)
    if enrolment is None or enrolment.state not in _ISSUABLE:
        await office.ledger.commit(Entry(closes=((job.kind, job.enrolment_id),)))
        return
    authority = office.authorities.get(enrolment.pki)
    if authority is None:
        detail = f"the configuration has no [pki.{enrolment.pki}] any more"
        await fail(office, enrolment, job, Failure(Reason.NO_PKI_FOR_USE, detail, RetryClass.AFTER_A_CHANGE))
        return
    answered: Enrolment | None = enrolment
    if enrolment.answer is None:
        answered = await _obtain(office, authority, enrolment, job)
    if answered is not None:
        await _judge(office, authority, answered, job)


async def _obtain(office: Office, authority: CertificateAuthority, enrolment: Enrolment, job: Job) -> Enrolment | None:
    """Post the CSR; the enrolment with the CA's answer recorded, None if there is nothing to judge now."""
    if enrolment.state is EnrolmentState.SUBMITTED and not authority.repost_safe:
        await _lose(office, enrolment, job, "it was posted before, and what came of it was not recorded")
        return None
    submitted = enrolment
    if enrolment.state is not EnrolmentState.SUBMITTED:
        submitted = enrolment.after(EnrolmentEvent.SUBMIT, office.clock.now())
        await office.ledger.commit(Entry(enrolments=(submitted,)))
        office.tell(Step.SUBMIT_RECORDED, submitted, pki=submitted.pki)
    try:
        outcome = await authority.simpleenroll(inspect_csr(submitted.csr))
    except CaRefused as refusal:
        await _refused(office, submitted, job, refusal)
        return None
    except CaUndecided as doubt:
        await _undecided(office, authority, submitted, job, doubt)
        return None
    office.tell(Step.POSTED, submitted, pki=submitted.pki, answer=_words_of(outcome))
    if isinstance(outcome, CaPending):
        await _postpone(office, submitted, job, outcome)
        return None
    return await _keep_answer(office, submitted, job, outcome)


def _words_of(outcome: IssuedBag | CaPending) -> str:
    if isinstance(outcome, CaPending):
        return f"202, again at {outcome.retry_at.isoformat()}"
    return f"200, {len(outcome.certificates)} certificate(s)"


async def _keep_answer(office: Office, enrolment: Enrolment, job: Job, bag: IssuedBag) -> Enrolment | None:
    """Write the answer down before anything else is asked: a certificate that exists must not be lost.

    If the enrolment was cancelled while the CA worked, the answer is kept with it and goes no further.
    """
    text = "".join(certificate.to_pem() for certificate in bag.certificates)
    kept = replace(enrolment.after(EnrolmentEvent.ANSWER, office.clock.now()), answer=text)
    try:
        await office.ledger.commit(Entry(enrolments=(kept,)))
    except LedgerConflict:
        current = await office.ledger.enrolment(enrolment.enrolment_id)
        if current is None or current.state is not EnrolmentState.CANCELLED:
            raise
        late = replace(current.after(EnrolmentEvent.ANSWER, office.clock.now()), answer=text)
        await office.ledger.commit(Entry(enrolments=(late,), closes=((job.kind, job.enrolment_id),)))
        return None
    office.tell(Step.ANSWER_RECORDED, kept)
    return kept


async def _judge(office: Office, authority: CertificateAuthority, enrolment: Enrolment, job: Job) -> None:
    kept = office.shelf.kept(enrolment.pki)
    try:
        cacerts = kept if kept is not None else await office.shelf.fetch(enrolment.pki, authority)
        office.tell(Step.CACERTS_READ, enrolment, pki=enrolment.pki, certificates=str(len(cacerts)))
        judged = _check(office, enrolment, cacerts)
        if isinstance(judged, Unfit) and judged.may_be_stale and kept is not None:
            cacerts = await office.shelf.fetch(enrolment.pki, authority)
            office.tell(Step.CACERTS_READ, enrolment, pki=enrolment.pki, certificates=str(len(cacerts)))
            judged = _check(office, enrolment, cacerts)
    except CaRefused as refusal:
        await _refused(office, enrolment, job, refusal)
        return
    except CaUndecided as doubt:
        await _try_later(office, enrolment, job, doubt)
        return
    if isinstance(judged, Unfit):
        retry = RetryClass.AFTER_A_CHANGE if judged.reason in _AFTER_A_CHANGE else RetryClass.NEVER
        await fail(office, enrolment, job, Failure(judged.reason, judged.detail, retry))
        return
    office.tell(Step.CHAIN_CHECKED, enrolment, anchor=str(judged.anchor.subject))
    await _record(office, enrolment, job, judged)


def _check(office: Office, enrolment: Enrolment, cacerts: tuple[Certificate, ...]) -> VerifiedChain | Unfit:
    slot = enrolment.slot
    answer = load_certificates(enrolment.answer) if enrolment.answer else ()
    csr = inspect_csr(enrolment.csr)
    return check_issued(csr, slot, answer, cacerts, office.anchors[slot.use], at=office.clock.now())


async def _record(office: Office, enrolment: Enrolment, job: Job, verified: VerifiedChain) -> None:
    """ISSUED, the certificate, and the order to deliver it, in one transaction."""
    at = office.clock.now()
    leaf, slot, text = verified.leaf, enrolment.slot, verified.chain.to_pem()
    issued = replace(enrolment.after(EnrolmentEvent.ISSUE, at), chain=text, fingerprint=leaf.fingerprint)
    record = CertificateRecord(
        fingerprint=leaf.fingerprint,
        station_id=slot.station_id,
        enrolment_id=enrolment.enrolment_id,
        use=slot.use,
        common_name=slot.common_name,
        issuer=str(leaf.issuer),
        serial_number=f"{leaf.serial_number:x}",
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        chain=text,
        recorded_at=at,
    )
    order = JobOrder(JobKind.DELIVER, enrolment.enrolment_id, slot.station_id, due=at)
    closes = ((job.kind, job.enrolment_id),)
    await office.ledger.commit(Entry(enrolments=(issued,), certificate=record, orders=(order,), closes=closes))
    office.tell(Step.ISSUE_RECORDED, issued, fingerprint=leaf.fingerprint, until=leaf.not_after.isoformat())
    office.nudge()


async def _postpone(office: Office, enrolment: Enrolment, job: Job, pending: CaPending) -> None:
    at = office.clock.now()
    waiting = replace(enrolment.after(EnrolmentEvent.POSTPONE, at), retry_at=pending.retry_at)
    order = JobOrder(job.kind, job.enrolment_id, job.station_id, due=pending.retry_at)
    await office.ledger.commit(Entry(enrolments=(waiting,), orders=(order,)))
    office.tell(Step.POSTPONED, waiting, retry_at=pending.retry_at.isoformat())


async def _refused(office: Office, enrolment: Enrolment, job: Job, refusal: CaRefused) -> None:
    retry, at = refusal.retry, office.clock.now()
    if retry is RetryClass.BY_ITSELF and job.attempts >= office.policy.issue_attempts:
        retry = RetryClass.AFTER_A_CHANGE
    detail = refusal.detail + (f" (trace {refusal.trace})" if refusal.trace else "")
    again = put_off(job, at, refusal.retry_at).due if retry is RetryClass.BY_ITSELF else None
    await fail(office, enrolment, job, Failure(refusal.reason, detail, retry, again))


async def _undecided(
    office: Office, authority: CertificateAuthority, enrolment: Enrolment, job: Job, doubt: CaUndecided
) -> None:
    if not doubt.sent:
        withdrawn = enrolment.after(EnrolmentEvent.WITHDRAW, office.clock.now())
        await _try_later(office, withdrawn, job, doubt, changed=(withdrawn,))
    elif authority.repost_safe:
        await _try_later(office, enrolment, job, doubt)
    else:
        await _lose(office, enrolment, job, doubt.detail)


async def _try_later(
    office: Office, enrolment: Enrolment, job: Job, doubt: CaUndecided, *, changed: tuple[Enrolment, ...] = ()
) -> None:
    """Nothing is wrong with the request: the same work again after a wait."""
    at: datetime = office.clock.now()
    order = put_off(job, at)
    await office.ledger.commit(Entry(enrolments=changed, orders=(order,)))
    facts = {"reason": Reason.PKI_UNREACHABLE.value, "detail": doubt.detail}
    office.tell(Step.PUT_OFF, enrolment, **facts, retry_at=order.due.isoformat() if order.due else "")


async def _lose(office: Office, enrolment: Enrolment, job: Job, detail: str) -> None:
    failure = Failure(Reason.ISSUE_OUTCOME_UNKNOWN, detail, RetryClass.AFTER_A_CHANGE)
    lost = replace(enrolment.after(EnrolmentEvent.LOSE, office.clock.now()), failure=failure)
    await office.ledger.commit(Entry(enrolments=(lost,), closes=((job.kind, job.enrolment_id),)))
    office.tell(Step.OUTCOME_UNKNOWN, lost, reason=failure.reason.value, detail=detail)
