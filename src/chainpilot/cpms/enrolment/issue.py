"""From a recorded request to a checked chain: one POST, told apart from every way in which it can be lost.

SUBMITTED is recorded before the POST. Found again without an answer it is ambiguous: only a PKI that is declared
`repost_safe` gets the same CSR again, else the outcome is unknown and a person decides.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from chainpilot.cpms.enrolment.checks import Unfit, check_issued, check_standing
from chainpilot.cpms.enrolment.ending import fail
from chainpilot.cpms.enrolment.office import Office, put_off, wait_after
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
from chainpilot.pki.verify import Rules, VerifiedChain

__all__ = ["issue"]

_ISSUABLE: Final = frozenset(
    {
        EnrolmentState.REQUESTED,
        EnrolmentState.SUBMITTED,
        EnrolmentState.PENDING,
        EnrolmentState.FAILED,
    }
)

_AFTER_A_CHANGE: Final = frozenset(
    {
        Reason.CHAIN_NOT_TRUSTED,
        Reason.REVOCATION_UNKNOWN,
        Reason.SUB_CA_EXPIRED,
        Reason.LEAF_PROFILE_MISMATCH,
        Reason.PKI_ANSWER_UNREADABLE,
    }
)
"""What other cacerts, another anchor or a newer version of ours could cure while the certificate stays as it is."""

_NO_LISTS: Final = Rules()
_MOST_POSTPONEMENTS: Final = 500
"""202s to one CSR before a person must look; with waits that grow to an hour that is three weeks, longer than any
approval by hand takes."""


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
        await _stranded(office, enrolment, job)
        return
    answered: Enrolment | None = enrolment
    if enrolment.answer is None:
        answered = await _obtain(office, authority, enrolment, job)
    if answered is not None:
        await _judge(office, authority, answered, job)


async def _stranded(office: Office, enrolment: Enrolment, job: Job) -> None:
    """Its PKI has gone from the configuration; a POST whose answer is not recorded stays in doubt all the same."""
    detail = f"the configuration has no [pki.{enrolment.pki}] any more"
    if enrolment.state is EnrolmentState.SUBMITTED and enrolment.answer is None:
        await _lose(office, enrolment, job, f"it was posted before, and {detail}")
        return
    await fail(office, enrolment, job, Failure(Reason.NO_PKI_FOR_USE, detail, RetryClass.AFTER_A_CHANGE))


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
    at = office.clock.now()
    text = "".join(certificate.to_pem() for certificate in bag.certificates)
    kept = replace(enrolment.after(EnrolmentEvent.ANSWER, at), answer=text)
    records = tuple(
        _record_of(enrolment, certificate, certificate.to_pem(), at)
        for certificate in dict.fromkeys(bag.certificates)
        if certificate.spki_hash == enrolment.spki_hash
    )
    try:
        await office.ledger.commit(Entry(enrolments=(kept,), certificates=records))
    except LedgerConflict:
        current = await office.ledger.enrolment(enrolment.enrolment_id)
        if current is None or current.state is not EnrolmentState.CANCELLED:
            raise
        late = replace(current.after(EnrolmentEvent.ANSWER, at), answer=text)
        closes = ((job.kind, job.enrolment_id),)
        await office.ledger.commit(Entry(enrolments=(late,), certificates=records, closes=closes))
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
        await _try_later(office, enrolment, job, doubt, EnrolmentEvent.PUT_OFF)
        return
    if isinstance(judged, VerifiedChain):
        # only what leads to an anchor may say where revocation lists are
        await office.lists.ready(judged.chain.certificates)
        judged = _check(office, enrolment, cacerts, office.lists.rules())
    if isinstance(judged, Unfit):
        await fail(office, enrolment, job, _failure_of(office, job, judged))
        return
    office.tell(Step.CHAIN_CHECKED, enrolment, anchor=str(judged.anchor.subject))
    await _record(office, enrolment, job, judged)


def _failure_of(office: Office, job: Job, unfit: Unfit) -> Failure:
    """A revocation list that can't be had is tried again by itself, until the attempts are used up."""
    if unfit.reason is Reason.REVOCATION_UNKNOWN and job.attempts < office.policy.issue_attempts:
        due = put_off(job, office.clock.now()).due
        return Failure(unfit.reason, unfit.detail, RetryClass.BY_ITSELF, due)
    retry = RetryClass.AFTER_A_CHANGE if unfit.reason in _AFTER_A_CHANGE else RetryClass.NEVER
    return Failure(unfit.reason, unfit.detail, retry)


def _check(
    office: Office, enrolment: Enrolment, cacerts: tuple[Certificate, ...], rules: Rules = _NO_LISTS
) -> VerifiedChain | Unfit:
    slot = enrolment.slot
    answer = load_certificates(enrolment.answer) if enrolment.answer else ()
    csr = inspect_csr(enrolment.csr)
    anchors, at = office.anchors[slot.use], office.clock.now()
    judged = check_issued(csr, slot, answer, cacerts, anchors, at=at, rules=rules)
    return judged if isinstance(judged, Unfit) else check_standing(judged, slot.use.domain, office.roots)


async def _record(office: Office, enrolment: Enrolment, job: Job, verified: VerifiedChain) -> None:
    """ISSUED, the certificate, and the order to deliver it, in one transaction."""
    at = office.clock.now()
    leaf, text = verified.leaf, verified.chain.to_pem()
    issued = replace(enrolment.after(EnrolmentEvent.ISSUE, at), chain=text, fingerprint=leaf.fingerprint)
    records = (_record_of(enrolment, leaf, text, at),)
    order = JobOrder(JobKind.DELIVER, enrolment.enrolment_id, enrolment.slot.station_id, due=at)
    closes = ((job.kind, job.enrolment_id),)
    await office.ledger.commit(Entry(enrolments=(issued,), certificates=records, orders=(order,), closes=closes))
    office.tell(Step.ISSUE_RECORDED, issued, fingerprint=leaf.fingerprint, until=leaf.not_after.isoformat())
    office.nudge()


def _record_of(enrolment: Enrolment, leaf: Certificate, chain: str, at: datetime) -> CertificateRecord:
    return CertificateRecord(
        fingerprint=leaf.fingerprint,
        station_id=enrolment.slot.station_id,
        enrolment_id=enrolment.enrolment_id,
        use=enrolment.slot.use,
        common_name=leaf.subject.common_name or "",
        issuer=str(leaf.issuer),
        serial_number=f"{leaf.serial_number:x}",
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        chain=chain,
        recorded_at=at,
    )


async def _postpone(office: Office, enrolment: Enrolment, job: Job, pending: CaPending) -> None:
    """The CA is believed about the time, but asked less and less often."""
    at, count = office.clock.now(), enrolment.postponements + 1
    if count >= _MOST_POSTPONEMENTS:
        detail = f"the PKI answered {count} times that it has not decided (202)"
        await fail(office, enrolment, job, Failure(Reason.PKI_STILL_PENDING, detail, RetryClass.AFTER_A_CHANGE))
        return
    due = max(pending.retry_at, at + wait_after(count))
    waiting = replace(enrolment.after(EnrolmentEvent.POSTPONE, at), retry_at=due, postponements=count)
    order = JobOrder(job.kind, job.enrolment_id, job.station_id, due=due)
    await office.ledger.commit(Entry(enrolments=(waiting,), orders=(order,)))
    office.tell(Step.POSTPONED, waiting, retry_at=due.isoformat())


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
        await _try_later(office, enrolment, job, doubt, EnrolmentEvent.WITHDRAW)
    elif authority.repost_safe:
        await _try_later(office, enrolment, job, doubt, EnrolmentEvent.PUT_OFF)
    else:
        await _lose(office, enrolment, job, doubt.detail)


async def _try_later(office: Office, enrolment: Enrolment, job: Job, doubt: CaUndecided, event: EnrolmentEvent) -> None:
    """Nothing is wrong with the request: the same work again after a wait, until the attempts are used up."""
    at = office.clock.now()
    if job.attempts >= office.policy.issue_attempts:
        detail = f"{doubt.detail} (tried {job.attempts} times)"
        await fail(office, enrolment, job, Failure(Reason.PKI_UNREACHABLE, detail, RetryClass.AFTER_A_CHANGE))
        return
    order = put_off(job, at)
    failure = Failure(Reason.PKI_UNREACHABLE, doubt.detail, RetryClass.BY_ITSELF, order.due)
    waiting = replace(enrolment.after(event, at), failure=failure)
    await office.ledger.commit(Entry(enrolments=(waiting,), orders=(order,)))
    facts = {"reason": failure.reason.value, "detail": failure.detail}
    office.tell(Step.PUT_OFF, waiting, **facts, retry_at=order.due.isoformat() if order.due else "")


async def _lose(office: Office, enrolment: Enrolment, job: Job, detail: str) -> None:
    failure = Failure(Reason.ISSUE_OUTCOME_UNKNOWN, detail, RetryClass.AFTER_A_CHANGE)
    lost = replace(enrolment.after(EnrolmentEvent.LOSE, office.clock.now()), failure=failure)
    await office.ledger.commit(Entry(enrolments=(lost,), closes=((job.kind, job.enrolment_id),)))
    office.tell(Step.OUTCOME_UNKNOWN, lost, reason=failure.reason.value, detail=detail)
