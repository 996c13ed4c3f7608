"""What the ledger does with calls inside one transaction.

The oldest open call of a station is the one whose turn it is; the others wait behind it, whatever keeps it.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from chainpilot.cpms.adapters.sql.call_rows import call_from, call_row, new_call_row
from chainpilot.cpms.adapters.sql.schema import calls
from chainpilot.cpms.model import CallId, CallProgress, CallState, NewCall, Reason, StationCall
from chainpilot.cpms.ports import LedgerConflict, TooManyCalls
from chainpilot.pki.identity import StationId

__all__ = ["next_due", "note_progress", "order_call", "release_leases", "take_calls", "wake", "write_call"]

_KEPT: Final = 500
"""Ended calls kept of a station, newest first."""


_UNREADABLE: Final = {
    "is_open": False,
    "state": CallState.FAILED.value,
    "due": None,
    "lease_until": None,
    "end_reason": Reason.CALL_BROKEN.value,
    "end_detail": "its record can't be read",
}


def order_call(connection: sa.Connection, call: NewCall, most: int) -> StationCall:
    """The call as it was written. Raises TooManyCalls."""
    mine = calls.c.station_id == call.station_id
    counted = sa.select(sa.func.count()).select_from(calls).where(mine, calls.c.is_open)
    if connection.execute(counted).scalar_one() >= most:
        raise TooManyCalls(call.station_id, most)
    kept = sa.select(calls.c.call_id).where(mine, ~calls.c.is_open).order_by(calls.c.call_id.desc()).limit(_KEPT)
    connection.execute(sa.delete(calls).where(mine, ~calls.c.is_open, calls.c.call_id.not_in(kept)))
    written = connection.execute(sa.insert(calls).values(new_call_row(call)).returning(calls)).mappings().one()
    return call_from(dict(written))


def write_call(connection: sa.Connection, call: StationCall) -> None:
    """Raises LedgerConflict for another version than the one decided on."""
    statement = sa.update(calls).where(calls.c.call_id == call.call_id, calls.c.version == call.version - 1)
    if connection.execute(statement.values(call_row(call))).rowcount != 1:
        raise LedgerConflict(f"call {call.call_id}")


def take_calls(connection: sa.Connection, at: datetime, lease_until: datetime, limit: int) -> tuple[StationCall, ...]:
    """Due calls that nobody holds, longest due first; one of a station, and whatever has expired, to be given up.

    A row that can't be read holds up nobody: it is given up here.
    """
    free = sa.or_(calls.c.lease_until.is_(None), calls.c.lease_until <= at)
    its_turn = sa.and_(calls.c.call_id.in_(_oldest()), calls.c.due <= at)
    due = sa.select(calls).where(calls.c.is_open, sa.or_(its_turn, calls.c.expires_at <= at), free)
    due = due.order_by(calls.c.due).limit(limit)
    taken = []
    for row in connection.execute(due).mappings().all():
        leased = {"lease_until": lease_until, "attempts": row["attempts"] + 1}
        mine = sa.update(calls).where(calls.c.call_id == row["call_id"])
        try:
            call = call_from({**row, **leased})
        except (ValueError, msgspec.MsgspecError):
            connection.execute(mine.values(_UNREADABLE))
            continue
        connection.execute(mine.values(leased))
        taken.append(call)
    return tuple(taken)


def _oldest() -> sa.Select[Any]:
    """The oldest open call of each station."""
    return sa.select(sa.func.min(calls.c.call_id)).where(calls.c.is_open).group_by(calls.c.station_id)


def next_due(connection: sa.Connection) -> datetime | None:
    """The earliest moment at which a call whose turn it is is due and free, or one has expired."""
    kind = calls.c.due.type
    free_at = sa.func.coalesce(calls.c.lease_until, "")
    turn = sa.select(sa.func.min(sa.func.max(calls.c.due, free_at, type_=kind), type_=kind))
    heads = turn.where(calls.c.is_open, calls.c.call_id.in_(_oldest()))
    over = sa.select(sa.func.min(sa.func.max(calls.c.expires_at, free_at, type_=kind), type_=kind))
    moments = (connection.execute(one).scalar_one() for one in (heads, over.where(calls.c.is_open)))
    return min((one for one in moments if one is not None), default=None)


def wake(connection: sa.Connection, station_id: StationId, at: datetime) -> int:
    """Open calls that nobody holds become due: those that wait for the station are due when they expire, until then."""
    later = sa.and_(calls.c.lease_until.is_(None), calls.c.due > at)
    waiting = sa.update(calls).where(calls.c.station_id == station_id, calls.c.is_open, later)
    return int(connection.execute(waiting.values(due=at)).rowcount)


def release_leases(connection: sa.Connection) -> None:
    """The process that held them is gone."""
    connection.execute(sa.update(calls).where(calls.c.is_open).values(lease_until=None))


def note_progress(connection: sa.Connection, station_id: StationId, call_id: CallId, progress: CallProgress) -> bool:
    """Beside the version: the station may tell while its answer is being written down."""
    mine = sa.update(calls).where(calls.c.call_id == call_id, calls.c.station_id == station_id)
    return connection.execute(mine.values(progress=progress.status, progress_at=progress.at)).rowcount == 1
