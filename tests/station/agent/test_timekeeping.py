"""The timekeeper at work: what it tells, what it writes down, and who waits for it."""

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from agents_upkeep import BriefMemory, CountingClock, Reports, TellsAll, running
from chainpilot import BUILT_AT
from chainpilot.station.agent.events.types import MAX_TECH_INFO, SecurityEventType
from chainpilot.station.agent.timekeeping.keeper import DOCUMENT, LOOK_EVERY, TOLD_AN_HOUR, WRITE_EVERY, Timekeeper
from chainpilot.station.agent.timekeeping.watch import APART, LEAP, SETTLING, Apart, Jumped, TrustChanged

pytestmark = pytest.mark.anyio

NOON = datetime(2027, 6, 1, 12, tzinfo=UTC)
SET = SecurityEventType.SETTING_SYSTEM_TIME
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class Desk:
    """A timekeeper with everything around it."""

    def __init__(self, wall: datetime = NOON, *, latest: datetime | None = NOON, assume_time_ok: bool = False) -> None:
        self.clock = CountingClock(wall)
        self.memory = BriefMemory()
        if latest is not None:
            self.memory.documents[DOCUMENT] = document(latest)
        self.reports = Reports()
        self.keeper = Timekeeper(self.clock, self.memory, self.reports, assume_time_ok=assume_time_ok)
        self.heard = TellsAll()
        self.keeper.subscribe(self.heard)

    async def begin(self) -> None:
        """Return once it has looked and waits for the next look."""
        await self.clock.until_naps(1)

    @property
    def written(self) -> datetime | None:
        data = self.memory.documents.get(DOCUMENT)
        return None if data is None else datetime.fromisoformat(json.loads(data)["latest"])


def document(latest: datetime) -> bytes:
    return json.dumps({"version": 1, "latest": latest.isoformat()}).encode()


async def test_a_clock_nobody_looked_at_is_not_trusted() -> None:
    desk = Desk()
    answers = [desk.keeper.is_trusted, desk.keeper.why_untrusted]
    desk.keeper.heard(NOON)
    answers.append(desk.keeper.is_trusted)
    async with running(desk.keeper.run()):
        await desk.begin()
        answers += [desk.keeper.is_trusted, desk.keeper.why_untrusted]
    assert answers == [False, "the clock was not looked at yet", False, True, None]
    assert desk.heard.heard == [TrustChanged(None)]
    assert desk.reports.told == []


@pytest.mark.parametrize("wall", [datetime(1970, 1, 1, tzinfo=UTC), BUILT_AT - SECOND, NOON - HOUR])
async def test_a_clock_that_is_behind_is_told_of_with_advice(wall: datetime, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(wall)
    async with running(desk.keeper.run()):
        await desk.begin()
        assert not desk.keeper.is_trusted
    (line,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "Set it, or let the network set it" in line.getMessage()
    assert desk.written == NOON, "it is never written down"


async def test_a_jump_is_reported_with_both_times() -> None:
    desk = Desk()
    async with running(desk.keeper.run()):
        await desk.begin()
        desk.clock.set(NOON + timedelta(days=3))
        await desk.clock.pass_by(LOOK_EVERY)
    assert desk.reports.told == [(SET, "from 2027-06-01T12:00:00Z to 2027-06-04T12:00:10Z", False)]
    assert desk.heard.heard[1:] == [Jumped(NOON, NOON + timedelta(days=3, seconds=10))]


async def test_a_jump_is_found_by_whoever_asks_before_the_next_look() -> None:
    desk = Desk()
    async with running(desk.keeper.run()):
        await desk.begin()
        desk.clock.set(NOON - HOUR)
        assert not desk.keeper.is_trusted
        await desk.heard.until(TrustChanged, 2)
        assert [told[1] for told in desk.reports.told] == ["from 2027-06-01T12:00:00Z to 2027-06-01T11:00:00Z"]


async def test_time_that_passes_is_no_news() -> None:
    desk = Desk()
    async with running(desk.keeper.run()):
        await desk.begin()
        for _ in range(30):
            await desk.clock.pass_by(LOOK_EVERY)
    assert desk.reports.told == []
    assert desk.heard.heard == [TrustChanged(None)]


async def test_a_clock_that_jumps_all_the_time_does_not_flood_the_queue() -> None:
    desk = Desk()
    async with running(desk.keeper.run()):
        await desk.begin()
        for number in range(TOLD_AN_HOUR + 3):
            desk.clock.set(desk.clock.now() + (HOUR if number % 2 else -HOUR))
            await desk.clock.pass_by(LOOK_EVERY)
        assert [once for _, _, once in desk.reports.told] == [False] * TOLD_AN_HOUR + [True] * 3
        await desk.clock.pass_by(HOUR.total_seconds())
        desk.clock.set(desk.clock.now() + HOUR)
        await desk.clock.pass_by(LOOK_EVERY)
        assert desk.reports.told[-1][2] is False


async def test_a_csms_that_differs_is_reported_once_per_crossing_and_says_that_nobody_set_anything() -> None:
    desk = Desk()
    async with running(desk.keeper.run()):
        await desk.begin()
        for gap in (2 * APART, 3 * APART, 0 * APART, -2 * APART):
            desk.keeper.heard(desk.clock.now() + gap)
        await desk.heard.until(Apart, 2)
        assert desk.keeper.is_trusted, "either clock may be wrong"
    assert desk.reports.told == [
        (SET, "nobody set it: the clock says 2027-06-01T12:00:00Z, the CSMS 2027-06-01T12:02:00Z", False),
        (SET, "nobody set it: the clock says 2027-06-01T12:00:00Z, the CSMS 2027-06-01T11:58:00Z", False),
    ]


async def test_a_csms_with_the_strangest_time_hurts_nobody() -> None:
    desk = Desk()
    async with running(desk.keeper.run()) as task:
        await desk.begin()
        desk.keeper.heard(datetime.fromisoformat("0001-01-01T00:00:00+14:00"))
        await desk.heard.until(Apart)
        assert not task.done()
    assert all(len(info or "") <= MAX_TECH_INFO for _, info, _ in desk.reports.told)


async def test_who_waits_for_trust_goes_on_when_the_csms_agrees() -> None:
    wall = NOON - timedelta(days=400)
    desk = Desk(wall)
    async with running(desk.keeper.run()):
        await desk.begin()
        waiter = asyncio.ensure_future(desk.keeper.wait_trusted())
        await desk.clock.pass_by(LOOK_EVERY)
        assert not waiter.done()
        desk.keeper.heard(desk.clock.now() + 2 * APART)
        await desk.heard.until(Apart)
        assert not waiter.done(), "it doesn't agree"
        desk.keeper.heard(desk.clock.now())
        await asyncio.wait_for(waiter, 10)
        await desk.heard.until(TrustChanged, 2)
    assert desk.written == wall + timedelta(seconds=LOOK_EVERY), "the later moment is given up for good"


async def test_who_waits_for_trust_goes_on_when_the_network_sets_the_clock() -> None:
    desk = Desk(datetime(1970, 1, 1, tzinfo=UTC))
    async with running(desk.keeper.run()):
        await desk.begin()
        waiter = asyncio.ensure_future(desk.keeper.wait_trusted())
        desk.clock.set(NOON)
        await desk.clock.pass_by(LOOK_EVERY)
        await asyncio.wait_for(waiter, 10)
        assert desk.keeper.is_trusted


async def test_who_waits_after_trust_was_lost_waits_until_it_is_back() -> None:
    desk = Desk()
    async with running(desk.keeper.run()):
        await desk.begin()
        desk.clock.set(NOON - HOUR)
        await desk.clock.pass_by(LOOK_EVERY)
        waiter = asyncio.ensure_future(desk.keeper.wait_trusted())
        await desk.clock.pass_by(LOOK_EVERY)
        assert not waiter.done()
        desk.clock.set(NOON)
        await desk.clock.pass_by(LOOK_EVERY)
        await asyncio.wait_for(waiter, 10)


async def test_a_later_moment_that_was_given_up_is_written_down_at_once() -> None:
    """Else a power cut in the next ten minutes brings it back."""
    desk = Desk()
    async with running(desk.keeper.run()):
        await desk.begin()
        await desk.clock.pass_by(LOOK_EVERY)
        desk.clock.set(NOON - HOUR)
        await desk.clock.pass_by(LOOK_EVERY)
        assert (desk.memory.writes, desk.written) == (1, NOON + timedelta(seconds=LOOK_EVERY))
        desk.keeper.heard(desk.clock.now())
        await desk.clock.pass_by(LOOK_EVERY)
        assert desk.memory.writes == 2
        assert desk.written is not None
        assert desk.written < NOON


async def test_the_switch_trusts_a_clock_behind_what_was_written_down_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk(NOON - timedelta(days=400), assume_time_ok=True)
    async with running(desk.keeper.run()):
        await desk.begin()
        assert desk.keeper.is_trusted
    assert "assume_time_ok" in caplog.text
    assert desk.written == NOON - timedelta(days=400)


async def test_the_time_is_written_down_every_ten_minutes_and_at_a_stop() -> None:
    desk = Desk()
    async with running(desk.keeper.run()):
        await desk.begin()
        assert desk.memory.writes == 0, "nothing new to write"
        await desk.clock.pass_by(LOOK_EVERY)
        assert desk.memory.writes == 1
        first = desk.clock.monotonic()
        while desk.clock.monotonic() < first + WRITE_EVERY - LOOK_EVERY:
            await desk.clock.pass_by(LOOK_EVERY)
        assert (desk.memory.writes, desk.written) == (1, NOON + timedelta(seconds=LOOK_EVERY))
        await desk.clock.pass_by(LOOK_EVERY)
        assert (desk.memory.writes, desk.written) == (2, desk.clock.now())
        await desk.clock.pass_by(LOOK_EVERY)
        assert desk.memory.writes == 2
    assert (desk.memory.writes, desk.written) == (3, desk.clock.now()), "a clean stop writes it down"


async def test_after_a_power_cut_a_clock_that_went_back_is_found() -> None:
    desk = Desk()
    async with running(desk.keeper.run()):
        await desk.begin()
        await desk.clock.pass_by(LOOK_EVERY)
        kept = dict(desk.memory.documents)
    after = Desk(NOON - HOUR, latest=None)
    after.memory.documents = kept
    async with running(after.keeper.run()):
        await after.begin()
        assert not after.keeper.is_trusted


async def test_a_first_start_writes_nothing_down_before_the_clock_stood_or_the_csms_agreed() -> None:
    desk = Desk(latest=None)
    async with running(desk.keeper.run()):
        await desk.begin()
        await desk.clock.pass_by(SETTLING - LOOK_EVERY)
        assert desk.keeper.is_trusted
        assert desk.written is None
        await desk.clock.pass_by(LOOK_EVERY)
        assert desk.written == NOON + timedelta(seconds=SETTLING)
    other = Desk(latest=None)
    async with running(other.keeper.run()):
        await other.begin()
        other.keeper.heard(NOON)
        assert other.keeper.is_trusted
    assert other.written == NOON


async def test_a_stop_soon_after_a_leap_ahead_writes_the_leap_not_down() -> None:
    desk = Desk(NOON + LEAP + SECOND)
    async with running(desk.keeper.run()):
        await desk.begin()
    assert desk.written == NOON


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"rubbish",
        b"\xff",
        b"[" * 5000,
        b'{"version": 2, "latest": "2027-06-01T12:00:00Z"}',
        b'{"version": 1, "latest": "2027-06-01T12:00:00"}',
        b'{"version": 1}',
        b'{"version": 1, "latest": 5}',
    ],
)
async def test_an_unreadable_document_counts_as_none_and_is_said(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(NOON - HOUR)
    desk.memory.documents[DOCUMENT] = data
    async with running(desk.keeper.run()):
        await desk.begin()
        assert desk.keeper.is_trusted
        desk.keeper.heard(NOON - HOUR)
    assert "counts as nothing" in caplog.text
    assert desk.written == NOON - HOUR


async def test_a_memory_that_recovers_is_read_then() -> None:
    desk = Desk(NOON - HOUR)
    desk.memory.fault = "locked"
    async with running(desk.keeper.run()):
        await desk.begin()
        assert desk.keeper.is_trusted, "nothing is known against it"
        await desk.clock.pass_by(LOOK_EVERY)
        desk.memory.fault = None
        await desk.clock.pass_by(LOOK_EVERY)
        assert not desk.keeper.is_trusted


async def test_a_full_disk_is_said_once_and_written_to_later(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    async with running(desk.keeper.run()):
        await desk.begin()
        desk.memory.fault = "the disk is full"
        for _ in range(3):
            await desk.clock.pass_by(WRITE_EVERY)
        assert caplog.text.count("the disk is full") == 1
        desk.memory.fault = None
        await desk.clock.pass_by(WRITE_EVERY)
        assert desk.written == desk.clock.now()


async def test_who_no_longer_wants_to_hear_hears_nothing() -> None:
    desk = Desk()
    other = TellsAll()
    end = desk.keeper.subscribe(other)
    async with running(desk.keeper.run()):
        await desk.begin()
        end()
        end()
        desk.clock.set(NOON + HOUR)
        await desk.clock.pass_by(LOOK_EVERY)
    assert other.heard == [TrustChanged(None)]
    assert len(desk.heard.heard) == 2
