"""The numbers by which OCPP 1.6 knows transactions; in 2.0.1 the station names its own."""

from datetime import UTC, datetime
from typing import Final, Self

__all__ = ["MAX_TRANSACTION_ID", "TransactionNumbers"]

MAX_TRANSACTION_ID: Final = 2**31 - 1
"""The schema of 1.6 bounds no integer; stations keep this one in 32 bits with a sign."""
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


class TransactionNumbers:
    """Numbers from 1 to `MAX_TRANSACTION_ID`, each given once in the life of a process.

    Nothing of a transaction is recorded yet, so a new process can't know what the last one gave. It begins with the
    second of its start, and so goes on beyond the last one's numbers as long as a transaction a second was not the
    average. Two processes that serve at once may give the same number to different stations.

    Args:
        first: the number given first, if it is one; else what is left of it in the range.
    """

    def __init__(self, first: int) -> None:
        self._next = first

    @classmethod
    def of_process_started(cls, at: datetime) -> Self:
        """The numbers of a process that starts now, `at`; the range lasts for 68 years of seconds."""
        return cls(int((at - _EPOCH).total_seconds()))

    def take(self) -> int:
        """The next number."""
        number = (self._next - 1) % MAX_TRANSACTION_ID + 1
        self._next = number + 1
        return number
