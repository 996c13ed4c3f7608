"""The memory's files: whose they are, what is done about damage, and what is said when the disk doesn't do its part."""

import contextlib
import logging
import os
import random
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chainpilot.station.adapters.memory import SqliteMemory
from chainpilot.station.adapters.memory.database import Damage, Database, open_database
from chainpilot.station.adapters.memory.sqlite import _STEPS
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType
from chainpilot.station.agent.ports import MemoryFault

__all__: list[str] = []

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
EVENT = SecurityEvent(SecurityEventType.RESET_OR_REBOOT, NOON, "by the CSMS")
CLEARED = SecurityEvent(SecurityEventType.SECURITY_LOG_WAS_CLEARED, NOON)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "agent"


@contextlib.contextmanager
def opened(place: Path) -> Iterator[SqliteMemory]:
    with closing(SqliteMemory.open(place)) as memory:
        yield memory


def filled(place: Path) -> None:
    with opened(place) as memory:
        memory.write({"document": b"content" * 300, "other": b"1"})
        for _ in range(30):
            memory.add_event(EVENT)
        memory.keep("key", b"kept", NOON)


def cut_off(place: Path, copy: Path) -> None:
    """What a power cut leaves: the files as they are while the memory is open, so that the log is not yet merged."""
    with opened(place) as memory:
        memory.write({"document": b"content" * 300})
        for _ in range(30):
            memory.add_event(EVENT)
        memory.keep("key", b"kept", NOON)
        shutil.copytree(place, copy)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# whose it is


def test_everything_is_its_owners_alone_whatever_the_umask_says(place: Path) -> None:
    before = os.umask(0)
    try:
        with opened(place) as memory:
            memory.write({"a": b"1"})
            assert mode(place) == 0o700
            names = {path.name: mode(path) for path in place.iterdir()}
    finally:
        os.umask(before)
    assert names == {"agent.db": 0o600, "agent.db-wal": 0o600, "agent.lock": 0o600}


def test_rights_that_others_have_to_read_are_taken_from_them(place: Path, tmp_path: Path) -> None:
    cut_off(place, tmp_path / "copy")
    place = tmp_path / "copy"
    place.chmod(0o755)
    for path in place.iterdir():
        path.chmod(0o644)
    (place / "agent.db-journal").write_bytes(b"")
    (place / "agent.db-journal").chmod(0o644)
    with opened(place) as memory:
        memory.write({"a": b"1"})
        assert mode(place) == 0o700
        assert {mode(path) for path in place.iterdir()} == {0o600}


@pytest.mark.parametrize("given", [0o720, 0o702, 0o777])
def test_a_directory_that_others_can_write_is_refused(place: Path, given: int) -> None:
    place.mkdir()
    place.chmod(given)
    with pytest.raises(MemoryFault, match=f"can be written by others \\(mode {given:04o}\\)"):
        SqliteMemory.open(place)
    assert not list(place.iterdir())


@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_a_directory_that_is_a_link_is_refused(place: Path, target: str) -> None:
    (place.parent / "there").mkdir()
    place.symlink_to(place.parent / target)
    with pytest.raises(MemoryFault, match="agent is a symbolic link"):
        SqliteMemory.open(place)
    assert not list((place.parent / "there").iterdir())


def test_a_file_in_the_directorys_place_is_refused(place: Path) -> None:
    place.write_text("x")
    with pytest.raises(MemoryFault, match="agent is no directory"):
        SqliteMemory.open(place)


def test_a_directory_whose_parent_is_missing_is_not_made(place: Path) -> None:
    with pytest.raises(MemoryFault, match="No such file or directory"):
        SqliteMemory.open(place / "deeper")
    assert not place.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(place: Path) -> None:
    place.mkdir(mode=0o700)
    os.chown(place, 12345, -1)
    with pytest.raises(MemoryFault, match="belongs to user 12345, and this is user 0"):
        SqliteMemory.open(place)


@pytest.mark.parametrize("name", ["agent.db", "agent.lock", "agent.db-wal"])
def test_a_link_in_a_files_place_is_refused_and_what_it_leads_to_unharmed(place: Path, name: str) -> None:
    victim = place.parent / "victim"
    victim.write_text("precious")
    victim.chmod(0o644)
    place.mkdir(mode=0o700)
    (place / name).symlink_to(victim)
    with pytest.raises(MemoryFault, match=f"{re.escape(name)} can't be used: Too many levels of symbolic links"):
        SqliteMemory.open(place)
    assert (victim.read_text(), mode(victim)) == ("precious", 0o644)


def test_a_pipe_in_the_databases_place_is_refused_at_once(place: Path) -> None:
    place.mkdir(mode=0o700)
    os.mkfifo(place / "agent.db")
    with pytest.raises(MemoryFault, match=r"agent\.db is no file of this user's"):
        SqliteMemory.open(place)


OTHER = """
import sys
from pathlib import Path
from chainpilot.station.adapters.memory import SqliteMemory
memory = SqliteMemory.open(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_gone(place: Path) -> None:
    words = [sys.executable, "-c", OTHER, str(place)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(MemoryFault, match="in use by another agent"):
            SqliteMemory.open(place)
        other.kill()
    with opened(place) as memory:
        assert memory.opened_anew is None
        with pytest.raises(MemoryFault, match="in use by another agent"):
            SqliteMemory.open(place)
    with opened(place):
        pass


def test_no_other_program_gets_between_while_the_memory_is_open(place: Path) -> None:
    with (
        opened(place),
        closing(sqlite3.connect(place / "agent.db", timeout=0)) as shell,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        shell.execute("SELECT * FROM document").fetchall()


# damage


def test_a_memory_opened_again_was_not_lost(place: Path) -> None:
    filled(place)
    with opened(place) as memory:
        assert memory.opened_anew is None
        assert memory.read("document") == b"content" * 300
        assert len(memory.security_log(None, None)) == len(memory.queued_events(99)) == 30
        assert memory.kept("key", NOON.replace(year=2025)) == b"kept"
    assert sorted(path.name for path in place.iterdir()) == ["agent.db", "agent.lock"]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda file: file.unlink(), "agent.db is missing"),
        (lambda file: file.write_bytes(b""), "agent.db is empty"),
        (lambda file: file.write_bytes(b"SQLite format 3"), "agent.db is no database"),
        (lambda file: file.write_bytes(b"x" * 8192), "agent.db is no database"),
        (lambda file: file.write_bytes(file.read_bytes()[:5000]), "the database is malformed (SQLITE_CORRUPT)"),
        (lambda file: file.write_bytes(file.read_bytes()[:8192]), "the database is malformed (SQLITE_CORRUPT)"),
        (
            lambda file: file.write_bytes(file.read_bytes().replace(b"contentcontent", b"contentcontenT", 1)),
            "an entry of the database isn't as it was written",
        ),
    ],
)
def test_a_memory_that_was_lost_is_begun_anew_and_says_why_until_that_is_reported(
    place: Path, spoil: Callable[[Path], object], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    filled(place)
    spoil(place / "agent.db")
    left = (place / "agent.db").read_bytes() if (place / "agent.db").exists() else None
    with caplog.at_level(logging.ERROR), opened(place) as memory:
        assert memory.opened_anew == why
        assert memory.read("document") is None
        assert memory.security_log(None, None) == ()
        memory.add_event(EVENT)
    assert why in caplog.text
    if left is not None:
        assert (place / "agent.db.broken-1").read_bytes() == left
    with opened(place) as memory:
        assert memory.opened_anew == why
        assert memory.security_log(None, None) == (EVENT,)
        memory.add_event(CLEARED)
    with opened(place) as memory:
        assert memory.opened_anew is None
        assert memory.security_log(None, None) == (EVENT, CLEARED)


def test_a_file_that_another_program_made_is_moved_aside(place: Path) -> None:
    place.mkdir(mode=0o700)
    with closing(sqlite3.connect(place / "agent.db")) as foreign:
        foreign.execute("CREATE TABLE theirs (a)")
    with opened(place) as memory:
        assert memory.opened_anew == "the database can not be used (SQLITE_ERROR)"
    with closing(sqlite3.connect(place / "agent.db.broken-1")) as foreign:
        assert foreign.execute("SELECT count(*) FROM theirs").fetchone() == (0,)


def test_a_database_whose_log_was_taken_away_before_it_was_merged_is_not_taken_for_a_new_one(
    place: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(":memory:")) as nothing:
        nothing.execute("VACUUM INTO ?", (str(tmp_path / "empty.db"),))
    filled(place)
    shutil.copy(tmp_path / "empty.db", place / "agent.db")
    with opened(place) as memory:
        assert memory.opened_anew == "the database is empty"


def test_what_belongs_to_a_broken_database_is_moved_with_it(place: Path, tmp_path: Path) -> None:
    cut_off(place, tmp_path / "copy")
    place = tmp_path / "copy"
    log = (place / "agent.db-wal").read_bytes()
    (place / "agent.db").write_bytes(b"x" * 4096)
    with opened(place) as memory:
        assert memory.opened_anew == "agent.db is no database"
    assert (place / "agent.db.broken-1").read_bytes() == b"x" * 4096
    assert (place / "agent.db.broken-1-wal").read_bytes() == log


def test_the_last_five_broken_files_are_kept(place: Path) -> None:
    for number in range(7):
        with opened(place) as memory:
            assert (memory.opened_anew is None) is (number == 0)
        (place / "agent.db").write_bytes(b"x" * number)
    names = {path.name for path in place.iterdir()}
    assert {name for name in names if "broken" in name} == {f"agent.db.broken-{number}" for number in range(2, 7)}


def test_a_first_opening_that_power_cut_short_begins_again_and_nothing_was_lost(place: Path) -> None:
    place.mkdir(mode=0o700)
    (place / "agent.db").touch()
    (place / "agent.lock").touch()
    with opened(place) as memory:
        assert memory.opened_anew is None


@pytest.mark.scaled
def test_whatever_byte_is_wrong_the_memory_is_whole_or_begun_anew(
    place: Path, tmp_path: Path, scale: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    filled(place)
    whole = (place / "agent.db").read_bytes()
    chance = random.Random(12)
    places = [*range(100), *(chance.randrange(len(whole)) for _ in range(round(4000 * scale)))]
    outcomes = {True: 0, False: 0}
    for number, where in enumerate(places):
        spoiled = bytearray(whole)
        spoiled[where] ^= 1 << chance.randrange(8) if number % 2 else chance.randrange(1, 256)
        shutil.rmtree(place)
        place.mkdir(mode=0o700)
        (place / "agent.db").write_bytes(spoiled)
        (place / "agent.lock").write_text("begun")
        with opened(place) as memory:
            anew = memory.opened_anew is not None
            outcomes[anew] += 1
            assert memory.read("document") == (None if anew else b"content" * 300), where
            assert memory.security_log(None, None) == (() if anew else (EVENT,) * 30), where
            assert len(memory.queued_events(99)) == (0 if anew else 30), where
            assert memory.kept("key", NOON.replace(year=2025)) == (None if anew else b"kept"), where
            memory.add_event(CLEARED)
            memory.write({"document": b"2"})
    assert outcomes[True] > outcomes[False] / 10
    assert outcomes[False]


@pytest.mark.scaled
@pytest.mark.parametrize("name", ["agent.db", "agent.db-wal"])
def test_wherever_a_file_ends_or_is_overwritten_nothing_but_the_end_of_the_log_is_ever_lost_silently(
    place: Path, tmp_path: Path, scale: float, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    filled(place)
    copy = tmp_path / "copy"
    cut_off(place, copy)
    whole = (copy / name).read_bytes()
    chance = random.Random(13)
    for number in range(round(1000 * scale)):
        where = chance.randrange(len(whole))
        spoiled = whole[:where]
        if number % 2:
            spoiled += chance.randbytes(chance.randrange(1, 5000)) + whole[where:]
        trial = tmp_path / "trial"
        shutil.copytree(copy, trial)
        (trial / name).write_bytes(spoiled[: len(whole)])
        with opened(trial) as memory:
            known = len(memory.security_log(None, None))
            assert memory.opened_anew is not None or known >= 30, where
            assert memory.read("document") == (None if memory.opened_anew else b"content" * 300)
            memory.add_event(CLEARED)
        shutil.rmtree(trial)


# the schema


def test_a_database_of_a_newer_program_is_refused_and_left_alone(place: Path) -> None:
    filled(place)
    newer = open_database(place / "agent.db", [*_steps(), ["CREATE TABLE later (a, seal)"]])
    assert isinstance(newer, Database)
    newer.close()
    before = (place / "agent.db").read_bytes()
    with pytest.raises(MemoryFault, match=r"written by a newer program \(schema 2, known is 1\)"):
        SqliteMemory.open(place)
    assert (place / "agent.db").read_bytes() == before
    assert sorted(path.name for path in place.iterdir()) == ["agent.db", "agent.lock"]


def test_a_newer_number_alone_makes_no_newer_database(place: Path) -> None:
    filled(place)
    with closing(sqlite3.connect(place / "agent.db")) as shell:
        shell.execute("PRAGMA user_version=7")
    with opened(place) as memory:
        assert memory.opened_anew == "the database doesn't say which schema it has"


def test_an_older_database_is_brought_to_the_newest_schema_with_what_it_knows(tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    steps = [
        ["CREATE TABLE state (name TEXT PRIMARY KEY, content TEXT, seal INTEGER)", "CREATE TABLE one (a, seal)"],
        ["CREATE TABLE two (a, b, seal)", "INSERT INTO two SELECT a, 'new', seal(a, 'new') FROM one", "DROP TABLE one"],
    ]
    first = open_database(file, steps[:1])
    assert isinstance(first, Database)
    with first.transaction() as sql:
        sql.execute("INSERT INTO one VALUES (?1, seal(?1))", ("x",))
    first.close()
    for _ in range(2):
        second = open_database(file, steps)
        assert isinstance(second, Database)
        assert second.rows("SELECT * FROM two") == [("x", "new")]
        second.close()


def test_a_step_that_fails_is_no_damage_and_leaves_the_older_schema(tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    steps = [["CREATE TABLE state (name TEXT PRIMARY KEY, content TEXT, seal INTEGER)", "CREATE TABLE one (a, seal)"]]
    first = open_database(file, steps)
    assert isinstance(first, Database)
    first.close()
    with pytest.raises(MemoryFault, match="SQLITE_ERROR"):
        open_database(file, [*steps, ["DROP TABLE one", "CREATE NONSENSE"]])
    again = open_database(file, steps)
    assert isinstance(again, Database)
    assert again.rows("SELECT * FROM one") == []
    again.close()


# the disk


def test_what_is_committed_is_synced_before_it_is_answered(place: Path) -> None:
    """The rest is SQLite's promise: in this mode and with this setting each commit waits for its fsync."""
    with opened(place) as memory:
        sql = memory._database._connection
        told = {name: sql.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert told == {"journal_mode": "wal", "synchronous": 2}


def test_a_full_disk_is_a_fault_in_words_and_no_harm(place: Path) -> None:
    with opened(place) as memory:
        memory.write({"a": b"old"})
        memory.add_event(EVENT)
        sql = memory._database._connection
        pages = sql.execute("PRAGMA page_count").fetchone()[0]
        sql.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(MemoryFault, match=r"the disk is full \(SQLITE_FULL\)"):
            memory.write({"b": b"new", "a": bytes(100_000)})
        with pytest.raises(MemoryFault, match="the disk is full"):
            memory.keep("a", bytes(60_000), NOON)
        assert (memory.read("a"), memory.read("b")) == (b"old", None)
        [one] = memory.queued_events(9)
        memory.settle_event(one.number)
        sql.execute("PRAGMA max_page_count=1000000")
        memory.write({"b": b"new", "a": bytes(100_000)})
    with opened(place) as memory:
        assert memory.opened_anew is None
        assert memory.read("a") == bytes(100_000)
        assert memory.queued_events(9) == ()
        assert memory.security_log(None, None) == (EVENT,)


LIMITED = """
import resource, sys
from pathlib import Path
from chainpilot.station.adapters.memory import SqliteMemory
from chainpilot.station.agent.ports import MemoryFault
memory = SqliteMemory.open(Path(sys.argv[1]))
size = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
for number in range(10_000):
    try:
        memory.write({str(number): bytes([number % 256]) * 5000})
    except MemoryFault as fault:
        print(number, fault, flush=True)
        try:
            memory.write({"later": b"x" * 500_000})
        except MemoryFault as fault:
            print(fault)
        print(memory.read(str(number)), memory.read("0") == bytes(5000))
        break
"""


@pytest.mark.parametrize("size", [100_001, 250_000, 600_000, 1_100_000])
def test_a_file_that_may_not_grow_is_a_fault_in_words_and_what_was_written_stays(place: Path, size: int) -> None:
    words = [sys.executable, "-c", LIMITED, str(place), str(size)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    number, fault = told[0].split(" ", 1)
    assert fault == told[1] == "the agent's memory: the disk can't be read or written (SQLITE_IOERR_WRITE)"
    assert told[2] == "None True"
    with opened(place) as memory:
        assert memory.opened_anew is None
        for one in range(int(number)):
            assert memory.read(str(one)) == bytes([one % 256]) * 5000
        assert memory.read("later") is None


def mounted(place: Path, mount: str, program: str) -> list[str]:
    """What the program says in a world of its own in which something is mounted at, or under, that place."""
    allowed = subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False)
    if allowed.returncode != 0:
        pytest.skip("this machine lets nobody mount anything, not even for himself")
    script = f'set -e; cd /; {mount}; exec "$2" -c "$3" "$1"'
    command = ["unshare", "-Urm", "sh", "-c", script, "sh", str(place), sys.executable, PREFACE + program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


PREFACE = """
import sys
from pathlib import Path
from chainpilot.station.adapters.memory import SqliteMemory
from chainpilot.station.agent.ports import MemoryFault, MemoryFull
place = Path(sys.argv[1])
def attempt(work, *arguments):
    try:
        return work(*arguments)
    except MemoryFault as fault:
        return str(fault)
"""
FULL = """
memory = SqliteMemory.open(place)
memory.write({"a": b"old"})
(place / "ballast").write_bytes(bytes(80_000))
written = b"old"
for number in range(100):
    data = bytes([number]) * 4000
    fault = attempt(memory.write, {"a": data})
    if fault:
        break
    written = data
print(fault)
print(memory.read("a") == written)
print(attempt(memory.write, {"b": bytes(200_000)}))
try:
    memory.write({"b": bytes(200_000)})
except MemoryFull:
    print("a fault of its own")
(place / "ballast").unlink()
print(attempt(memory.write, {"b": b"new"}))
memory.close()
memory = SqliteMemory.open(place)
print(memory.opened_anew, memory.read("a") == written, memory.read("b"))
"""


def test_a_disk_that_is_full_is_a_fault_in_words_until_there_is_room(place: Path) -> None:
    place.mkdir()
    assert mounted(place, 'mount -t tmpfs -o size=256k,mode=700 none "$1"', FULL) == [
        "the agent's memory: the disk is full (SQLITE_FULL)",
        "True",
        "the agent's memory: the disk is full (SQLITE_FULL)",
        "a fault of its own",
        "None",
        "None True b'new'",
    ]


def test_a_read_only_database_is_a_fault_in_words(place: Path) -> None:
    with opened(place) as memory:
        memory.write({"a": b"1"})
        memory._database._connection.execute("PRAGMA query_only=ON")
        with pytest.raises(MemoryFault, match=r"read-only \(SQLITE_READONLY\)"):
            memory.write({"a": b"2"})
        assert memory.read("a") == b"1"


def test_a_read_only_file_system_is_a_fault_in_words_and_nothing_is_moved(place: Path) -> None:
    filled(place)
    mount = 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"'
    [fault] = mounted(place, mount, "print(attempt(SqliteMemory.open, place))")
    assert fault == f"the agent's memory: {place} can't be used: Read-only file system"
    with opened(place) as memory:
        assert memory.opened_anew is None


def test_a_database_that_another_program_holds_is_a_fault_in_words_and_no_damage(place: Path) -> None:
    filled(place)
    with closing(sqlite3.connect(place / "agent.db", isolation_level=None)) as shell:
        shell.execute("BEGIN EXCLUSIVE")
        with pytest.raises(MemoryFault, match=r"another program holds the database locked \(SQLITE_BUSY"):
            SqliteMemory.open(place)
    with opened(place) as memory:
        assert memory.opened_anew is None


def test_no_descriptor_stays_open_when_opening_is_refused(place: Path) -> None:
    filled(place)
    with closing(sqlite3.connect(place / "agent.db")) as shell:
        shell.execute("PRAGMA user_version=0")
    newer = open_database(place / "agent.db", _steps())
    assert isinstance(newer, Damage)
    (place / "agent.lock").unlink()
    (place / "agent.lock").mkdir()
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(20):
        with pytest.raises(MemoryFault):
            SqliteMemory.open(place)
    assert len(list(descriptors.iterdir())) == before


def _steps() -> list[list[str]]:
    return [list(step) for step in _STEPS]


def test_a_directory_that_is_somebody_elses_is_neither_used_nor_closed_to_them(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    place.mkdir()
    place.chmod(0o755)
    (place / "theirs.txt").write_text("x")
    with pytest.raises(MemoryFault, match="for the agent alone"):
        SqliteMemory.open(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o755
    (place / "theirs.txt").unlink()
    SqliteMemory.open(place).close()
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
