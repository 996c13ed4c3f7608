"""Times, numbers and lists as people read them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from chainpilot.pki.identity import DistinguishedName

__all__ = ["called", "counted", "listed", "moment", "span"]

_NAMED: Final = 4
"""Names of a list told at most; of more, how many there are."""


def called(subject: DistinguishedName) -> str:
    """What people call a certificate where several are named."""
    return subject.common_name or subject.organization or str(subject)


def moment(at: datetime) -> str:
    """A time, `2027-01-06 12:00 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def span(gap: timedelta) -> str:
    """A time yet to pass, in the largest unit that says something."""
    if gap.days >= 1:
        return counted(gap.days, "day")
    return counted(max(gap.seconds // 3600, 0), "hour")


def counted(number: int, noun: str) -> str:
    """`1 day`, `2 days`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    told = ", ".join(names[:_NAMED])
    return told if len(names) <= _NAMED else f"{told} and {len(names) - _NAMED} more"
