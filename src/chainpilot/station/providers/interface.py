"""What a key provider is; its users and its adapters meet here."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from chainpilot.pki.keys import KeySpec, PrivateKey, PublicKey

__all__ = ["KeyProvider", "MadeKey"]


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key: what signs with it, and the content of its key file, to be written private."""

    signer: PrivateKey = field(repr=False)
    """Delegates where the key isn't in this process: signs and tells its public half, and exports nothing."""
    file: bytes = field(repr=False)


class KeyProvider(Protocol):
    """Makes keys, and opens its own key files; thread-safe.

    `data` is the content of a key file. A key that was destroyed, or lies in hardware that was pulled, raises like a
    broken file does: that it isn't to be had now says nothing about later.
    """

    @property
    def suffix(self) -> str:
        """What the names of its new key files end with, such as `.key`; another provider may use the same."""

    @property
    def is_self_contained(self) -> bool:
        """Whether `public_half` answers from the file alone, so that its answer may be kept as long as the file stays.

        Otherwise the key may come and go with its hardware while the file stays as it is.
        """

    def make(self, spec: KeySpec, label: str) -> MadeKey:
        """A new key of that kind. The caller writes its file; until then only `strays` knows of it.

        Args:
            spec: the kind.
            label: by which people find the key in hardware: the stem of its file's name, at most 64 characters.

        Raises:
            KeyMakingError: the provider can't make one, for good or just now.
        """

    def recognises(self, data: bytes) -> bool:
        """Whether the content has the form of this provider's key files; says nothing about the key."""

    def public_half(self, data: bytes) -> PublicKey:
        """The public key that belongs to a key file. Raises KeyFileError."""

    def signer(self, data: bytes) -> PrivateKey:
        """What signs with the key; its `sign` raises KeyFileError when the key isn't to be had then.

        Raises:
            KeyFileError: it isn't to be had now.
        """

    def destroy(self, data: bytes) -> None:
        """Destroy the key of a file that is already removed; one that is gone is no error.

        Raises:
            KeyFileError: it may still be there; `strays` will tell of it.
        """

    def strays(self, kept: Iterable[bytes]) -> tuple[bytes, ...]:
        """Key files for the keys that the provider holds and that none of the `kept` key files names.

        A crash leaves one between `make` and the writing of its file, or between the removal of its file and
        `destroy`. Only keys that this provider labelled count. A key that another process is just making counts too,
        so whoever destroys strays holds the store's lock.

        Raises:
            KeyFileError: the hardware can't be asked now.
        """
