"""A change that replaces, adds and removes files at once, stopped after every single file operation."""

import contextlib
import os
from pathlib import Path
from shutil import copytree

import pytest

from chainpilot.station.vault import Modes, OsFiles, Vault, VaultWriteError
from stores import KillingFiles, StoppingFiles, tree

OLD = {"a/one": b"old one", "a/two": b"old two", "b/three": b"old three"}
NEW = {"a/one": b"new one", "b/three": b"new three", "c/four": b"new four"}
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
"""The forked child runs one command and ends; it waits for no thread of its parent (the warning is Python 3.12's)."""
MAX_OPERATIONS = 80
"""More than this change has; reaching it means that it never ends."""


def vault(directory: Path, files: OsFiles) -> Vault:
    return Vault(
        directory,
        directory / ".chainpilot",
        swept=tuple(directory / name for name in ("a", "b", "c", ".chainpilot")),
        modes=Modes(key=0o600, certificate=0o644, group=None),
        lock_timeout=5,
        max_file_bytes=1000,
        files=files,
    )


def change(place: Vault) -> None:
    with place.change() as begun:
        for name, data in NEW.items():
            begun.put(begun.root / name, data)
        begun.remove(begun.root / "a/two")
        begun.commit()


def prepared(directory: Path) -> None:
    for name, data in OLD.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)


def opened(directory: Path) -> dict[str, bytes]:
    """The files after the store was opened for reading, then for a change that does nothing."""
    place = vault(directory, OsFiles())
    with place.look() as look:
        seen = {name: data for name in OLD | NEW if (data := look.read(directory / name)) is not None}
    with place.change() as begun:
        begun.commit()
    assert tree(directory) == seen, "nothing else is left, and a second opening changes nothing"
    return seen


def test_a_process_killed_after_any_operation_leaves_all_or_nothing(tmp_path: Path) -> None:
    prepared(tmp_path / "before")
    seen = []
    for allowed in range(MAX_OPERATIONS):
        place = tmp_path / f"killed-{allowed}"
        copytree(tmp_path / "before", place)
        child = os.fork()
        if child == 0:
            change(vault(place, KillingFiles(allowed)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        seen.append(opened(place))
        assert seen[-1] in (OLD, NEW), f"after {allowed} operations"
        if os.waitstatus_to_exitcode(status) == 0:
            break
    assert 15 < len(seen) < MAX_OPERATIONS
    assert seen == sorted(seen, key=lambda one: one == NEW), "once the new state holds, it holds"
    assert seen[-1] == NEW


@pytest.mark.parametrize("recovers", [True, False], ids=["one operation fails", "all later ones fail"])
def test_a_disk_that_fails_at_any_operation_leaves_what_was_answered(tmp_path: Path, *, recovers: bool) -> None:
    prepared(tmp_path / "before")
    for allowed in range(MAX_OPERATIONS):
        place = tmp_path / f"failed-{allowed}"
        copytree(tmp_path / "before", place)
        files = StoppingFiles(allowed, recovers=recovers)
        try:
            change(vault(place, files))
        except VaultWriteError:
            assert opened(place) in ((OLD,) if recovers else (OLD, NEW)), f"refused at operation {allowed}"
        else:
            assert opened(place) == NEW, f"accepted at operation {allowed}"
        if not files.stopped:
            return
    pytest.fail("the change never ended")


class FaultyFiles(StoppingFiles):
    """Fails one operation, then fails or kills at a later one, as while the first failure is being undone."""

    def __init__(self, first: int, second: int, *, kills: bool) -> None:
        super().__init__(first, recovers=True)
        self._number = 0
        self._second = second
        self._kills = kills

    def _step(self) -> None:
        self._number += 1
        super()._step()
        if self._number == self._second + 1:
            if self._kills:
                os._exit(9)
            self._stop()


@pytest.mark.parametrize("kills", [True, False], ids=["killed while undoing", "undoing fails"])
def test_two_faults_in_one_change_leave_all_or_nothing(tmp_path: Path, *, kills: bool) -> None:
    prepared(tmp_path / "before")
    for first in range(10, 40):
        for second in range(first + 1, first + 20):
            place = tmp_path / f"faulty-{first}-{second}"
            copytree(tmp_path / "before", place)
            child = os.fork()
            if child == 0:
                with contextlib.suppress(VaultWriteError):
                    change(vault(place, FaultyFiles(first, second, kills=kills)))
                os._exit(0)
            os.waitpid(child, 0)
            assert opened(place) in (OLD, NEW), f"a fault at {first} and another at {second}"


def test_a_crash_while_completing_is_completed_at_the_next_opening(tmp_path: Path) -> None:
    prepared(tmp_path / "before")
    for first in range(20, 40):
        for second in range(12):
            place = tmp_path / f"twice-{first}-{second}"
            copytree(tmp_path / "before", place)
            for files in (KillingFiles(first), KillingFiles(second)):
                child = os.fork()
                if child == 0:
                    with vault(place, files).look():
                        pass
                    change(vault(place, files))
                    os._exit(0)
                os.waitpid(child, 0)
            assert opened(place) in (OLD, NEW), f"after {first} and then {second} operations"
