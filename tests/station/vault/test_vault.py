"""The vault: who waits for whom, what modes files have from their first byte, what is left of stopped processes."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from certs import root
from chainpilot.pki.certificate import load_certificates
from chainpilot.station.model import CaCertificateType, InstallCertificateResult, LeafCertificateType
from chainpilot.station.vault import Modes, OsFiles, Vault, VaultBusy, VaultReadError
from stores import open_store, tree

INSTALL_TWENTY = """
import sys
from pathlib import Path
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import CaCertificateType
store = EvseSecurity(StoreConfig(Path(sys.argv[1]), lock_timeout_seconds=60))
for path in sorted(Path(sys.argv[2]).iterdir()):
    print(store.install_ca_certificate(path.read_text(), CaCertificateType.V2G).value)
"""


def vault(directory: Path, files: OsFiles | None = None, lock_timeout: float = 5.0) -> Vault:
    return Vault(
        directory,
        directory / ".chainpilot",
        swept=(directory,),
        modes=Modes(key=0o600, certificate=0o644, group=None),
        lock_timeout=lock_timeout,
        max_file_bytes=100,
        files=files or OsFiles(),
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


def test_a_store_that_stays_locked_answers_a_write_error(tmp_path: Path) -> None:
    store = open_store(tmp_path, lock_timeout_seconds=0.02)
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


def test_unfinished_files_of_a_stopped_process_are_swept_at_the_next_change(tmp_path: Path) -> None:
    (tmp_path / ".chainpilot-0123456789abcdef").write_bytes(b"half a key")
    put(vault(tmp_path), tmp_path / "a", b"1")
    assert tree(tmp_path) == {"a": b"1"}


@pytest.mark.parametrize("journal", [b"", b"{", b"[]", b'{"version":2,"place":[],"take":[]}', b"\xff"])
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
