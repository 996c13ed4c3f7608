"""What the ledger does inside one transaction: each function runs on a connection and raises what SQLAlchemy raises."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError

from chainpilot.cpms.adapters.sql import call_statements
from chainpilot.cpms.adapters.sql.rows import (
    certificate_row,
    dialect_words,
    enrolment_row,
    hash_lines,
    job_from,
    quirk_words,
    refusal_row,
    station_row,
)
from chainpilot.cpms.adapters.sql.schema import certificates, enrolments, jobs, refusals, stations
from chainpilot.cpms.model import Enrolment, Entry, Job, JobOrder, Quota, RefusedRequest, SecurityProfile, StationRecord
from chainpilot.cpms.ports import LedgerConflict, QuotaSpent
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import Quirk

__all__ = [
    "count_requests",
    "mark_seen",
    "next_due",
    "note_dialects",
    "note_encoding",
    "note_quirks",
    "offer_password",
    "put_station",
    "raise_profile",
    "release_leases",
    "set_password",
    "settle_password",
    "take_jobs",
    "wake",
    "withdraw_password",
    "write_entry",
]

_OFFERED: Final = 256
"""Password hashes on offer, the newest: more than two for each of the hundred tries that a policy may give a call."""
_KEPT_REFUSALS: Final = 100
"""Per station, newest first: a station that asks for nonsense every minute must not fill the disk."""


def write_entry(connection: sa.Connection, entry: Entry) -> None:
    """All of the entry. Raises LedgerConflict, QuotaSpent."""
    for quota in entry.quotas:
        _judge_quota(connection, quota)
    for enrolment in entry.enrolments:
        _write_enrolment(connection, enrolment)
    for record in entry.certificates:
        statement = insert(certificates).values(certificate_row(record))
        changed = {"chain": record.chain}
        connection.execute(statement.on_conflict_do_update(index_elements=["fingerprint"], set_=changed))
    if entry.refused is not None:
        _write_refusal(connection, entry.refused)
    for call in entry.calls:
        call_statements.write_call(connection, call)
    for kind, enrolment_id in entry.closes:
        connection.execute(sa.delete(jobs).where(jobs.c.kind == kind.value, jobs.c.enrolment_id == enrolment_id))
    for order in entry.orders:
        _write_order(connection, order)


def _judge_quota(connection: sa.Connection, quota: Quota) -> None:
    """No more rows are looked at than decide."""
    begun = sa.select(enrolments.c.enrolment_id).where(enrolments.c.created_at > quota.since)
    if quota.station_id is not None:
        begun = begun.where(enrolments.c.station_id == quota.station_id)
    counted = sa.select(sa.func.count()).select_from(begun.limit(quota.most).subquery())
    if connection.execute(counted).scalar_one() >= quota.most:
        raise QuotaSpent(quota)


def _write_enrolment(connection: sa.Connection, enrolment: Enrolment) -> None:
    """A taken slot, a known key or another version than the one decided on: someone else was faster."""
    row = enrolment_row(enrolment)
    try:
        if enrolment.version == 0:
            connection.execute(sa.insert(enrolments).values(row))
            return
        changed = connection.execute(
            sa.update(enrolments)
            .where(enrolments.c.enrolment_id == enrolment.enrolment_id)
            .where(enrolments.c.version == enrolment.version - 1)
            .values(row)
        )
    except IntegrityError as error:
        raise LedgerConflict(f"enrolment {enrolment.enrolment_id}") from error
    if changed.rowcount != 1:
        raise LedgerConflict(f"enrolment {enrolment.enrolment_id}")


def _write_refusal(connection: sa.Connection, refused: RefusedRequest) -> None:
    connection.execute(sa.insert(refusals).values(refusal_row(refused)))
    kept = (
        sa.select(refusals.c.refusal_id)
        .where(refusals.c.station_id == refused.station_id)
        .order_by(refusals.c.refusal_id.desc())
        .limit(_KEPT_REFUSALS)
    )
    connection.execute(
        sa.delete(refusals).where(refusals.c.station_id == refused.station_id).where(refusals.c.refusal_id.not_in(kept))
    )


def _write_order(connection: sa.Connection, order: JobOrder) -> None:
    changed: dict[str, Any] = {"due": order.due, "lease_until": None, "attempts": order.attempts}
    row = {
        "kind": order.kind.value,
        "enrolment_id": order.enrolment_id,
        "station_id": order.station_id,
        **changed,
    }
    statement = insert(jobs).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["kind", "enrolment_id"], set_=changed))


def put_station(connection: sa.Connection, record: StationRecord, *, reset_profile: bool = False) -> None:
    """New, or instead of the former one; what the station itself has shown since stays: profile, encoding, dialects."""
    statement = insert(stations).values(station_row(record))
    changed: dict[str, Any] = {column.name: column for column in statement.excluded if not column.primary_key}
    if not reset_profile:
        changed["minimum_profile"] = sa.func.max(stations.c.minimum_profile, changed["minimum_profile"])
    for shown in ("csr_encoding", "dialects", "quirks"):
        changed[shown] = sa.func.coalesce(changed[shown], stations.c[shown])
    same_password = stations.c.password_hash == changed["password_hash"]  # else what was on offer ends with it
    offered = sa.func.coalesce(changed["next_password_hashes"], stations.c.next_password_hashes)
    changed["next_password_hashes"] = sa.case((same_password, offered), else_=sa.null())
    connection.execute(statement.on_conflict_do_update(index_elements=["station_id"], set_=changed))


def note_encoding(connection: sa.Connection, station_id: StationId, encoding: TextEncoding) -> None:
    """The station's last seen encoding."""
    connection.execute(
        sa.update(stations).where(stations.c.station_id == station_id).values(csr_encoding=encoding.value)
    )


def note_dialects(connection: sa.Connection, station_id: StationId, dialects: tuple[Dialect, ...]) -> None:
    """Those that the station was heard to speak, the latest last."""
    words = dialect_words(dialects)
    connection.execute(sa.update(stations).where(stations.c.station_id == station_id).values(dialects=words))


def note_quirks(connection: sa.Connection, station_id: StationId, quirks: frozenset[Quirk]) -> None:
    """The words that the station knows only misspelt."""
    changed = {"quirks": quirk_words(quirks)}
    connection.execute(sa.update(stations).where(stations.c.station_id == station_id).values(changed))


def offer_password(connection: sa.Connection, station_id: StationId, hashes: tuple[str, ...]) -> None:
    """The station may come in with these too; of many offers the last ones count."""
    kept = (*_offered(connection, station_id), *hashes)[-_OFFERED:]
    changed = {"next_password_hashes": hash_lines(kept)}
    connection.execute(sa.update(stations).where(stations.c.station_id == station_id).values(changed))


def withdraw_password(connection: sa.Connection, station_id: StationId, hashes: tuple[str, ...]) -> None:
    """The station did not take these."""
    kept = [one for one in _offered(connection, station_id) if one not in hashes]
    changed = {"next_password_hashes": hash_lines(kept)}
    connection.execute(sa.update(stations).where(stations.c.station_id == station_id).values(changed))


def set_password(
    connection: sa.Connection, station_id: StationId, password_hash: str, others: tuple[str, ...] = ()
) -> None:
    """This one from now on, or one of the others; every other ends."""
    changed = {"password_hash": password_hash, "next_password_hashes": hash_lines(others)}
    connection.execute(sa.update(stations).where(stations.c.station_id == station_id).values(changed))


def settle_password(connection: sa.Connection, station_id: StationId, password_hash: str) -> bool:
    """The station came in with an offered password: it is its password now, and what was offered later may follow it.

    False if it is no offer any more: another password was set meanwhile.
    """
    offered = _offered(connection, station_id)
    if password_hash not in offered:
        return False
    set_password(connection, station_id, password_hash, offered[offered.index(password_hash) + 1 :])
    return True


def _offered(connection: sa.Connection, station_id: StationId) -> tuple[str, ...]:
    wanted = sa.select(stations.c.next_password_hashes).where(stations.c.station_id == station_id)
    return tuple((connection.execute(wanted).scalar_one_or_none() or "").split())


def raise_profile(connection: sa.Connection, station_id: StationId, profile: SecurityProfile) -> None:
    """Only upwards."""
    connection.execute(
        sa.update(stations)
        .where(stations.c.station_id == station_id, stations.c.minimum_profile < int(profile))
        .values(minimum_profile=int(profile))
    )


def mark_seen(connection: sa.Connection, fingerprint: str, at: datetime) -> None:
    """Only the first time is kept."""
    connection.execute(
        sa.update(certificates)
        .where(certificates.c.fingerprint == fingerprint, certificates.c.seen_at.is_(None))
        .values(seen_at=at)
    )


def count_requests(connection: sa.Connection, station_id: StationId, since: datetime) -> int:
    """Accepted and refused requests: a refused one has cost us its inspection."""
    accepted = sa.select(sa.func.count()).where(enrolments.c.station_id == station_id, enrolments.c.created_at >= since)
    refused = sa.select(sa.func.count()).where(refusals.c.station_id == station_id, refusals.c.refused_at >= since)
    return int(connection.execute(accepted).scalar_one()) + int(connection.execute(refused).scalar_one())


def take_jobs(connection: sa.Connection, at: datetime, lease_until: datetime, limit: int) -> tuple[Job, ...]:
    """Due jobs that nobody holds, longest due first."""
    free = sa.or_(jobs.c.lease_until.is_(None), jobs.c.lease_until <= at)
    due = sa.select(jobs).where(jobs.c.due <= at, free).order_by(jobs.c.due).limit(limit)
    taken = []
    for row in connection.execute(due).mappings().all():
        leased = {"lease_until": lease_until, "attempts": row["attempts"] + 1}
        connection.execute(
            sa.update(jobs).where(jobs.c.kind == row["kind"], jobs.c.enrolment_id == row["enrolment_id"]).values(leased)
        )
        taken.append(job_from({**row, **leased}))
    return tuple(taken)


def next_due(connection: sa.Connection) -> datetime | None:
    """The earliest moment at which a job or a call is due and free."""
    moment = sa.func.max(jobs.c.due, sa.func.coalesce(jobs.c.lease_until, jobs.c.due), type_=jobs.c.due.type)
    earliest = sa.select(sa.func.min(moment, type_=jobs.c.due.type)).where(jobs.c.due.is_not(None))
    moments = (connection.execute(earliest).scalar_one(), call_statements.next_due(connection))
    return min((one for one in moments if one is not None), default=None)


def wake(connection: sa.Connection, station_id: StationId, at: datetime) -> int:
    """Jobs and calls that wait for the station become due."""
    waiting = sa.update(jobs).where(jobs.c.station_id == station_id, jobs.c.due.is_(None))
    woken = int(connection.execute(waiting.values(due=at)).rowcount)
    return woken + call_statements.wake(connection, station_id, at)


def release_leases(connection: sa.Connection) -> None:
    """The process that held them is gone: the file has one owner at a time."""
    connection.execute(sa.update(jobs).values(lease_until=None))
    call_statements.release_leases(connection)
