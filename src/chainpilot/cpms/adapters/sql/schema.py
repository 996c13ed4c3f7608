"""The tables, as the newest migration leaves them; a test compares the two."""

from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

__all__ = [
    "UtcText",
    "calls",
    "certificates",
    "enrolments",
    "jobs",
    "metadata",
    "refusals",
    "stations",
]


class UtcText(TypeDecorator[datetime]):
    """A moment as UTC text of fixed width, so that its order is the order of time and people can read it."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To text; a naive moment is a bug."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From text."""
        return None if value is None else datetime.fromisoformat(value)


metadata: Final = sa.MetaData()

stations: Final = sa.Table(
    "stations",
    metadata,
    sa.Column("station_id", sa.String(48), primary_key=True),
    sa.Column("password_hash", sa.String(200), nullable=False),
    sa.Column("minimum_profile", sa.Integer, nullable=False),
    sa.Column("allowed_names", sa.Text, nullable=False),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("station_group", sa.Text, nullable=False),
    sa.Column("csr_encoding", sa.String(16)),
    sa.Column("dialects", sa.String(40)),
    sa.Column("quirks", sa.String(80)),
    sa.Column("next_password_hashes", sa.Text),
)

enrolments: Final = sa.Table(
    "enrolments",
    metadata,
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
    sa.Column("created_at", UtcText, nullable=False),
    sa.Column("changed_at", UtcText, nullable=False),
    sa.Column("retry_at", UtcText),
    sa.Column("postponements", sa.Integer, nullable=False),
    sa.Column("failure_reason", sa.String(40)),
    sa.Column("failure_detail", sa.Text),
    sa.Column("failure_retry", sa.String(20)),
    sa.Column("failure_retry_at", UtcText),
    sa.Column("answer", sa.Text),
    sa.Column("chain", sa.Text),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("deliveries", sa.Integer, nullable=False),
    sa.Column("proof", sa.String(16)),
    sa.Index("enrolments_of_station", "station_id", "created_at"),
    sa.Index("enrolments_by_fingerprint", "fingerprint"),
    sa.Index("enrolments_by_beginning", "created_at"),
    sa.Index(
        "one_open_enrolment_per_slot",
        "station_id",
        "leaf_use",
        "common_name",
        unique=True,
        sqlite_where=sa.text("slot_taken"),
    ),
)

certificates: Final = sa.Table(
    "certificates",
    metadata,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("station_id", sa.String(48), sa.ForeignKey("stations.station_id"), nullable=False),
    sa.Column("enrolment_id", sa.String(32), sa.ForeignKey("enrolments.enrolment_id"), nullable=False),
    sa.Column("leaf_use", sa.String(40), nullable=False),
    sa.Column("common_name", sa.Text, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("serial_number", sa.String(40), nullable=False),
    sa.Column("not_before", UtcText, nullable=False),
    sa.Column("not_after", UtcText, nullable=False),
    sa.Column("chain", sa.Text, nullable=False),
    sa.Column("recorded_at", UtcText, nullable=False),
    sa.Column("seen_at", UtcText),
    sa.Index("certificates_of_station", "station_id", "leaf_use", "not_before"),
)

refusals: Final = sa.Table(
    "refusals",
    metadata,
    sa.Column("refusal_id", sa.Integer, primary_key=True),
    sa.Column("station_id", sa.String(48), sa.ForeignKey("stations.station_id"), nullable=False),
    sa.Column("leaf_use", sa.String(40)),
    sa.Column("common_name", sa.Text),
    sa.Column("reason", sa.String(40), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("csr_digest", sa.String(64), nullable=False),
    sa.Column("refused_at", UtcText, nullable=False),
    sa.Index("refusals_of_station", "station_id", "refused_at"),
)

jobs: Final = sa.Table(
    "jobs",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("enrolment_id", sa.String(32), sa.ForeignKey("enrolments.enrolment_id"), primary_key=True),
    sa.Column("station_id", sa.String(48), nullable=False),
    sa.Column("due", UtcText),
    sa.Column("lease_until", UtcText),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Index("jobs_by_due", "due"),
    sa.Index("jobs_of_station", "station_id"),
)

calls: Final = sa.Table(
    "calls",
    metadata,
    sa.Column("call_id", sa.Integer, primary_key=True),
    sa.Column("station_id", sa.String(48), sa.ForeignKey("stations.station_id"), nullable=False),
    sa.Column("demand", sa.Text, nullable=False),
    sa.Column("is_withheld", sa.Boolean, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("ordered_at", UtcText, nullable=False),
    sa.Column("changed_at", UtcText, nullable=False),
    sa.Column("expires_at", UtcText, nullable=False),
    sa.Column("due", UtcText),
    sa.Column("lease_until", UtcText),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("exchanges", sa.Text, nullable=False),
    sa.Column("end_reason", sa.String(40)),
    sa.Column("end_detail", sa.Text),
    sa.Column("findings", sa.Text, nullable=False),
    sa.Column("progress", sa.String(50)),
    sa.Column("progress_at", UtcText),
    sa.Index("calls_of_station", "station_id", "call_id"),
    sa.Index("open_calls", "station_id", "call_id", sqlite_where=sa.text("is_open = 1")),
    sqlite_autoincrement=True,
)
"""A call's turn comes when it is the oldest open one of its station; its time is in the row itself. A number is never
given twice, since a station may still know it as a requestId."""
