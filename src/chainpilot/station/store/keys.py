"""Which key file belongs to a certificate: told by its public half, whoever keeps the key.

The bytes of a key stay nowhere: what is remembered of a file is the fingerprint of its public key.
"""

import functools
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chainpilot.pki.keys import SpkiHash, spki_hash
from chainpilot.station.layout import KEY_SUFFIXES, Layout
from chainpilot.station.model import Finding
from chainpilot.station.providers import KeyFileError, KeyProvider, provider_of
from chainpilot.station.vault import Change, Look, VaultReadError

__all__ = ["KeyRing", "destroy_key", "stage_key_removal"]


_MAX_TOLD: Final = 3
"""Key files named in one sentence; the doctor names them all."""


@dataclass(frozen=True, slots=True)
class _Half:
    """The public half of a key file, or why there is none."""

    spki_hash: SpkiHash | None
    objection: str | None = None


@dataclass(frozen=True, slots=True)
class _Reference:
    """A key file that only names a key in hardware: whether that is still there is asked at every look."""

    provider: KeyProvider
    data: bytes = field(repr=False)
    """It may carry a PIN, if somebody else wrote it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Opening:
    """Makes a `_Half` of a key file; one object for the same providers, so that it names what is remembered."""

    providers: tuple[KeyProvider, ...]

    def __call__(self, path: Path, data: bytes, before: object) -> _Half | _Reference:
        del path, before
        try:
            provider = provider_of(self.providers, data)
        except KeyFileError as error:
            return _Half(None, error.why)
        return _half(provider, data) if provider.is_self_contained else _Reference(provider, data)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a key was found, and the directory's key files then."""

    path: Path
    among: tuple[Path, ...]


_opening: Final = functools.lru_cache(maxsize=64)(_Opening)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one directory, as far as a look has to see them."""

    look: Look
    directory: Path
    opening: _Opening
    beside: Path | None = None
    """Where the certificates lie, when that is another place; a key of a certificate's own stem may lie there."""
    _findings: dict[Finding, None] = field(default_factory=dict)

    @classmethod
    def of(
        cls, look: Look, directory: Path, providers: tuple[KeyProvider, ...], *, beside: Path | None = None
    ) -> "KeyRing":
        """The ring of a directory whose key files these providers open; `beside` is where the certificates lie."""
        return cls(look, directory, _opening(providers), beside if beside != directory else None)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Key files that could not be opened so far, in the order in which they were tried."""
        return tuple(self._findings)

    def open_all(self) -> None:
        """Try every key file of the directory: what `findings` tells then doesn't hang on who looked for which key."""
        for path in self.paths():
            self.public_half(path)

    def trouble(self) -> str:
        """Which key files could not be opened so far and why, as a sentence for people; empty when all could."""
        told = [f"{Path(one.path).name} {one.why}" for one in self.findings]
        more = len(told) - _MAX_TOLD
        return "; ".join(told[:_MAX_TOLD]) + (f"; and {more} more" if more > 0 else "")

    def find(self, wanted: SpkiHash, stems: Iterable[str] = ()) -> Path | None:
        """The file of the key with that public key: those of the given stems first, then any of the directory.

        The order is the reference's (station-store.md section 3). While no file of the directory came or went, the key
        is looked for where it was last before all the others.
        """
        places = [place for place in (self.beside, self.directory) if place is not None]
        named = [(place, stem + suffix) for stem in stems for place in places for suffix in KEY_SUFFIXES]
        for place, name in named:
            path = self._named(place, name)
            if path is not None and self.holds(path, wanted):
                return path
        paths = self.paths()
        last = self.look.memory.noted((self.directory, wanted))
        if isinstance(last, _Place) and last.among is paths and self.holds(last.path, wanted):
            return last.path
        found = next((path for path in paths if self.holds(path, wanted)), None)
        if found is not None:
            self.look.memory.note((self.directory, wanted), _Place(found, paths))
        return found

    def _named(self, place: Path, name: str) -> Path | None:
        """What has that name, a directory in the key's place too, for opening it tells that it is no file.

        Of a place that can't be listed anything may be there all the same.
        """
        try:
            return self.look.named(place, name)
        except VaultReadError:
            return place / name

    def all_of(self, wanted: SpkiHash, stems: Iterable[str] = ()) -> tuple[Path, ...]:
        """Every file of the key with that public key."""
        first = self.find(wanted, stems)
        if first is None:
            return ()
        return tuple(dict.fromkeys((first, *(path for path in self.paths() if self.holds(path, wanted)))))

    def holds(self, path: Path, wanted: SpkiHash) -> bool:
        """Whether that file is the key with that public key."""
        return self.public_half(path) == wanted

    def paths(self) -> tuple[Path, ...]:
        """The key files of the directory, by name."""
        try:
            return self.look.names_where(self.directory, _has_key_suffix)
        except VaultReadError as error:
            self._findings[Finding(str(self.directory), error.why)] = None
            return ()

    def public_half(self, path: Path) -> SpkiHash | None:
        """The fingerprint of the public key of that file; None, and a finding, where it can't be told."""
        try:
            half = self.look.recall(path, self.opening, secret=True)
        except VaultReadError as error:
            half = _Half(None, error.why)
        if isinstance(half, _Reference):
            half = self.look.once(("key", path), functools.partial(_half, half.provider, half.data))
        if half is None:
            return None
        if half.objection is not None:
            self._findings[Finding(str(path), half.objection)] = None
        return half.spki_hash


def _half(provider: KeyProvider, data: bytes) -> _Half:
    try:
        return _Half(spki_hash(provider.public_half(data)))
    except KeyFileError as error:
        return _Half(None, error.why)


def _has_key_suffix(name: str) -> bool:
    return name.lower().endswith(KEY_SUFFIXES)


def stage_key_removal(change: Change, layout: Layout, path: Path) -> None:
    """Stage that a key goes: its file in this change, and what a provider of hardware keeps behind it afterwards.

    A key that can't be destroyed is told of by `KeyProvider.strays`.
    """
    data = change.read(path)
    change.remove(path)
    if data is not None:
        with suppress(KeyFileError):
            provider = provider_of(layout.keys, data)
            change.afterwards(lambda: destroy_key(provider, data))


def destroy_key(provider: KeyProvider, data: bytes) -> None:
    """Destroy the key of a file that is gone or never came to be; one that can't be is told of by `strays`."""
    with suppress(KeyFileError):
        provider.destroy(data)
