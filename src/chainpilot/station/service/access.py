"""What every command needs: the store's files, the time, and the words for what the disk doesn't do.

Time is read here, locks are taken, failures of the disk become the command's own word; what is decided stands in the
flows.
"""

import logging
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, TypeVar

from chainpilot.clock import SYSTEM, Clock
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.station.events import Publication, Room, Subscriber
from chainpilot.station.layout import Layout, StoreConfig
from chainpilot.station.model import CertificateStoreUpdate, LeafExpiring
from chainpilot.station.vault import (
    OS_FILES,
    Change,
    FileOperations,
    Look,
    Modes,
    Vault,
    VaultBusy,
    VaultError,
    VaultFull,
)

__all__ = ["DISK", "Access", "members", "read_member", "read_named", "read_text"]

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

DISK: Final = (VaultError, VaultBusy)
"""What the vault raises; every command has a word for it."""

_log = logging.getLogger(__name__)


class Access:
    """One store, opened; the commands stand in the classes that build on this one."""

    def __init__(self, config: StoreConfig, *, clock: Clock = SYSTEM, files: FileOperations = OS_FILES) -> None:
        """Open a store; nothing is read or written yet.

        Args:
            config: the paths and limits.
            clock: asked once for each command that judges times; its monotonic time bounds the waits for others.
            files: the single file operations; tests stop a change after any of them.

        Raises:
            StoreConfigError: the configuration makes no store.
        """
        self._layout = Layout.of(config)
        self._clock = clock
        self._updates: Publication[CertificateStoreUpdate] = Publication("certificate_store_update")
        self._expiring: Publication[LeafExpiring] = Publication("LeafExpiring")
        self._room: Publication[Room] = Publication("room")
        self._vault = Vault(
            self._layout.root,
            self._layout.state,
            swept=self._layout.written_directories,
            modes=Modes(key=config.key_mode, certificate=config.certificate_mode, group=config.group),
            lock_timeout=config.lock_timeout_seconds,
            max_file_bytes=config.max_file_bytes,
            files=files,
            clock=clock,
        )

    @property
    def layout(self) -> Layout:
        """Where its files lie."""
        return self._layout

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Tell `subscriber` of every certificate_store_update made through this object; answers what ends that.

        It is called in the thread that made the change, after the files are final and with no lock held.
        """
        return self._updates.subscribe(subscriber)

    def subscribe_expiring(self, subscriber: Callable[[LeafExpiring], None]) -> Callable[[], None]:
        """Tell `subscriber` of every leaf that is about to end, once a leaf, as `run_housekeeping` finds it."""
        return self._expiring.subscribe(subscriber)

    def subscribe_room(self, subscriber: Callable[[Room], None]) -> Callable[[], None]:
        """Tell `subscriber` of each write of this object's whether there was room for it; answers what ends that.

        Called as `subscribe`'s are.
        """
        return self._room.subscribe(subscriber)

    def _look(self, command: str, flow: Callable[[Look], T], otherwise: Callable[[str], T]) -> T:
        """What the flow answers; `otherwise` is given the reason when the store can't be read."""
        try:
            with self._vault.look() as look:
                return flow(look)
        except DISK as error:
            return otherwise(self._failed(command, error))

    def _change(
        self,
        command: str,
        flow: Callable[[Change], T],
        otherwise: Callable[[str], T],
        *,
        accepts: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """What the flow answers, everything it staged being durable; `otherwise` when that can't be.

        What was staged on the way to an answer that `accepts` doesn't like is dropped.
        """
        try:
            with self._vault.change() as change:
                answer = flow(change)
                has_written = accepts(answer) and change.commit()
        except DISK as error:
            return otherwise(self._failed(command, error))
        if has_written:
            self._room.publish(Room.ENOUGH)
        return answer

    def _failed(self, command: str, error: VaultError | VaultBusy) -> str:
        """Why, told to whoever wants to know."""
        _log.warning("%s: %s", command, error)
        if isinstance(error, VaultFull):
            self._room.publish(Room.NONE)
        return str(error)

    def _publish(self, updates: Iterable[CertificateStoreUpdate]) -> None:
        for update in updates:
            self._updates.publish(update)


def read_member(kind: type[E], value: object) -> E | None:
    """The member with that value, or the member itself; None for whatever is neither."""
    try:
        return kind(value)
    except ValueError:
        return None


def members(kind: type[E], values: object) -> tuple[E, ...] | None:
    """The members that a list names, each once, in order; None when one of them is unknown or it is no list."""
    if isinstance(values, str | bytes | Enum) or not isinstance(values, Iterable):
        return None
    found = [read_member(kind, value) for value in values]
    named = tuple(dict.fromkeys(one for one in found if one is not None))
    return named if None not in found else None


def read_text(value: object) -> str:
    """The text itself; an empty one for whatever is none, so that every command has its own word for it."""
    if not isinstance(value, str):
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair: no encoding holds it
        return ""
    return value


def read_named(value: object) -> CertificateHashData | None:
    """Hash data in the form we write them; None for whatever names no certificate."""
    if not isinstance(value, CertificateHashData):
        return None
    algorithm = read_member(HashAlgorithm, value.hash_algorithm)
    texts = [read_text(one) for one in (value.issuer_name_hash, value.issuer_key_hash, value.serial_number)]
    return CertificateHashData(algorithm, *texts).normal() if algorithm is not None else None
