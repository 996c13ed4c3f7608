"""Writes enrolments with their jobs as fast as it can, prints each id once it is acknowledged; ends when killed."""

import asyncio
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

from chainpilot.cpms.adapters.sql import SqlLedger
from chainpilot.cpms.model import (
    Enrolment,
    EnrolmentState,
    Entry,
    JobKind,
    JobOrder,
    Slot,
    StationRecord,
    new_enrolment_id,
)
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import SpkiHash
from chainpilot.pki.trust import LeafUse

__all__ = ["main"]

STATION = StationId("CS-0001")


async def _write_for_ever(ledger: SqlLedger) -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    while True:
        name = secrets.token_hex(8)
        one = Enrolment(
            enrolment_id=new_enrolment_id(),
            slot=Slot(STATION, LeafUse.V2G, name),
            spki_hash=SpkiHash(secrets.token_hex(32)),
            csr=b"x" * 300,
            encoding=TextEncoding.PEM,
            pki="v2g",
            state=EnrolmentState.REQUESTED,
            created_at=at,
            changed_at=at,
        )
        order = JobOrder(JobKind.ISSUE, one.enrolment_id, STATION, at)
        await ledger.commit(Entry(enrolments=(one,), orders=(order,)))
        sys.stdout.write(one.enrolment_id + "\n")
        sys.stdout.flush()


async def main() -> None:
    """Eight writers at once, so that commits are grouped."""
    ledger = await SqlLedger.open(Path(sys.argv[1]))
    await ledger.put_station(StationRecord(STATION, ""))
    await asyncio.gather(*(_write_for_ever(ledger) for _ in range(8)))


if __name__ == "__main__":
    asyncio.run(main())
