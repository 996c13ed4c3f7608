"""A disk that doesn't do what the store needs; what a test can't do to its machine is shown by the port."""

from pathlib import Path

from chainpilot.station.checkup.premises import OsPremises, Space
from chainpilot.station.model import CaCertificateType
from station.checkup.bench import NOBODY, Bench, Planted

__all__ = ["CASES", "Disk"]


class Disk(OsPremises):
    """The machine's own disk, but for what a test says of it."""

    def __init__(self, *, space: Space | None = None, mounts: frozenset[Path] = frozenset()) -> None:
        self._space = space
        self._mounts = mounts

    def space(self, path: Path) -> Space | None:
        return self._space or super().space(path)

    def mounts(self) -> frozenset[Path]:
        return self._mounts


def cured(bench: Bench) -> None:
    bench.premises = OsPremises()


def remounted(bench: Bench, line: str) -> None:
    assert line == f"mount -o remount,rw {bench.directory.parent}"
    cured(bench)


def read_only(bench: Bench) -> None:
    bench.premises = Disk(space=Space(1 << 30, None, is_read_only=True), mounts=frozenset({bench.directory.parent}))


def tight(bench: Bench) -> None:
    bench.premises = Disk(space=Space(8 * 1024 * 1024 - 1, None, is_read_only=False))


def mounted(bench: Bench) -> None:
    bench.premises = Disk(mounts=frozenset({bench.bundle(CaCertificateType.V2G)}))


def not_writable(bench: Bench) -> None:
    bench.give_to(NOBODY)
    bench.leaves.chmod(0o555)


CASES = {
    "ReadOnlyFileSystem": Planted(plant=read_only, shell=remounted, told=lambda bench: (bench.leaves.parent,)),
    "DirectoryNotWritable": Planted(plant=not_writable, told=lambda bench: (bench.leaves,)),
    "BundleMountedAlone": Planted(
        plant=mounted, by_hand=cured, told=lambda bench: (bench.bundle(CaCertificateType.V2G),)
    ),
    "DiskNearlyFull": Planted(plant=tight, by_hand=cured, told=lambda _: ("8388607 bytes",)),
}
