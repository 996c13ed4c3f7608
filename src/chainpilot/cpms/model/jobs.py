"""Intended work as rows: a job is written in the transaction of the state it serves."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from chainpilot.cpms.model.calls import StationCall
from chainpilot.cpms.model.enrolments import CertificateRecord, Enrolment, EnrolmentId, RefusedRequest
from chainpilot.pki.identity import StationId

__all__ = ["Entry", "Job", "JobKind", "JobOrder", "Quota"]


class JobKind(Enum):
    """What a job does to its enrolment; an enrolment has at most one job of a kind."""

    ISSUE = "issue"
    DELIVER = "deliver"


@dataclass(frozen=True, slots=True)
class JobOrder:
    """Work that shall be done for an enrolment; ordering it again only moves its time."""

    kind: JobKind
    enrolment_id: EnrolmentId
    station_id: StationId
    due: datetime | None
    """None: when the station connects."""
    attempts: int = 0
    """Times taken so far; given on when the same work is put off, 0 when it is wanted anew."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work taken under a lease: if nothing is recorded before its end, someone else takes it."""

    kind: JobKind
    enrolment_id: EnrolmentId
    station_id: StationId
    attempts: int
    """Times taken, this one included, since it was last wanted anew."""
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Quota:
    """How many enrolments may have been begun since a moment before one more is."""

    most: int
    since: datetime
    station_id: StationId | None = None
    """None: those of all stations count."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written in one transaction: all of it or nothing."""

    enrolments: tuple[Enrolment, ...] = ()
    """New ones have version 0; others replace the version before theirs."""
    certificates: tuple[CertificateRecord, ...] = ()
    """A certificate that is recorded already gets the chain given here, nothing else of it changes."""
    refused: RefusedRequest | None = None
    orders: tuple[JobOrder, ...] = ()
    closes: tuple[tuple[JobKind, EnrolmentId], ...] = ()
    calls: tuple[StationCall, ...] = ()
    """Each replaces the version before its own."""
    quotas: tuple[Quota, ...] = ()
    """If one is spent, nothing is written; counted in the same transaction, so that two can't share the last place."""
