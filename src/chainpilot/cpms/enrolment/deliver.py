"""From a checked chain to a station that proves it holds it.

The station's Accepted is not proof: an ISO 15118 leaf is read back by its hash data; a client certificate, for which
no list type exists, is proved by the first mutual-TLS connection made with it.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from chainpilot.cpms.enrolment.checks import Unfit, check_path, check_standing
from chainpilot.cpms.enrolment.ending import fail
from chainpilot.cpms.enrolment.office import Office, put_off
from chainpilot.cpms.model import (
    Enrolment,
    EnrolmentEvent,
    EnrolmentState,
    Entry,
    Failure,
    Job,
    JobKind,
    JobOrder,
    Proof,
    Reason,
    RetryClass,
    Step,
)
from chainpilot.cpms.ports import LedgerConflict, NotSpoken, StationRefused, StationUndecided
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.chain import Chain, chain_from_stack
from chainpilot.pki.encoding import PemLabel, write_blocks
from chainpilot.pki.hashdata import chain_hash_data
from chainpilot.pki.identity import StationId
from chainpilot.pki.trust import LeafUse
from chainpilot.pki.verify import VerifiedChain
from chainpilot.wire.pnc.messages import (
    CertificateSignedRequest,
    CertificateSignedResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
)
from chainpilot.wire.pnc.words import CertificateUse, GenericStatus

__all__ = ["confirm_by_connection", "deliver"]

_TRIES: Final = 5
"""A delivery records three changes (sent, accepted, its end); more meetings than that are a bug."""
_BEHIND: Final = timedelta(minutes=5)
"""What a station's clock may be behind ours: it lists a leaf once that is in force by its own clock, and a PKI may date
one by the moment it signs it."""


class _Reading(Enum):
    """What a station's list says about the leaf."""

    HELD = "held with its children"
    INCOMPLETE = "held without its children"
    MISSING = "not in the list"
    NO_LIST = "no list"


async def deliver(office: Office, job: Job) -> None:
    """Send the chain, read it back, record what that proved; run again, it first looks whether it is there already.

    Raises LedgerFailed, LedgerConflict; nothing that comes from the station.
    """
    enrolment = await office.ledger.enrolment(job.enrolment_id)
    if enrolment is None or enrolment.state not in {EnrolmentState.ISSUED, EnrolmentState.DELIVERED}:
        await office.ledger.commit(Entry(closes=((job.kind, job.enrolment_id),)))
        return
    verified = await _check(office, enrolment)
    if isinstance(verified, Unfit):
        if verified.reason is Reason.REVOCATION_UNKNOWN and job.attempts < office.policy.issue_attempts:
            await _put_off(office, enrolment, job, f"before delivery: {verified.detail}")
            return
        retry = RetryClass.NEVER if verified.reason is Reason.LEAF_EXPIRED else RetryClass.AFTER_A_CHANGE
        await fail(office, enrolment, job, Failure(verified.reason, f"before delivery: {verified.detail}", retry))
        return
    if not office.links.connected(job.station_id):
        await _wait_for_station(office, enrolment, job)
        return
    try:
        if enrolment.proof is not None:
            await _prove(office, enrolment, job, verified)
        elif enrolment.state is EnrolmentState.DELIVERED and await _is_there(office, enrolment, job, verified):
            await _confirm(office, enrolment, job, Proof.READ_BACK)
        else:
            await _send(office, enrolment, job, verified)
    except StationUndecided as doubt:
        await _try_later(office, job, doubt)
    except NotSpoken as unsaid:
        failure = Failure(Reason.CALL_NOT_SPOKEN, unsaid.why, RetryClass.AFTER_A_CHANGE)
        await fail(office, await office.ledger.enrolment(job.enrolment_id) or enrolment, job, failure)


def _chain_of(enrolment: Enrolment) -> Chain:
    return chain_from_stack(load_certificates(enrolment.chain or ""))


async def _check(office: Office, enrolment: Enrolment) -> VerifiedChain | Unfit:
    """Does the chain hold now, an anchor or a CA of it perhaps withdrawn or revoked since it was issued?"""
    chain, use, at = _chain_of(enrolment), enrolment.slot.use, office.clock.now()
    verified = check_path(chain, office.anchors[use], at)
    if isinstance(verified, Unfit):
        return verified
    await office.lists.ready(verified.chain.certificates)
    verified = check_path(chain, office.anchors[use], at, office.lists.rules())
    return verified if isinstance(verified, Unfit) else check_standing(verified, use.domain, office.roots)


async def _is_there(office: Office, enrolment: Enrolment, job: Job, verified: VerifiedChain) -> bool:
    """An earlier attempt was broken off: the station may have the certificate.

    A station that goes on not answering this question may yet take the certificate, so it is sent again in the end.
    Raises StationUndecided while more tries at the question are left.
    """
    try:
        return await _read_back(office, enrolment, verified) is _Reading.HELD
    except StationUndecided:
        if job.attempts < office.policy.read_back_attempts or not office.links.connected(job.station_id):
            raise
        return False


async def _send(office: Office, enrolment: Enrolment, job: Job, verified: VerifiedChain) -> None:
    """Raises StationUndecided."""
    at = office.clock.now()
    sent = replace(enrolment.after(EnrolmentEvent.SEND, at), deliveries=enrolment.deliveries + 1)
    await office.ledger.commit(Entry(enrolments=(sent,)))
    office.tell(Step.DELIVERY_RECORDED, sent, attempt=str(sent.deliveries), encoding=sent.encoding.value)
    blocks = [certificate.der for certificate in verified.chain.certificates]
    text = write_blocks(blocks, PemLabel.CERTIFICATE, sent.encoding)
    request = CertificateSignedRequest(certificate_chain=text, certificate_type=sent.slot.use)
    refusal = await _signed(office, sent, request)
    if refusal is not None:
        failure = Failure(Reason.STATION_REJECTED_SIGNED, f"It says {refusal!r}", RetryClass.AFTER_A_CHANGE)
        await fail(office, sent, job, failure)
        return
    accepted = replace(sent.after(EnrolmentEvent.ACCEPT, office.clock.now()), proof=Proof.UNPROVEN)
    await office.ledger.commit(Entry(enrolments=(accepted,)))
    await _prove(office, accepted, replace(job, attempts=1), verified)


async def _signed(office: Office, enrolment: Enrolment, request: CertificateSignedRequest) -> str | None:
    """The station's refusal in its own words, None when it accepted. Raises StationUndecided."""
    try:
        answer = await office.links.ask(enrolment.slot.station_id, request)
    except StationRefused as refused:
        office.tell(Step.SIGNED_ANSWERED, enrolment, answer=refused.why)
        return refused.why
    if not isinstance(answer, CertificateSignedResponse):
        return type(answer).__name__
    said = answer.status.value + (f": {answer.reason}" if answer.reason else "")
    office.tell(Step.SIGNED_ANSWERED, enrolment, answer=said)
    return None if answer.status is GenericStatus.ACCEPTED else said


async def _prove(office: Office, enrolment: Enrolment, job: Job, verified: VerifiedChain) -> None:
    """The station accepted; see what its own list says. If that can't be had in so many tries, its Accepted stands.

    The certificate is not sent again for that; the job counts tries from the Accepted on.
    """
    if enrolment.slot.use is not LeafUse.V2G:
        await _confirm(office, enrolment, job, Proof.UNPROVEN)
        return
    try:
        reading = await _read_back(office, enrolment, verified)
    except StationUndecided as doubt:
        if job.attempts < office.policy.read_back_attempts or not doubt.sent:
            await _ask_later(office, enrolment, job, doubt)
            return
        reading = _Reading.NO_LIST
    if reading is _Reading.MISSING:
        in_force = verified.chain.leaf.not_before + _BEHIND
        if office.clock.now() < in_force:
            await _put_off(office, enrolment, job, "it may not list the leaf yet, by its own clock", in_force)
            return
        detail = "It accepted the certificate and does not list it"
        await fail(office, enrolment, job, Failure(Reason.STATION_LEAF_MISSING, detail, RetryClass.AFTER_A_CHANGE))
        return
    proof = Proof.READ_BACK if reading is _Reading.HELD else Proof.UNPROVEN
    await _confirm(office, enrolment, job, proof)


async def _read_back(office: Office, enrolment: Enrolment, verified: VerifiedChain) -> _Reading:
    """GetInstalledCertificateIds, one call for one type (pnc-messages.md section 3 rows 7 and 16)."""
    if enrolment.slot.use is not LeafUse.V2G:
        return _Reading.NO_LIST
    request = GetInstalledCertificateIdsRequest(certificate_types=(CertificateUse.V2G_CERTIFICATE_CHAIN,))
    try:
        answer = await office.links.ask(enrolment.slot.station_id, request)
    except StationRefused as refused:
        office.tell(Step.READ_BACK, enrolment, answer=refused.why)
        return _Reading.NO_LIST
    reading = _reading_of(answer, verified)
    if reading is _Reading.MISSING and office.clock.now() < verified.chain.leaf.not_before:
        reading = _Reading.NO_LIST  # stations list the leaves that are in force: this one may be there all the same
    office.tell(Step.READ_BACK, enrolment, answer=reading.value)
    return reading


def _reading_of(answer: object, verified: VerifiedChain) -> _Reading:
    """NotFound counts as no list: H has no name for this type, and a station may not know ours.

    H's list is flat and says nowhere where a chain ends: the chain is held when all its certificates are in the list.
    """
    if not isinstance(answer, GetInstalledCertificateIdsResponse) or not answer.chains:
        return _Reading.NO_LIST
    listed = {entry.normal() for chain in answer.chains for entry in chain.entries}
    algorithms = dict.fromkeys(entry.hash_algorithm for entry in listed)
    wanted = [chain_hash_data(verified, algorithm) for algorithm in algorithms]
    if any(listed.issuperset(entries) for entries in wanted):
        return _Reading.HELD
    return _Reading.INCOMPLETE if any(entries[0] in listed for entries in wanted) else _Reading.MISSING


async def _confirm(office: Office, enrolment: Enrolment, job: Job, proof: Proof) -> None:
    installed = replace(enrolment.after(EnrolmentEvent.CONFIRM, office.clock.now()), proof=proof)
    await office.ledger.commit(Entry(enrolments=(installed,), closes=((job.kind, job.enrolment_id),)))
    office.tell(Step.INSTALL_RECORDED, installed, proof=proof.value)


async def confirm_by_connection(office: Office, station_id: StationId, fingerprint: str) -> None:
    """The station connected by mutual TLS with this certificate: nothing proves better that it holds it.

    A delivery at work on the same enrolment may be recorded in between; then it is looked at again.
    Raises LedgerFailed, and LedgerConflict if the ledger never settles.
    """
    await office.ledger.mark_seen(fingerprint, office.clock.now())
    tries = _TRIES
    while True:
        try:
            await _confirm_once(office, station_id, fingerprint)
        except LedgerConflict:
            tries -= 1
            if not tries:
                raise
        else:
            return


async def _confirm_once(office: Office, station_id: StationId, fingerprint: str) -> None:
    """A connection that comes before the answer was recorded is the enrolment's end, and told as one."""
    enrolment = await office.ledger.enrolment_by_fingerprint(station_id, fingerprint)
    if enrolment is None or enrolment.proof is Proof.CONNECTED:
        return
    proven = replace(enrolment.after(EnrolmentEvent.CONFIRM, office.clock.now()), proof=Proof.CONNECTED)
    closes = ((JobKind.DELIVER, enrolment.enrolment_id),)
    await office.ledger.commit(Entry(enrolments=(proven,), closes=closes))
    if proven.state is EnrolmentState.INSTALLED is not enrolment.state:
        office.tell(Step.INSTALL_RECORDED, proven, proof=Proof.CONNECTED.value)
    office.tell(Step.CLIENT_CERTIFICATE_SEEN, proven, fingerprint=fingerprint)


async def _wait_for_station(office: Office, enrolment: Enrolment, job: Job, attempts: int = 0) -> None:
    """Wait without asking; the gateway wakes what waits for a station when it connects.

    A station that connected between the look and the record would not have been seen by that: look again.
    """
    order = JobOrder(job.kind, job.enrolment_id, job.station_id, due=None, attempts=attempts)
    await office.ledger.commit(Entry(orders=(order,)))
    office.tell(Step.WAITS_FOR_STATION, enrolment)
    if office.links.connected(job.station_id):
        await office.ledger.wake(job.station_id, office.clock.now())
        office.nudge()


async def _try_later(office: Office, job: Job, doubt: StationUndecided) -> None:
    """The connection broke, or the station did not answer in time."""
    enrolment = await office.ledger.enrolment(job.enrolment_id)
    if enrolment is None:
        return
    if not office.links.connected(job.station_id):
        await _wait_for_station(office, enrolment, job)
    elif job.attempts < office.policy.deliver_attempts:
        await _put_off(office, enrolment, job, doubt.why)
    else:
        detail = f"connected, but without a usable answer {job.attempts} times: {doubt.why}"
        await fail(office, enrolment, job, Failure(Reason.STATION_SILENT, detail, RetryClass.AFTER_A_CHANGE))


async def _ask_later(office: Office, enrolment: Enrolment, job: Job, doubt: StationUndecided) -> None:
    """Tries that reached the station count on when its connection ends: the question itself may have ended it."""
    if office.links.connected(job.station_id):
        await _put_off(office, enrolment, job, doubt.why)
    else:
        await _wait_for_station(office, enrolment, job, job.attempts if doubt.sent else job.attempts - 1)


async def _put_off(office: Office, enrolment: Enrolment, job: Job, why: str, until: datetime | None = None) -> None:
    order = put_off(job, office.clock.now(), until)
    await office.ledger.commit(Entry(orders=(order,)))
    office.tell(Step.PUT_OFF, enrolment, detail=why, retry_at=order.due.isoformat() if order.due else "")
