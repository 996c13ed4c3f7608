"""SignCertificate: answered at once, after the intent is written down; the CA is never waited for."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from chainpilot.cpms.enrolment.office import Office
from chainpilot.cpms.enrolment.request import Objection, Wanted, csr_digest, judge_request
from chainpilot.cpms.model import (
    Enrolment,
    EnrolmentEvent,
    EnrolmentState,
    Entry,
    Failure,
    JobKind,
    JobOrder,
    Quota,
    Reason,
    RefusedRequest,
    RetryClass,
    SecurityProfile,
    StationRecord,
    Step,
    StepTaken,
    new_enrolment_id,
)
from chainpilot.cpms.ports import LedgerConflict, QuotaSpent
from chainpilot.wire.pnc.messages import SignCertificateRequest, SignCertificateResponse
from chainpilot.wire.pnc.words import GenericStatus

__all__ = ["accept"]

_TRIES: Final = 10
"""A station's requests take turns, so only the worker can come between: an enrolment that goes from request to
installation without a fault is recorded seven times. More meetings than that are a bug."""
_REPEATS: Final = 2
"""Requests of any kind taken an hour for each new one: a station sends its open CSR again when it reconnects."""

_NOTHING_SIGNED: Final = frozenset(
    {
        Reason.NO_PKI_FOR_USE,
        Reason.PKI_LOGIN_REFUSED,
        Reason.PKI_NAME_NOT_REGISTERED,
        Reason.PKI_REFUSED,
        Reason.PKI_RATE_LIMITED,
        Reason.PKI_UNAVAILABLE,
        Reason.PKI_UNREACHABLE,
        Reason.PKI_STILL_PENDING,
    }
)
"""Failures before a certificate existed for sure; not among them: an answer that nobody could read."""

_UNRECORDED: Final = frozenset(
    {
        Reason.TOO_MANY_REQUESTS,
        Reason.STATION_QUOTA_SPENT,
        Reason.FLEET_QUOTA_SPENT,
        Reason.INSECURE_CONNECTION,
    }
)
"""Refusals that leave no record: a flood must not fill the disk, nor use up what the station may ask later, least of
all one of whoever poses as the station where nobody has to prove who he is."""


async def accept(
    office: Office, station: StationRecord, request: SignCertificateRequest, profile: SecurityProfile
) -> SignCertificateResponse:
    """Take or refuse a certificate request that came over a connection of this security profile.

    Accepted means that the enrolment and its job are on disk. The same CSR again is Accepted without a second
    enrolment; after a failure that a person may have cured it sets the work going again. A newer CSR for a slot
    replaces the open one, whose key the station has evidently given up. Over profiles 0 and 1 none is taken unless the
    policy says so (pnc-messages.md section 4).
    Raises LedgerFailed, and LedgerConflict if the ledger never settles.
    """
    at = office.clock.now()
    if not (profile.has_tls or office.policy.allow_insecure_csr):
        detail = f"it came over security profile {profile.value}; allow_insecure_csr in [policy] would take it"
        objection = Objection(Reason.INSECURE_CONNECTION, detail, request.certificate_type)
        return await _refuse(office, station, request, objection, at)
    an_hour = office.policy.requests_per_hour * _REPEATS
    if not office.turnstile.admits(station.station_id, an_hour, office.clock.monotonic()):
        detail = f"more than {an_hour} requests, new and repeated, within an hour"
        objection = Objection(Reason.TOO_MANY_REQUESTS, detail, request.certificate_type)
        return await _refuse(office, station, request, objection, at)
    async with office.turnstile.turn(station.station_id):
        return await _accept_in_turn(office, station, request, at)


async def _accept_in_turn(
    office: Office, station: StationRecord, request: SignCertificateRequest, at: datetime
) -> SignCertificateResponse:
    tries = _TRIES
    while True:
        try:
            return await _accept_once(office, station, request, at)
        except LedgerConflict:
            tries -= 1
            if not tries:
                raise


async def _accept_once(
    office: Office, station: StationRecord, request: SignCertificateRequest, at: datetime
) -> SignCertificateResponse:
    judged = judge_request(station, request, office.issue_at.keys(), office.csr_profile)
    if isinstance(judged, Objection):
        return await _refuse(office, station, request, judged, at)
    known = await office.ledger.enrolment_by_key(judged.csr.spki_hash)
    objection = (
        await _again(office, known, judged, at) if known is not None else await _begin(office, station, judged, at)
    )
    if objection is not None:
        return await _refuse(office, station, request, objection, at)
    if station.csr_encoding is not judged.encoding:
        await office.ledger.note_encoding(station.station_id, judged.encoding)
    return SignCertificateResponse(status=GenericStatus.ACCEPTED, reason=None)


async def _begin(office: Office, station: StationRecord, wanted: Wanted, at: datetime) -> Objection | None:
    limit = office.policy.requests_per_hour
    if await office.ledger.requests_since(station.station_id, at - timedelta(hours=1)) >= limit:
        return _objection(wanted, Reason.TOO_MANY_REQUESTS, f"more than {limit} requests within an hour")
    enrolment = Enrolment(
        enrolment_id=new_enrolment_id(),
        slot=wanted.slot,
        spki_hash=wanted.csr.spki_hash,
        csr=wanted.csr.der,
        encoding=wanted.encoding,
        pki=office.issue_at[wanted.slot.use],
        state=EnrolmentState.REQUESTED,
        created_at=at,
        changed_at=at,
    )
    order = JobOrder(JobKind.ISSUE, enrolment.enrolment_id, station.station_id, due=at)
    entry = Entry(enrolments=(enrolment,), orders=(order,), quotas=_quotas(office, station, at))
    former = await office.ledger.open_enrolment(wanted.slot)
    if former is not None:
        failure = Failure(Reason.CSR_SUPERSEDED, "the station sent a newer CSR", RetryClass.NEVER)
        given_up = replace(former.after(EnrolmentEvent.CANCEL, at), failure=failure)
        closes = tuple((kind, former.enrolment_id) for kind in JobKind)
        entry = replace(entry, enrolments=(given_up, enrolment), closes=closes)
    try:
        await office.ledger.commit(entry)
    except QuotaSpent as spent:
        return _objection_to_cost(spent.quota, wanted)
    office.tell(Step.REQUEST_ACCEPTED, enrolment, encoding=wanted.encoding.value, pki=enrolment.pki)
    office.nudge()
    return None


def _quotas(office: Office, station: StationRecord, at: datetime) -> tuple[Quota, ...]:
    """What beginning one more enrolment may not exceed: each may cost money, whatever becomes of it."""
    policy = office.policy
    return (
        Quota(policy.csr_per_station_per_day, at - timedelta(days=1), station.station_id),
        Quota(policy.csr_fleet_per_hour, at - timedelta(hours=1)),
    )


def _objection_to_cost(spent: Quota, wanted: Wanted) -> Objection:
    """Which setting stands in the way, so that a person may raise it or look for what asks so often."""
    if spent.station_id is not None:
        detail = f"the station began {spent.most} enrolments within 24 hours, all that csr_per_station_per_day allows"
        return _objection(wanted, Reason.STATION_QUOTA_SPENT, detail)
    detail = f"all stations together began {spent.most} enrolments within an hour, all that csr_fleet_per_hour allows"
    return _objection(wanted, Reason.FLEET_QUOTA_SPENT, detail)


async def _again(office: Office, known: Enrolment, wanted: Wanted, at: datetime) -> Objection | None:
    """The key of this CSR was seen before."""
    if known.slot != wanted.slot:
        return _objection(wanted, Reason.CSR_KEY_REUSED, "this key belongs to another request; make a new one")
    if known.state in {EnrolmentState.CANCELLED, EnrolmentState.OUTCOME_UNKNOWN}:
        return _objection_of(known, wanted)
    if known.is_open and known.chain is None:
        return None
    goes_on = _go_on(office, known, at)
    if goes_on is None:
        return _objection_of(known, wanted)
    rival = await office.ledger.open_enrolment(wanted.slot)
    if rival is not None and rival.enrolment_id != known.enrolment_id:
        return _objection(wanted, Reason.CSR_SUPERSEDED, "a newer CSR of the station is open")
    changed, kind = goes_on
    order = JobOrder(kind, known.enrolment_id, known.slot.station_id, due=at)
    await office.ledger.commit(Entry(enrolments=() if changed is known else (changed,), orders=(order,)))
    office.nudge()
    return None


def _go_on(office: Office, known: Enrolment, at: datetime) -> tuple[Enrolment, JobKind] | None:
    """What the same CSR sets going again, and how; None where nothing can be done for it any more.

    Nothing is issued twice: a certificate that exists is judged or sent again, and the CSR is posted again only if
    none can exist, or if the PKI then gives the same one. A CSR that came before the station's own Accepted was
    recorded doesn't say that the certificate is missing, and sends nothing.
    """
    failure = known.failure
    if failure is not None and failure.retry is RetryClass.NEVER:
        return None
    if known.chain is not None:
        on_its_way = (known.is_open and known.proof is None) or (failure is None and at < known.changed_at)
        return (known if on_its_way else known.after(EnrolmentEvent.RESEND, at)), JobKind.DELIVER
    if known.answer is not None:
        return known.after(EnrolmentEvent.ANSWER, at), JobKind.ISSUE
    if failure is None or not (failure.reason in _NOTHING_SIGNED or _gives_the_same(office, known)):
        return None
    pki = known.pki if known.pki in office.authorities else office.issue_at[known.slot.use]
    return replace(known.after(EnrolmentEvent.RETRY, at), pki=pki, postponements=0), JobKind.ISSUE


def _gives_the_same(office: Office, known: Enrolment) -> bool:
    authority = office.authorities.get(known.pki)
    return authority is not None and authority.repost_safe


def _objection_of(known: Enrolment, wanted: Wanted) -> Objection:
    failure = known.failure or Failure(Reason.CSR_SUPERSEDED, "this CSR was given up", RetryClass.NEVER)
    return _objection(wanted, failure.reason, failure.detail)


def _objection(wanted: Wanted, reason: Reason, detail: str) -> Objection:
    return Objection(reason, detail, wanted.slot.use, wanted.slot.common_name, wanted.encoding)


async def _refuse(
    office: Office,
    station: StationRecord,
    request: SignCertificateRequest,
    objection: Objection,
    at: datetime,
) -> SignCertificateResponse:
    """Some leave no record, see `_UNRECORDED`; the watcher is told of all."""
    if objection.reason not in _UNRECORDED:
        refused = RefusedRequest(
            station_id=station.station_id,
            use=objection.use,
            common_name=objection.common_name,
            reason=objection.reason,
            detail=objection.detail,
            csr_digest=csr_digest(request),
            at=at,
        )
        await office.ledger.commit(Entry(refused=refused))
    facts = {"reason": objection.reason.value, "detail": objection.detail}
    office.watch(StepTaken(Step.REQUEST_REFUSED, station.station_id, None, objection.use, facts))
    return SignCertificateResponse(status=GenericStatus.REJECTED, reason=objection.reason.value)
