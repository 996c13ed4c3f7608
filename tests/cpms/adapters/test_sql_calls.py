"""Calls in the database: their order, their leases, their versions, and what is forgotten."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from chainpilot.cpms.adapters.sql import SqlLedger, call_statements
from chainpilot.cpms.adapters.sql.files import open_engine
from chainpilot.cpms.model import (
    CallEvent,
    CallId,
    CallProgress,
    CallState,
    Entry,
    NewCall,
    StationCall,
    StationRecord,
)
from chainpilot.cpms.model.demands import Demand, GetInstalledCertificateIds, Reset
from chainpilot.cpms.ports import LedgerConflict, TooManyCalls
from chainpilot.pki.identity import StationId
from chainpilot.wire.pnc.words import CertificateUse
from forge import NOON

__all__: list[str] = []

pytestmark = pytest.mark.anyio

ONE, TWO = StationId("CS-0001"), StationId("CS-0002")
LATER = NOON + timedelta(hours=1)
LEASE = NOON + timedelta(minutes=30)
LIST = GetInstalledCertificateIds((CertificateUse.CSMS_ROOT_CERTIFICATE,))


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[SqlLedger]:
    """A database with two stations."""
    ledger = await SqlLedger.open(folder / "cpms.sqlite")
    try:
        for station_id in (ONE, TWO):
            await ledger.put_station(StationRecord(station_id, "hash"))
        yield ledger
    finally:
        await ledger.close()


async def ordered(ledger: SqlLedger, station_id: StationId = ONE, demand: Demand = LIST) -> StationCall:
    """A new call, due at noon."""
    return await ledger.order_call(NewCall(station_id, demand, NOON, NOON + timedelta(days=7)), 1000)


async def end(ledger: SqlLedger, call: StationCall) -> None:
    """It is done."""
    await ledger.commit(Entry(calls=(call.after(CallEvent.FINISH, NOON),)))


async def test_a_call_is_read_as_it_was_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        call = await ordered(ledger)
        assert await ledger.call(call.call_id) == call
        assert (call.demand, call.state, call.due) == (LIST, CallState.WAITING, NOON)
        assert await ledger.call(CallId(99)) is None


async def test_one_call_of_a_station_is_taken_at_a_time_and_the_oldest_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        first, second, other = await ordered(ledger), await ordered(ledger), await ordered(ledger, TWO)
        taken = await ledger.take_calls(NOON, LEASE, 10)
        assert [call.call_id for call in taken] == [first.call_id, other.call_id]
        assert await ledger.take_calls(NOON, LEASE, 10) == ()
        await end(ledger, taken[0])
        assert [call.call_id for call in await ledger.take_calls(NOON, LEASE, 10)] == [second.call_id]


async def test_a_call_put_off_keeps_its_place(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ordered(ledger)
        await ordered(ledger)
        (first,) = await ledger.take_calls(NOON, LEASE, 10)
        later = replace(first.after(CallEvent.PUT_OFF, NOON), due=LATER, lease_until=None)
        await ledger.commit(Entry(calls=(later,)))
        assert await ledger.take_calls(NOON, LEASE, 10) == ()
        assert await ledger.next_due() == LATER
        assert await ledger.wake(ONE, NOON) == 1
        assert [call.call_id for call in await ledger.take_calls(NOON, LEASE, 10)] == [first.call_id]


async def test_a_lease_that_has_ended_is_given_to_someone_else(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        call = await ordered(ledger)
        await ledger.take_calls(NOON, LEASE, 10)
        assert await ledger.next_due() == LEASE
        (again,) = await ledger.take_calls(LEASE, LATER, 10)
        assert (again.call_id, again.attempts) == (call.call_id, 2)


async def test_a_call_that_is_leased_is_not_woken(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ordered(ledger)
        await ledger.take_calls(NOON, LEASE, 10)
        assert await ledger.wake(ONE, NOON) == 0


async def test_a_change_on_an_older_version_is_a_conflict(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        call = await ordered(ledger)
        await end(ledger, call)
        with pytest.raises(LedgerConflict):
            await ledger.commit(Entry(calls=(call.after(CallEvent.CANCEL, NOON),)))
        kept = await ledger.call(call.call_id)
        assert kept is not None
        assert kept.state is CallState.DONE


async def test_progress_is_kept_beside_the_version_and_of_the_station_s_own_calls_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        call = await ordered(ledger)
        progress = CallProgress("Uploading", NOON)
        assert await ledger.note_progress(ONE, call.call_id, progress)
        assert not await ledger.note_progress(TWO, call.call_id, CallProgress("Uploaded", NOON))
        await end(ledger, call)
        kept = await ledger.call(call.call_id)
        assert kept is not None
        assert (kept.progress, kept.state) == (progress, CallState.DONE)


async def test_open_calls_are_bounded_and_ended_ones_do_not_count(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        new = NewCall(ONE, Reset(), NOON, LATER)
        first = await ledger.order_call(new, 2)
        await ledger.order_call(new, 2)
        with pytest.raises(TooManyCalls):
            await ledger.order_call(new, 2)
        await end(ledger, first)
        await ledger.order_call(new, 2)


async def test_a_station_s_last_hundreds_of_ended_calls_are_kept_and_every_open_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        still_open = await ordered(ledger)
        for _ in range(503):
            await end(ledger, await ordered(ledger))
        newest = await ordered(ledger)
        kept = await ledger.calls_of(ONE)
        assert len(kept) == 502
        assert kept[0] == newest
        assert kept[-1].call_id == still_open.call_id


async def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    """A station may still know it as a requestId."""
    async with opened(tmp_path) as ledger:
        numbers = set()
        for _ in range(3):
            call = await ordered(ledger)
            numbers.add(call.call_id)
            await ledger._write(lambda connection: connection.exec_driver_sql("DELETE FROM calls"))
        assert len(numbers) == 3


async def test_another_process_takes_what_was_leased(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        call = await ordered(ledger)
        await ledger.take_calls(NOON, LEASE, 10)
    async with opened(tmp_path) as ledger:
        assert [one.call_id for one in await ledger.take_calls(NOON, LEASE, 10)] == [call.call_id]


async def test_passwords_on_offer_are_bounded_withdrawn_and_settled_in_their_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:

        async def offered() -> tuple[str, tuple[str, ...]]:
            record = await ledger.station(ONE)
            assert record is not None
            return record.password_hash, record.next_password_hashes

        for number in range(129):
            await ledger.offer_password(ONE, (f"text{number}", f"raw{number}"))
        assert len((await offered())[1]) == 256
        assert (await offered())[1][:2] == ("text1", "raw1")
        await ledger.withdraw_password(ONE, ("text4", "raw4"))
        assert not await ledger.settle_password(ONE, "text4")
        assert await ledger.settle_password(ONE, "raw127")
        assert await offered() == ("raw127", ("text128", "raw128"))
        await ledger.put_station(StationRecord(ONE, "raw127"))
        assert await offered() == ("raw127", ("text128", "raw128"))
        await ledger.put_station(StationRecord(ONE, "the operator's"))
        assert await offered() == ("the operator's", ())
        await ledger.set_password(ONE, "other")
        assert await offered() == ("other", ())


async def test_the_calls_whose_turn_it_is_are_found_over_the_index_of_open_ones(tmp_path: Path) -> None:
    """However many have ended: stations' logins wait for the same reader."""
    async with opened(tmp_path) as ledger:
        await ordered(ledger)
    engine = open_engine(tmp_path / "cpms.sqlite", writes=True)
    seen: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            seen.extend(row[3] for row in cursor.fetchall())

    with engine.begin() as connection:
        call_statements.next_due(connection)
        assert len(call_statements.take_calls(connection, NOON, LEASE, 10)) == 1
    engine.dispose()
    assert any("USING INDEX open_calls" in step or "USING COVERING INDEX open_calls" in step for step in seen)
    assert not [step for step in seen if step.startswith("SCAN calls") and "open_calls" not in step]
