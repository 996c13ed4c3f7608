"""Work counted in calls of our own functions, so that a test of bounds needs no clock."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Counted", "TooMuchWork", "counted"]


class TooMuchWork(BaseException):
    """The limit is passed; no `except Exception` on the way keeps it."""


class Counted:
    """Calls so far."""

    def __init__(self) -> None:
        self.calls = 0


@contextmanager
def counted(limit: int, *, of: str = "") -> Iterator[Counted]:
    """Count the calls of our functions, of those named `of` where it is given; more than `limit` end the block."""
    count = Counted()

    def look(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and "/chainpilot/" in frame.f_code.co_filename and of in ("", frame.f_code.co_name):
            count.calls += 1
            if count.calls > limit:
                raise TooMuchWork(f"more than {limit} calls, the last of {frame.f_code.co_qualname}")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield count
    finally:
        sys.setprofile(before)
