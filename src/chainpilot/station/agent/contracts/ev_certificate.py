"""A vehicle's request for its contract certificate, passed on to the CSMS (OCPP's use cases M01 and M02).

The vehicle gives the station about 4.5 s, so there is an answer by then, whatever happens. Neither the request nor the
answer is read or changed here: both are the vehicle's and the contract pool's, and signed by them.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from chainpilot.clock import Clock
from chainpilot.errors import ChainpilotError
from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed
from chainpilot.pki.encoding import EncodingError, decode_base64
from chainpilot.station.agent.contracts.deadline import within
from chainpilot.station.agent.ports import NotUnderstood, Voice
from chainpilot.station.agent.settings.values import Settings
from chainpilot.wire.pnc.fields import MAX_EXI_REQUEST, MAX_EXI_RESPONSE
from chainpilot.wire.pnc.messages import Get15118EVCertificateRequest, Get15118EVCertificateResponse, PncResponse
from chainpilot.wire.pnc.words import CertificateAction, Iso15118EvCertificateStatus

__all__ = ["DEADLINE_SECONDS", "MAX_ADVISED", "MAX_SCHEMA_VERSION", "EvCertificateAnswer", "EvCertificates"]

DEADLINE_SECONDS: Final = 4.5
"""What a vehicle gives the station for CertificateInstallationRes (pnc-messages.md section 4)."""
MAX_SCHEMA_VERSION: Final = 50
"""Characters of iso15118SchemaVersion (OCPP 2.0.1 Get15118EVCertificateRequest)."""
MAX_ADVISED: Final = 5500
"""Characters of exiRequest in the text of 1.6; 2.0.1 has 5600, 2.1 11 000. A longer one is sent, and told of."""

_ACCEPTED: Final = Iso15118EvCertificateStatus.ACCEPTED
_FAILED: Final = Iso15118EvCertificateStatus.FAILED

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvCertificateAnswer:
    """What the vehicle gets."""

    status: Iso15118EvCertificateStatus
    """Accepted comes with an EXI."""
    exi_response: str = field(default="", repr=False)
    """Base64, letter by letter as the CSMS sent it. Beside Failed it is what the CSMS has for the vehicle all the same
    (an EXI that says why), else empty."""
    reason: str | None = None
    """Why it failed, as a sentence for a person."""
    said: str | None = field(default=None, repr=False)
    """The CSMS's own words for a failure; not for logs, since they may hold anything."""


class EvCertificates:
    """Asks the CSMS for contract certificates; any number of vehicles at once."""

    def __init__(self, settings: Callable[[], Settings], voice: Callable[[], Voice | None], clock: Clock) -> None:
        """See the class.

        Args:
            settings: those in force now.
            voice: the way to the CSMS; None while there is none.
            clock: measures the deadline.
        """
        self._settings = settings
        self._voice = voice
        self._clock = clock

    async def install(
        self,
        schema_version: str,
        exi_request_base64: str,
        action: CertificateAction,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> EvCertificateAnswer:
        """The CSMS's answer for the vehicle; Failed without an EXI where there is none by the deadline.

        Args:
            schema_version: namespace of the schema that the EXI was written by, such as
                `urn:iso:15118:2:2013:MsgDef`.
            exi_request_base64: the vehicle's CertificateInstallationReq, or its CertificateUpdateReq.
            action: which of the two it is; dialect H has no word for it.
            deadline_seconds: for all of it.
        """
        end = self._clock.monotonic() + deadline_seconds
        answer = self._refused_here(schema_version, exi_request_base64)
        if answer is None:
            request = Get15118EVCertificateRequest(schema_version, exi_request_base64, action)
            answer = await self._asked(request, end, deadline_seconds)
        _log.log(
            logging.INFO if answer.status is _ACCEPTED else logging.WARNING,
            "a vehicle's contract certificate (%s): %s, %s",
            action.value,
            answer.status.value,
            answer.reason or f"{len(answer.exi_response)} characters",
        )
        return answer

    def _refused_here(self, schema_version: str, exi: str) -> EvCertificateAnswer | None:
        if not self._settings().contract_certificate_installation_enabled:
            return _failed("contract certificates aren't installed at this station")
        if not schema_version.strip() or len(schema_version) > MAX_SCHEMA_VERSION:
            return _failed(f"the schema's version has to be 1 to {MAX_SCHEMA_VERSION} characters")
        if (why := _objection(exi, MAX_EXI_REQUEST)) is not None:
            return _failed(f"the vehicle's request {why}")
        if len(exi) > MAX_ADVISED:
            _log.info("a vehicle's request has %d characters; a CSMS may take no more than %d", len(exi), MAX_ADVISED)
        return None

    async def _asked(
        self, request: Get15118EVCertificateRequest, end: float, deadline_seconds: float
    ) -> EvCertificateAnswer:
        voice = self._voice()
        if voice is None:
            return _failed("there is no connection to the CSMS")
        left = max(0.0, end - self._clock.monotonic())
        try:
            answer = await within(self._clock, end, voice.ask(request, answer_timeout=left))
        except ChainpilotError as error:
            return _failed(_fault(error))
        if answer is None:
            return _failed(f"the CSMS didn't answer within {deadline_seconds:g} s")
        return _passed_on(answer)


def _passed_on(answer: PncResponse) -> EvCertificateAnswer:
    if not isinstance(answer, Get15118EVCertificateResponse):
        return _failed("the CSMS answered another message")
    exi = answer.exi_response
    why = _objection(exi, MAX_EXI_RESPONSE)
    if answer.status is not _ACCEPTED:
        return EvCertificateAnswer(_FAILED, "" if why else exi, "the CSMS has no certificate for it", answer.reason)
    return _failed(f"the CSMS's answer for the vehicle {why}") if why else EvCertificateAnswer(_ACCEPTED, exi)


def _objection(exi: str, limit: int) -> str | None:
    """What is wrong with a base64 text, as the rest of a sentence; never a part of it."""
    if len(exi) > limit:
        return f"has {len(exi)} characters; at most {limit} are passed on"
    try:
        return None if decode_base64(exi, limit=limit) else "is empty"
    except EncodingError:
        return "is no base64"


def _fault(error: ChainpilotError) -> str:
    """Why no answer came, without what the peer says freely."""
    match error:
        case CallRefused():
            return f"the CSMS answered with CALLERROR {error.code.value}"
        case NotUnderstood():
            return "the CSMS doesn't understand the message, or answered unreadably"
        case CallTimedOut():
            return "the CSMS didn't answer in time"
        case LinkClosed():
            return "the connection to the CSMS ended"
        case _:
            return f"the CSMS couldn't be asked ({type(error).__name__})"


def _failed(reason: str) -> EvCertificateAnswer:
    return EvCertificateAnswer(_FAILED, reason=reason)
