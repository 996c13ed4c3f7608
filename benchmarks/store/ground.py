"""The directory that one number of roots is measured in: laid out as EVerest does, and put back after a change."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.store.material import KeyedLeaf, Material
from benchmarks.store.plan import Bundle
from chainpilot.station import StoreConfig

__all__ = ["BESIDE", "CROWD", "CROWD_UNNAMED", "Ground"]

BESIDE: Final = "client/cso"
"""Where the one leaf lies that most rows are about."""
CROWD: Final = "client/crowd"
CROWD_UNNAMED: Final = "client/crowd-unnamed"
_FILE: Final = "ca/v2g/V2G_ROOT_CA.pem"
_DIRECTORY: Final = "ca/v2g/roots"
_LOCKS: Final = frozenset({"lock", "turnstile"})


@dataclass(frozen=True, slots=True)
class Ground:
    """A certificates directory with a number of V2G roots; `scratch` lies on the same file system."""

    place: Path
    bundle: Bundle
    roots: int

    @property
    def certs(self) -> Path:
        """The certificates directory."""
        return self.place / "certs"

    @property
    def scratch(self) -> Path:
        """Where files wait for being moved in, and the bare write is measured."""
        return self.place / "scratch"

    @property
    def bundle_path(self) -> Path:
        """The V2G bundle."""
        return self.certs / (_FILE if self.bundle is Bundle.FILE else _DIRECTORY)

    def config(self, leaves: str = BESIDE) -> StoreConfig:
        """The store's configuration, with its V2G leaves in that directory."""
        return StoreConfig(
            self.certs,
            v2g_ca_bundle=_FILE if self.bundle is Bundle.FILE else _DIRECTORY,
            secc_leaf_cert_directory=leaves,
            secc_leaf_key_directory=leaves,
        )

    def lay_out(self, material: Material) -> None:
        """Write the bundles, the leaf, and both crowds; of the second the keys that are needed come last by name."""
        self.scratch.mkdir(parents=True)
        roots = material.anchored(self.roots)
        if self.bundle is Bundle.FILE:
            _write(self.bundle_path, "".join(roots))
        else:
            for number, pem in enumerate(roots):
                _write(self.bundle_path / f"V2G_ROOT_{number:04}.pem", pem)
        for domain, pem in material.others.items():
            _write(self.certs / "ca" / domain.lower() / f"{domain}_ROOT_CA.pem", pem)
        self._lay_leaf(BESIDE, material, material.leaves[0], "0")
        for directory, names in ((CROWD, "{}"), (CROWD_UNNAMED, "renamed-{}")):
            for number, leaf in enumerate(material.leaves):
                self._lay_leaf(directory, material, leaf, str(number), key_word=names.format(number))
            for number, key in enumerate(material.keys):
                _write(self.certs / directory / f"SECC_LEAF_other-{number:04}.key", key, mode=0o600)

    def _lay_leaf(
        self, directory: str, material: Material, leaf: KeyedLeaf, word: str, *, key_word: str | None = None
    ) -> None:
        place = self.certs / directory
        _write(place / f"SECC_LEAF_{word}.pem", leaf.pem)
        _write(place / f"CPO_CERT_SECC_LEAF_CHAIN_{word}.pem", leaf.pem + material.sub_cas)
        _write(place / f"SECC_LEAF_{key_word or word}.key", leaf.key, mode=0o600)

    def content_with(self, spare: str) -> bytes:
        """What installing that root writes: the whole bundle file, or a file of its own."""
        return (self.bundle_path.read_bytes() if self.bundle is Bundle.FILE else b"") + spare.encode("ascii")

    def other_process(self, spare: str) -> Callable[[], None]:
        """Lets another process, `mv`, change the bundle at every call: one root more, one fewer, and so on."""
        return self._swaps(spare).__next__

    def _swaps(self, spare: str) -> Iterator[None]:
        inside = self.bundle_path if self.bundle is Bundle.FILE else self.bundle_path / "moved-in.pem"
        outside = self.scratch / "moved-out.pem"
        without = self.bundle_path.read_bytes() if self.bundle is Bundle.FILE else b""
        contents = (without + spare.encode("ascii"), without)
        step = 0
        while True:
            if self.bundle is Bundle.FILE or step % 2 == 0:
                outside.write_bytes(contents[step % 2])
                _move(outside, inside)
            else:
                _move(inside, outside)
            step += 1
            yield

    def snapshot(self) -> "Snapshot":
        """Remember every file, to put back what calls change."""
        return Snapshot(self.certs, {path: (_stamp(path), path.read_bytes()) for path in _files(self.certs)})


_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files as they were, locks left out."""

    certs: Path
    files: dict[Path, tuple[_Stamp, bytes]]

    def restore(self) -> None:
        """Remove what has come, and write anew what was changed or has gone."""
        found = set(_files(self.certs))
        for path in found - self.files.keys():
            path.unlink()
        for path, (stamp, data) in self.files.items():
            if path not in found or _stamp(path) != stamp:
                mode = path.stat().st_mode if path in found else 0o600
                path.write_bytes(data)
                path.chmod(mode & 0o777)
                self.files[path] = (_stamp(path), data)


def _files(top: Path) -> Iterator[Path]:
    return (path for path in top.rglob("*") if path.name not in _LOCKS and path.is_file())


def _stamp(path: Path) -> _Stamp:
    about = path.stat()
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _write(path: Path, text: str, *, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")
    path.chmod(mode)


def _move(source: Path, target: Path) -> None:
    subprocess.run(["mv", "--no-target-directory", os.fspath(source), os.fspath(target)], check=True)
