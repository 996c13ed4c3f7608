"""What a station's store makes of the calls about certificates, and the manners of the stations that are met."""

import asyncio
from dataclasses import dataclass
from typing import Final

from chainpilot.pki.encoding import PemLabel, TextEncoding, recognise
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.enrolment.signing import LEAF_TYPES_OF
from chainpilot.station.model import CaCertificateType, CertificateType
from chainpilot.station.service import EvseSecurity
from chainpilot.station.watch import CertificateReceived
from chainpilot.wire.pnc.messages import (
    AuthorizeResponse,
    CertificateHashDataChain,
    CertificateSignedRequest,
    CertificateSignedResponse,
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
    GenericStatus,
    GetInstalledCertificateStatus,
    InstallCertificateStatus,
    MessageTrigger,
    TriggerMessageStatus,
)
from flows.recorder import Recorder
from flows.recording import Party

__all__ = ["PLAIN", "TRIGGERED", "Manners", "StoreAnswers", "word_of"]

TRIGGERED: Final = {
    MessageTrigger.SIGN_V2G_CERTIFICATE: LeafUse.V2G,
    MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE: LeafUse.CSMS,
}
"""The triggers that a station of the flows follows, and for what it then makes a key."""
_LISTED: Final = {
    CertificateUse.V2G_ROOT_CERTIFICATE: CertificateType.V2G_ROOT_CERTIFICATE,
    CertificateUse.MO_ROOT_CERTIFICATE: CertificateType.MO_ROOT_CERTIFICATE,
    CertificateUse.CSMS_ROOT_CERTIFICATE: CertificateType.CSMS_ROOT_CERTIFICATE,
    CertificateUse.V2G_CERTIFICATE_CHAIN: CertificateType.V2G_CERTIFICATE_CHAIN,
}
_USES: Final = {kind: use for use, kind in _LISTED.items()}
_ROOTS: Final = {
    CertificateUse.V2G_ROOT_CERTIFICATE: CaCertificateType.V2G,
    CertificateUse.MO_ROOT_CERTIFICATE: CaCertificateType.MO,
    CertificateUse.CSMS_ROOT_CERTIFICATE: CaCertificateType.CSMS,
}


@dataclass(frozen=True, slots=True)
class Manners:
    """How a station differs from one that reads everything."""

    only_hex: bool = False
    """It reads certificates as hexadecimal DER alone, as the text of H has it."""
    only_misspelt: bool = False
    """It knows the V2G trigger as the text of H spells it, and in no other way."""
    never_answers: bool = False
    """It reads what it is asked and says nothing."""

    def strange_word(self, text: str) -> str | None:
        """A word that it does not know, in a message that came as `text`."""
        right = MessageTrigger.SIGN_V2G_CERTIFICATE.value
        return right if self.only_misspelt and right in text else None


PLAIN: Final = Manners()
"""It reads everything."""


class StoreAnswers:
    """Answers from a real store."""

    def __init__(self, security: EvseSecurity, recorder: Recorder, manners: Manners) -> None:
        self._security = security
        self._recorder = recorder
        self._manners = manners
        self._told: set[CertificateHashData] = set()
        """Entries that it has listed, as it wrote them."""

    async def answer(self, request: PncRequest) -> PncResponse:
        """What the store makes of a call of the CSMS."""
        match request:
            case CertificateSignedRequest():
                return await self._update_leaf(request)
            case GetInstalledCertificateIdsRequest():
                return await asyncio.to_thread(self._list, request)
            case InstallCertificateRequest():
                return await self._install(request)
            case DeleteCertificateRequest():
                if request.certificate_hash_data in self._told:
                    self._recorder.note(Party.STATION, "an entry of its own list, unchanged")
                deleted = await asyncio.to_thread(self._security.delete_certificate, request.certificate_hash_data)
                return DeleteCertificateResponse(DeleteCertificateStatus(deleted.value))
            case TriggerMessageRequest():
                is_known = request.requested_message in TRIGGERED
                return TriggerMessageResponse(
                    TriggerMessageStatus.ACCEPTED if is_known else TriggerMessageStatus.NOT_IMPLEMENTED
                )
            case _:
                raise NotImplementedError(type(request).__name__)

    async def _update_leaf(self, signed: CertificateSignedRequest) -> CertificateSignedResponse:
        use = signed.certificate_type or LeafUse.CSMS
        outcome = await asyncio.to_thread(self._security.update_leaf, signed.certificate_chain, LEAF_TYPES_OF[use])
        self._recorder.at_station(
            CertificateReceived(use, outcome.result, None if outcome.accepted else outcome.reason)
        )
        status = GenericStatus.ACCEPTED if outcome.accepted else GenericStatus.REJECTED
        return CertificateSignedResponse(status, None if outcome.accepted else outcome.result.value)

    async def _install(self, asked: InstallCertificateRequest) -> InstallCertificateResponse:
        encoding = recognise(asked.certificate, PemLabel.CERTIFICATE).encoding
        if self._manners.only_hex and encoding is not TextEncoding.HEX_DER:
            self._recorder.note(Party.STATION, f"{encoding.value} is not read here")
            return InstallCertificateResponse(InstallCertificateStatus.REJECTED)
        kind = _ROOTS[asked.certificate_type]
        outcome = await asyncio.to_thread(self._security.install_ca, asked.certificate, kind)
        if outcome.accepted:
            return InstallCertificateResponse(InstallCertificateStatus.ACCEPTED)
        self._recorder.note(Party.STATION, f"refused: {outcome.result.value}")
        return InstallCertificateResponse(InstallCertificateStatus.REJECTED, outcome.result.value)

    def _list(self, asked: GetInstalledCertificateIdsRequest) -> GetInstalledCertificateIdsResponse:
        kinds = [_LISTED[use] for use in asked.certificate_types or _LISTED]
        chains = tuple(
            CertificateHashDataChain(
                _USES[one.certificate_type], one.certificate_hash_data, one.child_certificate_hash_data
            )
            for one in self._security.get_installed_certificates(kinds).certificate_hash_data_chain
        )
        self._told.update(chain.certificate_hash_data for chain in chains)
        status = GetInstalledCertificateStatus.ACCEPTED if chains else GetInstalledCertificateStatus.NOT_FOUND
        return GetInstalledCertificateIdsResponse(status, chains)


def word_of(response: PncResponse) -> str:
    """The status words of an answer."""
    if isinstance(response, AuthorizeResponse):
        chain = response.certificate_status
        said = f"idTokenInfo {response.id_token_info.status.value}"
        return said if chain is None else f"{said}, certificateStatus {chain.value}"
    return str(response.status.value)
