"""What outlasts a power cut of firmware updates: the update under way, and what the CSMS hasn't been told of it yet.

Pure: each function answers the record that follows. Reading and writing it, and what is done in between, is
`firmware`'s.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from chainpilot.errors import OwnError
from chainpilot.station.agent.events.types import MAX_TECH_INFO, SecurityEventType
from chainpilot.station.agent.firmware.states import AFTER_RESTART, ENDS, EVENTS, ImpossibleFirmwareStep, check_step
from chainpilot.wire.security import FirmwareStatus

__all__ = [
    "MAX_UNTOLD",
    "FirmwareJob",
    "FirmwareOrder",
    "FirmwareRecord",
    "OwedEvent",
    "RecordUnreadable",
    "UntoldStatus",
    "entered",
    "failed_once",
    "ordered",
    "read_record",
    "reported",
    "resumed",
    "told",
    "write_record",
]

MAX_UNTOLD: Final = 64
"""Statuses kept for the CSMS; the oldest go first. An update has nine at most, and offline nobody orders another."""
_VERSION: Final = 1
_REPLACE = msgspec.structs.replace


class FirmwareOrder(msgspec.Struct, frozen=True):
    """What a CSMS ordered. The location is in no repr: it may hold a user's name and password."""

    request_id: int
    location: str
    signer: str
    """PEM, as it was sent: the signing certificate first."""
    signature: str
    """Base64."""
    retrieve_at: datetime
    install_at: datetime | None
    tries: int
    pause: int
    """Seconds between two tries."""

    def __repr__(self) -> str:
        return f"FirmwareOrder(request_id={self.request_id})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("request_id", self.request_id)]


class FirmwareJob(msgspec.Struct, frozen=True):
    """An order being carried out."""

    number: int
    """Its own among all jobs of this station; its image is kept under it."""
    order: FirmwareOrder
    taken_at: datetime
    """When the order came, by the station's clock."""
    status: FirmwareStatus = FirmwareStatus.IDLE
    failures: int = 0
    """Tries of the download that failed."""


class UntoldStatus(msgspec.Struct, frozen=True):
    """A status for the CSMS."""

    number: int
    """Its own among all statuses."""
    status: FirmwareStatus
    request_id: int


class OwedEvent(msgspec.Struct, frozen=True):
    """A security event that is still to be reported."""

    kind: SecurityEventType
    tech_info: str


class FirmwareRecord(msgspec.Struct, frozen=True):
    """All of it."""

    version: int = _VERSION
    jobs: int = 0
    """Numbers given to jobs so far."""
    statuses: int = 0
    """Numbers given to statuses so far."""
    job: FirmwareJob | None = None
    untold: tuple[UntoldStatus, ...] = ()
    owed: tuple[OwedEvent, ...] = ()
    """Reported before the status that they came with is told: the CSMS hears why first (TC_080)."""
    last: UntoldStatus | None = None
    """The status that was told last."""


class RecordUnreadable(OwnError):
    """The document is none of ours, or of a later version."""


def read_record(data: bytes) -> FirmwareRecord:
    """The record in a document. Raises RecordUnreadable, which quotes nothing of it."""
    try:
        record = msgspec.json.decode(data, type=FirmwareRecord)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RecordUnreadable("it is no record of firmware updates") from None
    if record.version != _VERSION:
        raise RecordUnreadable("it is of another version of this program")
    return record


def write_record(record: FirmwareRecord) -> bytes:
    """The document that holds it."""
    return msgspec.json.encode(record)


def ordered(record: FirmwareRecord, order: FirmwareOrder, at: datetime) -> FirmwareRecord:
    """A new job since that moment; the one under way is over without a word, for OCPP has none."""
    number = record.jobs + 1
    return _REPLACE(record, jobs=number, job=FirmwareJob(number, order, at))


def entered(
    record: FirmwareRecord, status: FirmwareStatus, why: str = "", event: SecurityEventType | None = None
) -> FirmwareRecord:
    """The job in that state, the state to be told; at its end it is forgotten, its location with it.

    Args:
        record: with a job.
        status: the state.
        why: what a security event that belongs to it says; no secret.
        event: the security event, where it isn't the state's own.

    Raises:
        ImpossibleFirmwareStep: there is no job, or the state doesn't follow the one it is in.
    """
    job = record.job
    if job is None:
        raise ImpossibleFirmwareStep(None, status)
    check_step(job.status, status)
    number = record.statuses + 1
    untold = (*record.untold, UntoldStatus(number, status, job.order.request_id))
    kind = event or EVENTS.get(status)
    return _REPLACE(
        record,
        statuses=number,
        job=None if status in ENDS else _REPLACE(job, status=status),
        untold=untold[-MAX_UNTOLD:],
        owed=record.owed if kind is None else (*record.owed, OwedEvent(kind, why[:MAX_TECH_INFO])),
    )


def failed_once(record: FirmwareRecord) -> FirmwareRecord:
    """One more try of the download failed."""
    job = record.job
    return record if job is None else _REPLACE(record, job=_REPLACE(job, failures=job.failures + 1))


def resumed(record: FirmwareRecord) -> FirmwareRecord:
    """The record as an agent that has just started goes on with it; the same object where that changes nothing."""
    if record.job is None or record.job.status not in AFTER_RESTART:
        return record
    return entered(record, AFTER_RESTART[record.job.status], f"request {record.job.order.request_id}")


def told(record: FirmwareRecord, status: UntoldStatus) -> FirmwareRecord:
    """That status was told."""
    return _REPLACE(record, untold=tuple(one for one in record.untold if one.number != status.number), last=status)


def reported(record: FirmwareRecord) -> FirmwareRecord:
    """The event that was owed first was reported."""
    return _REPLACE(record, owed=record.owed[1:])
