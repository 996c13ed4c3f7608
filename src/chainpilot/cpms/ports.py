"""What the use cases need from the world; the adapters keep these promises.

An adapter lets out only the exceptions named here, whatever its libraries raise.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chainpilot.cpms.model import (
    CertificateRecord,
    Enrolment,
    EnrolmentId,
    Entry,
    Job,
    Quota,
    Reason,
    RetryClass,
    SecurityProfile,
    Slot,
    StationRecord,
)
from chainpilot.errors import OwnError, PeerError, UndecidedError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import Csr
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import SpkiHash
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.ocpp201 import AuthorizationStatus, IdTokenType
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    AuthorizeRequest,
    AuthorizeResponse,
    Get15118EVCertificateRequest,
    Get15118EVCertificateResponse,
    GetCertificateStatusRequest,
    GetCertificateStatusResponse,
    PncRequest,
    PncResponse,
)

__all__ = [
    "CaPending",
    "CaRefused",
    "CaUndecided",
    "CertificateAuthority",
    "ContractOffice",
    "IssuedBag",
    "Ledger",
    "LedgerConflict",
    "LedgerFailed",
    "QuotaSpent",
    "Reason",
    "RetryClass",
    "StationLink",
    "StationRefused",
    "StationUndecided",
    "StatusSource",
    "TokenJudge",
    "TokenVerdict",
]


@dataclass(frozen=True, slots=True)
class IssuedBag:
    """What a CA answered to an enrolment: the leaf is in it, in no place that means anything."""

    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class CaPending:
    """The CA has not decided (202): the same CSR shall be posted again, not before `retry_at` (UTC)."""

    retry_at: datetime


class CaRefused(PeerError):
    """The CA gave an answer that is no certificate.

    Fields: `reason` its code, `detail` one sentence that quotes the CA, `retry` when another try is worth it,
    `retry_at` (UTC) if the CA named a time, `trace` the CA's own id for the incident if it gave one.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        retry: RetryClass,
        *,
        retry_at: datetime | None = None,
        trace: str | None = None,
    ) -> None:
        self.reason = reason
        self.detail = detail
        self.retry = retry
        self.retry_at = retry_at
        self.trace = trace
        super().__init__(f"{reason.value}: {detail}" + (f" (trace {trace})" if trace else ""))


class CaUndecided(UndecidedError):
    """No answer from the CA came to us. `sent`: the request may have reached it."""

    def __init__(self, detail: str, *, sent: bool) -> None:
        self.detail = detail
        self.sent = sent
        super().__init__(f"{detail} ({'the request may have arrived' if sent else 'nothing was sent'})")


class CertificateAuthority(Protocol):
    """A PKI that signs certificate requests (RFC 7030's two mandatory operations)."""

    repost_safe: bool
    """Posting the same CSR again gives the same certificate, not a second one."""

    async def cacerts(self) -> tuple[Certificate, ...]:
        """The CA's own certificates, in no order. Raises CaRefused, CaUndecided."""
        ...

    async def simpleenroll(self, csr: Csr) -> IssuedBag | CaPending:
        """Ask for a certificate. Raises CaRefused, CaUndecided."""
        ...


class StationRefused(PeerError):
    """The station answered, but not with what was asked for. `why`: what it said."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the station answered {why}")


class StationUndecided(UndecidedError):
    """No answer from the station. `sent`: the message may have reached it; False also when it is offline."""

    def __init__(self, why: str, *, sent: bool) -> None:
        self.why = why
        self.sent = sent
        super().__init__(why)


class StationLink(Protocol):
    """The way to connected stations."""

    def connected(self, station_id: StationId) -> bool:
        """Whether the station can be asked at this moment: it has a live connection and is past its greeting."""
        ...

    async def ask(self, station_id: StationId, request: PncRequest) -> PncResponse:
        """Ask in the station's dialect and return its answer. Raises StationRefused, StationUndecided."""
        ...


@dataclass(frozen=True, slots=True)
class TokenVerdict:
    """What holds of a token, in the words of OCPP 2.0.1."""

    status: AuthorizationStatus
    why: str
    """One sentence for the log; it does not quote the token."""


class TokenJudge(Protocol):
    """Who may charge with a token that is no contract certificate."""

    async def judge(self, station_id: StationId, token: str, kind: IdTokenType | None) -> TokenVerdict:
        """What holds of the token at this station. Raises LedgerFailed.

        Args:
            station_id: where it was shown.
            token: what was shown; OCPP 1.6 types it CiString, case does not count.
            kind: what kind of thing it is; None: OCPP 1.6 does not tell.
        """
        ...


class ContractOffice(Protocol):
    """Who may charge with a contract certificate, and where a vehicle gets one."""

    async def authorize(self, station_id: StationId, request: AuthorizeRequest) -> AuthorizeResponse:
        """What holds of the contract (use case C07). Raises LedgerFailed."""
        ...

    async def fetch(
        self, station_id: StationId, request: Get15118EVCertificateRequest
    ) -> Get15118EVCertificateResponse:
        """The vehicle's certificate, or Failed with an empty answer, within its deadline (use cases M01, M02)."""
        ...


class StatusSource(Protocol):
    """What OCSP responders say of the certificates that stations hold."""

    async def status(self, station_id: StationId, request: GetCertificateStatusRequest) -> GetCertificateStatusResponse:
        """The responder's answer, or Failed with the reason (use case M06). Raises LedgerFailed."""
        ...


class LedgerConflict(OwnError):
    """An enrolment changed between reading and writing; nothing was written. Read again and decide again."""

    def __init__(self, enrolment_id: EnrolmentId) -> None:
        self.enrolment_id = enrolment_id
        super().__init__(f"enrolment {enrolment_id} was changed by someone else meanwhile")


class QuotaSpent(OwnError):
    """An enrolment would have been one too many; nothing was written. `quota`: the first that is spent."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        whose = f"the station {quota.station_id}" if quota.station_id is not None else "the fleet"
        super().__init__(f"{whose} has begun {quota.most} enrolments since {quota.since.isoformat()}")


class LedgerFailed(OwnError):
    """The database could not read or write. `why`: what it said."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the database failed: {why}")


class Ledger(Protocol):
    """The records. Every method is one transaction, on disk when it returns. Raises LedgerFailed."""

    async def station(self, station_id: StationId) -> StationRecord | None:
        """The station's record."""
        ...

    async def put_station(self, record: StationRecord) -> None:
        """Write a station's record, new or changed."""
        ...

    async def note_encoding(self, station_id: StationId, encoding: TextEncoding) -> None:
        """Remember how the station writes certificates."""
        ...

    async def note_dialects(self, station_id: StationId, dialects: tuple[Dialect, ...]) -> None:
        """Remember what the station speaks, the latest last."""
        ...

    async def raise_profile(self, station_id: StationId, profile: SecurityProfile) -> None:
        """The station has reached this profile; its minimum is never lowered."""
        ...

    async def enrolment(self, enrolment_id: EnrolmentId) -> Enrolment | None:
        """One enrolment."""
        ...

    async def enrolments_of(self, station_id: StationId) -> tuple[Enrolment, ...]:
        """All enrolments of a station, oldest first."""
        ...

    async def enrolment_by_key(self, spki_hash: SpkiHash) -> Enrolment | None:
        """The enrolment for this public key, whichever station asked."""
        ...

    async def open_enrolment(self, slot: Slot) -> Enrolment | None:
        """The open enrolment of the slot; there is at most one."""
        ...

    async def enrolment_by_fingerprint(self, station_id: StationId, fingerprint: str) -> Enrolment | None:
        """The station's enrolment that led to this certificate."""
        ...

    async def requests_since(self, station_id: StationId, since: datetime) -> int:
        """How many new certificate requests of the station were accepted since then."""
        ...

    async def certificates_of(self, station_id: StationId, use: LeafUse) -> tuple[CertificateRecord, ...]:
        """The station's certificates for this use, newest first."""
        ...

    async def mark_seen(self, fingerprint: str, at: datetime) -> None:
        """The station connected with this certificate; only the first time counts."""
        ...

    async def commit(self, entry: Entry) -> None:
        """Write all of the entry or nothing. Raises LedgerConflict, QuotaSpent."""
        ...

    async def take_jobs(self, at: datetime, lease_until: datetime, limit: int) -> tuple[Job, ...]:
        """Lease due jobs to the caller, longest due first."""
        ...

    async def next_due(self) -> datetime | None:
        """When the next job wants attention; None when all wait for stations or there is none."""
        ...

    async def wake(self, station_id: StationId, at: datetime) -> int:
        """Make the jobs that wait for this station due; how many they were."""
        ...
