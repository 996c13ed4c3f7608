"""When a signing request is sent again: OCPP A02.FR.17 to 19 as a table of waits. Pure; sending is `signing`'s.

With W (CertSigningWaitMinimum, seconds) and R (CertSigningRepeatTimes), a request whose certificate doesn't come is
sent again W after the first time, then after R waits that are each twice the one before: for R = 1 at 0, W and 3W, and
then no more (OCTT TC_A_23). W = 0 never repeats.
"""

from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

__all__ = ["LONGEST_WAIT", "Reply", "Round", "remaining", "wait_after"]

LONGEST_WAIT: Final = 30 * 86_400
"""Seconds; a month: doubling has no end of its own."""
_UNANSWERED_WAIT: Final = 60
"""Seconds before a request is sent again over the same connection that was not answered at all, where W says less;
doubled each time, without an end."""

_MAX_DOUBLINGS: Final = 31
"""After so many a second has become a lifetime."""


class Reply(Enum):
    """What the CSMS said to the request that was sent last."""

    NONE = "none"
    """Nothing: the connection broke, or time ran out; it may or may not have the request."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Round(msgspec.Struct, frozen=True):
    """How often a request was sent since it was made, or since it was last asked for, and what came of it."""

    count: int
    at: datetime
    """When it was sent last, timezone-aware UTC."""
    reply: Reply = Reply.NONE
    for_own_name: bool = False
    """Whether it was made for what the station itself is called: when it is called otherwise, nobody wants it."""


def wait_after(told: Round, wait_minimum: int, repeat_times: int) -> int | None:
    """Seconds from the last sending to the next one over the same connection; None: it is not sent again."""
    doublings = min(max(told.count, 1) - 1, _MAX_DOUBLINGS)
    if told.reply is Reply.NONE:
        return min(LONGEST_WAIT, max(wait_minimum, _UNANSWERED_WAIT) << doublings)
    if told.reply is Reply.REJECTED or wait_minimum == 0 or told.count > repeat_times + 1:
        return None
    return min(LONGEST_WAIT, wait_minimum << doublings)


def remaining(told: Round, wait: int, at: datetime) -> float:
    """Seconds still to wait after a restart; a clock that jumped makes it neither negative nor longer than `wait`."""
    return min(float(wait), max(0.0, wait - (at - told.at).total_seconds()))
