"""A station's store in a temporary directory, and what tests say about it."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from certs import Pki
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import CaCertificateType, InstallCertificateResult, LeafCertificateType
from chainpilot.station.vault import OsFiles
from clocks import SetClock

__all__ = [
    "EVSE",
    "KillingFiles",
    "StoppingFiles",
    "assert_store_unchanged",
    "enrol",
    "leaf_files",
    "open_store",
    "store_with",
    "tree",
]

EVSE = "DE*CHP*E1234*1"


def open_store(directory: Path, *, clock: SetClock | None = None, files: Any = None, **settings: Any) -> EvseSecurity:
    """The store in that directory, at a clock of its own unless one is given."""
    config = StoreConfig(directory, **settings)
    if files is None:
        return EvseSecurity(config, clock=clock or SetClock())
    return EvseSecurity(config, clock=clock or SetClock(), files=files)


def store_with(directory: Path, *pkis: tuple[CaCertificateType, Pki], **settings: Any) -> EvseSecurity:
    """A store in which those PKIs' roots are installed."""
    store = open_store(directory, **settings)
    for kind, pki in pkis:
        installed = store.install_ca_certificate(pki.root.certificate.to_pem(), kind)
        assert installed is InstallCertificateResult.ACCEPTED
    return store


def enrol(
    store: EvseSecurity, pki: Pki, kind: LeafCertificateType = LeafCertificateType.V2G, common: str = EVSE
) -> str:
    """Take a leaf through the store's half of an enrolment; answers the stack that was installed."""
    request = store.generate_certificate_signing_request(kind, "DE", "Chargers Ltd", common)
    assert request.csr is not None, request.reason
    chain = pki.enrol(request.csr)
    outcome = store.update_leaf(chain, kind)
    assert outcome.accepted, outcome.reason
    return chain


def tree(directory: Path) -> dict[str, bytes]:
    """Every file below the directory with its bytes; the locks, which hold nothing, left out."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name not in {"lock", "turnstile"}
    }


def leaf_files(directory: Path) -> dict[str, bytes]:
    """The tree without our own state."""
    return {name: data for name, data in tree(directory).items() if not name.startswith(".chainpilot")}


@contextmanager
def assert_store_unchanged(directory: Path) -> Iterator[None]:
    """What happens inside leaves every file as it was."""
    before = tree(directory)
    yield
    assert tree(directory) == before


class StoppingFiles(OsFiles):
    """Does `allowed` single file operations and fails every later one, as a full or dead disk does.

    With `recovers` only that one fails, and what comes after works again.
    """

    def __init__(self, allowed: int, *, recovers: bool = False) -> None:
        self._numbers = itertools.count(1)
        self._allowed = allowed
        self._recovers = recovers
        self.stopped = False

    def _step(self) -> None:
        number = next(self._numbers)
        if number == self._allowed + 1 or (number > self._allowed and not self._recovers):
            self.stopped = True
            self._stop()

    def _stop(self) -> None:
        raise OSError(28, "No space left on device")

    def make_directory(self, path: Path, mode: int, group: int | None) -> None:
        self._step()
        super().make_directory(path, mode, group)

    def create(self, path: Path) -> int:
        self._step()
        return super().create(path)

    def give(self, descriptor: int, mode: int, group: int | None) -> None:
        self._step()
        super().give(descriptor, mode, group)

    def resemble(self, descriptor: int, about: os.stat_result) -> None:
        self._step()
        super().resemble(descriptor, about)

    def write(self, descriptor: int, data: bytes) -> None:
        self._step()
        super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._step()
        super().sync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)

    def link(self, source: Path, target: Path) -> None:
        self._step()
        super().link(source, target)

    def symlink(self, path: Path, target: str) -> None:
        self._step()
        super().symlink(path, target)

    def unlink(self, path: Path) -> None:
        self._step()
        super().unlink(path)

    def sync_directory(self, path: Path) -> None:
        self._step()
        super().sync_directory(path)


class KillingFiles(StoppingFiles):
    """Ends the process where the disk would fail: no `finally`, no undoing."""

    def _stop(self) -> None:
        os._exit(9)
