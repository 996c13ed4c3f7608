"""What is remembered of files: it serves while they are as they were, and never a moment longer."""

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from chainpilot.station.vault import VaultReadError
from chainpilot.station.vault.memory import Memory, file_digest

LIMIT = 1000
TraceFunction = Callable[[FrameType, str, Any], Any]


class Reader:
    """Makes text of a file, and counts how often it had to."""

    def __init__(self) -> None:
        self.made: list[bytes] = []
        self.before: list[object] = []

    def __call__(self, path: Path, data: bytes, before: object) -> str:
        self.made.append(data)
        self.before.append(before)
        return f"{path.name}: {data.decode()}"


def age(path: Path) -> None:
    """Wait until a further change of the file can't carry the time of the last one: the kernel's clock has moved on."""
    while time.time_ns() - path.stat().st_ctime_ns < 25_000_000:
        time.sleep(0.005)


def test_a_file_that_stays_as_it_is_is_read_once(tmp_path: Path) -> None:
    memory, reader = Memory(), Reader()
    path = tmp_path / "one"
    path.write_bytes(b"old")
    age(path)
    values = [memory.recall(path, reader, LIMIT) for _ in range(3)]
    assert values == ["one: old"] * 3
    assert reader.made == [b"old"]


def test_a_file_that_has_just_changed_is_read_again_and_its_value_serves_on(tmp_path: Path) -> None:
    """Changes that follow each other at once may carry the same times; the bytes tell them apart."""
    memory, reader = Memory(), Reader()
    path = tmp_path / "one"
    path.write_bytes(b"old")
    first = memory.recall(path, reader, LIMIT)
    path.write_bytes(b"new")
    assert memory.recall(path, reader, LIMIT) == "one: new"
    path.write_bytes(b"new")
    second = memory.recall(path, reader, LIMIT)
    assert (first, second, len(reader.made)) == ("one: old", "one: new", 2)
    assert reader.before == [None, "one: old"]


def test_a_replaced_file_whose_old_times_were_put_back_is_seen(tmp_path: Path) -> None:
    memory, reader = Memory(), Reader()
    path = tmp_path / "one"
    path.write_bytes(b"old")
    os.utime(path, ns=(1, 1))
    age(path)
    assert memory.recall(path, reader, LIMIT) == "one: old"
    for content in (b"new", b"odd"):
        path.write_bytes(content)
        os.utime(path, ns=(1, 1))
        age(path)
        assert memory.recall(path, reader, LIMIT) == f"one: {content.decode()}"


def test_a_link_is_known_by_what_it_leads_to(tmp_path: Path) -> None:
    memory, reader = Memory(), Reader()
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    link = tmp_path / "link"
    link.symlink_to("a")
    age(tmp_path / "b")
    assert memory.recall(link, reader, LIMIT) == "link: a"
    link.unlink()
    link.symlink_to("b")
    assert memory.recall(link, reader, LIMIT) == "link: b"
    (tmp_path / "b").unlink()
    assert memory.recall(link, reader, LIMIT) is None


def test_the_bytes_of_a_secret_file_stay_nowhere(tmp_path: Path) -> None:
    memory = Memory()
    path = tmp_path / "key"
    path.write_bytes(b"hunter2 hunter2")
    assert memory.recall(path, lambda *_: "opened", LIMIT, secret=True) == "opened"

    def held(value: object) -> list[object]:
        if isinstance(value, dict):
            return [one for pair in value.items() for part in pair for one in held(part)]
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        parts = [getattr(value, name) for name in slots if hasattr(value, name)]
        return [value, *(one for part in (*parts, *getattr(value, "__dict__", {}).values()) for one in held(part))]

    assert [one for one in held(memory) if isinstance(one, bytes) and b"hunter2" in one] == []
    assert any(isinstance(one, bytes) for one in held(memory)), "the search would have found it"


def test_many_files_are_recalled_at_once_only_as_they_were(tmp_path: Path) -> None:
    memory, reader = Memory(), Reader()
    for number in range(5):
        (tmp_path / str(number)).write_bytes(b"x")
    age(tmp_path / "4")
    paths = memory.listing(tmp_path).names
    assert memory.recall_all(tmp_path, paths, reader) == (None,) * 5, "nothing is known yet"
    values = tuple(memory.recall(path, reader, LIMIT) for path in paths)
    assert memory.recall_all(tmp_path, paths, reader) == values
    paths[2].write_bytes(b"y")
    assert memory.recall_all(tmp_path, paths, reader) == (*values[:2], None, *values[3:])
    age(paths[2])
    assert memory.recall(paths[2], reader, LIMIT) == "2: y"
    assert memory.recall_all(tmp_path, paths, reader) == (*values[:2], "2: y", *values[3:])
    paths[0].unlink()
    assert memory.recall_all(tmp_path, paths, reader)[0] is None


def test_a_file_that_went_and_came_back_is_recalled_with_the_others_again(tmp_path: Path) -> None:
    memory, reader = Memory(), Reader()
    directory = tmp_path / "d"
    directory.mkdir()
    for number in range(3):
        (directory / str(number)).write_bytes(b"x")
    age(directory / "2")

    def recalled() -> tuple[str | None, ...]:
        paths = memory.listing(directory).where(str.isdigit)
        together = memory.recall_all(directory, paths, reader)
        for path in paths:
            memory.recall(path, reader, LIMIT)
        return together

    recalled()
    values = recalled()
    (directory / "1").rename(tmp_path / "away")
    assert len(memory.listing(directory).names) == 2, "it is seen to be gone, and nobody asks for the files"
    (tmp_path / "away").rename(directory / "1")
    age(directory / "1")
    assert recalled() == (values[0], None, values[2]), "what was made of it went with it"
    assert [recalled() for _ in range(2)] == [values] * 2


def test_a_listing_follows_what_comes_and_goes_and_keeps_its_paths(tmp_path: Path) -> None:
    memory = Memory()
    directory = tmp_path / "d"
    assert memory.listing(directory).names == ()
    directory.mkdir()
    (directory / "b").write_bytes(b"")
    (directory / ".hidden").write_bytes(b"")
    (directory / "sub").mkdir()
    age(directory)
    first = memory.listing(directory).names
    assert [path.name for path in first] == ["b"]
    assert memory.listing(directory).names is first
    (directory / "more").mkdir()
    assert memory.listing(directory).names is first
    assert memory.listing(directory).directories == {"sub", "more"}
    (directory / "a").write_bytes(b"")
    assert [path.name for path in memory.listing(directory).names] == ["a", "b"]
    (directory / "a").unlink()
    assert [path.name for path in memory.listing(directory).names] == ["b"]
    directory.rename(tmp_path / "elsewhere")
    assert memory.listing(directory).names == ()


def test_a_link_in_a_listing_is_asked_at_every_call(tmp_path: Path) -> None:
    memory = Memory()
    directory = tmp_path / "d"
    directory.mkdir()
    (directory / "link").symlink_to(tmp_path / "target")
    age(directory)
    assert [path.name for path in memory.listing(directory).names] == ["link"], "it leads nowhere, which reading tells"
    (tmp_path / "target").mkdir()
    assert memory.listing(directory).names == ()
    assert memory.listing(directory).directories == {"link"}
    (tmp_path / "target").rmdir()
    (tmp_path / "target").write_bytes(b"")
    assert [path.name for path in memory.listing(directory).names] == ["link"]


def between_lines(code: CodeType, place: int, meanwhile: Callable[[], None]) -> TraceFunction:
    """Traces this thread so that before that line of `code` something else happens, as when another has its turn."""
    counted = itertools.count()

    def trace(frame: FrameType, event: str, arg: object) -> TraceFunction | None:
        if frame.f_code is not code:
            return None
        if event == "line" and next(counted) == place:
            sys.settrace(None)
            meanwhile()
        return trace

    return trace


def test_a_listing_is_of_what_its_own_caller_saw_wherever_another_thread_comes_between(tmp_path: Path) -> None:
    """Links that led to directories for a moment, in which somebody else listed, lead to files here."""
    memory = Memory()
    directory, shelf = tmp_path / "d", tmp_path / "shelf"
    for made in (directory, shelf, shelf / "one", shelf / "other"):
        made.mkdir()
    for name in ("one", "other"):
        (directory / name).symlink_to(shelf / name)
    age(directory)

    def listed() -> list[str]:
        return [path.name for path in memory.listing(directory).names]

    def meanwhile() -> None:
        (shelf / "other").unlink()
        (shelf / "other").mkdir()
        seen.append(listed())
        (shelf / "other").rmdir()
        (shelf / "other").write_bytes(b"")

    (shelf / "other").rmdir()
    (shelf / "other").write_bytes(b"")
    seen: list[list[str]] = []
    told: list[list[str]] = []
    before = sys.gettrace()
    while len(seen) == len(told):
        sys.settrace(between_lines(Memory.listing.__code__, len(told), meanwhile))
        told.append(listed())
        sys.settrace(before)
    assert told == [["other"]] * len(told)
    assert seen == [[]] * len(seen)
    assert len(seen) > 5, "it came between often enough"


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_bound_on_a_file_is_exact(tmp_path: Path, more: int) -> None:
    path = tmp_path / "one"
    path.write_bytes(b"x" * (LIMIT + more))
    if more > 0:
        with pytest.raises(VaultReadError, match="longer than 1000 bytes"):
            Memory().recall(path, Reader(), LIMIT)
    else:
        assert Memory().recall(path, Reader(), LIMIT) is not None


@pytest.mark.parametrize("kind", ["directory", "pipe", "circle"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path)
    with pytest.raises(VaultReadError):
        Memory().recall(path, Reader(), LIMIT)
    with pytest.raises(VaultReadError):
        file_digest(path)


def test_what_follows_from_parts_is_worked_out_once_for_the_same_objects() -> None:
    memory, made = Memory(), []

    def worked_out() -> int:
        made.append(1)
        return len(made)

    one, other = ["part"], ["part"]
    assert [memory.derive("key", (one,), worked_out) for _ in range(2)] == [1, 1]
    assert memory.derive("key", (other,), worked_out) == 2, "equal is not the same"
    assert memory.derive("key", (other, one), worked_out) == 3


def test_threads_see_one_content_or_the_other_while_a_file_changes(tmp_path: Path) -> None:
    memory, reader = Memory(), Reader()
    path = tmp_path / "one"
    path.write_bytes(b"0")
    wrong: list[str | None] = []
    ended = threading.Event()

    def ask() -> None:
        newest = 0
        while not ended.is_set():
            value = memory.recall(path, reader, LIMIT)
            number = int((value or "x: -1").partition(": ")[2])
            if number < newest:
                wrong.append(value)
            newest = max(newest, number)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(300):
        (tmp_path / "next").write_bytes(str(number).encode())
        (tmp_path / "next").rename(path)
    age(path)
    last = memory.recall(path, reader, LIMIT)
    ended.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert last == "one: 299"
    assert memory.recall(path, reader, LIMIT) == "one: 299"
