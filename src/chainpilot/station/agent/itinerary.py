"""Which way to the CSMS is tried next: network after network, and with which of several passwords, roots, certificates.

Pure; dialling is the connection loop's. A connection that worked begins the list anew (OCPP B10), and so does a list
that has changed.
"""

from collections.abc import Sequence
from enum import Enum

from chainpilot.station.agent.settings.values import Network

__all__ = ["Itinerary", "Mean", "Means"]


class Itinerary:
    """The networks in their order, each so many times before the next; round and round."""

    def __init__(self) -> None:
        self._slot: int | None = None
        self._tries = 0
        self._known: tuple[tuple[int, Network], ...] = ()

    def next(self, candidates: Sequence[tuple[int, Network]]) -> tuple[int, Network] | None:
        """The network to try now; None: there is none."""
        if tuple(candidates) != self._known:
            self._known = tuple(candidates)
            self.begin_anew()
        here = next((one for one in candidates if one[0] == self._slot), None)
        chosen = here or next(iter(candidates), None)
        if chosen is not None and chosen[0] != self._slot:
            self._slot, self._tries = chosen[0], 0
        return chosen

    def failed(self, candidates: Sequence[tuple[int, Network]], attempts: int) -> bool:
        """The network tried last failed; whether its turn is over and another one's begins."""
        self._tries += 1
        slots = [slot for slot, _ in candidates]
        if self._tries < attempts or self._slot not in slots:
            return False
        following = slots[(slots.index(self._slot) + 1) % len(slots)]
        is_over = following != self._slot
        self._slot, self._tries = following, 0
        return is_over

    def begin_anew(self) -> None:
        """A connection worked: the first network is the next one."""
        self._slot, self._tries = None, 0


class Mean(Enum):
    """What a station proves itself by, or judges the CSMS by; there may be several of a kind."""

    LOGIN = "login"
    ROOT = "root"
    CLIENT = "client certificate"


class Means:
    """Which one of each kind is used now: the first, until it failed at it and there is another."""

    def __init__(self) -> None:
        self._at = dict.fromkeys(Mean, 0)

    def index(self, kind: Mean, count: int) -> int:
        """Which one of `count` to use; 0 where there are none."""
        return self._at[kind] if self._at[kind] < count else 0

    def another(self, kind: Mean, count: int) -> bool:
        """That one may be what a connection failed at; whether there is another to try at once.

        After the last one comes the first again, and that is no longer at once.
        """
        following = self.index(kind, count) + 1
        self._at[kind] = following if following < count else 0
        return following < count

    def begin_anew(self) -> None:
        """The first of each kind is next."""
        self._at = dict.fromkeys(Mean, 0)
