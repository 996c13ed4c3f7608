"""Exit codes of every command (product.md section 3)."""

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    """True, or done."""
    NEEDS_SOMEBODY = 1
    """It ran, and something needs a person."""
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    UNREACHABLE = 5
    WAITED_TOO_LONG = 6
    """The work goes on."""
    CONFLICT = 7
    """A safety rule or a conflict."""
