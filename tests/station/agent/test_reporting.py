"""Security events on their way to the CSMS: in order, at least once, and never lost silently (use case A04)."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_line import HELD, Refusal, Said, ScriptedLine, Silence
from agents_model_memory import PlainMemory
from chainpilot.link.faults import LinkClosed
from chainpilot.station.adapters.memory import Limits, SqliteMemory
from chainpilot.station.agent.events.queue import MAX_HELD
from chainpilot.station.agent.events.reporting import Reporter
from chainpilot.station.agent.events.types import OtherEventType, SecurityEvent, SecurityEventType
from chainpilot.station.agent.logs.text import security_lines
from chainpilot.station.agent.ports import Memory, MemoryFault, Report
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.ocppj.rpc import QueueFullError
from chainpilot.wire.schema import read_message
from chainpilot.wire.security import SecurityEventNotification
from chainpilot.wire.version import OcppVersion
from clocks import SetClock

__all__: list[str] = []

pytestmark = pytest.mark.anyio

NOTIFICATION = "SecurityEventNotification"
STARTUP = SecurityEventType.STARTUP_OF_THE_DEVICE
RESET = SecurityEventType.RESET_OR_REBOOT
INVALID = SecurityEventType.INVALID_MESSAGES
CONTENT = [
    ErrorCode.PROTOCOL_ERROR,
    ErrorCode.FORMATION_VIOLATION,
    ErrorCode.FORMAT_VIOLATION,
    ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    ErrorCode.TYPE_CONSTRAINT_VIOLATION,
]
UNKNOWN = [ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_SUPPORTED]
VERSIONS = [OcppVersion.V16, OcppVersion.V201]


async def logged(
    reporter: Reporter,
    oldest: datetime | None = None,
    latest: datetime | None = None,
    version: OcppVersion = OcppVersion.V201,
) -> tuple[str, ...]:
    """The lines of the reporter's log."""
    return await asyncio.to_thread(lambda: tuple(security_lines(reporter)(oldest, latest, version)))


class Scene:
    """A reporter, its memory, its clock and the connections it gets."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.plain = PlainMemory()
        self.memory: Memory = self.plain if memory is None else memory
        self.clock = SetClock()
        self.reporter = Reporter(self.memory, self.clock)

    @asynccontextmanager
    async def connected(self, line: ScriptedLine) -> AsyncIterator[ScriptedLine]:
        """The desk's part: a task for the connection, cancelled when it is over."""
        task = asyncio.create_task(self.reporter.attend(line))
        try:
            yield line
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def told(self) -> list[str | None]:
        return [one.tech_info for one in self.memory.security_log(None, None)]

    def waiting(self) -> list[str | None]:
        return [one.event.tech_info for one in self.memory.queued_events(5000)]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in a thread, and tells nobody
                await asyncio.sleep(0)


async def heard(line: ScriptedLine, count: int) -> list[object]:
    return [(await line.heard(NOTIFICATION)).payload.get("techInfo") for _ in range(count)]


def moment(said: Said) -> datetime:
    return read_message(said.payload, SecurityEventNotification, OcppVersion.V201).timestamp


async def test_a_reporter_is_a_report() -> None:
    report: Report = Scene().reporter
    await report(STARTUP)


@pytest.mark.parametrize("version", VERSIONS)
async def test_events_are_sent_oldest_first_one_at_a_time_and_each_is_settled_when_confirmed(
    version: OcppVersion,
) -> None:
    scene = Scene()
    for text in "abc":
        await scene.reporter(STARTUP, text)
    line = ScriptedLine(version)
    line.always_answers(NOTIFICATION, HELD)
    async with scene.connected(line):
        for text, left in (("a", ["b", "c"]), ("b", ["c"]), ("c", [])):
            assert await heard(line, 1) == [text]
            assert line.is_silent
            line.release({"unheard": "of"})
            await scene.until(partial(lambda left: scene.waiting() == left, left))
    assert scene.told() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("version", "kind", "word"),
    [
        (OcppVersion.V16, SecurityEventType.INVALID_CSMS_CERTIFICATE, "InvalidCentralSystemCertificate"),
        (OcppVersion.V201, SecurityEventType.INVALID_CSMS_CERTIFICATE, "InvalidCsmsCertificate"),
        (OcppVersion.V16, SecurityEventType.STARTUP_OF_THE_DEVICE, "StartupOfTheDevice"),
        (OcppVersion.V201, SecurityEventType.STARTUP_OF_THE_DEVICE, "StartupOfTheDevice"),
    ],
)
async def test_an_event_is_told_in_the_versions_words_with_its_own_time(
    version: OcppVersion, kind: SecurityEventType, word: str
) -> None:
    scene = Scene()
    await scene.reporter(kind, "why")
    scene.clock.advance(3600)
    async with scene.connected(ScriptedLine(version)) as line:
        said = await line.heard(NOTIFICATION)
    assert said.payload == {"type": word, "timestamp": "2026-06-01T00:00:00Z", "techInfo": "why"}


async def test_an_event_of_which_nothing_more_is_known_has_no_tech_info() -> None:
    scene = Scene()
    await scene.reporter(STARTUP)
    await scene.reporter(STARTUP, "")
    async with scene.connected(ScriptedLine()) as line:
        for _ in range(2):
            assert set((await line.heard(NOTIFICATION)).payload) == {"type", "timestamp"}


async def test_an_event_that_is_added_while_nothing_waits_is_sent_at_once() -> None:
    scene = Scene()
    async with scene.connected(ScriptedLine()) as line:
        for text in "abc":
            await scene.reporter(RESET, text)
            assert await heard(line, 1) == [text]
            await scene.until(lambda: scene.waiting() == [])


async def test_once_adds_nothing_while_an_event_of_that_type_waits() -> None:
    scene = Scene()
    await scene.reporter(INVALID, "first", once=True)
    await scene.reporter(INVALID, "second", once=True)
    await scene.reporter(RESET, "other", once=True)
    await scene.reporter(INVALID, "third")
    async with scene.connected(ScriptedLine()) as line:
        assert await heard(line, 3) == ["first", "other", "third"]
        await scene.until(lambda: scene.waiting() == [])
        await scene.reporter(INVALID, "again", once=True)
        assert await heard(line, 1) == ["again"]


@pytest.mark.parametrize("length", [254, 255, 256, 1000])
async def test_tech_info_is_cut_to_what_the_message_takes(length: int) -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "é" * length)
    async with scene.connected(ScriptedLine()) as line:
        assert await heard(line, 1) == ["é" * min(length, 255)]


@given(text=st.text(st.characters(), max_size=300))
def test_whatever_the_tech_info_it_can_be_logged_sent_and_printed_in_a_line(text: str) -> None:
    async def sent() -> object:
        with closing(SqliteMemory.open(None)) as memory:
            scene = Scene(memory)
            await scene.reporter(STARTUP, text)
            [line] = await logged(scene.reporter)
            assert line.replace("\t", "").encode().decode().isprintable()
            async with scene.connected(ScriptedLine()) as connection:
                return (await connection.heard(NOTIFICATION)).payload.get("techInfo", "")

    told = asyncio.run(sent())
    assert isinstance(told, str)
    assert len(told) == min(len(text), 255)
    assert all(new == old or (new == " " and not old.isprintable()) for new, old in zip(told, text, strict=False))


async def test_what_was_not_confirmed_when_the_connection_ended_is_sent_over_the_next_one() -> None:
    scene = Scene()
    for text in "abc":
        await scene.reporter(STARTUP, text)
    line = ScriptedLine()
    line.will_answer(NOTIFICATION, {}, HELD)
    attending = asyncio.create_task(scene.reporter.attend(line))
    assert await heard(line, 2) == ["a", "b"]
    line.close()
    with pytest.raises(LinkClosed):
        await attending
    assert scene.waiting() == ["b", "c"]
    async with scene.connected(ScriptedLine()) as later:
        assert await heard(later, 2) == ["b", "c"]


async def test_a_line_that_is_closed_already_lets_linkclosed_out_and_settles_nothing() -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "a")
    line = ScriptedLine()
    line.close()
    with pytest.raises(LinkClosed):
        await scene.reporter.attend(line)
    assert scene.waiting() == ["a"]


async def test_what_waited_when_the_power_went_is_sent_by_the_next_process_with_its_own_time(tmp_path: Path) -> None:
    with closing(SqliteMemory.open(tmp_path / "agent")) as memory:
        scene = Scene(memory)
        for text in "abc":
            await scene.reporter(STARTUP, text)
            scene.clock.advance(60)
        async with scene.connected(ScriptedLine()) as line:
            line.will_answer(NOTIFICATION, {}, HELD)
            assert await heard(line, 2) == ["a", "b"]
    with closing(SqliteMemory.open(tmp_path / "agent")) as memory:
        scene = Scene(memory)
        scene.clock.advance(10_000)
        async with scene.connected(ScriptedLine()) as line:
            said = [await line.heard(NOTIFICATION) for _ in range(2)]
            await scene.until(lambda: scene.waiting() == [])
        assert [one.payload["techInfo"] for one in said] == ["b", "c"]
        assert [moment(one) for one in said] == [datetime(2026, 6, 1, 0, minute, tzinfo=UTC) for minute in (1, 2)]
        assert scene.told() == ["a", "b", "c"]


async def test_an_event_that_is_not_answered_is_sent_again_after_growing_delays_before_all_others() -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "a")
    await scene.reporter(STARTUP, "b")
    line = ScriptedLine()
    line.will_answer(NOTIFICATION, *[Silence(), Silence(sent=False)] * 4)
    async with scene.connected(line):
        for delay in (30, 60, 120, 240, 480, 600, 600, 600):
            assert await heard(line, 1) == ["a"]
            await scene.clock.until_somebody_sleeps(until=delay)
            await scene.reporter(RESET, "new events don't hurry it")
            scene.clock.advance(delay - 1)
            await asyncio.sleep(0)
            assert line.is_silent
            scene.clock.advance(1)
        assert await heard(line, 3) == ["a", "b", "new events don't hurry it"]


async def test_after_a_confirmed_event_the_delays_begin_again() -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "a")
    await scene.reporter(STARTUP, "b")
    line = ScriptedLine()
    line.will_answer(NOTIFICATION, Silence(), Silence(), {}, Silence())
    async with scene.connected(line):
        for delay in (30, 60):
            await scene.clock.until_somebody_sleeps(until=delay)
            scene.clock.advance(delay)
        assert await heard(line, 4) == ["a", "a", "a", "b"]
        await scene.clock.until_somebody_sleeps(until=30)


async def test_a_connection_with_too_many_calls_is_waited_for() -> None:
    def too_many(said: Said) -> dict[str, object]:
        raise QueueFullError(said.action, 16)

    scene = Scene()
    await scene.reporter(STARTUP, "a")
    line = ScriptedLine()
    line.will_answer(NOTIFICATION, too_many)
    async with scene.connected(line):
        await scene.clock.until_somebody_sleeps(until=30)
        scene.clock.advance(30)
        assert await heard(line, 2) == ["a", "a"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("code", UNKNOWN)
async def test_a_csms_that_does_not_know_the_message_gets_no_more_of_them_over_that_connection(
    version: OcppVersion, code: ErrorCode, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()
    for text in "abc":
        await scene.reporter(STARTUP, text)
    line = ScriptedLine(version)
    line.will_answer(NOTIFICATION, Refusal(code))
    with caplog.at_level(logging.WARNING):
        async with scene.connected(line):
            assert await heard(line, 1) == ["a"]
            await scene.until(lambda: scene.waiting() == [])
            await scene.reporter(RESET, "later")
            await asyncio.sleep(0)
            assert scene.waiting() == []
            assert line.is_silent
    assert "given up on a CSMS that doesn't know the message" in caplog.text
    assert scene.told() == ["a", "b", "c", "later"]
    await scene.reporter(RESET, "next")
    async with scene.connected(ScriptedLine(version)) as after:
        assert await heard(after, 1) == ["next"]


@pytest.mark.parametrize("code", CONTENT)
async def test_an_event_whose_content_is_refused_three_times_is_given_up_and_the_rest_goes_on(
    code: ErrorCode, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()
    await scene.reporter(INVALID, "a")
    await scene.reporter(STARTUP, "b")
    line = ScriptedLine()
    line.will_answer(NOTIFICATION, *[Refusal(code)] * 3)
    async with scene.connected(line):
        for delay in (30, 60):
            await scene.clock.until_somebody_sleeps(until=delay)
            assert scene.waiting() == ["a", "b"]
            scene.clock.advance(delay)
        assert await heard(line, 4) == ["a", "a", "a", "b"]
        await scene.until(lambda: scene.waiting() == [])
    assert f"InvalidMessages of 2026-06-01T00:00:00+00:00 is given up: {code.value}" in caplog.text
    assert scene.told() == ["a", "b"]


async def test_refusals_of_one_event_do_not_count_for_the_next() -> None:
    scene = Scene()
    await scene.reporter(INVALID, "a")
    await scene.reporter(STARTUP, "b")
    refused = Refusal(ErrorCode.FORMAT_VIOLATION)
    line = ScriptedLine()
    line.will_answer(NOTIFICATION, refused, refused, {}, refused, refused)
    async with scene.connected(line):
        for delay in (30, 60, 30, 60):
            await scene.clock.until_somebody_sleeps(until=delay)
            scene.clock.advance(delay)
        assert await heard(line, 6) == ["a", "a", "a", "b", "b", "b"]
        await scene.until(lambda: scene.waiting() == [])


@pytest.mark.parametrize("code", [code for code in ErrorCode if code not in {*CONTENT, *UNKNOWN}])
async def test_a_csms_in_trouble_is_given_time_but_one_event_does_not_hold_up_the_rest_for_ever(
    code: ErrorCode,
) -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "a")
    await scene.reporter(STARTUP, "b")
    line = ScriptedLine()
    line.will_answer(NOTIFICATION, *[Refusal(code)] * 10)
    async with scene.connected(line):
        for delay in (30, 60, 120, 240, 480, 600, 600, 600, 600):
            await scene.clock.until_somebody_sleeps(until=delay)
            assert scene.waiting() == ["a", "b"]
            scene.clock.advance(delay)
        assert await heard(line, 11) == ["a"] * 10 + ["b"]
    assert scene.told() == ["a", "b"]


@pytest.mark.parametrize("code", list(ErrorCode))
async def test_after_every_refusal_the_next_event_is_confirmed_or_only_logged(code: ErrorCode) -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "a")
    line = ScriptedLine()
    line.always_answers(NOTIFICATION, Refusal(code))
    async with scene.connected(line):
        while scene.waiting():
            await asyncio.sleep(0)
            scene.clock.advance(600)
        line.always_answers(NOTIFICATION, {})
        await scene.reporter(STARTUP, "b")
        await scene.until(lambda: scene.waiting() == [])
    assert scene.told() == ["a", "b"]


# a memory that fails


async def test_what_cannot_be_written_down_is_held_and_written_down_later_in_its_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "a")
    scene.plain.full = True
    await scene.reporter(STARTUP, "b")
    await scene.reporter(STARTUP, "c")
    assert "2 security events are held: the disk is full" in caplog.text
    assert await logged(scene.reporter) == tuple(
        f"2026-06-01T00:00:00.000Z\tStartupOfTheDevice\t{text}" for text in "abc"
    )
    scene.plain.full = False
    await scene.reporter(STARTUP, "d")
    assert scene.told() == scene.waiting() == ["a", "b", "c", "d"]


async def test_what_is_held_is_sent_though_it_cannot_be_written_down_and_only_logged_later() -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "a")
    scene.plain.full = True
    await scene.reporter(STARTUP, "b")
    async with scene.connected(ScriptedLine()) as line:
        assert await heard(line, 2) == ["a", "b"]
        await scene.clock.until_somebody_sleeps(until=30)
        await scene.reporter(STARTUP, "c")
        assert await heard(line, 1) == ["c"]
        await scene.clock.until_somebody_sleeps(until=30)
        assert scene.waiting() == ["a"]
        scene.plain.full = False
        scene.clock.advance(30)
        await scene.until(lambda: scene.told() == ["a", "b", "c"])
        assert scene.waiting() == []
        assert line.is_silent


async def test_a_memory_that_cannot_be_read_is_tried_again_after_growing_delays() -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "a")
    scene.plain.broken = True
    async with scene.connected(ScriptedLine()) as line:
        for delay in (30, 60, 120, 240, 480, 600, 600):
            await scene.clock.until_somebody_sleeps(until=delay)
            assert line.is_silent
            scene.clock.advance(delay)
        await scene.clock.until_somebody_sleeps(until=600)
        scene.plain.broken = False
        scene.clock.advance(600)
        assert await heard(line, 1) == ["a"]


async def test_a_confirmed_event_that_cannot_be_settled_is_not_sent_again_and_settled_later() -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "a")
    await scene.reporter(STARTUP, "b")
    scene.plain.full = True
    async with scene.connected(ScriptedLine()) as line:
        assert await heard(line, 2) == ["a", "b"]
        await scene.clock.until_somebody_sleeps(until=30)
    async with scene.connected(ScriptedLine()) as line:
        await scene.clock.until_somebody_sleeps(until=30)
        assert line.is_silent
        assert scene.waiting() == ["a", "b"]
        scene.plain.full = False
        scene.clock.advance(30)
        await scene.until(lambda: scene.waiting() == [])


@pytest.mark.parametrize(("count", "lost"), [(MAX_HELD - 1, 0), (MAX_HELD, 0), (MAX_HELD + 1, 1), (MAX_HELD + 3, 3)])
async def test_a_hundred_events_are_held_and_what_is_lost_beyond_them_is_logged(
    count: int, lost: int, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()
    scene.plain.broken = True
    await scene.reporter(STARTUP, "first")
    for number in range(count - 1):
        await scene.reporter(INVALID, str(number))
    assert caplog.text.count("held are too many") == lost.bit_length()
    scene.plain.broken = False
    await scene.reporter(STARTUP, "last")
    assert (f"{lost} security events were lost" in caplog.text) is (lost > 0)
    assert scene.told() == ["first", *(str(number) for number in range(lost, count - 1)), "last"]


async def test_of_too_many_critical_ones_the_oldest_is_lost() -> None:
    scene = Scene()
    scene.plain.broken = True
    for number in range(MAX_HELD + 1):
        await scene.reporter(STARTUP, str(number))
    scene.plain.broken = False
    await scene.reporter(STARTUP, "last")
    assert scene.told() == [*(str(number) for number in range(1, MAX_HELD + 1)), "last"]


async def test_what_waits_for_a_memory_that_does_not_come_back_is_bounded_and_the_one_at_work_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    memory = SlowMemory()
    scene = Scene(memory)
    reporting = [asyncio.create_task(_report(scene.reporter(INVALID, "at work")))]
    await asyncio.to_thread(memory.begun.wait, 10)
    texts = [str(number) for number in range(MAX_HELD + 4)]
    reporting.extend([asyncio.create_task(_report(scene.reporter(INVALID, text))) for text in texts])
    await asyncio.sleep(0)
    assert "lost so far: 4, InvalidMessages" in caplog.text
    memory.go_on.set()
    await asyncio.gather(*reporting)
    assert scene.told() == ["at work", *texts[5:]]
    assert "5 security events were lost" in caplog.text


async def test_of_what_is_only_logged_once_logs_the_first_until_the_connection_ends() -> None:
    scene = Scene()
    line = ScriptedLine()
    line.always_answers(NOTIFICATION, Refusal(ErrorCode.NOT_SUPPORTED))
    await scene.reporter(STARTUP, "a")
    async with scene.connected(line):
        await scene.until(lambda: scene.waiting() == [])
        for text in "bcd":
            await scene.reporter(INVALID, text, once=True)
        await scene.reporter(RESET, "e", once=True)
        await scene.reporter(INVALID, "f")
        assert scene.told() == ["a", "b", "e", "f"]
    async with scene.connected(line):
        await scene.reporter(INVALID, "g", once=True)
        await scene.until(lambda: scene.waiting() == [])
        await scene.reporter(INVALID, "h", once=True)
    assert scene.told() == ["a", "b", "e", "f", "g", "h"]


async def test_once_of_what_is_only_logged_holds_while_nothing_can_be_written_down() -> None:
    scene = Scene()
    line = ScriptedLine()
    line.always_answers(NOTIFICATION, Refusal(ErrorCode.NOT_SUPPORTED))
    await scene.reporter(STARTUP, "a")
    async with scene.connected(line):
        await scene.until(lambda: scene.waiting() == [])
        scene.plain.full = True
        for text in "bcd":
            await scene.reporter(INVALID, text, once=True)
        scene.plain.full = False
        await scene.reporter(RESET, "e")
    assert scene.told() == ["a", "b", "e"]


async def test_once_counts_what_is_held() -> None:
    scene = Scene()
    scene.plain.full = True
    for text in "abc":
        await scene.reporter(INVALID, text, once=True)
    scene.plain.full = False
    await scene.reporter(RESET, "d")
    assert scene.told() == ["a", "d"]


async def test_a_report_whose_caller_is_cancelled_is_written_down_once() -> None:
    memory = SlowMemory()
    scene = Scene(memory)
    reporting = asyncio.create_task(_report(scene.reporter(STARTUP, "a")))
    await asyncio.to_thread(memory.begun.wait, 10)
    reporting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reporting
    memory.go_on.set()
    await scene.reporter(STARTUP, "b")
    assert scene.told() == ["a", "b"]


async def test_a_report_whose_caller_is_cancelled_is_sent_without_waiting_for_another() -> None:
    memory = SlowMemory()
    scene = Scene(memory)
    async with scene.connected(ScriptedLine()) as line:
        reporting = asyncio.create_task(_report(scene.reporter(STARTUP, "a")))
        await asyncio.to_thread(memory.begun.wait, 10)
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        assert line.is_silent
        memory.go_on.set()
        assert await heard(line, 1) == ["a"]


async def test_reports_made_at_once_are_all_written_down_in_their_order(tmp_path: Path) -> None:
    with closing(SqliteMemory.open(tmp_path / "agent")) as memory:
        scene = Scene(memory)
        texts = [str(number) for number in range(30)]
        async with scene.connected(ScriptedLine()) as line:
            await asyncio.gather(*(scene.reporter(STARTUP, text) for text in texts))
            assert await heard(line, 30) == texts
        assert scene.told() == texts


async def test_a_queue_that_ran_over_tells_the_csms_of_those_that_are_left() -> None:
    with closing(SqliteMemory.open(None, limits=Limits(queued_events=2))) as memory:
        scene = Scene(memory)
        for text in ("a", "b", "c"):
            await scene.reporter(INVALID, text)
        async with scene.connected(ScriptedLine()) as line:
            assert await heard(line, 2) == ["b", "c"]
            await scene.until(lambda: scene.waiting() == [])
            assert line.is_silent


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_event_that_only_a_newer_program_knows_is_told_all_the_same_and_holds_up_nothing(
    tmp_path: Path, version: OcppVersion, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(SqliteMemory.open(tmp_path / "agent")) as memory:
        for word in ("CoverOpened", "x" * 51, "two\nlines"):
            memory.add_event(SecurityEvent(OtherEventType(word), datetime(2026, 6, 1, tzinfo=UTC), "from above"))
    with closing(SqliteMemory.open(tmp_path / "agent")) as memory:
        scene = Scene(memory)
        await scene.reporter(STARTUP, "known")
        async with scene.connected(ScriptedLine(version)) as line:
            said = [(await line.heard(NOTIFICATION)).payload for _ in range(2)]
            assert [one["type"] for one in said] == ["CoverOpened", STARTUP.value]
            await scene.until(lambda: scene.waiting() == [])
        assert caplog.text.count("is only logged: no message takes the type") == 2
        assert scene.told() == ["from above"] * 3 + ["known"]
        assert all(len(line.splitlines()) == 1 for line in await logged(scene.reporter))


# the log


async def test_the_log_is_told_in_lines_of_the_versions_words_between_two_moments() -> None:
    scene = Scene()
    start = scene.clock.now()
    await scene.reporter(SecurityEventType.CSMS_FAILED_TO_AUTHENTICATE, "one\ntwo")
    scene.clock.advance(60.25)
    await scene.reporter(STARTUP)
    scene.plain.full = True
    scene.clock.advance(60)
    await scene.reporter(RESET, "held")
    lines = partial(logged, scene.reporter)
    assert await lines(None, None) == (
        "2026-06-01T00:00:00.000Z\tCsmsFailedToAuthenticate\tone two",
        "2026-06-01T00:01:00.250Z\tStartupOfTheDevice\t",
        "2026-06-01T00:02:00.250Z\tResetOrReboot\theld",
    )
    assert (await lines(None, start, OcppVersion.V16)) == (
        "2026-06-01T00:00:00.000Z\tCentralSystemFailedToAuthenticate\tone two",
    )
    assert len(await lines(start + timedelta(seconds=1), None)) == 2
    assert len(await lines(scene.clock.now(), None)) == len(await lines(scene.clock.now(), scene.clock.now())) == 1
    assert await lines(scene.clock.now() + timedelta(microseconds=1), None) == ()


async def test_a_line_of_the_log_is_one_line_whoever_wrote_it() -> None:
    scene = Scene()
    scene.plain.add_event(SecurityEvent(STARTUP, scene.clock.now(), "a\r\n2026 Forged\x1b[0m" + "x" * 400))
    [line] = await logged(scene.reporter)
    assert line.replace("\t", "\\").isprintable()
    async with scene.connected(ScriptedLine()) as connection:
        [told] = await heard(connection, 1)
    assert isinstance(told, str)
    assert len(told) == 255


async def test_a_log_that_cannot_be_read_says_so() -> None:
    scene = Scene()
    scene.plain.broken = True
    with pytest.raises(MemoryFault):
        await logged(scene.reporter)


class SlowMemory(PlainMemory):
    """Its first event is written when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def add_event(self, event: SecurityEvent, *, queued: bool = True, once: bool = False) -> bool:
        self.begun.set()
        assert self.go_on.wait(10)
        return super().add_event(event, queued=queued, once=once)


async def _report(reporting: Awaitable[None]) -> None:
    await reporting


async def test_what_is_said_after_an_event_waits_until_that_is_told() -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "first")
    told = asyncio.create_task(scene.reporter.until_told())
    line = ScriptedLine()
    line.always_answers(NOTIFICATION, HELD)
    async with scene.connected(line):
        for text in ("first", "second"):
            assert await heard(line, 1) == [text]
            assert not told.done()
            if text == "first":
                await scene.reporter(STARTUP, "second")
            line.release({})
        await told
        await scene.reporter(STARTUP, "third")
        late = asyncio.create_task(scene.reporter.until_told())
        assert await heard(line, 1) == ["third"]
        assert not late.done()
        line.release({})
        await late


@pytest.mark.parametrize("answer", [Silence(), Refusal(ErrorCode.INTERNAL_ERROR), Refusal(ErrorCode.NOT_SUPPORTED)])
async def test_what_is_said_after_an_event_does_not_wait_for_a_csms_that_takes_none(answer: Silence | Refusal) -> None:
    scene = Scene()
    await scene.reporter(STARTUP, "first")
    line = ScriptedLine()
    line.always_answers(NOTIFICATION, answer)
    async with scene.connected(line), asyncio.timeout(10):
        await scene.reporter.until_told()
        await scene.reporter(STARTUP, "second")
        await scene.reporter.until_told()
