"""What every memory of the agent does: SQLite's in a file and in RAM, and the plain one that tests compare it with."""

import logging
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from agents_model_memory import PlainMemory
from chainpilot.station.adapters.memory import DEFAULT_LIMITS, Limits, SqliteMemory
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType
from chainpilot.station.agent.ports import Memory, MemoryFault

__all__: list[str] = []

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SMALL = Limits(document_bytes=8, queued_events=3, log_entries=6, kept=3, kept_bytes=8)
CRITICAL = SecurityEventType.STARTUP_OF_THE_DEVICE
ORDINARY = SecurityEventType.INVALID_MESSAGES


@contextmanager
def made(kind: str, directory: Path, limits: Limits) -> Iterator[Memory]:
    if kind == "plain":
        yield PlainMemory(limits)
    else:
        with closing(SqliteMemory.open(directory / "agent" if kind == "file" else None, limits=limits)) as memory:
            yield memory


@pytest.fixture(params=["file", "ram", "plain"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    with made(request.param, tmp_path, DEFAULT_LIMITS) as one:
        yield one


@pytest.fixture(params=["file", "ram", "plain"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    with made(request.param, tmp_path, SMALL) as one:
        yield one


def event(kind: SecurityEventType = ORDINARY, minute: int = 0, tech_info: str | None = None) -> SecurityEvent:
    return SecurityEvent(kind, NOON + minute * MINUTE, tech_info)


def waiting(memory: Memory) -> list[SecurityEvent]:
    return [one.event for one in memory.queued_events(2000)]


def logged(memory: Memory) -> list[SecurityEvent]:
    return list(memory.security_log(None, None))


def test_a_document_is_there_once_it_is_written_and_gone_once_it_is_removed(memory: Memory) -> None:
    assert memory.read("boot") is None
    memory.write({"boot": b"one", "reset": b""})
    assert (memory.read("boot"), memory.read("reset")) == (b"one", b"")
    memory.write({"boot": b"two", "reset": None, "never": None})
    assert (memory.read("boot"), memory.read("reset")) == (b"two", None)
    memory.write({})
    assert memory.read("boot") == b"two"


@pytest.mark.parametrize("size", [7, 8])
def test_a_document_within_the_limit_is_taken(small: Memory, size: int) -> None:
    small.write({"a": b"x" * size})
    assert small.read("a") == b"x" * size


def test_a_document_over_the_limit_is_refused_with_all_that_came_with_it(small: Memory) -> None:
    small.write({"a": b"old"})
    with pytest.raises(MemoryFault):
        small.write({"b": b"new", "a": b"x" * 9})
    assert (small.read("a"), small.read("b")) == (b"old", None)


def test_an_event_is_logged_and_waits_until_it_is_settled(memory: Memory) -> None:
    assert memory.add_event(event(minute=1, tech_info="first"))
    assert memory.add_event(event(CRITICAL, minute=2))
    assert waiting(memory) == [event(minute=1, tech_info="first"), event(CRITICAL, minute=2)]
    first, second = memory.queued_events(5)
    memory.settle_event(first.number)
    memory.settle_event(first.number)
    assert memory.queued_events(5) == (second,)
    assert logged(memory) == [event(minute=1, tech_info="first"), event(CRITICAL, minute=2)]


def test_a_number_is_never_used_twice(memory: Memory) -> None:
    numbers = []
    for _ in range(3):
        memory.add_event(event())
        [one] = memory.queued_events(2)
        numbers.append(one.number)
        memory.settle_event(one.number)
    assert sorted(set(numbers)) == numbers


def test_an_event_that_is_only_logged_waits_for_nobody(memory: Memory) -> None:
    assert memory.add_event(event(), queued=False)
    assert waiting(memory) == []
    assert logged(memory) == [event()]


def test_once_adds_nothing_while_one_of_that_type_waits(memory: Memory) -> None:
    assert memory.add_event(event(CRITICAL), once=True)
    assert not memory.add_event(event(CRITICAL, minute=1), once=True)
    assert not memory.add_event(event(CRITICAL, minute=1), queued=False, once=True)
    assert memory.add_event(event(ORDINARY, minute=2), once=True)
    assert memory.add_event(event(CRITICAL, minute=3))
    for one in memory.queued_events(9):
        memory.settle_event(one.number)
    assert memory.add_event(event(CRITICAL, minute=4), once=True)
    assert len(logged(memory)) == 4


@pytest.mark.parametrize(("limit", "count"), [(-1, 0), (0, 0), (1, 1), (2, 2), (3, 2)])
def test_as_many_events_are_told_as_were_asked_for(memory: Memory, limit: int, count: int) -> None:
    memory.add_event(event())
    memory.add_event(event())
    assert len(memory.queued_events(limit)) == count


def test_the_log_keeps_its_order_when_the_clock_goes_back(memory: Memory) -> None:
    minutes = [5, 1, 3]
    for minute in minutes:
        memory.add_event(event(minute=minute))
    assert logged(memory) == waiting(memory) == [event(minute=minute) for minute in minutes]


@pytest.mark.parametrize(
    ("oldest", "latest", "minutes"),
    [
        (None, None, [1, 2, 3]),
        (NOON + 2 * MINUTE, None, [2, 3]),
        (NOON + 2 * MINUTE + timedelta(microseconds=1), None, [3]),
        (None, NOON + 2 * MINUTE, [1, 2]),
        (None, NOON + 2 * MINUTE - timedelta(microseconds=1), [1]),
        (NOON + 2 * MINUTE, NOON + 2 * MINUTE, [2]),
        (NOON + 3 * MINUTE, NOON + MINUTE, []),
        ((NOON + 2 * MINUTE).astimezone(timezone(timedelta(hours=5))), None, [2, 3]),
        (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), [1, 2, 3]),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=9))), None, [1, 2, 3]),
    ],
)
def test_the_log_is_told_between_two_moments_each_included(
    memory: Memory, oldest: datetime | None, latest: datetime | None, minutes: list[int]
) -> None:
    for minute in (1, 2, 3):
        memory.add_event(event(minute=minute))
    assert list(memory.security_log(oldest, latest)) == [event(minute=minute) for minute in minutes]


def test_of_too_many_that_wait_the_oldest_that_is_not_critical_goes_first(small: Memory) -> None:
    for minute, kind in enumerate([CRITICAL, ORDINARY, ORDINARY]):
        small.add_event(event(kind, minute))
    assert len(waiting(small)) == 3
    small.add_event(event(CRITICAL, 3))
    assert waiting(small) == [event(CRITICAL, 0), event(ORDINARY, 2), event(CRITICAL, 3)]
    small.add_event(event(CRITICAL, 4))
    assert waiting(small) == [event(CRITICAL, 0), event(CRITICAL, 3), event(CRITICAL, 4)]
    small.add_event(event(ORDINARY, 5))
    assert waiting(small) == [event(CRITICAL, 0), event(CRITICAL, 3), event(CRITICAL, 4)]
    small.add_event(event(CRITICAL, 6))
    assert waiting(small) == [event(CRITICAL, 3), event(CRITICAL, 4), event(CRITICAL, 6)]


def test_what_was_dropped_is_one_line_of_the_log_until_the_queue_is_empty(small: Memory) -> None:
    def exhaustions() -> list[str | None]:
        return [one.tech_info for one in logged(small) if one.type is SecurityEventType.MEMORY_EXHAUSTION]

    for minute in range(3):
        small.add_event(event(minute=minute))
    assert exhaustions() == []
    small.add_event(event(minute=3))
    small.add_event(event(minute=4))
    said = "3 security events wait; not sent so far: 2, the last one InvalidMessages of 2026-06-01 12:01:00+00:00"
    assert exhaustions() == [said]
    for one in small.queued_events(9):
        small.settle_event(one.number)
    for minute in range(3):
        small.add_event(event(minute=minute))
    assert len(exhaustions()) == 1
    small.add_event(event(minute=3))
    assert [text and "so far: 1," in text for text in exhaustions()][-1]


def test_the_log_turns_over_and_the_queue_does_not_turn_with_it(small: Memory) -> None:
    small.add_event(event(CRITICAL, 0))
    for minute in range(1, 6):
        small.add_event(event(minute=minute), queued=False)
    assert len(logged(small)) == 6
    small.add_event(event(minute=6), queued=False)
    assert logged(small) == [event(minute=minute) for minute in range(1, 7)]
    assert waiting(small) == [event(CRITICAL, 0)]


def test_something_is_kept_until_its_moment(memory: Memory) -> None:
    memory.keep("a", b"1", NOON)
    assert memory.kept("a", NOON - timedelta(microseconds=1)) == b"1"
    assert memory.kept("a", NOON) is None
    assert memory.kept("a", NOON + timedelta(microseconds=1)) is None
    memory.keep("a", b"2", NOON + MINUTE)
    assert memory.kept("a", NOON) == b"2"
    assert memory.kept("b", NOON) is None


def test_of_too_many_kept_things_the_one_that_ends_first_is_forgotten(small: Memory) -> None:
    for name, minute in (("a", 5), ("b", 2), ("c", 4)):
        small.keep(name, b"", NOON + minute * MINUTE)
    small.keep("d", b"", NOON + 3 * MINUTE)
    assert [name for name in "abcd" if small.kept(name, NOON) is not None] == ["a", "c", "d"]
    small.keep("e", b"", NOON + MINUTE)
    assert [name for name in "abcde" if small.kept(name, NOON) is not None] == ["a", "c", "d"]
    small.keep("d", b"again", NOON + 3 * MINUTE)
    assert [name for name in "abcde" if small.kept(name, NOON) is not None] == ["a", "c", "d"]


@pytest.mark.parametrize(("size", "taken"), [(7, True), (8, True), (9, False)])
def test_what_is_kept_has_a_size(small: Memory, size: int, taken: bool) -> None:
    if taken:
        small.keep("a", b"x" * size, NOON)
    else:
        with pytest.raises(MemoryFault):
            small.keep("a", b"x" * size, NOON)
    assert small.kept("a", NOON - MINUTE) == (b"x" * size if taken else None)


def test_what_was_kept_is_forgotten_by_its_key_or_as_a_whole(memory: Memory) -> None:
    for name in "abc":
        memory.keep(name, b"", NOON)
    memory.forget("a")
    memory.forget("never")
    assert [name for name in "abc" if memory.kept(name, NOON - MINUTE) is not None] == ["b", "c"]
    memory.forget()
    assert [name for name in "abc" if memory.kept(name, NOON - MINUTE) is not None] == []


def test_threads_may_write_at_once(memory: Memory) -> None:
    def write(name: str) -> None:
        for minute in range(25):
            memory.add_event(event(minute=minute, tech_info=name))
            memory.write({name: bytes([minute])})

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in "abcd":
        assert memory.read(name) == bytes([24])
        assert [one for one in logged(memory) if one.tech_info == name] == [
            event(minute=minute, tech_info=name) for minute in range(25)
        ]
    numbers = [one.number for one in memory.queued_events(200)]
    assert len(set(numbers)) == 100


@pytest.fixture
def in_ram() -> Iterator[SqliteMemory]:
    with closing(SqliteMemory.open(None)) as one:
        yield one


def test_a_memory_in_ram_begins_empty_and_was_not_lost(in_ram: SqliteMemory) -> None:
    assert in_ram.opened_anew is None
    assert logged(in_ram) == []


def test_a_thousand_events_wait_and_no_more(in_ram: SqliteMemory, caplog: pytest.LogCaptureFixture) -> None:
    for minute in range(1000):
        in_ram.add_event(event(minute=minute))
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        in_ram.add_event(event(minute=1000))
    assert waiting(in_ram) == [event(minute=minute) for minute in range(1, 1001)]
    assert "InvalidMessages of 2026-06-01 12:00:00+00:00 is not sent" in caplog.text


def test_ten_thousand_entries_are_logged_and_no_more(in_ram: SqliteMemory) -> None:
    for minute in range(10_000):
        in_ram.add_event(event(minute=minute), queued=False)
    assert len(logged(in_ram)) == 10_000
    in_ram.add_event(event(minute=10_000), queued=False)
    assert logged(in_ram)[0] == event(minute=1)
    assert logged(in_ram)[-1] == event(minute=10_000)
    assert len(logged(in_ram)) == 10_000


def test_five_thousand_things_are_kept_and_no_more(in_ram: SqliteMemory) -> None:
    for number in range(5001):
        in_ram.keep(str(number), b"", NOON + number * MINUTE)
    assert [number for number in range(5001) if in_ram.kept(str(number), NOON - MINUTE) is None] == [0]


@pytest.mark.parametrize(("size", "taken"), [(999_999, True), (1_000_000, True), (1_000_001, False)])
def test_a_document_has_a_megabyte(in_ram: SqliteMemory, size: int, taken: bool) -> None:
    if taken:
        in_ram.write({"a": bytes(size)})
    else:
        with pytest.raises(MemoryFault, match="'a' is larger than 1000000 bytes"):
            in_ram.write({"a": bytes(size)})


@pytest.mark.parametrize(("size", "taken"), [(65_535, True), (65_536, True), (65_537, False)])
def test_a_kept_thing_has_64_kilobytes(in_ram: SqliteMemory, size: int, taken: bool) -> None:
    if taken:
        in_ram.keep("a", bytes(size), NOON)
    else:
        with pytest.raises(MemoryFault, match="larger than 65536 bytes"):
            in_ram.keep("a", bytes(size), NOON)


def test_what_no_database_takes_is_a_fault_that_quotes_nothing(in_ram: SqliteMemory) -> None:
    with pytest.raises(MemoryFault) as caught:
        in_ram.write({"good": b"1", "secret\ud800": b""})
    assert "secret" not in str(caught.value)
    assert in_ram.read("good") is None
    for attempt in (
        lambda: in_ram.read("\udfff"),
        lambda: in_ram.keep("\udfff", b"", NOON),
        lambda: in_ram.kept("\udfff", NOON),
        lambda: in_ram.forget("\udfff"),
        lambda: in_ram.settle_event(2**63),
        lambda: in_ram.queued_events(2**63),
        lambda: in_ram.add_event(event(tech_info="\ud800")),
        lambda: in_ram.add_event(SecurityEvent(ORDINARY, datetime(2026, 6, 1))),  # noqa: DTZ001 - what is refused
        lambda: in_ram.add_event(SecurityEvent(ORDINARY, datetime.min.replace(tzinfo=timezone(timedelta(hours=1))))),
        lambda: in_ram.security_log(datetime(2026, 6, 1), None),  # noqa: DTZ001 - what is refused
    ):
        with pytest.raises(MemoryFault):
            attempt()
    assert logged(in_ram) == []
    assert in_ram.add_event(event())


def test_a_closed_memory_says_so(tmp_path: Path) -> None:
    memory = SqliteMemory.open(tmp_path / "agent")
    memory.close()
    memory.close()
    with pytest.raises(MemoryFault, match="it was closed"):
        memory.read("a")
    with pytest.raises(MemoryFault, match="it was closed"):
        memory.write({"a": b""})
