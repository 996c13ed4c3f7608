"""What the system says of places: the real ones here, and a disk of its own in a namespace where that is allowed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chainpilot.station.checkup.premises import OS_PREMISES, Entry, EntryKind, OsPremises, Space
from chainpilot.station.model import CaCertificateType
from station.checkup.bench import Bench, benches
from station.checkup.cases.disk import Disk
from stock import put

ODD = [Path("/nowhere"), Path("/etc/passwd/below"), Path("/x\0y"), Path("/" + "x" * 5000)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with benches() as bench:
        yield bench


def test_everything_under_a_name_has_its_kind(tmp_path: Path) -> None:
    put(tmp_path / "file", b"1234").chmod(0o640)
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    kinds = {name: OS_PREMISES.entry(tmp_path / name, follow=False) for name in ("file", "link", "pipe", ".")}
    assert {name: entry.kind for name, entry in kinds.items() if entry} == {
        "file": EntryKind.FILE,
        "link": EntryKind.LINK,
        "pipe": EntryKind.PIPE,
        ".": EntryKind.DIRECTORY,
    }
    entry = OS_PREMISES.entry(tmp_path / "link")
    assert entry is not None
    assert (entry.kind, entry.mode, entry.size, entry.owner) == (EntryKind.FILE, 0o640, 4, os.geteuid())
    device = OS_PREMISES.entry(Path("/dev/null"))
    assert device is not None
    assert device.kind is EntryKind.DEVICE
    assert OS_PREMISES.target(tmp_path / "link") == "file"
    assert OS_PREMISES.names(tmp_path) == ("file", "link", "pipe")


@pytest.mark.parametrize("path", ODD, ids=["missing", "below-a-file", "null", "too-long"])
def test_what_can_not_be_asked_is_answered_by_nothing(path: Path) -> None:
    assert OS_PREMISES.entry(path) is None
    assert OS_PREMISES.names(path) is None
    assert OS_PREMISES.target(path) is None
    assert OS_PREMISES.space(path) is None
    assert not OS_PREMISES.may_read(path)
    assert not OS_PREMISES.may_write(path)
    assert isinstance(OS_PREMISES.real(path), Path)


def test_mounts_and_room_are_the_system_s() -> None:
    assert Path("/proc") in OS_PREMISES.mounts()
    space = OS_PREMISES.space(Path("/"))
    assert space is not None
    assert space.free_bytes > 0


def test_a_bundle_on_another_device_than_its_directory_is_mounted_alone(bench: Bench) -> None:
    bundle = bench.bundle(CaCertificateType.V2G)

    class Elsewhere(OsPremises):
        def entry(self, path: Path, *, follow: bool = True) -> Entry | None:
            entry = super().entry(path, follow=follow)
            if entry is None or path != bundle:
                return entry
            return Entry(entry.kind, entry.mode, entry.owner, entry.group, entry.device + 1, entry.size)

        def mounts(self) -> frozenset[Path]:
            return frozenset()

    bench.premises = Elsewhere()
    assert bench.codes == ["BundleMountedAlone"]


@pytest.mark.parametrize(
    ("space", "codes"),
    [
        (Space(8 * 1024 * 1024, 64, is_read_only=False), []),
        (Space(8 * 1024 * 1024 - 1, 64, is_read_only=False), ["DiskNearlyFull"]),
        (Space(8 * 1024 * 1024, 63, is_read_only=False), ["DiskNearlyFull"]),
        (Space(8 * 1024 * 1024, None, is_read_only=False), []),
    ],
)
def test_room_is_little_from_a_bound_on(bench: Bench, space: Space, codes: list[str]) -> None:
    bench.premises = Disk(space=space)
    assert bench.codes == codes


def test_room_for_files_is_told_where_it_is_counted(bench: Bench) -> None:
    bench.premises = Disk(space=Space(1, 63, is_read_only=False))
    assert "room for 1 byte in 63 files" in bench.examine().problems[0].seen
    bench.premises = Disk(space=Space(2, None, is_read_only=False))
    assert bench.examine().problems[0].seen.endswith("room for 2 bytes.")


SCRIPT = """
set -e
mount -t tmpfs -o size=2m,mode=755 none "$1/certs/client"
mount --bind "$1/certs/ca/v2g/V2G_ROOT_CA.pem" "$1/certs/ca/v2g/V2G_ROOT_CA.pem"
mkdir "$1/certs/client/cso" "$1/certs/client/csms"
mkdir "$1/with space"
mount -t tmpfs none "$1/with space"
mount -t tmpfs -o ro none "$1/certs/ca/csms"
exec "$2" -c "
from pathlib import Path
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.checkup.premises import OS_PREMISES
print('mounted', *(path for path in OS_PREMISES.mounts() if ' ' in str(path)))
for one in EvseSecurity(StoreConfig(Path('$1/certs'))).checkup():
    print(one.code, one.path)
"
"""


def test_a_disk_of_its_own_is_seen_as_it_is(bench: Bench) -> None:
    """A small one, a read-only one, and a bundle that is a mount by itself."""
    command = ["unshare", "-Urm", "sh", "-c", SCRIPT, "sh", str(bench.directory.parent), sys.executable]
    allowed = subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False)
    if allowed.returncode != 0:
        pytest.skip("this machine lets nobody mount anything, not even for himself")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = {tuple(line.split(" ", 1)) for line in done.stdout.splitlines()}
    assert {
        ("mounted", f"{bench.directory.parent}/with space"),
        ("DiskNearlyFull", f"{bench.directory}/client/csms"),
        ("ReadOnlyFileSystem", f"{bench.directory}/ca/csms"),
        ("BundleMountedAlone", f"{bench.directory}/ca/v2g/V2G_ROOT_CA.pem"),
    } <= told
