"""certificate_store_update: who wants to know that the store changed, and telling them.

Publishing comes after the files are final and with no lock held, so a subscriber may call straight back. Carrying
the event to other processes is an adapter's work.
"""

import logging
import threading
from collections.abc import Callable

from chainpilot.station.model import CertificateStoreUpdate

__all__ = ["StoreUpdates", "Subscriber"]

Subscriber = Callable[[CertificateStoreUpdate], None]

_log = logging.getLogger(__name__)


class StoreUpdates:
    """The subscribers of one store; thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._subscribers: dict[object, Subscriber] = {}

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` at every update, in the thread that made it; answers what ends that."""
        ticket = object()
        with self._guard:
            self._subscribers[ticket] = subscriber

        def unsubscribe() -> None:
            with self._guard:
                self._subscribers.pop(ticket, None)

        return unsubscribe

    def publish(self, update: CertificateStoreUpdate) -> None:
        """Tell every subscriber in the order they came; one that fails is logged, and the rest still hear.

        The change is on the disk: nothing a subscriber raises may make it look otherwise.
        """
        with self._guard:
            subscribers = tuple(self._subscribers.values())
        for subscriber in subscribers:
            try:
                subscriber(update)
            except Exception:  # noqa: BLE001 - the border of house style rule 4: a subscriber may be anybody's code
                _log.exception("a subscriber of certificate_store_update failed")
