"""Calls to rows and back."""

from collections.abc import Mapping
from typing import Any

import msgspec

from chainpilot.cpms.model import CallEnd, CallId, CallProgress, CallState, Exchange, NewCall, Reason, StationCall
from chainpilot.cpms.model.demands import demand_from_json, demand_to_json
from chainpilot.pki.identity import StationId

__all__ = ["call_from", "call_row", "new_call_row"]


def new_call_row(call: NewCall) -> dict[str, Any]:
    """The columns of a call that is due at once."""
    return {
        "station_id": call.station_id,
        "demand": demand_to_json(call.demand),
        "is_withheld": call.is_withheld,
        "is_open": True,
        "state": CallState.WAITING.value,
        "version": 0,
        "ordered_at": call.ordered_at,
        "changed_at": call.ordered_at,
        "expires_at": call.expires_at,
        "due": call.ordered_at,
        "attempts": 0,
        "exchanges": "[]",
        "findings": "{}",
    }


def call_row(call: StationCall) -> dict[str, Any]:
    """The columns that change; what the station tells later is written apart, whatever the version."""
    return {
        "is_open": call.is_open,
        "state": call.state.value,
        "version": call.version,
        "changed_at": call.changed_at,
        "due": call.due,
        "lease_until": call.lease_until,
        "attempts": call.attempts,
        "exchanges": msgspec.json.encode(call.exchanges).decode(),
        "end_reason": call.end.reason.value if call.end else None,
        "end_detail": call.end.detail if call.end else None,
        "findings": msgspec.json.encode(call.findings).decode(),
    }


def call_from(row: Mapping[str, Any]) -> StationCall:
    """A call from its columns."""
    return StationCall(
        call_id=CallId(row["call_id"]),
        station_id=StationId(row["station_id"]),
        demand=demand_from_json(row["demand"]),
        state=CallState(row["state"]),
        ordered_at=row["ordered_at"],
        changed_at=row["changed_at"],
        expires_at=row["expires_at"],
        version=row["version"],
        is_withheld=row["is_withheld"],
        due=row["due"],
        lease_until=row["lease_until"],
        attempts=row["attempts"],
        exchanges=msgspec.json.decode(row["exchanges"], type=tuple[Exchange, ...]),
        end=CallEnd(Reason(row["end_reason"]), row["end_detail"]) if row["end_reason"] else None,
        findings=msgspec.json.decode(row["findings"]),
        progress=CallProgress(row["progress"], row["progress_at"]) if row["progress"] else None,
    )
