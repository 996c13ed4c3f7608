"""What a CSMS orders of firmware, judged; and how a version of OCPP answers it and tells how far it is (use case L01).

Only signed updates are taken. OCPP 1.6's plain UpdateFirmware is answered before it gets here (1.6: L01.FR.20).
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.profiles import lint
from chainpilot.station.agent.firmware.record import FirmwareOrder
from chainpilot.station.agent.persistence import Tries
from chainpilot.station.model import CertificateValidationResult, LeafCertificateType
from chainpilot.station.requirements import profile_of
from chainpilot.station.service import EvseSecurity
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.security import FirmwareStatus, UpdateFirmwareStatus
from chainpilot.wire.version import OcppVersion

__all__ = [
    "FirmwareAnswer",
    "FirmwareNotice",
    "FirmwareRequest",
    "Objection",
    "answer_of",
    "installing_objection",
    "judge_order",
    "judge_signer",
    "notice_of",
    "read_order",
]

FirmwareRequest = ocpp16.SignedUpdateFirmware | ocpp201.UpdateFirmware
FirmwareAnswer = ocpp16.SignedUpdateFirmwareResponse | ocpp201.UpdateFirmwareResponse
FirmwareNotice = ocpp16.SignedFirmwareStatusNotification | ocpp201.FirmwareStatusNotification

_MAX_NUMBER: Final = 2**53
"""A request id beyond it can't be written back exactly (RFC 8259 section 6)."""
_MAX_INFO: Final = 512
"""Characters of additionalInfo (OCPP 2.0.1 part 2 StatusInfoType)."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an order isn't taken."""

    status: UpdateFirmwareStatus
    code: str
    """A reason code of OCPP 2.0.1 (part 2 appendix 5), at most 20 characters."""
    why: str
    """A sentence without a secret."""

    @property
    def is_about_signer(self) -> bool:
        """Whether the signing certificate is at fault, which is a security event (L01.FR.02)."""
        return self.status in {UpdateFirmwareStatus.INVALID_CERTIFICATE, UpdateFirmwareStatus.REVOKED_CERTIFICATE}


def read_order(request: FirmwareRequest) -> FirmwareOrder | Objection:
    """The order that a request makes; an objection to what is missing.

    Its location isn't looked at: an order may be there only to end the one before (L01.FR.24 and its note).
    """
    firmware = request.firmware
    if not firmware.signing_certificate or not firmware.signature:
        why = "only signed firmware is installed here: signingCertificate and signature are needed"
        return Objection(UpdateFirmwareStatus.REJECTED, "MissingParam", why)
    if not -_MAX_NUMBER < request.request_id < _MAX_NUMBER:
        why = "no station can repeat a requestId of that size exactly"
        return Objection(UpdateFirmwareStatus.REJECTED, "ValueOutOfRange", why)
    tries = Tries.asked(request.retries, request.retry_interval)
    return FirmwareOrder(
        request.request_id,
        firmware.location,
        firmware.signing_certificate,
        firmware.signature,
        firmware.retrieve_date_time,
        firmware.install_date_time,
        tries.count,
        tries.pause,
    )


async def judge_order(
    security: EvseSecurity, request: FirmwareRequest, *, can_install: bool
) -> FirmwareOrder | Objection:
    """The order that a request makes, or why it isn't taken, whatever else is under way.

    1. The station can install firmware. 2. The order is whole. 3. Its signing certificate counts now (1.6: L01.FR.23).
    """
    if not can_install:  # 1
        why = "this station has no way to install firmware over OCPP"
        return Objection(UpdateFirmwareStatus.REJECTED, "UnsupportedRequest", why)
    order = read_order(request)  # 2
    if isinstance(order, Objection):
        return order
    return await asyncio.to_thread(judge_signer, security, order.signer) or order  # 3


def judge_signer(security: EvseSecurity, signer: str) -> Objection | None:
    """Why a signing certificate doesn't count now; None if it does. Touches files.

    1. It leads to an MF anchor of the store and nobody has revoked it; the rest of its profile is judged as far as the
    store's configuration says (`mf_profile`). 2. Whatever the configuration: where it says what its key may be used
    for, signing code is among it (RFC 5280 sections 4.2.1.3 and 4.2.1.12), or any station's own certificate from the
    manufacturer could sign firmware.
    """
    outcome = security.validate(signer, [LeafCertificateType.MF])
    if outcome.result is CertificateValidationResult.VALID:
        why = _forbidden_use(load_certificates(signer)[0])
        if why is None:
            return None
        why = f"the signing certificate may not sign firmware: {why}"
        return Objection(UpdateFirmwareStatus.INVALID_CERTIFICATE, "InvalidCertificate", why)
    revoked = outcome.is_revoked
    status = UpdateFirmwareStatus.REVOKED_CERTIFICATE if revoked else UpdateFirmwareStatus.INVALID_CERTIFICATE
    why = f"the signing certificate: {outcome.result.value}, {outcome.reason or 'no reason given'}"
    return Objection(status, "InvalidCertificate", why)


def _forbidden_use(signer: Certificate) -> str | None:
    limiting = {"extended-key-usage"} | ({"key-usage"} if signer.extensions.key_usage is not None else set())
    findings = lint(signer, profile_of(LeafCertificateType.MF, signer))
    return next((finding.detail for finding in findings if finding.rule in limiting), None)


def installing_objection(request_id: int) -> Objection:
    """To an order that comes while the one of that request id is being installed (L01.FR.27)."""
    why = f"the firmware of request {request_id} is being installed, which can't be stopped"
    return Objection(UpdateFirmwareStatus.REJECTED, "FwUpdateInProgress", why)


def answer_of(version: OcppVersion, verdict: UpdateFirmwareStatus | Objection) -> FirmwareAnswer:
    """The answer in that version; 1.6 has no place for a reason."""
    objection = verdict if isinstance(verdict, Objection) else None
    status = verdict.status if isinstance(verdict, Objection) else verdict
    if version is OcppVersion.V16:
        return ocpp16.SignedUpdateFirmwareResponse(status)
    info = None if objection is None else ocpp201.StatusInfo(objection.code, objection.why[:_MAX_INFO])
    return ocpp201.UpdateFirmwareResponse(status, info)


def notice_of(version: OcppVersion, status: FirmwareStatus, request_id: int | None) -> FirmwareNotice:
    """The notification of a status in that version."""
    if version is OcppVersion.V16:
        return ocpp16.SignedFirmwareStatusNotification(status, request_id)
    return ocpp201.FirmwareStatusNotification(status, request_id)
