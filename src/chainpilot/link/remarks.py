"""What the log says of frames that nothing follows from: malformed ones, repeated calls, answers nobody waits for."""

import logging
from typing import Final

from chainpilot.link.stretches import Stretch
from chainpilot.wire.ocppj.events import CallRepeated, CallTurnedAway, FrameRefused, StrayAnswer

__all__ = ["Remarkable", "Remarks"]

Remarkable = CallRepeated | CallTurnedAway | StrayAnswer | FrameRefused

_LOG: Final = logging.getLogger("chainpilot.link")


class Remarks:
    """Of one connection, whose peer the log calls `name`; each kind at once, and later at most once an hour."""

    __slots__ = ("_name", "_stretches")

    def __init__(self, name: str) -> None:
        self._name = name
        self._stretches: dict[type[Remarkable], Stretch] = {}

    def make(self, event: Remarkable, at: float) -> None:
        """Log the event, which came at `at` (monotonic seconds), or count it only."""
        untold = self._stretches.setdefault(type(event), Stretch()).came(at)
        if untold is not None:
            level, words = _words(event)
            _LOG.log(level, "%s: %s%s", self._name, words, f"; {untold} more since it was told last" if untold else "")


def _words(event: Remarkable) -> tuple[int, str]:
    """Level and words; a malformed or refused frame is the peer's fault and worth a warning."""
    match event:
        case FrameRefused(fault):
            return logging.WARNING, f"malformed frame, {fault.why}"
        case CallTurnedAway(_, action, _, why):
            return logging.WARNING, f"a call was turned away, {action}: {why}"
        case CallRepeated(_, action):
            return logging.INFO, f"{action} was repeated while at work"
        case StrayAnswer(message_id):
            return logging.INFO, f"nobody waits for the answer {message_id}"
