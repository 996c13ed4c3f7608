"""`chainpilot.cpms.ports.Ledger` on one SQLite file; reads go over another connection than writes."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from chainpilot.cpms.adapters.sql import call_statements, statements
from chainpilot.cpms.adapters.sql.call_rows import call_from
from chainpilot.cpms.adapters.sql.files import create_private, lock, migrate, open_engine
from chainpilot.cpms.adapters.sql.rows import certificate_from, enrolment_from, refusal_from, station_from
from chainpilot.cpms.adapters.sql.schema import calls, certificates, enrolments, refusals, stations
from chainpilot.cpms.adapters.sql.writer import Writer, discard, failure_of
from chainpilot.cpms.model import (
    CallId,
    CallProgress,
    CertificateRecord,
    Enrolment,
    EnrolmentId,
    Entry,
    Job,
    NewCall,
    RefusedRequest,
    SecurityProfile,
    Slot,
    StationCall,
    StationRecord,
)
from chainpilot.cpms.ports import LedgerFailed
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import SpkiHash
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import Quirk

__all__ = ["SqlLedger"]

_T = TypeVar("_T")


class SqlLedger:
    """The records of one process; made by `SqlLedger.open`, ended by `close`."""

    def __init__(self, path: Path, *, is_owner: bool = True) -> None:
        self._lock = lock(path) if is_owner else None
        self._writing = open_engine(path, writes=True)
        self._reading = open_engine(path, writes=False)
        self._writer = Writer(self._writing)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="ledger-reader")
        self._connection: sa.Connection | None = None

    @classmethod
    async def open(cls, path: Path) -> "SqlLedger":
        """Open or make the database, bring its schema up to date, free what a dead process had leased.

        Raises DatabaseInUseError, LedgerFailed.
        """
        try:
            create_private(path)
            ledger = cls(path)
        except OSError as error:
            raise LedgerFailed(f"{path}: {error}") from error
        async with AsyncExitStack() as stack:
            stack.push_async_callback(ledger.close)
            await ledger._write(migrate)
            await ledger._write(statements.release_leases)
            stack.pop_all()
        return ledger

    @classmethod
    async def open_beside(cls, path: Path) -> "SqlLedger":
        """Open the database of another process that works with it, for the records that both may change.

        Those are trust and what own CAs issued; jobs and leases are the owner's alone. Raises LedgerFailed, also when
        the database is not there or of an older schema.
        """
        if not await asyncio.to_thread(path.is_file):  # SQLite would make it
            raise LedgerFailed(f"{path} is no database yet")
        return cls(path, is_owner=False)

    async def close(self) -> None:
        """Finish what is queued and let go of the file."""
        await asyncio.to_thread(self._writer.close)
        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._reader, self._connection.close)
        self._reader.shutdown()
        self._writing.dispose()
        self._reading.dispose()
        if self._lock is not None:
            os.close(self._lock)

    async def write(self, operation: Callable[[sa.Connection], _T]) -> _T:
        """Run an operation of this room's other records in a transaction. Raises LedgerFailed, and what it raises."""
        return await self._write(operation)

    async def read(self, operation: Callable[[sa.Connection], _T]) -> _T:
        """Run a query of this room's other records. Raises LedgerFailed."""
        try:
            return await self._read(operation)
        except RuntimeError as error:  # the pool of threads takes no more
            raise LedgerFailed("it is closed") from error

    async def _write(self, operation: Callable[[sa.Connection], _T]) -> _T:
        """Cancelling the caller does not undo the write."""
        return await asyncio.shield(asyncio.wrap_future(self._writer.submit(operation)))

    async def _read(self, operation: Callable[[sa.Connection], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._read_now, operation)

    def _read_now(self, operation: Callable[[sa.Connection], _T]) -> _T:
        try:
            if self._connection is None:
                self._connection = self._reading.connect()
            with self._connection.begin():
                return operation(self._connection)
        except Exception as error:  # house style 4: one family leaves an adapter, whatever comes in
            broken, self._connection = self._connection, None
            discard(broken)
            raise failure_of(error) from error

    async def _one(self, statement: sa.Select[Any], make: Callable[[Any], _T]) -> _T | None:
        rows = await self._all(statement, make)
        return rows[0] if rows else None

    async def _all(self, statement: sa.Select[Any], make: Callable[[Any], _T]) -> tuple[_T, ...]:
        def read(connection: sa.Connection) -> tuple[_T, ...]:
            return tuple(make(row) for row in connection.execute(statement).mappings())

        return await self._read(read)

    async def station(self, station_id: StationId) -> StationRecord | None:
        """The station's record."""
        return await self._one(sa.select(stations).where(stations.c.station_id == station_id), station_from)

    async def put_station(self, record: StationRecord, *, reset_profile: bool = False) -> None:
        """Write a station's record, new or changed; only `reset_profile` lowers the profile it has reached."""
        await self._write(lambda connection: statements.put_station(connection, record, reset_profile=reset_profile))

    async def note_encoding(self, station_id: StationId, encoding: TextEncoding) -> None:
        """Remember how the station writes certificates."""
        await self._write(lambda connection: statements.note_encoding(connection, station_id, encoding))

    async def note_dialects(self, station_id: StationId, dialects: tuple[Dialect, ...]) -> None:
        """Remember what the station speaks, the latest last."""
        await self._write(lambda connection: statements.note_dialects(connection, station_id, dialects))

    async def note_quirks(self, station_id: StationId, quirks: frozenset[Quirk]) -> None:
        """Remember which words the station knows only misspelt."""
        await self._write(lambda connection: statements.note_quirks(connection, station_id, quirks))

    async def offer_password(self, station_id: StationId, hashes: tuple[str, ...]) -> None:
        """The station may come in with these passwords too from now on."""
        await self._write(lambda connection: statements.offer_password(connection, station_id, hashes))

    async def withdraw_password(self, station_id: StationId, hashes: tuple[str, ...]) -> None:
        """The station did not take these: they let nobody in any more."""
        await self._write(lambda connection: statements.withdraw_password(connection, station_id, hashes))

    async def set_password(self, station_id: StationId, password_hash: str, others: tuple[str, ...] = ()) -> None:
        """The station's password from now on, or one of the others; every other ends."""
        await self._write(lambda connection: statements.set_password(connection, station_id, password_hash, others))

    async def settle_password(self, station_id: StationId, password_hash: str) -> bool:
        """The station came in with an offered password, which is its own now; False if it is no offer any more."""
        return await self._write(lambda connection: statements.settle_password(connection, station_id, password_hash))

    async def raise_profile(self, station_id: StationId, profile: SecurityProfile) -> None:
        """The station has reached this profile; its minimum is never lowered."""
        await self._write(lambda connection: statements.raise_profile(connection, station_id, profile))

    async def enrolment(self, enrolment_id: EnrolmentId) -> Enrolment | None:
        """One enrolment."""
        return await self._one(sa.select(enrolments).where(enrolments.c.enrolment_id == enrolment_id), enrolment_from)

    async def enrolments_of(self, station_id: StationId) -> tuple[Enrolment, ...]:
        """All enrolments of a station, oldest first."""
        wanted = sa.select(enrolments).where(enrolments.c.station_id == station_id)
        return await self._all(wanted.order_by(enrolments.c.created_at), enrolment_from)

    async def enrolment_by_key(self, spki_hash: SpkiHash) -> Enrolment | None:
        """The enrolment for this public key, whichever station asked."""
        return await self._one(sa.select(enrolments).where(enrolments.c.spki_hash == spki_hash), enrolment_from)

    async def open_enrolment(self, slot: Slot) -> Enrolment | None:
        """The open enrolment of the slot; there is at most one."""
        wanted = sa.select(enrolments).where(
            enrolments.c.station_id == slot.station_id,
            enrolments.c.leaf_use == slot.use.value,
            enrolments.c.common_name == slot.common_name,
            enrolments.c.slot_taken,
        )
        return await self._one(wanted, enrolment_from)

    async def enrolment_by_fingerprint(self, station_id: StationId, fingerprint: str) -> Enrolment | None:
        """The station's enrolment that led to this certificate."""
        wanted = sa.select(enrolments).where(
            enrolments.c.station_id == station_id, enrolments.c.fingerprint == fingerprint
        )
        return await self._one(wanted, enrolment_from)

    async def requests_since(self, station_id: StationId, since: datetime) -> int:
        """How many certificate requests of the station were judged since then."""
        return await self._read(lambda connection: statements.count_requests(connection, station_id, since))

    async def refusals_of(self, station_id: StationId) -> tuple[RefusedRequest, ...]:
        """The station's refused requests, oldest first; the last hundred are kept."""
        wanted = sa.select(refusals).where(refusals.c.station_id == station_id)
        return await self._all(wanted.order_by(refusals.c.refusal_id), refusal_from)

    async def certificates_of(self, station_id: StationId, use: LeafUse) -> tuple[CertificateRecord, ...]:
        """The station's certificates for this use, newest first."""
        wanted = sa.select(certificates).where(
            certificates.c.station_id == station_id, certificates.c.leaf_use == use.value
        )
        newest = wanted.order_by(certificates.c.not_before.desc(), certificates.c.recorded_at.desc())
        return await self._all(newest, certificate_from)

    async def mark_seen(self, fingerprint: str, at: datetime) -> None:
        """The station connected with this certificate; only the first time counts."""
        await self._write(lambda connection: statements.mark_seen(connection, fingerprint, at))

    async def commit(self, entry: Entry) -> None:
        """Write all of the entry or nothing. Raises LedgerConflict, QuotaSpent."""
        await self._write(lambda connection: statements.write_entry(connection, entry))

    async def take_jobs(self, at: datetime, lease_until: datetime, limit: int) -> tuple[Job, ...]:
        """Lease due jobs to the caller, longest due first."""
        return await self._write(lambda connection: statements.take_jobs(connection, at, lease_until, limit))

    async def next_due(self) -> datetime | None:
        """When the next job wants attention; None when all wait for stations or there is none."""
        return await self._read(statements.next_due)

    async def wake(self, station_id: StationId, at: datetime) -> int:
        """Make the jobs that wait for this station due; how many they were."""
        return await self._write(lambda connection: statements.wake(connection, station_id, at))

    async def order_call(self, call: NewCall, most: int) -> StationCall:
        """Write a new call, due at once. Raises TooManyCalls where `most` of the station's are open already."""
        return await self._write(lambda connection: call_statements.order_call(connection, call, most))

    async def call(self, call_id: CallId) -> StationCall | None:
        """One call."""
        return await self._one(sa.select(calls).where(calls.c.call_id == call_id), call_from)

    async def calls_of(self, station_id: StationId) -> tuple[StationCall, ...]:
        """The station's calls, newest first; the last hundreds are kept."""
        wanted = sa.select(calls).where(calls.c.station_id == station_id)
        return await self._all(wanted.order_by(calls.c.call_id.desc()), call_from)

    async def take_calls(self, at: datetime, lease_until: datetime, limit: int) -> tuple[StationCall, ...]:
        """Lease due calls to the caller, at most one of a station: its oldest open one."""
        return await self._write(lambda connection: call_statements.take_calls(connection, at, lease_until, limit))

    async def note_progress(self, station_id: StationId, call_id: CallId, progress: CallProgress) -> bool:
        """Keep what the station told of the work that its call began; False if it has no such call."""
        return await self._write(
            lambda connection: call_statements.note_progress(connection, station_id, call_id, progress)
        )
