"""Telling the CSMS how far something has come: one notice after the other, each until it is answered or given up.

What is told, and what of it outlasts a power cut, is the flows' matter.
"""

import logging
from typing import Final

from chainpilot.clock import Clock
from chainpilot.link.faults import CallRefused, CallTimedOut
from chainpilot.station.agent.ports import Line
from chainpilot.wire.ocppj.rpc import QueueFullError
from chainpilot.wire.schema import Message, write_message

__all__ = ["AGAIN_SECONDS", "MAX_TELLINGS", "tell"]

MAX_TELLINGS: Final = 5
"""Of one notice over one connection: a CSMS that never answers it must not keep the later ones from being told."""
AGAIN_SECONDS: Final = 30.0
"""Until a notice that wasn't answered is told again."""

_log = logging.getLogger(__name__)


async def tell(line: Line, notice: Message, clock: Clock) -> None:
    """Return when the CSMS has answered, with whatever: then it knows. Given up after MAX_TELLINGS.

    Raises:
        LinkClosed: the connection ended; the CSMS may or may not have heard.
    """
    action = type(notice).__name__
    for telling in range(1, MAX_TELLINGS + 1):
        try:
            await line.call(action, write_message(notice))
        except CallRefused as refusal:
            _log.warning("%s was refused with %s, and isn't told again", action, refusal.code.value)
        except (CallTimedOut, QueueFullError):
            if telling < MAX_TELLINGS:
                await clock.sleep_until(clock.monotonic() + AGAIN_SECONDS)
                continue
            _log.warning("%s wasn't answered %d times, and isn't told again", action, telling)
        return
