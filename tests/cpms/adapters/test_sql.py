"""The ledger: private, owned by one process, and what it acknowledged survives a signal 9."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from chainpilot.cpms.adapters.sql import DatabaseInUseError, SqlLedger
from chainpilot.cpms.adapters.sql.files import migrate, open_engine
from chainpilot.cpms.adapters.sql.rows import station_row
from chainpilot.cpms.adapters.sql.schema import metadata
from chainpilot.cpms.adapters.sql.statements import write_entry
from chainpilot.cpms.model import (
    Enrolment,
    EnrolmentEvent,
    EnrolmentState,
    Entry,
    JobKind,
    JobOrder,
    Quota,
    Reason,
    RefusedRequest,
    SecurityProfile,
    Slot,
    StationRecord,
    new_enrolment_id,
)
from chainpilot.cpms.ports import LedgerConflict, LedgerFailed
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import SpkiHash
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.dialects import Dialect
from forge import NOON

__all__: list[str] = []

pytestmark = pytest.mark.anyio

STATION = StationId("CS-0001")
STORM = Path(__file__).with_name("storm.py")


def enrolment(number: int, *, name: str | None = None) -> Enrolment:
    """An enrolment for a slot of its own, unless a name is given."""
    return Enrolment(
        enrolment_id=new_enrolment_id(),
        slot=Slot(STATION, LeafUse.V2G, name or f"DE*ICE*E{number:04}"),
        spki_hash=SpkiHash(f"{number:064x}"),
        csr=b"csr",
        encoding=TextEncoding.PEM,
        pki="v2g",
        state=EnrolmentState.REQUESTED,
        created_at=NOON,
        changed_at=NOON,
    )


async def opened(folder: Path) -> SqlLedger:
    """A ledger with one station."""
    ledger = await SqlLedger.open(folder / "cpms.sqlite")
    await ledger.put_station(StationRecord(STATION, "hash", allowed_names=frozenset({"a", "b"}), group="north"))
    return ledger


async def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    one = enrolment(1)
    await ledger.commit(Entry(enrolments=(one,)))
    assert await ledger.enrolment(one.enrolment_id) == one
    assert await ledger.enrolment_by_key(one.spki_hash) == one
    assert await ledger.open_enrolment(one.slot) == one
    station = await ledger.station(STATION)
    assert station == StationRecord(STATION, "hash", allowed_names=frozenset({"a", "b"}), group="north")
    await ledger.close()


async def test_the_files_are_the_owners_only(tmp_path: Path) -> None:
    (tmp_path / "cpms.sqlite").touch(0o644)
    ledger = await opened(tmp_path)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "cpms.sqlite-wal" in modes
    await ledger.close()


async def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    with pytest.raises(DatabaseInUseError, match="in use by another process"):
        await SqlLedger.open(tmp_path / "cpms.sqlite")
    await ledger.close()


async def test_a_file_that_is_no_database_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "cpms.sqlite").write_text("not a database, but long enough to look like a header of one" * 20)
    with pytest.raises(LedgerFailed, match="not a database"):
        await SqlLedger.open(tmp_path / "cpms.sqlite")


async def test_a_folder_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(LedgerFailed):
        await SqlLedger.open(tmp_path / "nowhere" / "cpms.sqlite")


async def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    await (await opened(tmp_path)).close()
    engine = open_engine(tmp_path / "cpms.sqlite", writes=True)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar_one() == "wal"
    engine.dispose()


LATER_COLUMNS = {"dialects", "quirks", "next_password_hashes"}
"""Of stations, since the first revision."""


async def test_a_database_of_the_first_revision_is_brought_up_to_date_with_its_records(tmp_path: Path) -> None:
    path = tmp_path / "cpms.sqlite"
    engine = open_engine(path, writes=True)
    with engine.begin() as connection:
        migrate(connection, "0001")
        row = station_row(StationRecord(STATION, "hash"))
        first = sa.table("stations", *(sa.column(name) for name in row if name not in LATER_COLUMNS))
        connection.execute(sa.insert(first).values({name: row[name] for name in first.columns.keys()}))  # noqa: SIM118 - a collection of columns, no dict
    engine.dispose()
    ledger = await SqlLedger.open(path)
    assert await ledger.station(STATION) == StationRecord(STATION, "hash")
    await ledger.close()
    engine = open_engine(path, writes=True)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


@pytest.mark.parametrize("quota", [Quota(1, NOON), Quota(1, NOON, STATION)])
async def test_a_quota_is_counted_over_an_index(tmp_path: Path, quota: Quota) -> None:
    await (await opened(tmp_path)).close()
    engine = open_engine(tmp_path / "cpms.sqlite", writes=True)
    seen: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        seen.extend(row[3] for row in cursor.fetchall())

    with engine.begin() as connection:
        write_entry(connection, Entry(quotas=(quota,)))
    engine.dispose()
    assert any("USING COVERING INDEX enrolments_" in step or "USING INDEX enrolments_" in step for step in seen)
    assert not any(step.startswith("SCAN enrolments") for step in seen)


async def test_a_change_on_top_of_an_older_version_is_a_conflict_and_writes_nothing(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    one = enrolment(1)
    await ledger.commit(Entry(enrolments=(one,)))
    await ledger.commit(Entry(enrolments=(one.after(EnrolmentEvent.SUBMIT, NOON),)))
    order = JobOrder(JobKind.ISSUE, one.enrolment_id, STATION, NOON)
    with pytest.raises(LedgerConflict):
        await ledger.commit(Entry(enrolments=(one.after(EnrolmentEvent.CANCEL, NOON),), orders=(order,)))
    current = await ledger.enrolment(one.enrolment_id)
    assert current is not None
    assert current.state is EnrolmentState.SUBMITTED
    assert await ledger.next_due() is None
    await ledger.close()


@pytest.mark.parametrize("rival", [enrolment(1, name="other"), enrolment(2, name="DE*ICE*E0001")])
async def test_a_known_key_or_a_taken_slot_is_a_conflict(tmp_path: Path, rival: Enrolment) -> None:
    ledger = await opened(tmp_path)
    await ledger.commit(Entry(enrolments=(enrolment(1),)))
    with pytest.raises(LedgerConflict):
        await ledger.commit(Entry(enrolments=(rival,)))
    await ledger.close()


async def test_one_failing_write_does_not_touch_those_that_share_its_commit(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    entries = [Entry(enrolments=(enrolment(number // 2),)) for number in range(100)]
    outcomes = await asyncio.gather(*map(ledger.commit, entries), return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 50
    assert sum(isinstance(outcome, LedgerConflict) for outcome in outcomes) == 50
    assert len(await ledger.enrolments_of(STATION)) == 50
    await ledger.close()


async def test_an_arbitrary_exception_leaves_as_one_family(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)

    def explode(_connection: sa.Connection) -> None:
        raise ZeroDivisionError("boom")

    with pytest.raises(LedgerFailed, match="boom"):
        await ledger._write(explode)
    with pytest.raises(LedgerFailed, match="boom"):
        await ledger._read(explode)
    await ledger.put_station(StationRecord(STATION, "still works"))
    await ledger.close()


async def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    await ledger.close()
    with pytest.raises(LedgerFailed, match="closed"):
        await ledger.put_station(StationRecord(STATION, ""))


async def test_a_job_is_leased_to_one_and_free_again_when_the_lease_ends(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    one = enrolment(1)
    order = JobOrder(JobKind.ISSUE, one.enrolment_id, STATION, NOON)
    await ledger.commit(Entry(enrolments=(one,), orders=(order,)))
    end = NOON + timedelta(minutes=1)
    assert await ledger.take_jobs(NOON - timedelta(seconds=1), end, 10) == ()
    (job,) = await ledger.take_jobs(NOON, end, 10)
    assert (job.attempts, job.lease_until) == (1, end)
    assert await ledger.take_jobs(NOON, end, 10) == ()
    assert await ledger.next_due() == end
    (again,) = await ledger.take_jobs(end, end + timedelta(minutes=1), 10)
    assert again.attempts == 2
    await ledger.close()


async def test_a_dead_owners_leases_are_free_at_once(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    one = enrolment(1)
    order = JobOrder(JobKind.ISSUE, one.enrolment_id, STATION, NOON)
    await ledger.commit(Entry(enrolments=(one,), orders=(order,)))
    await ledger.take_jobs(NOON, NOON + timedelta(hours=1), 10)
    await ledger.close()
    ledger = await SqlLedger.open(tmp_path / "cpms.sqlite")
    assert len(await ledger.take_jobs(NOON, NOON + timedelta(hours=1), 10)) == 1
    await ledger.close()


async def test_a_minimum_profile_is_never_lowered(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    for profile in (SecurityProfile.MUTUAL_TLS, SecurityProfile.TLS_BASIC):
        await ledger.raise_profile(STATION, profile)
    station = await ledger.station(STATION)
    assert station is not None
    assert station.minimum_profile is SecurityProfile.MUTUAL_TLS
    await ledger.close()


async def test_a_record_written_again_keeps_what_the_station_has_shown_of_itself(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    await ledger.raise_profile(STATION, SecurityProfile.MUTUAL_TLS)
    await ledger.note_encoding(STATION, TextEncoding.HEX_DER)
    spoken = (Dialect.S, Dialect.H)
    await ledger.note_dialects(STATION, spoken)
    await ledger.put_station(StationRecord(STATION, "new", organisation="Other"))
    seen: dict[str, Any] = {"dialects": spoken, "csr_encoding": TextEncoding.HEX_DER}
    shown = StationRecord(STATION, "new", SecurityProfile.MUTUAL_TLS, organisation="Other", **seen)
    assert await ledger.station(STATION) == shown
    await ledger.put_station(StationRecord(STATION, "newer"), reset_profile=True)
    reset = StationRecord(STATION, "newer", SecurityProfile.TLS_BASIC, **seen)
    assert await ledger.station(STATION) == reset
    await ledger.close()


async def test_a_failing_statement_quotes_no_value_it_was_given(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    secret = "s3cr3t-hash"
    unfit: Any = object()  # no driver takes it
    broken = StationRecord(STATION, secret, organisation=unfit)
    with pytest.raises(LedgerFailed) as failed:
        await ledger.put_station(broken)
    with pytest.raises(LedgerFailed) as unread:
        await ledger._read(lambda connection: connection.execute(sa.text("SELECT :a FROM nowhere"), {"a": secret}))
    for error in (failed.value, unread.value):
        cause: BaseException | None = error
        while cause is not None:
            assert secret not in f"{cause} {cause!r}"
            cause = cause.__cause__ or cause.__context__
    await ledger.close()


async def test_a_full_disk_is_told_by_its_name_and_survived(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)

    def limit(pages: int) -> Callable[[sa.Connection], None]:
        return lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").close()

    async def fill(count: int) -> None:
        for number in range(count):
            await ledger.put_station(
                StationRecord(StationId(f"CS-{number}"), "h", allowed_names=frozenset({"x" * 5000}))
            )

    await ledger._write(limit(1))  # SQLite takes the number of pages in use instead
    with pytest.raises(LedgerFailed, match="database or disk is full"):
        await fill(200)
    await ledger._write(limit(1 << 20))
    await ledger.put_station(StationRecord(StationId("CS-room-again"), "h", allowed_names=frozenset({"x" * 5000})))
    assert await ledger.station(StationId("CS-room-again")) is not None
    await ledger.close()


async def test_opening_that_is_cancelled_leaves_neither_a_lock_nor_a_thread(tmp_path: Path) -> None:
    path = tmp_path / "cpms.sqlite"
    await (await opened(tmp_path)).close()
    with sqlite3.connect(path) as holder:
        holder.execute("BEGIN IMMEDIATE")
        opening = asyncio.create_task(SqlLedger.open(path))
        await asyncio.sleep(0)  # up to its first wait, for the writer
        assert any(thread.name == "ledger-writer" for thread in threading.enumerate())
        opening.cancel()
        holder.rollback()
        with pytest.raises(asyncio.CancelledError):
            await opening
    holder.close()
    assert not any(thread.name.startswith("ledger-") for thread in threading.enumerate())
    await (await opened(tmp_path)).close()


async def test_a_reader_whose_connection_broke_gets_another(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)

    def break_it(connection: sa.Connection) -> None:
        connection.close()
        connection.exec_driver_sql("SELECT 1")

    with pytest.raises(LedgerFailed, match="closed"):
        await ledger._read(break_it)
    assert await ledger.station(STATION) is not None
    await ledger.close()


async def test_a_station_that_asks_for_nonsense_fills_no_disk(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    for number in range(120):
        refused = RefusedRequest(STATION, None, None, Reason.CSR_UNREADABLE, str(number), "00", NOON)
        await ledger.commit(Entry(refused=refused))
    kept = await ledger.refusals_of(STATION)
    assert [one.detail for one in kept] == [str(number) for number in range(20, 120)]
    await ledger.close()


async def _storm(path: Path) -> list[str]:
    """Let a process write as fast as it can, kill it amid that; the ids it had acknowledged."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(STORM), str(path), stdout=subprocess.PIPE)
    assert process.stdout is not None
    acknowledged = [(await process.stdout.readline()).decode().strip() for _ in range(40)]
    os.kill(process.pid, signal.SIGKILL)
    rest = (await process.stdout.read()).decode().split("\n")
    await process.wait()
    return acknowledged + [line for line in rest[:-1] if line]


async def test_nothing_acknowledged_is_lost_by_a_kill(tmp_path: Path, scale: float) -> None:
    path = tmp_path / "cpms.sqlite"
    for _ in range(max(3, int(200 * scale))):
        acknowledged = await _storm(path)
        ledger = await SqlLedger.open(path)
        written = {one.enrolment_id for one in await ledger.enrolments_of(STATION)}
        jobs = await ledger.take_jobs(NOON, NOON + timedelta(minutes=1), 100_000)
        await ledger.close()
        assert acknowledged
        assert set(acknowledged) <= written
        assert {job.enrolment_id for job in jobs} == written
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_two_databases_are_made_at_once_in_one_process(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    for ledger in await asyncio.gather(*(SqlLedger.open(folder / "cpms.sqlite") for folder in folders)):
        assert await ledger.calls_of(STATION) == ()
        await ledger.close()
