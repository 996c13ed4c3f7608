"""One certificate request from the station's CSR to the certificate in its store, and what remains of it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Final, NewType
from uuid import uuid4

from chainpilot.cpms.model.reasons import Reason, RetryClass
from chainpilot.cpms.model.states import OPEN_STATES, EnrolmentEvent, EnrolmentState, next_state
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId, is_evseid, normal_evseid
from chainpilot.pki.keys import SpkiHash
from chainpilot.pki.trust import LeafUse

__all__ = [
    "CertificateRecord",
    "Enrolment",
    "EnrolmentId",
    "Failure",
    "Proof",
    "RefusedRequest",
    "Slot",
    "new_enrolment_id",
]

EnrolmentId = NewType("EnrolmentId", str)
"""Random, 32 lower-case hex characters."""


def new_enrolment_id() -> EnrolmentId:
    """An id that no other enrolment has."""
    return EnrolmentId(uuid4().hex)


class Proof(Enum):
    """What the belief that the station holds the certificate rests on; None while there is no reason for it."""

    UNPROVEN = "unproven"
    """The station's Accepted alone."""
    READ_BACK = "read-back"
    """The station listed the certificate's hash data with its children (GetInstalledCertificateIds)."""
    CONNECTED = "connected"
    """The station opened a mutual-TLS connection with that very certificate."""


_UNPROVING: Final = frozenset({EnrolmentEvent.SEND, EnrolmentEvent.RESEND, EnrolmentEvent.FAIL})
"""Events that end the belief that the station holds the certificate."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The place in a station that one leaf fills; one CSR is open per slot."""

    station_id: StationId
    use: LeafUse
    common_name: str
    """Of an EVSEID its normal form: however it is spelled, it is one place."""

    @classmethod
    def of(cls, station_id: StationId, use: LeafUse, common_name: str) -> "Slot":
        """The slot of a name as it was written."""
        spelled_freely = use is LeafUse.V2G and is_evseid(common_name)
        return cls(station_id, use, normal_evseid(common_name) if spelled_freely else common_name)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an enrolment does not go on."""

    reason: Reason
    detail: str
    """One sentence with the values seen."""
    retry: RetryClass
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One certificate request and how far it has come."""

    enrolment_id: EnrolmentId
    slot: Slot
    spki_hash: SpkiHash
    """The request's public key; SignCertificate has no request id, so this is what answers are matched by."""
    csr: bytes = field(repr=False)
    """DER."""
    encoding: TextEncoding
    """How the station wrote its CSR, and so how it gets its certificate."""
    pki: str
    """The name of the PKI in the configuration."""
    state: EnrolmentState
    created_at: datetime
    changed_at: datetime
    version: int = 0
    """Counts the recorded changes; a change is recorded only on top of the version it was decided on."""
    retry_at: datetime | None = None
    """PENDING: when the same CSR is posted again."""
    postponements: int = 0
    """How often the CA answered 202 to this CSR."""
    failure: Failure | None = None
    answer: str | None = field(default=None, repr=False)
    """The CA's certificates as PEM, unchecked, in no order; kept from the moment they were in hand."""
    chain: str | None = field(default=None, repr=False)
    """The checked chain, PEM, leaf first, no root."""
    fingerprint: str | None = None
    """SHA-256 of the leaf, hex."""
    deliveries: int = 0
    proof: Proof | None = None

    @property
    def is_open(self) -> bool:
        """Whether the slot is taken by this enrolment: it is on its way, or failed and goes on by itself."""
        goes_on = self.failure is not None and self.failure.retry is RetryClass.BY_ITSELF
        return self.state in OPEN_STATES or (self.state is EnrolmentState.FAILED and goes_on)

    def after(self, event: EnrolmentEvent, at: datetime) -> "Enrolment":
        """This enrolment in the state that `event` leads to. Raises ImpossibleTransition."""
        state = next_state(self.state, event)
        return replace(
            self,
            state=state,
            changed_at=at,
            version=self.version + 1,
            retry_at=None,
            failure=self.failure if state is EnrolmentState.CANCELLED else None,
            proof=None if event in _UNPROVING else self.proof,
        )


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """A certificate that exists because of us, whatever became of its enrolment."""

    fingerprint: str
    """SHA-256 of the DER, hex."""
    station_id: StationId
    enrolment_id: EnrolmentId
    use: LeafUse
    common_name: str
    issuer: str
    serial_number: str
    """Lower-case hex."""
    not_before: datetime
    not_after: datetime
    chain: str = field(repr=False)
    """PEM, leaf first, no root; of a certificate that passed no check, itself alone."""
    recorded_at: datetime
    seen_at: datetime | None = None
    """When the station first connected with it (client certificates)."""


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A certificate request that was answered Rejected; nothing was sent to the PKI."""

    station_id: StationId
    use: LeafUse | None
    common_name: str | None
    reason: Reason
    detail: str
    csr_digest: str
    """SHA-256 of the CSR's text as it came, hex."""
    at: datetime
