"""The calls about certificates: trigger, install, list, delete, send (use cases A02, F06, M03, M04, M05)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from chainpilot.cpms.calls.conversation import Conversation, Hopeless
from chainpilot.cpms.calls.facts import answer_of, hash_facts
from chainpilot.cpms.enrolment import Office, deliver
from chainpilot.cpms.model import Enrolment, EnrolmentEvent, EnrolmentState, Entry, Job, JobKind, JobOrder, Reason
from chainpilot.cpms.model.demands import (
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    SendCertificate,
    TriggerMessage,
)
from chainpilot.cpms.ports import LedgerConflict, NotSpoken, StationRefused, StationUndecided
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.encoding import PemLabel, TextEncoding, write_blocks
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.identity import StationId
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import NO_QUIRKS, Quirk
from chainpilot.wire.pnc.messages import (
    CertificateHashDataChain,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
    PncRequest,
    PncResponse,
    TriggerMessageRequest,
    TriggerMessageResponse,
)
from chainpilot.wire.pnc.words import (
    CertificateUse,
    DeleteCertificateStatus,
    InstallCertificateStatus,
    MessageTrigger,
    TriggerMessageStatus,
)
from chainpilot.wire.schema import Message
from chainpilot.wire.version import OcppVersion

__all__ = ["delete", "install", "list_installed", "send", "trigger"]

_ALL_USES: Final = (
    CertificateUse.CSMS_ROOT_CERTIFICATE,
    CertificateUse.MANUFACTURER_ROOT_CERTIFICATE,
    CertificateUse.V2G_ROOT_CERTIFICATE,
    CertificateUse.MO_ROOT_CERTIFICATE,
    CertificateUse.V2G_CERTIFICATE_CHAIN,
)
"""What a station of 1.6 is asked for, one type a call, when everything is wanted (pnc-messages.md section 3 row 7)."""


_ASKED_FOR: Final = {
    MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE: LeafUse.CSMS,
    MessageTrigger.SIGN_V2G_CERTIFICATE: LeafUse.V2G,
}
_TEXT_OF_H: Final = (Dialect.H, Dialect.O)
"""Those whose certificates go in the station's own encoding; OCPP's own messages have PEM."""
_DELIVERY_SEEN: Final = timedelta(minutes=30)
"""When a delivery that a call began is looked after by itself, should the call end before it."""


async def trigger(talk: Conversation, demand: TriggerMessage) -> Mapping[str, object]:
    """Nothing is found; the message comes by itself. Raises StationRefused for anything but Accepted.

    A certificate request that came since the first try is what was wanted, though the answer got lost: another one
    would cost another certificate.
    """
    use = _ASKED_FOR.get(demand.requested_message)
    if talk.call.exchanges and use is not None:
        begun = await talk.office.ledger.enrolments_of(talk.call.station_id)
        first = talk.call.exchanges[0].sent_at
        if any(one.slot.use is use and one.created_at >= first for one in begun):
            return {"requested": "its answer got lost, and its request came"}
    response = await talk.ask(TriggerMessageRequest(demand.requested_message))
    if not isinstance(response, TriggerMessageResponse) or response.status is not TriggerMessageStatus.ACCEPTED:
        raise StationRefused(answer_of(response))
    return {}


async def install(talk: Conversation, demand: InstallCertificate) -> Mapping[str, object]:
    """The encoding that the station took. Raises StationRefused for anything but Accepted (row 8).

    A station of dialect H that has shown no encoding yet and refuses PEM is sent hex DER, as its text has it.
    """
    record = await talk.station()
    (certificate,) = load_certificates(demand.certificate)
    encoding = record.csr_encoding or TextEncoding.PEM
    try:
        await _install(talk, demand.certificate_type, certificate, encoding)
    except StationRefused as refused:
        if not _may_read_hex(talk, record.csr_encoding, refused):
            raise
        encoding = TextEncoding.HEX_DER
        try:
            await _install(talk, demand.certificate_type, certificate, encoding)
        except StationRefused:
            raise refused from None
    if talk.asked_in not in _TEXT_OF_H:
        return {"encoding": TextEncoding.PEM.value}
    if record.csr_encoding is None:
        await talk.office.ledger.note_encoding(talk.call.station_id, encoding)
    return {"encoding": encoding.value}


async def _install(talk: Conversation, use: CertificateUse, certificate: Certificate, encoding: TextEncoding) -> None:
    texts = {
        one: InstallCertificateRequest(use, write_blocks([certificate.der], PemLabel.CERTIFICATE, one))
        for one in (TextEncoding.PEM, encoding)
    }
    response = await talk.ask(texts[TextEncoding.PEM], dict.fromkeys(_TEXT_OF_H, texts[encoding]))
    if not isinstance(response, InstallCertificateResponse) or response.status is not InstallCertificateStatus.ACCEPTED:
        raise StationRefused(answer_of(response))


def _may_read_hex(talk: Conversation, seen: TextEncoding | None, refused: StationRefused) -> bool:
    return talk.asked_in is Dialect.H and seen is None and not refused.is_unserved


async def list_installed(talk: Conversation, demand: GetInstalledCertificateIds) -> Mapping[str, object]:
    """`certificates`, each with its type and its hash data as the station wrote it, `children` for a leaf's sub-CAs.

    `refused` holds types that the station would not tell of. Raises StationRefused if it told of none.
    """
    found = await _find_installed(talk, demand.certificate_types)
    return {"certificates": [_plain(*one) for one in found.listed], "refused": dict(found.refused)}


_Listed = tuple[CertificateUse | None, CertificateHashDataChain]


@dataclass(frozen=True, slots=True)
class _Found:
    listed: tuple[_Listed, ...]
    refused: Mapping[str, str]
    """Why it was not told, by type."""


async def _find_installed(talk: Conversation, uses: tuple[CertificateUse, ...]) -> _Found:
    """What the station lists of these types, of all if there is none; a flat list's entries have the type asked for.

    Raises StationRefused if it refused every question, StationUndecided.
    """
    if talk.version is not OcppVersion.V16:
        return _Found(tuple(await _listed(talk, uses, None)), {})
    listed: list[_Listed] = []
    refused: dict[str, str] = {}
    asked = uses or _ALL_USES
    for use in asked:
        try:
            listed += await _listed(talk, (use,), use)
        except (StationRefused, NotSpoken) as error:
            refused[use.value] = error.why
    if len(refused) == len(asked):
        raise StationRefused("; ".join(dict.fromkeys(refused.values())))
    return _Found(tuple(listed), refused)


async def _listed(talk: Conversation, uses: tuple[CertificateUse, ...], only: CertificateUse | None) -> list[_Listed]:
    response = await talk.ask(GetInstalledCertificateIdsRequest(uses))
    if not isinstance(response, GetInstalledCertificateIdsResponse):
        raise StationRefused(answer_of(response))
    return [(chain.certificate_type or only, chain) for chain in response.chains]


def _plain(use: CertificateUse | None, chain: CertificateHashDataChain) -> dict[str, object]:
    children = [hash_facts(entry) for entry in chain.child_certificate_hash_data]
    named = {"certificateType": use.value} if use is not None else {}
    return {**named, **hash_facts(chain.certificate_hash_data), **({"children": children} if children else {})}


async def delete(talk: Conversation, demand: DeleteCertificate) -> Mapping[str, object]:
    """The hash data that was deleted, as the station wrote it; its list is read first and echoed.

    A certificate that is not listed is an end without success, unless an earlier try of this call has asked for its
    deletion and had no answer: then it is done. Raises StationRefused, Hopeless.
    """
    was_asked = any(one.action == "DeleteCertificate" and not one.is_unsent for one in talk.call.exchanges)
    found = await _find_installed(talk, (demand.certificate_type,) if demand.certificate_type else ())
    entry = next((chain.certificate_hash_data for _, chain in found.listed if _is_meant(demand, chain)), None)
    if entry is None:
        if was_asked:
            return {"deleted": None, "detail": "it was not listed any more when this was tried again"}
        raise Hopeless(Reason.CERTIFICATE_NOT_LISTED, "the station does not list this certificate")
    response = await talk.ask(DeleteCertificateRequest(entry))
    if not isinstance(response, DeleteCertificateResponse) or response.status is not DeleteCertificateStatus.ACCEPTED:
        raise StationRefused(answer_of(response))
    return {"deleted": hash_facts(entry)}


def _is_meant(demand: DeleteCertificate, chain: CertificateHashDataChain) -> bool:
    entry = chain.certificate_hash_data
    if demand.certificate_hash_data is not None:
        return entry.matches(demand.certificate_hash_data)
    (certificate,) = load_certificates(demand.certificate or "")
    return entry.matches(hash_data(certificate, certificate, entry.hash_algorithm))


async def send(talk: Conversation, demand: SendCertificate) -> Mapping[str, object]:
    """What the station's belief to hold it rests on. The chain is judged again before it goes.

    The enrolment's own delivery does it, seen by this call; where that puts itself off, so does the call, and looks
    again. Raises StationUndecided, Hopeless, LedgerConflict.
    """
    office, ledger = talk.office, talk.office.ledger
    enrolment = await ledger.enrolment(demand.enrolment_id)
    if enrolment is None or enrolment.chain is None:
        raise Hopeless(Reason.CERTIFICATE_NOT_SENT, "the enrolment has no certificate")
    if not talk.call.exchanges:
        enrolment = await _begin_again(office, enrolment)
    if enrolment.state in {EnrolmentState.ISSUED, EnrolmentState.DELIVERED}:
        job = Job(JobKind.DELIVER, enrolment.enrolment_id, talk.call.station_id, talk.call.attempts, office.clock.now())
        await deliver(replace(office, links=_Overheard(talk)), job)
        enrolment = await ledger.enrolment(demand.enrolment_id) or enrolment
    if enrolment.state is EnrolmentState.INSTALLED:
        return {"proof": enrolment.proof.value if enrolment.proof else ""}
    if enrolment.failure is not None:
        raise Hopeless(enrolment.failure.reason, enrolment.failure.detail)
    if enrolment.state in {EnrolmentState.ISSUED, EnrolmentState.DELIVERED}:
        raise StationUndecided("the delivery goes on", sent=True)
    raise Hopeless(Reason.CERTIFICATE_NOT_SENT, f"the enrolment is {enrolment.state.value}")


async def _begin_again(office: Office, enrolment: Enrolment) -> Enrolment:
    """As it is to be delivered once more, with a delivery that takes over should the call end early.

    Raises Hopeless where a newer request has taken the slot, LedgerConflict.
    """
    if enrolment.state not in {EnrolmentState.INSTALLED, EnrolmentState.FAILED, EnrolmentState.DELIVERED}:
        return enrolment
    at = office.clock.now()
    again = enrolment.after(EnrolmentEvent.RESEND, at)
    order = JobOrder(JobKind.DELIVER, enrolment.enrolment_id, enrolment.slot.station_id, at + _DELIVERY_SEEN)
    try:
        await office.ledger.commit(Entry(enrolments=(again,), orders=(order,)))
    except LedgerConflict:
        newer = await office.ledger.open_enrolment(enrolment.slot)
        if newer is None or newer.enrolment_id == enrolment.enrolment_id:
            raise
        detail = f"a newer request for this slot is open; it is {newer.state.value}"
        raise Hopeless(Reason.CERTIFICATE_NOT_SENT, detail) from None
    return again


class _Overheard:
    """The way to the station, with every question recorded in a call."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self._links = talk.office.links

    def connected(self, station_id: StationId) -> bool:
        """As without it."""
        return self._links.connected(station_id)

    def version(self, station_id: StationId) -> OcppVersion:
        """As without it."""
        return self._links.version(station_id)

    def dialects(self, station_id: StationId, request: PncRequest) -> tuple[Dialect, ...]:
        """As without it."""
        return self._links.dialects(station_id, request)

    def note(self, station_id: StationId, dialect: Dialect) -> tuple[Dialect, ...] | None:
        """As without it."""
        return self._links.note(station_id, dialect)

    async def ask(
        self,
        station_id: StationId,
        request: PncRequest,
        quirks: frozenset[Quirk] = NO_QUIRKS,
        dialect: Dialect | None = None,
    ) -> PncResponse:
        """Ask as the call does, in the station's own dialects and spellings."""
        del station_id, quirks, dialect
        return await self._talk.ask(request)

    async def tell(self, station_id: StationId, message: Message) -> Message:
        """Say it as the call does."""
        del station_id
        return await self._talk.tell(message)
