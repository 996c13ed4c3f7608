"""`chainpilot.cpms.ports.TrustRecords` in the ledger's database."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError

from chainpilot.cpms.adapters.sql.ledger import SqlLedger
from chainpilot.cpms.adapters.sql.trust_schema import revocation_lists, trust_changes, trust_events, trust_records
from chainpilot.cpms.model import Fingerprint, TrustChange, TrustRecord, TrustSource, TrustState
from chainpilot.cpms.ports import KeptList, LedgerConflict, TrustEntry
from chainpilot.pki.certificate import load_certificate
from chainpilot.pki.trust import TrustDomain

__all__ = ["SqlTrustRecords"]

_KEPT_EVENTS: Final = 100_000
"""Webhook events remembered, the newest: only who has the key can add one, and an older one again proposes nothing."""
_MAX_HISTORY: Final = 10_000
"""Lines of history told at most, the newest; all are kept."""


class SqlTrustRecords:
    """The records of trust beside the ledger's own, in its file and written by its thread."""

    def __init__(self, ledger: SqlLedger) -> None:
        self._ledger = ledger

    async def records(self) -> tuple[TrustRecord, ...]:
        """All of them, oldest first. Raises LedgerFailed, also when one can't be read."""
        wanted = sa.select(trust_records).order_by(trust_records.c.record_id)
        return await self._ledger.read(
            lambda connection: tuple(_record_from(dict(row)) for row in connection.execute(wanted).mappings())
        )

    async def write(self, entry: TrustEntry) -> None:
        """All of the entry or nothing. Raises LedgerConflict, LedgerFailed."""
        await self._ledger.write(lambda connection: _write(connection, entry))

    async def history(self, fingerprint: Fingerprint | None = None) -> tuple[TrustChange, ...]:
        """What was decided, oldest first; of one certificate or of all."""
        wanted = sa.select(trust_changes).order_by(trust_changes.c.change_id.desc()).limit(_MAX_HISTORY)
        if fingerprint is not None:
            wanted = wanted.where(trust_changes.c.fingerprint == fingerprint)
        return tuple(map(_change_from, reversed(await self._rows(wanted))))

    async def last_change(self) -> int:
        """A number that grows with every line of the history; 0 without any."""
        newest = sa.select(sa.func.max(trust_changes.c.change_id))
        return await self._ledger.read(lambda connection: connection.execute(newest).scalar_one() or 0)

    async def has_event(self, event_id: str) -> bool:
        """Whether an event of that id was done with."""
        return bool(await self._rows(sa.select(trust_events).where(trust_events.c.event_id == event_id)))

    async def lists(self) -> tuple[KeptList, ...]:
        """The revocation lists fetched last."""
        rows = await self._rows(sa.select(revocation_lists).order_by(revocation_lists.c.url))
        return tuple(KeptList(row["url"], row["list"], row["fetched_at"]) for row in rows)

    async def keep_list(self, kept: KeptList) -> None:
        """Keep a list in the place of the one that had its URL."""
        values = {"list": kept.der, "fetched_at": kept.fetched_at}
        statement = insert(revocation_lists).values(url=kept.url, **values)
        upsert = statement.on_conflict_do_update(index_elements=["url"], set_=values)
        await self._ledger.write(lambda connection: connection.execute(upsert))

    async def _rows(self, statement: sa.Select[Any]) -> tuple[Mapping[str, Any], ...]:
        return await self._ledger.read(
            lambda connection: tuple(dict(row) for row in connection.execute(statement).mappings())
        )


def _write(connection: sa.Connection, entry: TrustEntry) -> None:
    """Raises LedgerConflict."""
    for record in entry.added:
        try:
            connection.execute(sa.insert(trust_records).values(_row(record)))
        except IntegrityError as error:
            raise LedgerConflict(f"the record of {record.fingerprint}") from error
    for record in entry.changed:
        mine = sa.update(trust_records).where(
            trust_records.c.fingerprint == record.fingerprint,
            trust_records.c.trust_domain == record.domain.value,
            trust_records.c.version == record.version - 1,
        )
        if connection.execute(mine.values(_row(record))).rowcount != 1:
            raise LedgerConflict(f"the record of {record.fingerprint}")
    if entry.changes:
        connection.execute(sa.insert(trust_changes), [_change_row(change) for change in entry.changes])
    if entry.event_id is not None:
        _note_event(connection, entry)


def _note_event(connection: sa.Connection, entry: TrustEntry) -> None:
    noted = insert(trust_events).values(event_id=entry.event_id, seen_at=entry.at)
    connection.execute(noted.on_conflict_do_nothing())
    newest = sa.select(trust_events.c.seen_at).order_by(trust_events.c.seen_at.desc())
    oldest = connection.execute(newest.offset(_KEPT_EVENTS - 1).limit(1)).scalar_one_or_none()
    if oldest is not None:
        connection.execute(sa.delete(trust_events).where(trust_events.c.seen_at < oldest))


def _row(record: TrustRecord) -> dict[str, Any]:
    return {
        "fingerprint": record.fingerprint,
        "trust_domain": record.domain.value,
        "certificate": record.certificate.der,
        "state": record.state.value,
        "source": record.source.value,
        "seen_from": record.seen_from,
        "seen_at": record.seen_at,
        "changed_at": record.changed_at,
        "changed_by": record.changed_by,
        "why": record.why,
        "notice": record.notice,
        "version": record.version,
    }


def _record_from(row: Mapping[str, Any]) -> TrustRecord:
    """Raises CertificateError, ValueError: a record that can't be read might have been a withdrawal, so all stops."""
    certificate = load_certificate(row["certificate"])
    if certificate.fingerprint != row["fingerprint"]:
        raise ValueError(f"the trust record of {row['fingerprint']} holds another certificate")
    return TrustRecord(
        certificate=certificate,
        domain=TrustDomain(row["trust_domain"]),
        state=TrustState(row["state"]),
        source=TrustSource(row["source"]),
        seen_from=row["seen_from"],
        seen_at=row["seen_at"],
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
        why=row["why"],
        notice=row["notice"],
        version=row["version"],
    )


def _change_row(change: TrustChange) -> dict[str, Any]:
    return {
        "fingerprint": change.fingerprint,
        "trust_domain": change.domain.value,
        "state_before": change.before.value if change.before else None,
        "state_after": change.after.value,
        "source": change.source.value,
        "changed_at": change.at,
        "changed_by": change.by,
        "why": change.why,
    }


def _change_from(row: Mapping[str, Any]) -> TrustChange:
    return TrustChange(
        fingerprint=Fingerprint(row["fingerprint"]),
        domain=TrustDomain(row["trust_domain"]),
        before=TrustState(row["state_before"]) if row["state_before"] else None,
        after=TrustState(row["state_after"]),
        source=TrustSource(row["source"]),
        at=row["changed_at"],
        by=row["changed_by"],
        why=row["why"],
    )
