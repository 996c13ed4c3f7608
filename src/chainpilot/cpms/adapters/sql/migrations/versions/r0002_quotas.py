"""The fleet's quota counts enrolments by the moment they were begun."""

from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index("enrolments_by_beginning", "enrolments", ["created_at"])
