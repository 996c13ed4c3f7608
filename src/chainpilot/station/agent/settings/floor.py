"""The floor under the security profile: the lowest that is still used, kept in the settings' record and once apart.

A memory that is lost or begun anew must not let the station go back to a profile below one that worked (A05, B09). So
the floor lies in two places, this one being written first, and the higher counts. Where it lies is the adapters'.
"""

import logging
import re
import zlib
from dataclasses import dataclass
from typing import Final

from chainpilot.station.agent.ports import FloorUnreadable, MemoryFault, ProfileFloor

__all__ = ["LOWEST_SAFE", "FloorApart", "Judged", "judge_floor", "read_floor", "write_floor"]

LOWEST_SAFE: Final = 2
"""The floor where nobody knows it: of the profiles above none can be a downgrade to a connection without TLS."""
_PROFILES: Final = range(4)
_VERSION: Final = 1
_FORM: Final = re.compile(rb"(chainpilot-floor ([0-9]{1,4})(?: [!-~]{1,40}){1,4}) ([0-9a-f]{8})\n")
"""Our name, the version, what it says, and the CRC-32 of all that; a later version keeps to that much."""
_SAYS: Final = re.compile(rb"chainpilot-floor [0-9]+ ([0-9])")

_log = logging.getLogger(__name__)


def write_floor(profile: int) -> bytes:
    """The line that says it; `read_floor` is its inverse."""
    said = b"chainpilot-floor %d %d" % (_VERSION, profile)
    return b"%s %08x\n" % (said, zlib.crc32(said))


def read_floor(data: bytes) -> int:
    """The security profile that the line says.

    Raises:
        FloorUnreadable: it isn't a line that was written so.
        MemoryFault: a newer program wrote it.
    """
    form = _FORM.fullmatch(data)
    if form is None or int(form[3], 16) != zlib.crc32(form[1]):
        raise FloorUnreadable("it isn't as it was written")
    if int(form[2]) > _VERSION:
        raise MemoryFault(f"the floor was written by a newer program (version {int(form[2])}, known is {_VERSION})")
    says = _SAYS.fullmatch(form[1])
    if says is None or int(says[1]) not in _PROFILES:
        raise FloorUnreadable("it names no security profile")
    return int(says[1])


@dataclass(frozen=True, slots=True)
class Judged:
    """What the two places come to."""

    profile: int
    """Nothing below is used."""
    why_presumed: str | None = None
    """Why nobody knows what it was, as a sentence's end; None: it is known."""


def judge_floor(apart: int | FloorUnreadable | None, recorded: int | None, why_lost: str | None) -> Judged:
    """The floor that counts.

    1. Of two that are known the higher counts. 2. One that is known alone counts. 3. Where none is known and nothing
    was lost, nothing was ever there: a new station. 4. Where none is known and something was, it may have been any.

    Args:
        apart: what is kept apart; None: nothing ever was.
        recorded: what the settings' record says; None: there is no record that can be read.
        why_lost: why the memory doesn't know what it knew before; None: it does.
    """
    known = [one for one in (apart, recorded) if isinstance(one, int)]
    if known:  # 1, 2
        return Judged(max(known))
    if isinstance(apart, FloorUnreadable):  # 4
        return Judged(LOWEST_SAFE, f"{why_lost or 'no settings are remembered'}, and {apart}")
    if why_lost is not None:  # 4
        return Judged(LOWEST_SAFE, f"{why_lost}, and the floor is kept nowhere else")
    return Judged(0)  # 3


class FloorApart:
    """The second place, with what is known to lie there; one caller at a time."""

    def __init__(self, place: ProfileFloor | None) -> None:
        """Read it; may block. None: there is no such place.

        Raises:
            MemoryFault: a newer program wrote it.
        """
        self._place = place
        self._is_troubled = False
        self.found: int | FloorUnreadable | None = None
        """What was there at the start."""
        try:
            self.found = place.read() if place is not None else None
        except FloorUnreadable as fault:
            _log.error("%s", fault)
            self.found = fault
        self._holds = self.found if isinstance(self.found, int) else None

    def keep(self, profile: int) -> bool:
        """Have it lie there, durable; whether it does. Never raises: a place that fails is logged, once."""
        if self._place is None or profile == self._holds:
            return True
        try:
            self._place.keep(profile)
        except MemoryFault as fault:
            if not self._is_troubled:
                _log.error("the floor under the security profile is kept in one place only for now: %s", fault.why)
            self._is_troubled = True
            return False
        self._holds, self._is_troubled = profile, False
        return True
