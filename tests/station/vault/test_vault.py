"""The vault: who waits for whom, what modes files have from their first byte, what is left of stopped processes."""

import errno
import os
import stat
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from certs import root
from chainpilot.clock import SYSTEM, Clock
from chainpilot.pki.certificate import load_certificates
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import CaCertificateType, InstallCertificateResult, LeafCertificateType
from chainpilot.station.vault import Modes, OsFiles, Vault, VaultBusy, VaultReadError, VaultWriteError
from clocks import SetClock
from stores import StoppingFiles, open_store, tree

INSTALL_TWENTY = """
import sys
from pathlib import Path
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import CaCertificateType
store = EvseSecurity(StoreConfig(Path(sys.argv[1]), lock_timeout_seconds=60))
for path in sorted(Path(sys.argv[2]).iterdir()):
    print(store.install_ca_certificate(path.read_text(), CaCertificateType.V2G).value)
"""


def vault(
    directory: Path,
    files: OsFiles | None = None,
    lock_timeout: float = 5.0,
    *,
    clock: Clock = SYSTEM,
    modes: Modes = Modes(key=0o600, certificate=0o644, group=None),  # noqa: B008 - a frozen value
) -> Vault:
    return Vault(
        directory,
        directory / ".chainpilot",
        swept=(directory,),
        modes=modes,
        lock_timeout=lock_timeout,
        max_file_bytes=100,
        files=files or OsFiles(),
        clock=clock,
    )


def put(place: Vault, path: Path, data: bytes, *, private: bool = False) -> None:
    with place.change() as change:
        change.put(path, data, private=private)
        change.commit()


def test_two_processes_install_twenty_roots_each_and_all_forty_survive(tmp_path: Path) -> None:
    for process in ("one", "two"):
        (tmp_path / process).mkdir()
        for number in range(20):
            pem = root(f"Root {process} {number}").certificate.to_pem()
            (tmp_path / process / f"{number:02}.pem").write_text(pem)
    store = tmp_path / "store"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", INSTALL_TWENTY, str(store), str(tmp_path / process)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in ("one", "two")
    ]
    answers = [line for process in running for line in process.communicate(timeout=60)[0].split()]
    assert answers == ["Accepted"] * 40
    held = load_certificates((store / "ca/v2g/V2G_ROOT_CA.pem").read_bytes())
    assert len(set(held)) == 40


def test_threads_of_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    store = open_store(tmp_path, lock_timeout_seconds=60)
    pems = [root(f"Root {number}").certificate.to_pem() for number in range(16)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda pem: store.install_ca_certificate(pem, CaCertificateType.V2G), pems))
    assert results == [InstallCertificateResult.ACCEPTED] * 16
    assert len(load_certificates((tmp_path / "ca/v2g/V2G_ROOT_CA.pem").read_bytes())) == 16


def test_the_wait_for_the_lock_is_bounded(tmp_path: Path) -> None:
    holder, waiter = vault(tmp_path), vault(tmp_path, lock_timeout=0.02)
    with holder.change():
        with pytest.raises(VaultBusy) as raised, waiter.change():
            pass
        with pytest.raises(VaultBusy), waiter.look():
            pass
    assert raised.value.waited == 0.02
    with waiter.change():
        pass


class PassingClock(SetClock):
    """A second passes every time somebody asks for the monotonic time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()

    def monotonic(self) -> float:
        now = super().monotonic()
        self.advance(1)
        if now > 0:
            self.asked.set()
        return now


def test_the_wait_is_measured_on_the_clock_and_not_counted_in_attempts(tmp_path: Path) -> None:
    clock = PassingClock()
    with vault(tmp_path).change():
        with pytest.raises(VaultBusy), vault(tmp_path, lock_timeout=10, clock=clock).change():
            pass
        assert clock.monotonic() == 11
        with pytest.raises(VaultBusy), vault(tmp_path, lock_timeout=10, clock=clock).look():
            pass
    assert clock.monotonic() == 23


def test_readers_that_come_and_go_never_keep_a_writer_waiting(tmp_path: Path) -> None:
    put(vault(tmp_path), tmp_path / "a", b"1")
    clock = PassingClock()
    with ThreadPoolExecutor(1) as pool:
        with vault(tmp_path).look():
            writing = pool.submit(put, vault(tmp_path, lock_timeout=1e9, clock=clock), tmp_path / "a", b"2")
            assert clock.asked.wait(10), "the writer waits"
            with pytest.raises(VaultBusy), vault(tmp_path, lock_timeout=0.02).look():
                pass
        writing.result(10)
    with vault(tmp_path).look() as look:
        assert look.read(tmp_path / "a") == b"2"


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_lock_ends_with_its_holder_though_a_process_forked_meanwhile_lives_on(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    with vault(tmp_path).change():
        child = os.fork()
        if child == 0:
            os.close(write_end)
            os.read(read_end, 1)
            os._exit(0)
    try:
        with vault(tmp_path, lock_timeout=0.02).change():
            pass
        with vault(tmp_path, lock_timeout=0.02).look():
            pass
    finally:
        os.close(write_end)
        os.waitpid(child, 0)
        os.close(read_end)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_that_leaves_the_change_does_not_take_its_parent_s_lock(tmp_path: Path) -> None:
    held = vault(tmp_path).change()
    held.__enter__()
    child = os.fork()
    if child == 0:
        held.__exit__(None, None, None)
        os._exit(0)
    os.waitpid(child, 0)
    with pytest.raises(VaultBusy), vault(tmp_path, lock_timeout=0.02).look():
        pass
    held.__exit__(None, None, None)


def test_a_store_that_stays_locked_answers_a_write_error(tmp_path: Path) -> None:
    store = EvseSecurity(StoreConfig(tmp_path, lock_timeout_seconds=0.02))
    with vault(tmp_path).change():
        outcome = store.install_ca(root("Root").certificate.to_pem(), CaCertificateType.V2G)
    assert outcome.result is InstallCertificateResult.WRITE_ERROR
    assert "locked" in (outcome.reason or "")


def test_readers_do_not_wait_for_each_other(tmp_path: Path) -> None:
    place = vault(tmp_path, lock_timeout=0.02)
    put(place, tmp_path / "a", b"1")
    with place.look() as one, place.look() as other:
        assert one.read(tmp_path / "a") == other.read(tmp_path / "a") == b"1"


def test_a_lock_whose_file_was_removed_is_not_taken_for_the_lock(tmp_path: Path) -> None:
    place = vault(tmp_path)
    released = threading.Event()
    entered = threading.Event()

    def hold() -> None:
        with place.change():
            entered.set()
            released.wait(10)

    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(hold)
        assert entered.wait(10)
        waiting = pool.submit(put, place, tmp_path / "a", b"1")
        (tmp_path / ".chainpilot/lock").unlink()
        with place.change():
            pass
        released.set()
        holding.result(10)
        waiting.result(10)
    assert (tmp_path / "a").read_bytes() == b"1"


class WatchingFiles(OsFiles):
    """Looks at a file's mode before each write, when the first byte is still to come."""

    def __init__(self) -> None:
        self.modes: list[int] = []

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        self.modes.append(os.fstat(descriptor).st_mode & 0o777)
        return descriptor

    def write(self, descriptor: int, data: bytes) -> None:
        about = os.fstat(descriptor)
        assert about.st_size == 0
        self.modes.append(about.st_mode & 0o777)
        super().write(descriptor, data)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_key_is_its_owners_from_the_first_byte_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    files = WatchingFiles()
    held = os.umask(umask)
    try:
        put(vault(tmp_path, files), tmp_path / "key", b"secret", private=True)
        put(vault(tmp_path), tmp_path / "certificate", b"public")
    finally:
        os.umask(held)
    assert files.modes == [0o600, 0o600]
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "certificate").stat().st_mode & 0o777 == 0o644


def test_a_group_may_read_keys_where_configured(tmp_path: Path) -> None:
    store = open_store(tmp_path, key_mode=0o640, group=os.getgid())
    store.generate_certificate_signing_request(LeafCertificateType.CSMS, "DE", "O", "CS-1")
    (key,) = (tmp_path / "client/csms").glob("*.key")
    assert key.stat().st_mode & 0o777 == 0o640
    assert key.stat().st_gid == os.getgid()


def test_reading_is_bounded_and_of_regular_files_only(tmp_path: Path) -> None:
    (tmp_path / "at").write_bytes(b"x" * 100)
    (tmp_path / "above").write_bytes(b"x" * 101)
    os.mkfifo(tmp_path / "pipe")
    with vault(tmp_path).look() as look:
        assert look.read(tmp_path / "at") == b"x" * 100
        assert look.read(tmp_path / "none") is None
        assert look.read(tmp_path / "at" / "below a file") is None
        for name in ("above", "pipe"):
            with pytest.raises(VaultReadError):
                look.read(tmp_path / name)


def test_a_directory_or_a_circle_of_links_where_a_file_is_expected_concerns_that_name_alone(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"1")
    (tmp_path / "directory").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    with vault(tmp_path).look() as look:
        assert {path.name for path in look.names(tmp_path)} == {"good", "circle"}
        assert look.read(tmp_path / "good") == b"1"
        for name, why in {"directory": "not a regular file", "circle": "symbolic links"}.items():
            with pytest.raises(VaultReadError, match=why):
                look.read(tmp_path / name)
        assert not look.is_directory(tmp_path / "circle")


def test_one_look_lists_a_directory_once_and_the_next_one_anew(tmp_path: Path) -> None:
    (tmp_path / "one.key").write_bytes(b"1")
    box = vault(tmp_path)
    with box.look() as look:
        assert look.names(tmp_path) == (tmp_path / "one.key",)
        (tmp_path / "two.key").write_bytes(b"2")
        assert look.names(tmp_path) == (tmp_path / "one.key",)
        assert look.names_where(tmp_path, lambda name: name.endswith(".key")) == (tmp_path / "one.key",)
        assert look.named(tmp_path, "two.key") is None
    with box.look() as look:
        assert look.named(tmp_path, "two.key") == tmp_path / "two.key"
        assert look.names(tmp_path) == (tmp_path / "one.key", tmp_path / "two.key")


def test_reading_leaves_no_descriptor_behind_whatever_stands_there(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_bytes(b"1")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with vault(tmp_path).look() as look:
        for _ in range(3):
            look.read(tmp_path / "file")
            with pytest.raises(VaultReadError):
                look.read(tmp_path / "directory")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664])
def test_a_public_file_that_is_replaced_keeps_its_mode_and_group(tmp_path: Path, mode: int) -> None:
    (tmp_path / "bundle").write_bytes(b"old")
    (tmp_path / "bundle").chmod(mode)
    group = next((one for one in os.getgroups() if one != os.getegid()), 4 if os.geteuid() == 0 else os.getegid())
    os.chown(tmp_path / "bundle", -1, group)
    put(vault(tmp_path), tmp_path / "bundle", b"new")
    about = (tmp_path / "bundle").stat()
    assert (stat.S_IMODE(about.st_mode), about.st_gid) == (mode, group)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("mode", "kept"), [(0o664, 0o644), (0o640, 0o600), (0o644, 0o644)])
def test_a_group_that_can_not_be_kept_leaves_its_rights_to_no_other(mode: int, kept: int) -> None:
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        with tempfile.TemporaryFile() as file:
            OsFiles().resemble(file.fileno(), os.stat_result((mode, 0, 0, 1, os.getuid(), 0, 0, 0, 0, 0)))
            os._exit(stat.S_IMODE(os.fstat(file.fileno()).st_mode) != kept)
    assert os.waitpid(child, 0)[1] == 0


def test_a_key_that_is_replaced_gets_the_configured_mode(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"old")
    (tmp_path / "key").chmod(0o644)
    put(vault(tmp_path), tmp_path / "key", b"new", private=True)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


class MountedFile(OsFiles):
    """One of the files is mounted by itself: the system doesn't let it be replaced."""

    def __init__(self, mounted: Path) -> None:
        self.mounted = mounted

    def rename(self, source: Path, target: Path) -> None:
        if target == self.mounted:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(source), None, str(target))
        super().rename(source, target)


def test_a_file_that_is_mounted_by_itself_is_named_with_what_to_do(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"old")
    with pytest.raises(VaultWriteError, match="mount its directory, not the file") as raised:
        put(vault(tmp_path, MountedFile(bundle)), bundle, b"new")
    assert raised.value.path == bundle
    assert tree(tmp_path) == {"bundle.pem": b"old"}


def modes_below(directory: Path) -> dict[str, int]:
    return {
        str(path.relative_to(directory)): stat.S_IMODE(path.stat().st_mode)
        for path in directory.rglob("*")
        if path.is_dir()
    }


@pytest.mark.parametrize(
    ("modes", "private"),
    [
        (Modes(key=0o600, certificate=0o644, group=None), 0o700),
        (Modes(key=0o640, certificate=0o644, group=None), 0o750),
        (Modes(key=0o640, certificate=0o644, group=os.getgid()), 0o750),
        (Modes(key=0o600, certificate=0o644, group=os.getgid()), 0o750),
    ],
)
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_directories_made_for_keys_and_state_are_nobody_else_s(
    tmp_path: Path, modes: Modes, private: int, umask: int
) -> None:
    store = tmp_path / "certs"
    held = os.umask(umask)
    try:
        place = vault(store, modes=modes)
        put(place, store / "client/cso/key", b"secret", private=True)
        put(place, store / "ca/v2g/root", b"public")
    finally:
        os.umask(held)
    assert modes_below(tmp_path) == {
        "certs": 0o755,
        "certs/.chainpilot": private,
        "certs/client": 0o755,
        "certs/client/cso": private,
        "certs/ca": 0o755,
        "certs/ca/v2g": 0o755,
    }


def test_directories_that_are_there_keep_their_modes(tmp_path: Path) -> None:
    for name in (".chainpilot", "client"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o775)
    put(vault(tmp_path), tmp_path / "client/key", b"secret", private=True)
    assert set(modes_below(tmp_path).values()) == {0o775}


class NotedFiles(OsFiles):
    """Notes what is made and what is synced."""

    def __init__(self) -> None:
        self.made: list[Path] = []
        self.synced: list[Path] = []

    def make_directory(self, path: Path, mode: int, group: int | None) -> None:
        self.made.append(path)
        super().make_directory(path, mode, group)

    def sync_directory(self, path: Path) -> None:
        self.synced.append(path)
        super().sync_directory(path)


def test_every_directory_that_is_made_is_durable_in_the_one_above_it(tmp_path: Path) -> None:
    files = NotedFiles()
    store = tmp_path / "a/store"
    put(vault(store, files), store / "keys/one", b"1", private=True)
    assert files.made == [tmp_path / "a", store, store / ".chainpilot", store / "keys"]
    assert {path.parent for path in files.made} <= set(files.synced)


def test_a_disk_that_fails_while_the_state_directory_is_made_is_a_write_error(tmp_path: Path) -> None:
    for allowed in range(2):
        store = tmp_path / f"store-{allowed}"
        store.mkdir()
        with pytest.raises(VaultWriteError):
            put(vault(store, StoppingFiles(allowed, recovers=True)), store / "a", b"1")
        put(vault(store), store / "a", b"1")
        assert tree(store) == {"a": b"1"}


def test_unfinished_files_of_a_stopped_process_are_swept_at_the_next_change(tmp_path: Path) -> None:
    (tmp_path / ".chainpilot-0123456789abcdef").write_bytes(b"half a key")
    put(vault(tmp_path), tmp_path / "a", b"1")
    assert tree(tmp_path) == {"a": b"1"}


@pytest.mark.parametrize("journal", [b"", b"{", b"[]", b'{"version":3,"place":[],"take":[]}', b"\xff"])
def test_a_journal_that_is_not_ours_is_set_aside(tmp_path: Path, journal: bytes) -> None:
    place = vault(tmp_path)
    put(place, tmp_path / "a", b"1")
    (tmp_path / ".chainpilot/journal").write_bytes(journal)
    with place.look() as look:
        assert look.read(tmp_path / "a") == b"1"
    assert (tmp_path / ".chainpilot/journal.damaged").read_bytes() == journal


def test_nothing_is_written_without_a_commit(tmp_path: Path) -> None:
    place = vault(tmp_path)
    with place.change() as change:
        change.put(tmp_path / "a", b"1")
        change.put(tmp_path / "b", b"2")
    assert tree(tmp_path) == {}


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    place = vault(tmp_path)
    put(place, tmp_path / "a", b"1")
    with place.change() as change:
        change.put(tmp_path / "b", b"2")
        change.remove(tmp_path / "a")
        change.remove(tmp_path / "never there")
        change.commit()
    assert tree(tmp_path) == {"b": b"2"}
