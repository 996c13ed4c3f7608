"""`chainpilot.cpms.ports.IssuingRecords` in the ledger's database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from chainpilot.cpms.adapters.sql.ledger import SqlLedger
from chainpilot.cpms.adapters.sql.trust_schema import issued_certificates, issuing_cas
from chainpilot.cpms.ports import Issuance, Revocation
from chainpilot.pki.certificate import load_certificate
from chainpilot.pki.crl import RevocationReason
from chainpilot.pki.keys import SpkiHash

__all__ = ["SqlIssuingRecords"]

_MOST: Final = 5000
"""Certificates told of one CA at most, the newest; all are kept."""


class SqlIssuingRecords:
    """What CAs of the operator's own issued, in the ledger's file and written by its thread."""

    def __init__(self, ledger: SqlLedger) -> None:
        self._ledger = ledger

    async def issued_for(self, ca_key: SpkiHash, request_digest: str) -> Issuance | None:
        """What the CA issued for that request."""
        return await self._one(_of(ca_key).where(issued_certificates.c.request_digest == request_digest))

    async def keep(self, issuance: Issuance) -> Issuance:
        """Write it down; what is on record for its request then: this one, or one that came before it."""
        return await self._ledger.write(lambda connection: _keep(connection, issuance))

    async def issuance(self, ca_key: SpkiHash, serial: str) -> Issuance | None:
        """The certificate with that serial number."""
        return await self._one(_of(ca_key).where(issued_certificates.c.serial_number == serial))

    async def issued(self, ca_key: SpkiHash) -> tuple[Issuance, ...]:
        """All that the CA issued, newest first; the last thousands."""
        return await self._all(_of(ca_key).order_by(issued_certificates.c.issuance_id.desc()).limit(_MOST))

    async def revoke(self, ca_key: SpkiHash, serial: str, revocation: Revocation) -> bool:
        """Write a revocation down; False if it was revoked before."""
        mine = sa.update(issued_certificates).where(
            issued_certificates.c.ca_key == ca_key,
            issued_certificates.c.serial_number == serial,
            issued_certificates.c.revoked_at.is_(None),
        )
        values = {
            "revoked_at": revocation.at,
            "revocation_reason": revocation.reason.value,
            "revoked_by": revocation.by,
        }
        return await self._ledger.write(lambda connection: connection.execute(mine.values(values)).rowcount == 1)

    async def revoked(self, ca_key: SpkiHash, ending_after: datetime) -> tuple[Issuance, ...]:
        """What is revoked and ends after that moment."""
        wanted = _of(ca_key).where(
            issued_certificates.c.revoked_at.is_not(None), issued_certificates.c.not_after > ending_after
        )
        return await self._all(wanted.order_by(issued_certificates.c.issuance_id))

    async def next_list_number(self, ca_key: SpkiHash) -> int:
        """A number that no list of this CA has had, greater than all before."""
        counted = insert(issuing_cas).values(ca_key=ca_key, list_number=1)
        upsert = counted.on_conflict_do_update(
            index_elements=["ca_key"], set_={"list_number": issuing_cas.c.list_number + 1}
        ).returning(issuing_cas.c.list_number)
        return int(await self._ledger.write(lambda connection: connection.execute(upsert).scalar_one()))

    async def _one(self, statement: sa.Select[Any]) -> Issuance | None:
        found = await self._all(statement)
        return found[0] if found else None

    async def _all(self, statement: sa.Select[Any]) -> tuple[Issuance, ...]:
        return await self._ledger.read(
            lambda connection: tuple(_issuance_from(dict(row)) for row in connection.execute(statement).mappings())
        )


def _of(ca_key: SpkiHash) -> sa.Select[Any]:
    return sa.select(issued_certificates).where(issued_certificates.c.ca_key == ca_key)


def _keep(connection: sa.Connection, issuance: Issuance) -> Issuance:
    """A serial number given twice fails the write (RFC 5280 section 4.1.2.2)."""
    statement = insert(issued_certificates).values(
        ca_key=issuance.ca_key,
        serial_number=issuance.serial,
        request_digest=issuance.request_digest,
        certificate=issuance.certificate.der,
        issued_at=issuance.issued_at,
        not_after=issuance.certificate.not_after,
    )
    connection.execute(statement.on_conflict_do_nothing(index_elements=["ca_key", "request_digest"]))
    wanted = _of(issuance.ca_key).where(issued_certificates.c.request_digest == issuance.request_digest)
    return _issuance_from(dict(connection.execute(wanted).mappings().one()))


def _issuance_from(row: Mapping[str, Any]) -> Issuance:
    revocation = None
    if row["revoked_at"] is not None:
        revocation = Revocation(row["revoked_at"], RevocationReason(row["revocation_reason"]), row["revoked_by"])
    return Issuance(
        ca_key=SpkiHash(row["ca_key"]),
        certificate=load_certificate(row["certificate"]),
        request_digest=row["request_digest"],
        issued_at=row["issued_at"],
        revocation=revocation,
    )
