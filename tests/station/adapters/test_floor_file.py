"""The file of the floor: its owner's alone, whole at every moment, and never taken for something else."""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chainpilot.station.adapters.memory import FloorFile, SqliteMemory, floor_in
from chainpilot.station.agent.ports import FloorUnreadable, MemoryFault, MemoryFull

__all__: list[str] = []


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "agent"


def test_where_nothing_is_nothing_was_kept(place: Path) -> None:
    assert FloorFile(place).read() is None
    place.mkdir()
    assert FloorFile(place).read() is None
    assert floor_in(None) is None


def test_what_is_kept_is_there_for_the_next_process_beside_the_memory(place: Path) -> None:
    with closing(SqliteMemory.open(place)):
        for profile in (0, 1, 3):
            FloorFile(place).keep(profile)
            assert FloorFile(place).read() == profile
    with closing(SqliteMemory.open(place)) as memory:
        assert memory.opened_anew is None
    assert sorted(path.name for path in place.iterdir()) == ["agent.db", "agent.floor", "agent.lock"]


def test_it_is_its_owners_alone_whatever_the_umask_says_and_makes_its_directory(place: Path) -> None:
    before = os.umask(0)
    try:
        FloorFile(place).keep(2)
    finally:
        os.umask(before)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {"agent.floor": 0o600}


def _spoil(file: Path) -> None:
    file.write_bytes(b"chainpilot-floor 1 0 00000000\n")


def _lengthen(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"x" * 1000)


def _replace_by_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def _replace_by_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("harm", [_spoil, _lengthen, _replace_by_link, _replace_by_pipe])
def test_what_is_not_the_file_that_was_written_is_unreadable_and_says_where(
    place: Path, harm: Callable[[Path], None]
) -> None:
    FloorFile(place).keep(2)
    harm(place / "agent.floor")
    with pytest.raises(FloorUnreadable, match=r"agent\.floor"):
        FloorFile(place).read()
    FloorFile(place).keep(3)
    assert FloorFile(place).read() == 3


def test_a_directory_that_can_not_be_used_is_a_fault_in_words(tmp_path: Path) -> None:
    with pytest.raises(MemoryFault, match="can't be used: No such file or directory"):
        FloorFile(tmp_path / "missing" / "agent").keep(1)
    (tmp_path / "agent").symlink_to(tmp_path)
    with pytest.raises(MemoryFault, match="is a symbolic link"):
        FloorFile(tmp_path / "agent").keep(1)


class _Stop(Exception):
    pass


STEPS = ("open", "write", "fsync", "rename")


@pytest.mark.parametrize("name", STEPS)
def test_stopped_at_any_step_the_old_or_the_new_floor_is_there(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    seen: set[int | None] = set()
    for number in range(4):
        FloorFile(place).keep(1)
        with monkeypatch.context() as patch:
            patch.setattr(os, name, _stopping_at(number, getattr(os, name)))
            try:
                FloorFile(place).keep(2)
            except _Stop:
                pass
            else:
                break
        seen.add(FloorFile(place).read())
    assert seen, name
    assert seen <= {1, 2}
    FloorFile(place).keep(3)
    assert FloorFile(place).read() == 3


def _stopping_at(number: int, real: Callable[..., Any]) -> Callable[..., Any]:
    calls = iter(range(100))

    def step(*arguments: Any, **more: Any) -> Any:
        if next(calls) == number:
            raise _Stop
        return real(*arguments, **more)

    return step


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_fault_of_its_own_and_leaves_the_old_floor(
    place: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    FloorFile(place).keep(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(MemoryFull):
            FloorFile(place).keep(2)
    assert FloorFile(place).read() == 1
