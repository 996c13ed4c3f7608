"""What the use cases need from the world; the adapters keep these promises.

An adapter lets out only the exceptions named here, whatever its libraries raise.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chainpilot.cpms.model import (
    CallId,
    CallProgress,
    CertificateRecord,
    Enrolment,
    EnrolmentId,
    Entry,
    Job,
    NewCall,
    Quota,
    Reason,
    RetryClass,
    SecurityProfile,
    Slot,
    StationCall,
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
from chainpilot.wire.pnc.dialects import CarrierStatus, Dialect
from chainpilot.wire.pnc.fields import NO_QUIRKS, Quirk
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
from chainpilot.wire.schema import Message
from chainpilot.wire.version import OcppVersion

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
    "NotSpoken",
    "QuotaSpent",
    "Reason",
    "RetryClass",
    "StationLink",
    "StationRefused",
    "StationUndecided",
    "StatusSource",
    "TokenJudge",
    "TokenVerdict",
    "TooManyCalls",
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
    """The station answered, but not with what was asked for.

    Fields: `why` what it said, `status` that of the DataTransfer where it was one that was refused, `is_unserved`
    whether it knows no such message at all, and might know it in another dialect.
    """

    def __init__(self, why: str, status: CarrierStatus | None = None, *, is_unserved: bool = False) -> None:
        self.why = why
        self.status = status
        self.is_unserved = is_unserved
        super().__init__(f"the station answered {why}")


class StationUndecided(UndecidedError):
    """No answer from the station. `sent`: the message may have reached it; False also when it is offline."""

    def __init__(self, why: str, *, sent: bool) -> None:
        self.why = why
        self.sent = sent
        super().__init__(why)


class NotSpoken(OwnError):
    """What was to be said can't be said to this station; nothing was sent. `why`: a sentence."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class StationLink(Protocol):
    """The way to connected stations."""

    def connected(self, station_id: StationId) -> bool:
        """Whether the station can be asked at this moment: it has a live connection and is past its greeting."""
        ...

    def version(self, station_id: StationId) -> OcppVersion:
        """Of its connection. Raises StationUndecided when it is offline."""
        ...

    def dialects(self, station_id: StationId, request: PncRequest) -> tuple[Dialect, ...]:
        """What has words for it: first what the station was heard to speak, then what it may know all the same.

        Raises StationUndecided when it is offline, NotSpoken where nothing has words for it.
        """
        ...

    def note(self, station_id: StationId, dialect: Dialect) -> tuple[Dialect, ...] | None:
        """The station understood this dialect; all that it is known to speak if that is news, None if it is not."""
        ...

    async def ask(
        self,
        station_id: StationId,
        request: PncRequest,
        quirks: frozenset[Quirk] = NO_QUIRKS,
        dialect: Dialect | None = None,
    ) -> PncResponse:
        """Ask in `dialect` or else in the station's own, in the quirks' spellings, and return its answer.

        Raises StationRefused, StationUndecided, NotSpoken.
        """
        ...

    async def tell(self, station_id: StationId, message: Message) -> Message:
        """Send one of OCPP's own messages and return its answer. Raises StationRefused, StationUndecided, NotSpoken."""
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
    """A record changed between reading and writing; nothing was written. Read again and decide again.

    `record`: which, in words.
    """

    def __init__(self, record: str) -> None:
        self.record = record
        super().__init__(f"{record} was changed by someone else meanwhile")


class TooManyCalls(OwnError):
    """A station has as many open calls as it may have; nothing was written. `most`: how many that is."""

    def __init__(self, station_id: StationId, most: int) -> None:
        self.station_id = station_id
        self.most = most
        super().__init__(f"the station {station_id} has {most} calls waiting; see why they wait, or cancel some")


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

    async def note_quirks(self, station_id: StationId, quirks: frozenset[Quirk]) -> None:
        """Remember which words the station knows only misspelt."""
        ...

    async def offer_password(self, station_id: StationId, hashes: tuple[str, ...]) -> None:
        """The station may come in with these passwords too from now on."""
        ...

    async def withdraw_password(self, station_id: StationId, hashes: tuple[str, ...]) -> None:
        """The station did not take these: they let nobody in any more."""
        ...

    async def set_password(self, station_id: StationId, password_hash: str, others: tuple[str, ...] = ()) -> None:
        """The station's password from now on, or one of the others; every other ends."""
        ...

    async def settle_password(self, station_id: StationId, password_hash: str) -> bool:
        """The station came in with this offered one: older offers end, later stay; False if it is no offer any more."""
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

    async def order_call(self, call: NewCall, most: int) -> StationCall:
        """Write a new call, due at once. Raises TooManyCalls where `most` of the station's are open already."""
        ...

    async def call(self, call_id: CallId) -> StationCall | None:
        """One call."""
        ...

    async def calls_of(self, station_id: StationId) -> tuple[StationCall, ...]:
        """The station's calls, newest first; the last hundreds are kept."""
        ...

    async def take_calls(self, at: datetime, lease_until: datetime, limit: int) -> tuple[StationCall, ...]:
        """Lease due calls to the caller, at most one of a station: its oldest open one."""
        ...

    async def note_progress(self, station_id: StationId, call_id: CallId, progress: CallProgress) -> bool:
        """Keep what the station told of the work that its call began; False if it has no such call."""
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
