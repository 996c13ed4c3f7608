"""The record of firmware updates in the agent's memory: one reader and writer at a time, and news of every change.

What stands in it, and what follows from it, is not handled here.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from chainpilot.clock import Clock
from chainpilot.station.agent.firmware.record import (
    FirmwareRecord,
    RecordUnreadable,
    read_record,
    resumed,
    write_record,
)
from chainpilot.station.agent.persistence import to_end
from chainpilot.station.agent.ports import Memory, MemoryFault

__all__ = ["DOCUMENT", "MEMORY_SECONDS", "Change", "FirmwareBook"]

DOCUMENT: Final = "firmware"
MEMORY_SECONDS: Final = 60.0
"""Until a memory that couldn't be read or written is tried again."""

Change = Callable[[FirmwareRecord], FirmwareRecord]
"""Answers the record that follows; the same object where nothing changes."""

_log = logging.getLogger(__name__)


class FirmwareBook:
    """The document DOCUMENT.

    The first reading after a start makes of it what a restart makes of an update (`firmware_record.resumed`). A change
    is seen through even if its caller is cancelled: what is written and what is known here are always the same.
    """

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock
        self._record: FirmwareRecord | None = None
        self._lock = asyncio.Lock()
        self.work = asyncio.Event()
        """Set at every change, for whoever works."""
        self.news = asyncio.Event()
        """Set at every change, for whoever tells the CSMS."""

    async def read(self) -> FirmwareRecord:
        """The record. Raises MemoryFault."""
        return await self.change(lambda record: record)

    async def change(self, change: Change) -> FirmwareRecord:
        """The record after the change, durable.

        Raises:
            MemoryFault: nothing has changed.
        """
        async with self._lock:
            before = await self._opened()
            after = change(before)
            if after is not before:
                await to_end(self._write(after))
            return after

    async def change_surely(self, change: Change) -> FirmwareRecord:
        """The record after the change, once the memory lets it."""
        while True:
            try:
                return await self.change(change)
            except MemoryFault as fault:
                _log.error("the record of firmware updates: %s", fault.why)
                await self._clock.sleep_until(self._clock.monotonic() + MEMORY_SECONDS)

    async def _opened(self) -> FirmwareRecord:
        if self._record is None:
            await to_end(self._open())
        return self._record or FirmwareRecord()

    async def _open(self) -> None:
        data = await asyncio.to_thread(self._memory.read, DOCUMENT)
        try:
            record = FirmwareRecord() if data is None else read_record(data)
        except RecordUnreadable as error:
            _log.error("the record of firmware updates counts as empty: %s", error)
            record = FirmwareRecord()
        after = resumed(record)
        if after is not record:
            _log.warning("a restart found a firmware update: %s", after.untold[-1].status.value)
            await self._write(after)
        self._record = after

    async def _write(self, record: FirmwareRecord) -> None:
        await asyncio.to_thread(self._memory.write, {DOCUMENT: write_record(record)})
        self._record = record
        self.work.set()
        self.news.set()
