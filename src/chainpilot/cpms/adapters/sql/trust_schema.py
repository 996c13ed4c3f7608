"""The tables of trust and of the local CAs, as the newest migration leaves them."""

from typing import Final

import sqlalchemy as sa

from chainpilot.cpms.adapters.sql.schema import UtcText, metadata

__all__ = ["issued_certificates", "issuing_cas", "revocation_lists", "trust_changes", "trust_events", "trust_records"]

trust_records: Final = sa.Table(
    "trust_records",
    metadata,
    sa.Column("record_id", sa.Integer, primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("trust_domain", sa.String(8), nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("seen_from", sa.Text, nullable=False),
    sa.Column("seen_at", UtcText, nullable=False),
    sa.Column("changed_at", UtcText, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("notice", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("trust_of_certificate", "fingerprint", "trust_domain", unique=True),
)

trust_changes: Final = sa.Table(
    "trust_changes",
    metadata,
    sa.Column("change_id", sa.Integer, primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("trust_domain", sa.String(8), nullable=False),
    sa.Column("state_before", sa.String(16)),
    sa.Column("state_after", sa.String(16), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("changed_at", UtcText, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Index("changes_of_certificate", "fingerprint", "change_id"),
    sqlite_autoincrement=True,
)

trust_events: Final = sa.Table(
    "trust_events",
    metadata,
    sa.Column("event_id", sa.String(128), primary_key=True),
    sa.Column("seen_at", UtcText, nullable=False),
    sa.Index("events_by_time", "seen_at"),
)

revocation_lists: Final = sa.Table(
    "revocation_lists",
    metadata,
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("list", sa.LargeBinary, nullable=False),
    sa.Column("fetched_at", UtcText, nullable=False),
)

issued_certificates: Final = sa.Table(
    "issued_certificates",
    metadata,
    sa.Column("issuance_id", sa.Integer, primary_key=True),
    sa.Column("ca_key", sa.String(64), nullable=False),
    sa.Column("serial_number", sa.String(40), nullable=False),
    sa.Column("request_digest", sa.String(64), nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("issued_at", UtcText, nullable=False),
    sa.Column("not_after", UtcText, nullable=False),
    sa.Column("revoked_at", UtcText),
    sa.Column("revocation_reason", sa.String(24)),
    sa.Column("revoked_by", sa.Text),
    sa.Index("one_certificate_per_serial", "ca_key", "serial_number", unique=True),
    sa.Index("one_certificate_per_request", "ca_key", "request_digest", unique=True),
    sa.Index("revoked_certificates", "ca_key", "not_after", sqlite_where=sa.text("revoked_at IS NOT NULL")),
)
"""A CA is known by its key, whatever the configuration calls it."""

issuing_cas: Final = sa.Table(
    "issuing_cas",
    metadata,
    sa.Column("ca_key", sa.String(64), primary_key=True),
    sa.Column("list_number", sa.Integer, nullable=False),
)
"""The number of the last revocation list, which may never be given twice (RFC 5280 section 5.2.3)."""
