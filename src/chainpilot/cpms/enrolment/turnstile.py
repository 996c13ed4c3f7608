"""Lets the requests of one station in one by one, and no more of them than it has credit for.

In memory, so a restart gives every station its credit back; how many *new* certificates a station may ask for is
counted in the records. It serves one process, as the database does.
"""

import asyncio
from collections import OrderedDict
from typing import Final
from weakref import WeakValueDictionary

from chainpilot.pki.identity import StationId

__all__ = ["Turnstile"]

_ACCOUNTS: Final = 10_000
"""Stations remembered; of more the one that was silent longest starts anew. Only admitted stations get here."""
_HOUR: Final = 3600.0


class Turnstile:
    """One bucket and one queue for each station."""

    __slots__ = ("_accounts", "_turns")

    def __init__(self) -> None:
        self._accounts: OrderedDict[StationId, tuple[float, float]] = OrderedDict()
        self._turns: WeakValueDictionary[StationId, asyncio.Lock] = WeakValueDictionary()

    def admits(self, station_id: StationId, an_hour: int, moment: float) -> bool:
        """Take one request from the station's credit, which fills up at `an_hour` and never holds more than that.

        Args:
            station_id: who asks.
            an_hour: requests an hour.
            moment: monotonic seconds.
        """
        credit, since = self._accounts.pop(station_id, (float(an_hour), moment))
        credit = min(float(an_hour), credit + (moment - since) * an_hour / _HOUR)
        admitted = credit >= 1
        self._accounts[station_id] = (credit - 1 if admitted else credit, moment)
        if len(self._accounts) > _ACCOUNTS:
            self._accounts.popitem(last=False)
        return admitted

    def turn(self, station_id: StationId) -> asyncio.Lock:
        """The lock that whoever judges a request of this station holds: what is counted is then what is written."""
        lock = self._turns.get(station_id)
        if lock is None:
            lock = self._turns[station_id] = asyncio.Lock()
        return lock
