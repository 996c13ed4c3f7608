"""The records."""

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
    SecurityProfile,
    Slot,
    StationCall,
    StationRecord,
)
from chainpilot.errors import OwnError
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import SpkiHash
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import Quirk

__all__ = ["Ledger", "LedgerConflict", "LedgerFailed", "QuotaSpent", "TooManyCalls"]


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
