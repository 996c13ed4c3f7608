"""Exit codes of every command (product.md section 3)."""

from enum import IntEnum

from chainpilot.errors import ChainpilotError, UndecidedError

__all__ = ["Exit", "exit_of"]


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
    STOPPED = 130
    """Ctrl-C before it was done, as shells count it."""


def exit_of(error: ChainpilotError | OSError) -> Exit:
    """The one mapping from what went wrong to an exit code: an error may name its own, else its family does."""
    named: Exit | None = getattr(error, "exit", None)
    if named is not None:
        return named
    return Exit.UNREACHABLE if isinstance(error, UndecidedError) else Exit.NEEDS_SOMEBODY
