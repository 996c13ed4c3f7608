"""CA certificates and the decisions about them, revocation lists, and what the operator's own CAs issued."""

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    _trust()
    _lists()
    _issuing()


def _trust() -> None:
    op.create_table(
        "trust_records",
        sa.Column("record_id", sa.Integer, primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("trust_domain", sa.String(8), nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("seen_from", sa.Text, nullable=False),
        sa.Column("seen_at", sa.String(27), nullable=False),
        sa.Column("changed_at", sa.String(27), nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("notice", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("trust_of_certificate", "trust_records", ["fingerprint", "trust_domain"], unique=True)
    op.create_table(
        "trust_changes",
        sa.Column("change_id", sa.Integer, primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("trust_domain", sa.String(8), nullable=False),
        sa.Column("state_before", sa.String(16)),
        sa.Column("state_after", sa.String(16), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("changed_at", sa.String(27), nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("changes_of_certificate", "trust_changes", ["fingerprint", "change_id"])
    op.create_table(
        "trust_events",
        sa.Column("event_id", sa.String(128), primary_key=True),
        sa.Column("seen_at", sa.String(27), nullable=False),
    )
    op.create_index("events_by_time", "trust_events", ["seen_at"])


def _lists() -> None:
    op.create_table(
        "revocation_lists",
        sa.Column("url", sa.Text, primary_key=True),
        sa.Column("list", sa.LargeBinary, nullable=False),
        sa.Column("fetched_at", sa.String(27), nullable=False),
    )


def _issuing() -> None:
    op.create_table(
        "issued_certificates",
        sa.Column("issuance_id", sa.Integer, primary_key=True),
        sa.Column("ca_key", sa.String(64), nullable=False),
        sa.Column("serial_number", sa.String(40), nullable=False),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("issued_at", sa.String(27), nullable=False),
        sa.Column("not_after", sa.String(27), nullable=False),
        sa.Column("revoked_at", sa.String(27)),
        sa.Column("revocation_reason", sa.String(24)),
        sa.Column("revoked_by", sa.Text),
    )
    op.create_index("one_certificate_per_serial", "issued_certificates", ["ca_key", "serial_number"], unique=True)
    op.create_index("one_certificate_per_request", "issued_certificates", ["ca_key", "request_digest"], unique=True)
    op.create_index(
        "revoked_certificates",
        "issued_certificates",
        ["ca_key", "not_after"],
        sqlite_where=sa.text("revoked_at IS NOT NULL"),
    )
    op.create_table(
        "issuing_cas",
        sa.Column("ca_key", sa.String(64), primary_key=True),
        sa.Column("list_number", sa.Integer, nullable=False),
    )
