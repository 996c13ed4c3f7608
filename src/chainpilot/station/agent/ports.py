"""What the agent needs from the world, as Protocols: a conversation, a memory, and the station around it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol

from chainpilot.errors import OwnError, PeerError, UndecidedError
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType
from chainpilot.wire.pnc.messages import PncRequest, PncResponse
from chainpilot.wire.version import OcppVersion

__all__ = [
    "DiagnosticsLog",
    "FirmwareInstaller",
    "FloorUnreadable",
    "Host",
    "InstallRefused",
    "Installed",
    "Line",
    "LogUnreadable",
    "Memory",
    "MemoryFault",
    "MemoryFull",
    "NotUnderstood",
    "Obstacle",
    "ProfileFloor",
    "QueuedEvent",
    "Report",
    "Starter",
    "TransferRefused",
    "TransferUndecided",
    "Transfers",
    "Voice",
]


class Line(Protocol):
    """An open conversation with the CSMS; `link.ocpp.OcppLink` is one once it runs."""

    @property
    def version(self) -> OcppVersion:
        """Whose messages are spoken."""
        ...

    async def call(self, action: str, payload: Mapping[str, object], *, answer_timeout: float | None = None) -> object:
        """Call the CSMS and return its answer's payload; `answer_timeout` (seconds) in place of the usual one.

        Raises:
            CallRefused: answered with CALLERROR or unreadably.
            CallTimedOut: not answered, or not even sent, in time.
            QueueFullError: too many calls wait already; it was not sent.
            LinkClosed: the connection is, or was meanwhile, closed.
        """
        ...


class NotUnderstood(PeerError):
    """No dialect of this connection got a Plug & Charge message across; `why` says what the CSMS answered.

    `is_unknown`: it says that it doesn't know the message, so asking the like again is of no use. Else this one was
    answered unreadably, or couldn't be said.
    """

    def __init__(self, action: str, why: str, *, is_unknown: bool = True) -> None:
        super().__init__(f"{action} is not understood: {why}")
        self.action = action
        self.why = why
        self.is_unknown = is_unknown


class Voice(Protocol):
    """Asks the CSMS in Plug & Charge's messages, in whatever dialect it understands over the open connection."""

    async def ask(self, request: PncRequest, *, answer_timeout: float | None = None) -> PncResponse:
        """The answer to `request`, of the type that belongs to it.

        Raises:
            NotUnderstood: refused or unreadable in every dialect.
            CallRefused: answered with a CALLERROR that says nothing of the message being unknown.
            CallTimedOut: not answered, or not even sent, in time.
            QueueFullError: too many calls wait already; it was not sent.
            LinkClosed: the connection is, or was meanwhile, closed.
        """
        ...


class Report(Protocol):
    """Tells the CSMS, and the security log, of a security event."""

    async def __call__(self, kind: SecurityEventType, tech_info: str | None = None, *, once: bool = False) -> None:
        """Note the event durably; it is sent when it can be. With `once` not while one of that type still waits.

        Over a connection whose CSMS takes none, `once` notes the first of a type. Never raises: what can't be written
        down is logged.
        """
        ...


class MemoryFault(OwnError):
    """The agent's memory can't be read or written now: a full disk, a lock, a broken file; `why` says it."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the agent's memory: {why}")
        self.why = why


class MemoryFull(MemoryFault):
    """Nothing can be written because the disk, or this user's share of it, is full."""


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """A security event that no CSMS has confirmed yet."""

    number: int
    """Its place in the queue; never used twice."""
    event: SecurityEvent


class Memory(Protocol):
    """What the agent knows after a power cut. Synchronous and thread-safe: the agent calls it by `to_thread`.

    Every method is one transaction: when it returns, what it wrote is durable. All raise MemoryFault; those that write
    raise MemoryFull where a full disk is why, which is told to the CSMS.
    """

    def read(self, name: str) -> bytes | None:
        """The document of that name; None where there is none."""
        ...

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Replace documents, or remove them (None): all of them or none."""
        ...

    def add_event(self, event: SecurityEvent, *, queued: bool = True, once: bool = False) -> bool:
        """Append to the security log and, where `queued`, to the queue; both or none.

        With `once` nothing is added while an event of that type waits in the queue. Answers whether it was added.
        """
        ...

    def queued_events(self, limit: int) -> tuple[QueuedEvent, ...]:
        """The events that wait, the oldest first."""
        ...

    def settle_event(self, number: int) -> None:
        """Take an event out of the queue: confirmed, or given up. It stays in the log."""
        ...

    def security_log(self, oldest: datetime | None, latest: datetime | None) -> Iterable[SecurityEvent]:
        """The log's events between two moments (timezone-aware UTC, each included; None is open), oldest first."""
        ...

    def keep(self, key: str, data: bytes, until: datetime) -> None:
        """Remember `data` for `key` until that moment; of too many the ones that end first are forgotten."""
        ...

    def kept(self, key: str, at: datetime) -> bytes | None:
        """What was kept for `key` and hasn't ended at that moment."""
        ...

    def forget(self, key: str | None = None) -> None:
        """Forget what was kept for `key`, or all that was kept."""
        ...


class FloorUnreadable(OwnError):
    """What is kept as the floor under the security profile is there, and can't be read; `why` says it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class ProfileFloor(Protocol):
    """A place apart from Memory for the security profile below which the station never goes again.

    It must not break when Memory does: a file of its own, flash that firmware keeps. Synchronous: the agent calls it by
    `to_thread`.
    """

    def read(self) -> int | None:
        """The security profile; None: none was ever kept here.

        Raises:
            FloorUnreadable: one was kept, and can't be read.
            MemoryFault: a newer program wrote it, and what it says is not known.
        """
        ...

    def keep(self, profile: int) -> None:
        """Keep that one in place of the last, durably, and at no moment none at all. Raises MemoryFault."""
        ...


class Starter(Protocol):
    """Starts the station again."""

    async def reset(self, *, at_once: bool) -> None:
        """Start it again; unless `at_once` when nobody charges any more.

        Returns when that is done or can't be. Cancelled when it takes too long, or when one at once takes the place of
        one that waits (`resets`); not called a second time before that.
        """
        ...


class Host(Starter, Protocol):
    """What runs the agent: it holds the connection, and can start the station again."""

    async def reconnect(self, why: str) -> None:
        """End the connection and make a new one, with the passwords, roots and certificates that there are now."""
        ...


class Obstacle(Enum):
    """What stands in a transfer's way, as far as a CSMS is told (use case N01)."""

    DENIED = "denied"
    """The server wants another user or password, or doesn't allow it to this one."""
    NOT_SUPPORTED = "not supported"
    """The server doesn't take files, or not there."""
    NOT_UNDERSTOOD = "not understood"
    """The server finds our message malformed, or we its own."""
    OTHER = "other"


class TransferRefused(PeerError):
    """A file can't be fetched from, or brought to, that place; `why` says it without the URL's user and query."""

    def __init__(self, why: str, obstacle: Obstacle = Obstacle.OTHER) -> None:
        super().__init__(why)
        self.why = why
        self.obstacle = obstacle


class TransferUndecided(UndecidedError):
    """A file didn't come or go this time; trying again may help. `why` says it as TransferRefused's does."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Transfers(Protocol):
    """Carries files to and from URLs that a CSMS named. Synchronous: the agent calls it by `to_thread`."""

    def fetch(self, url: str, into: Path, *, limit: int) -> None:
        """Write what lies at `url` into the new file `into`, at most `limit` bytes; when this returns it is durable.

        Nobody but its owner may read the file, and what is left of one that didn't come whole is removed. Who wants it
        no more removes the file: then the transfer ends at its next piece.

        Raises:
            TransferRefused: another scheme, refused, too large.
            TransferUndecided: unreachable, broken off.
            OSError: the file can't be written.
        """
        ...

    def bring(self, url: str, content: Iterable[bytes], *, filename: str) -> None:
        """Put `content` at `url`; where that names a folder, under `filename`.

        Raises:
            TransferRefused: another scheme, refused.
            TransferUndecided: unreachable, broken off.
            ChainpilotError: whatever of ours the reading of `content` raises.
        """
        ...


class LogUnreadable(OwnError):
    """A log of the station's can't be read now; `why` says it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class DiagnosticsLog(Protocol):
    """The log of the station's own software. Synchronous: the agent calls and reads it by `to_thread`."""

    def read(self, oldest: datetime | None, latest: datetime | None) -> Iterable[bytes]:
        """The log between two moments (timezone-aware UTC, each included; None is open), in pieces of any size.

        Raises:
            LogUnreadable: at once, or while it is read.
        """
        ...


class Installed(Enum):
    """How far an installation has come when `install` returns."""

    RUNNING = "running"
    """The new firmware is at work."""
    REBOOTING = "rebooting"
    """The station starts again now; the new firmware is at work when the agent runs next."""


class InstallRefused(OwnError):
    """The image was not installed; `why` says it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class FirmwareInstaller(Protocol):
    """The station's own way to put a verified image to work. Synchronous: the agent calls it by `to_thread`."""

    def install(self, image: Path) -> Installed:
        """Install the image, whose signature was verified. Raises InstallRefused."""
        ...
