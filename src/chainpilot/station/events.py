"""certificate_store_update, LeafExpiring, room on the disk: who wants to know, and telling them.

Publishing comes after the files are final and with no lock held, so a subscriber may call straight back. Carrying
the event to other processes is an adapter's work.
"""

import logging
import threading
from collections.abc import Callable
from enum import Enum
from typing import Generic, TypeVar

from chainpilot.station.model import CertificateStoreUpdate

__all__ = ["Publication", "Room", "Subscriber"]

T = TypeVar("T")

Subscriber = Callable[[CertificateStoreUpdate], None]

_log = logging.getLogger(__name__)


class Room(Enum):
    """What a write to the store's disk has met."""

    ENOUGH = "enough"
    """It was made."""
    NONE = "none"
    """The disk, or this user's share of it, is full."""


class Publication(Generic[T]):
    """The subscribers of one kind of event of one store; thread-safe."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._guard = threading.Lock()
        self._subscribers: dict[object, Callable[[T], None]] = {}

    def subscribe(self, subscriber: Callable[[T], None]) -> Callable[[], None]:
        """Call `subscriber` at every event, in the thread that made it; answers what ends that."""
        ticket = object()
        with self._guard:
            self._subscribers[ticket] = subscriber

        def unsubscribe() -> None:
            with self._guard:
                self._subscribers.pop(ticket, None)

        return unsubscribe

    def publish(self, event: T) -> None:
        """Tell every subscriber in the order they came; one that fails is logged, and the rest still hear.

        The change is on the disk: nothing a subscriber raises may make it look otherwise.
        """
        with self._guard:
            subscribers = tuple(self._subscribers.values())
        for subscriber in subscribers:
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 - the border of house style rule 4: a subscriber may be anybody's code
                _log.exception("a subscriber of %s failed", self._name)
