"""Stations, enrolments, certificates, refusals and jobs."""

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.String(27)


def upgrade() -> None:
    """Make the first tables."""
    _make_stations()
    _make_enrolments()
    _make_certificates()
    _make_refusals()
    _make_jobs()


def _make_stations() -> None:
    op.create_table(
        "stations",
        sa.Column("station_id", sa.String(48), primary_key=True),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("minimum_profile", sa.Integer, nullable=False),
        sa.Column("allowed_names", sa.Text, nullable=False),
        sa.Column("organisation", sa.Text, nullable=False),
        sa.Column("station_group", sa.Text, nullable=False),
        sa.Column("csr_encoding", sa.String(16)),
    )


def _make_enrolments() -> None:
    op.create_table(
        "enrolments",
        sa.Column("enrolment_id", sa.String(32), primary_key=True),
        sa.Column("station_id", sa.String(48), sa.ForeignKey("stations.station_id"), nullable=False),
        sa.Column("leaf_use", sa.String(40), nullable=False),
        sa.Column("common_name", sa.Text, nullable=False),
        sa.Column("slot_taken", sa.Boolean, nullable=False),
        sa.Column("spki_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("csr", sa.LargeBinary, nullable=False),
        sa.Column("encoding", sa.String(16), nullable=False),
        sa.Column("pki", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("changed_at", _MOMENT, nullable=False),
        sa.Column("retry_at", _MOMENT),
        sa.Column("postponements", sa.Integer, nullable=False),
        sa.Column("failure_reason", sa.String(40)),
        sa.Column("failure_detail", sa.Text),
        sa.Column("failure_retry", sa.String(20)),
        sa.Column("failure_retry_at", _MOMENT),
        sa.Column("answer", sa.Text),
        sa.Column("chain", sa.Text),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("deliveries", sa.Integer, nullable=False),
        sa.Column("proof", sa.String(16)),
    )
    op.create_index("enrolments_of_station", "enrolments", ["station_id", "created_at"])
    op.create_index("enrolments_by_fingerprint", "enrolments", ["fingerprint"])
    op.create_index(
        "one_open_enrolment_per_slot",
        "enrolments",
        ["station_id", "leaf_use", "common_name"],
        unique=True,
        sqlite_where=sa.text("slot_taken"),
    )


def _make_certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("station_id", sa.String(48), sa.ForeignKey("stations.station_id"), nullable=False),
        sa.Column("enrolment_id", sa.String(32), sa.ForeignKey("enrolments.enrolment_id"), nullable=False),
        sa.Column("leaf_use", sa.String(40), nullable=False),
        sa.Column("common_name", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("serial_number", sa.String(40), nullable=False),
        sa.Column("not_before", _MOMENT, nullable=False),
        sa.Column("not_after", _MOMENT, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("recorded_at", _MOMENT, nullable=False),
        sa.Column("seen_at", _MOMENT),
    )
    op.create_index("certificates_of_station", "certificates", ["station_id", "leaf_use", "not_before"])


def _make_refusals() -> None:
    op.create_table(
        "refusals",
        sa.Column("refusal_id", sa.Integer, primary_key=True),
        sa.Column("station_id", sa.String(48), sa.ForeignKey("stations.station_id"), nullable=False),
        sa.Column("leaf_use", sa.String(40)),
        sa.Column("common_name", sa.Text),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("csr_digest", sa.String(64), nullable=False),
        sa.Column("refused_at", _MOMENT, nullable=False),
    )
    op.create_index("refusals_of_station", "refusals", ["station_id", "refused_at"])


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("enrolment_id", sa.String(32), sa.ForeignKey("enrolments.enrolment_id"), primary_key=True),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("due", _MOMENT),
        sa.Column("lease_until", _MOMENT),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
    op.create_index("jobs_by_due", "jobs", ["due"])
    op.create_index("jobs_of_station", "jobs", ["station_id"])
