"""Calls to stations are kept with what was sent and answered; stations' odd spellings and offered passwords too."""

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and two columns."""
    op.add_column("stations", sa.Column("quirks", sa.String(80)))
    op.add_column("stations", sa.Column("next_password_hashes", sa.Text))
    op.create_table(
        "calls",
        sa.Column("call_id", sa.Integer, primary_key=True),
        sa.Column("station_id", sa.String(48), sa.ForeignKey("stations.station_id"), nullable=False),
        sa.Column("demand", sa.Text, nullable=False),
        sa.Column("is_withheld", sa.Boolean, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("ordered_at", sa.String(27), nullable=False),
        sa.Column("changed_at", sa.String(27), nullable=False),
        sa.Column("expires_at", sa.String(27), nullable=False),
        sa.Column("due", sa.String(27)),
        sa.Column("lease_until", sa.String(27)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("exchanges", sa.Text, nullable=False),
        sa.Column("end_reason", sa.String(40)),
        sa.Column("end_detail", sa.Text),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("progress", sa.String(50)),
        sa.Column("progress_at", sa.String(27)),
        sqlite_autoincrement=True,
    )
    op.create_index("calls_of_station", "calls", ["station_id", "call_id"])
    op.create_index("open_calls", "calls", ["station_id", "call_id"], sqlite_where=sa.text("is_open = 1"))
