"""A station is asked in the dialects it was heard to speak, after a restart too."""

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of stations seen before nothing is known."""
    op.add_column("stations", sa.Column("dialects", sa.String(40)))
