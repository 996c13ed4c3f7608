"""What a running station tells whoever watches it: one frozen value per happening, facts and no secrets.

Frames pass through as the link saw them. Printing them is the watcher's matter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chainpilot.link.watch import FrameSeen
from chainpilot.pki.trust import LeafUse
from chainpilot.station.model import CertificateStoreUpdate, InstallCertificateResult

__all__ = [
    "Booted",
    "CertificateReceived",
    "ConnectFailed",
    "Connected",
    "CsrMade",
    "Disconnected",
    "InventoryAsked",
    "SignCertificateAnswered",
    "SignCertificateSent",
    "StationEvent",
    "StationWatch",
    "StoreUpdated",
]


@dataclass(frozen=True, slots=True)
class Connected:
    """The socket is open: the CSMS proved its name, and us."""

    profile: int
    url: str


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """There is no socket, and why, as a sentence for people."""

    profile: int
    url: str
    why: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The socket is gone."""

    why: str


@dataclass(frozen=True, slots=True)
class Booted:
    """BootNotification was answered; the station is at work once `accepted`."""

    accepted: bool
    status: str


@dataclass(frozen=True, slots=True)
class CsrMade:
    """A key and its request are on disk."""

    use: LeafUse
    common_name: str


@dataclass(frozen=True, slots=True)
class SignCertificateSent:
    """A request is on its way; the same one may be sent again."""

    use: LeafUse
    common_name: str


@dataclass(frozen=True, slots=True)
class SignCertificateAnswered:
    """The CSMS took the request, or why not; a request without an answer is sent again at the next connection."""

    use: LeafUse
    common_name: str
    accepted: bool
    why: str | None = None
    asks_again: datetime | None = None
    """When the station asks next where it wasn't accepted, UTC; None: no time is set for it."""


@dataclass(frozen=True, slots=True)
class CertificateReceived:
    """A CertificateSigned was judged, and installed where Accepted."""

    use: LeafUse | None
    """As the message said it; None when it said none."""
    result: InstallCertificateResult
    why: str | None = None
    asks_again: datetime | None = None
    """When the station asks next where it refused this one, UTC; None: no time is set for it."""


@dataclass(frozen=True, slots=True)
class InventoryAsked:
    """The CSMS asked what is installed and was told this many chains."""

    chains: int


@dataclass(frozen=True, slots=True)
class StoreUpdated:
    """certificate_store_update was published."""

    update: CertificateStoreUpdate


StationEvent = (
    Connected
    | ConnectFailed
    | Disconnected
    | Booted
    | CsrMade
    | SignCertificateSent
    | SignCertificateAnswered
    | CertificateReceived
    | InventoryAsked
    | StoreUpdated
    | FrameSeen
)
StationWatch = Callable[[StationEvent], None]
"""Called in the event loop; must not block or raise."""
