"""A signing request is durable, sent as often as OCPP says and never more, over connections, restarts and dialects."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents_line import HELD, Refusal, Said, ScriptedLine, Silence
from agents_memory import PlainMemory
from certs import Pki, csms_pki, v2g_pki
from chainpilot.link.faults import LinkClosed
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.enrolment.signing import LOOK_SECONDS, CsrNotMade, Signing
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.agent.speech import Dialects, Speech
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.station.store import PendingCsr
from chainpilot.station.watch import CsrMade, SignCertificateAnswered, StationEvent
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.ocppj.rpc import QueueFullError
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from stores import EVSE, store_with

pytestmark = pytest.mark.anyio

W, R = 30, 1
SETTINGS = Settings(
    organisation="Operator",
    country="DE",
    secc_id=EVSE,
    cert_signing_wait_minimum=W,
    cert_signing_repeat_times=R,
)
ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture(scope="module")
def back() -> Pki:
    return csms_pki()


class Bench:
    """A store, a memory and a clock that outlast the agent's processes."""

    def __init__(self, directory: Path, v2g: Pki, back: Pki) -> None:
        self.clock = SetClock()
        roots = ((CaCertificateType.V2G, v2g), (CaCertificateType.CSMS, back))
        self.store = store_with(directory, *roots, clock=self.clock)
        self.memory = PlainMemory()
        self.settings = SETTINGS
        self.events: list[StationEvent] = []
        self._told = asyncio.Event()
        self.signing = self.restarted()

    def restarted(self) -> Signing:
        """Another process over the same disk."""
        self.signing = Signing(
            self.store,
            self.memory,
            lambda: self.settings,
            station_id="CS-001",
            clock=self.clock,
            watch=self.hear,
        )
        return self.signing

    @asynccontextmanager
    async def over(self, line: ScriptedLine) -> AsyncIterator[None]:
        """The agent at work over that line."""
        task = asyncio.create_task(self.signing.attend(Speech(line, Dialects(self.memory))))
        try:
            yield
            assert not task.done() or isinstance(task.exception(), LinkClosed)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, LinkClosed):
                await task

    async def passes(self, seconds: float) -> None:
        """That time passes while the agent waits, who looks at its store meanwhile."""
        while seconds > 0:
            step = min(seconds, LOOK_SECONDS)
            await self.clock.until_somebody_sleeps(until=step)
            self.clock.advance(step)
            seconds -= step

    def hear(self, event: StationEvent) -> None:
        self.events.append(event)
        self._told.set()

    def answered(self) -> list[SignCertificateAnswered]:
        return [one for one in self.events if isinstance(one, SignCertificateAnswered)]

    async def until_answered(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.answered()) < count:
                self._told.clear()
                await self._told.wait()


@pytest.fixture
def bench(tmp_path: Path, v2g: Pki, back: Pki) -> Bench:
    return Bench(tmp_path, v2g, back)


def csr_of(said: Said) -> Any:
    return said.payload["csr"]


async def test_tc_a_23_without_its_certificate_a_request_is_sent_at_0_w_and_3w_and_no_more(
    bench: Bench, back: Pki
) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.CSMS)
    async with bench.over(line):
        first = await line.heard("SignCertificate")
        await bench.clock.until_somebody_sleeps(until=W)
        bench.clock.advance(W - 1)
        assert line.is_silent, "nothing before W"
        bench.clock.advance(1)
        second = await line.heard("SignCertificate")
        await bench.passes(2 * W)
        third = await line.heard("SignCertificate")
        await bench.until_answered(3)
        bench.clock.advance(100 * W)
        assert csr_of(first) == csr_of(second) == csr_of(third)
        chain = back.enrol(csr_of(first))
        outcome = await asyncio.to_thread(bench.store.update_leaf, chain, LeafCertificateType.CSMS)
        assert outcome.accepted, "its key stayed open"
        assert line.is_silent
    assert len(line.said) == 3


async def test_a_store_that_can_not_be_read_for_a_while_forgets_no_request_and_how_often_it_was_sent(
    bench: Bench,
) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    records = bench.store.layout.pending
    away = records.with_name("away")
    async with bench.over(line):
        first = await line.heard("SignCertificate")
        await bench.until_answered(1)
        await bench.clock.until_somebody_sleeps(until=W)
        records.rename(away)
        records.symlink_to(records.name)  # nobody can list a link that leads to itself
        with pytest.raises(CsrNotMade):
            await bench.signing.prepare(LeafUse.V2G)
        bench.clock.advance(W)
        await bench.clock.until_somebody_sleeps(until=LOOK_SECONDS)
        assert line.is_silent
        records.unlink()
        away.rename(records)
        bench.clock.advance(LOOK_SECONDS)
        second = await line.heard("SignCertificate")
        await bench.until_answered(2)
        assert csr_of(second) == csr_of(first)
        await bench.passes(2 * W)
        await line.heard("SignCertificate")
        await bench.until_answered(3)
    assert len(line.said) == 3


class WaitingLine(ScriptedLine):
    """Its calls wait behind another one, unsent, until they are given up."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = asyncio.Event()
        self.given_up = asyncio.Event()

    async def call(self, action: str, payload: Mapping[str, object], *, answer_timeout: float | None = None) -> object:
        self.waits.set()
        try:
            return await asyncio.Event().wait()
        finally:
            self.given_up.set()


async def test_a_request_that_waits_to_be_sent_is_not_sent_once_its_certificate_is_installed(
    bench: Bench, v2g: Pki
) -> None:
    line = WaitingLine()
    made = await bench.signing.enrol(LeafUse.V2G)
    async with asyncio.timeout(10), bench.over(line):
        await line.waits.wait()
        line.waits.clear()
        outcome = await asyncio.to_thread(bench.store.update_leaf, v2g.enrol(made.pem), LeafCertificateType.V2G)
        assert outcome.accepted
        await line.given_up.wait()
        await bench.clock.until_somebody_sleeps(until=LOOK_SECONDS)
        assert not line.waits.is_set()


async def test_a_request_that_waits_to_be_sent_still_is_when_another_certificate_comes(bench: Bench, v2g: Pki) -> None:
    line = WaitingLine()
    other = await bench.signing.enrol(LeafUse.V2G, common_name="DE*CHP*E0009")
    chain = v2g.enrol(other.pem)
    async with asyncio.timeout(10), bench.over(line):
        await line.waits.wait()
        await bench.signing.enrol(LeafUse.V2G)
        assert (await asyncio.to_thread(bench.store.update_leaf, chain, LeafCertificateType.V2G)).accepted
        await line.given_up.wait()
        line.waits.clear()
        await line.waits.wait()


async def test_a_csms_that_renames_the_station_and_triggers_over_and_over_gets_the_last_name_alone(
    bench: Bench,
) -> None:
    line = ScriptedLine()
    line.will_answer("SignCertificate", HELD)
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        first = await line.heard("SignCertificate")
        for number in range(5):
            bench.settings = replace(SETTINGS, secc_id=f"DE*CHP*E000{number}")
            await bench.signing.prepare(LeafUse.V2G)
        bench.signing.wake()
        line.release(ACCEPTED)
        last = await line.heard("SignCertificate")
        await bench.until_answered(2)
        (pending,) = await asyncio.to_thread(bench.store.open_requests)
    assert (csr_of(last), pending.csr.common_name) == (pending.pem, "DE*CHP*E0004")
    assert csr_of(first) != csr_of(last)
    assert line.is_silent


async def test_a_name_that_somebody_chose_outlasts_the_station_s_own(bench: Bench) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    chosen = await bench.signing.enrol(LeafUse.V2G, common_name="DE*CHP*E0009")
    bench.settings = replace(SETTINGS, secc_id="DE*CHP*E0002")
    async with bench.over(line):
        assert csr_of(await line.heard("SignCertificate")) == chosen.pem


async def test_what_a_restart_finds_under_a_former_name_is_not_sent(bench: Bench) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    bench.settings = replace(SETTINGS, secc_id="DE*CHP*E0002")
    bench.restarted()
    async with bench.over(line):
        await bench.clock.until_somebody_sleeps(until=LOOK_SECONDS)
        assert line.is_silent
    assert await asyncio.to_thread(bench.store.open_requests) == ()


async def test_w_0_never_repeats(bench: Bench) -> None:
    bench.settings = replace(SETTINGS, cert_signing_wait_minimum=0)
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        await line.heard("SignCertificate")
        await bench.until_answered(1)
        bench.clock.advance(10**6)
        await asyncio.sleep(0)
        assert line.is_silent


async def test_what_was_accepted_is_not_sent_again_over_a_new_connection_before_its_time(bench: Bench) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        await line.heard("SignCertificate")
        await bench.until_answered(1)
    bench.clock.advance(10)
    later = ScriptedLine()
    later.always_answers("SignCertificate", ACCEPTED)
    async with bench.over(later):
        await bench.passes(W - 10)
        await later.heard("SignCertificate")


async def test_over_a_restart_the_wait_goes_on_where_it_was(bench: Bench) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        await line.heard("SignCertificate")
        await bench.until_answered(1)
    bench.clock.advance(10)
    bench.restarted()
    async with bench.over(line):
        await bench.passes(W - 10)
        await line.heard("SignCertificate")


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
async def test_a_clock_that_jumped_over_a_restart_hurries_or_delays_by_one_wait_at_most(
    bench: Bench, jump: timedelta
) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        await line.heard("SignCertificate")
        await bench.until_answered(1)
    bench.clock.set(bench.clock.now() + jump)
    bench.restarted()
    async with bench.over(line):
        if jump < timedelta():
            await bench.passes(W)
        await line.heard("SignCertificate")


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_connection_that_ends_under_the_call_leaves_the_same_request_to_the_next_one(
    bench: Bench, is_restarted: bool
) -> None:
    line = ScriptedLine()
    line.will_answer("SignCertificate", HELD)
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        first = await line.heard("SignCertificate")
        line.close()
    if is_restarted:
        bench.restarted()
    later = ScriptedLine()
    later.always_answers("SignCertificate", ACCEPTED)
    async with bench.over(later):
        assert csr_of(await later.heard("SignCertificate")) == csr_of(first)


async def test_a_csms_that_says_nothing_is_asked_again_later_and_later(bench: Bench) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", Silence())
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        await line.heard("SignCertificate")
        for wait in (60, 120, 240):
            await bench.passes(wait)
            await line.heard("SignCertificate")
    (pending,) = await asyncio.to_thread(bench.store.open_requests)
    assert pending.with_csms, "it may be at work on it"


@pytest.mark.parametrize("answer", [REJECTED, Refusal(ErrorCode.INTERNAL_ERROR), Refusal(ErrorCode.NOT_SUPPORTED), {}])
async def test_tc_a_15_a_refused_request_is_sent_again_only_when_asked_for(bench: Bench, answer: Any) -> None:
    line = ScriptedLine()
    line.will_answer("SignCertificate", answer)
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        first = await line.heard("SignCertificate")
        await bench.until_answered(1)
        assert not bench.answered()[0].accepted
        bench.clock.advance(10**6)
        await asyncio.sleep(0)
        assert line.is_silent
        bench.clock.set(SetClock().now())
        await bench.signing.prepare(LeafUse.V2G)
        bench.signing.wake()
        assert csr_of(await line.heard("SignCertificate")) == csr_of(first)


async def test_a_trigger_while_the_request_is_under_way_makes_no_second_one_and_sends_nothing(bench: Bench) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        await line.heard("SignCertificate")
        await bench.until_answered(1)
        made = await bench.signing.prepare(LeafUse.V2G)
        bench.signing.wake()
        await bench.clock.until_somebody_sleeps(until=W)
        assert line.is_silent
        assert await asyncio.to_thread(bench.store.open_requests) == (replace(made, with_csms=True),)
    assert len([one for one in bench.events if isinstance(one, CsrMade)]) == 1


async def test_a_trigger_after_the_last_repetition_begins_a_new_round_with_the_same_request(bench: Bench) -> None:
    bench.settings = replace(SETTINGS, cert_signing_repeat_times=0)
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        first = await line.heard("SignCertificate")
        await bench.passes(W)
        await line.heard("SignCertificate")
        await bench.until_answered(2)
        await bench.signing.prepare(LeafUse.V2G)
        bench.signing.wake()
        assert csr_of(await line.heard("SignCertificate")) == csr_of(first)
        await bench.passes(W)
        await line.heard("SignCertificate")


async def test_one_request_is_under_way_at_a_time(bench: Bench) -> None:
    line = ScriptedLine()
    line.will_answer("SignCertificate", HELD)
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    await bench.signing.enrol(LeafUse.CSMS)
    async with bench.over(line):
        await line.heard("SignCertificate")
        await asyncio.sleep(0)
        assert line.is_silent
        line.release(ACCEPTED)
        await line.heard("SignCertificate")
    assert {one.payload["certificateType"] for one in line.said} == {
        "V2GCertificate",
        "ChargingStationCertificate",
    }


async def test_it_is_sent_in_the_dialect_in_which_the_csms_asked_for_it(bench: Bench) -> None:
    line = ScriptedLine(OcppVersion.V16)
    line.always_answers("DataTransfer", {"status": "Accepted", "data": '{"status":"Accepted"}'})
    await bench.signing.prepare(LeafUse.CSMS, dialect=Dialect.O)
    async with bench.over(line):
        said = await line.heard("DataTransfer")
    assert said.payload["vendorId"] == "org.openchargealliance.iso15118pnc"
    assert json.loads(str(said.payload["data"]))["certificateType"] == "ChargingStationCertificate"


@pytest.mark.parametrize(
    ("settings", "words"),
    [(replace(SETTINGS, organisation=""), "CpoName"), (replace(SETTINGS, secc_id=""), "common name")],
)
async def test_without_a_name_that_is_needed_no_request_is_made(bench: Bench, settings: Settings, words: str) -> None:
    bench.settings = settings
    with pytest.raises(CsrNotMade, match=words):
        await bench.signing.prepare(LeafUse.V2G)
    assert not await asyncio.to_thread(bench.store.open_requests)


async def test_a_memory_that_is_full_keeps_no_request_from_being_sent(bench: Bench) -> None:
    bench.memory.full = True
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        await line.heard("SignCertificate")
        await bench.until_answered(1)
        assert bench.answered()[0].accepted


@pytest.mark.parametrize("broken", [b"", b"{}", b"\xff", b"[" * 9000, b'{"version":1,"rounds":{"a":1}}'])
async def test_an_unreadable_record_means_that_each_open_request_is_sent_once_more(bench: Bench, broken: bytes) -> None:
    await bench.signing.enrol(LeafUse.V2G)
    bench.memory.documents["signing"] = broken
    bench.restarted()
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    async with bench.over(line):
        await line.heard("SignCertificate")


async def test_a_request_that_another_process_made_is_found_and_sent(bench: Bench) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    async with bench.over(line):
        await bench.clock.until_somebody_sleeps(until=LOOK_SECONDS)
        await asyncio.to_thread(
            bench.store.generate_certificate_signing_request, LeafCertificateType.V2G, "DE", "Operator", EVSE
        )
        bench.clock.advance(LOOK_SECONDS)
        await line.heard("SignCertificate")


async def test_it_knows_when_it_asks_again_for_a_certificate_that_did_not_come(bench: Bench) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", ACCEPTED)
    await bench.signing.enrol(LeafUse.V2G)
    async with bench.over(line):
        await bench.until_answered(1)
        bench.clock.advance(10)
        later = bench.clock.now() + timedelta(seconds=W - 10)
        assert await bench.signing.asks_again_at(LeafUse.V2G) == later
        assert await bench.signing.asks_again_at(None) == later
        assert await bench.signing.asks_again_at(LeafUse.CSMS) is None


async def test_a_refused_request_is_told_with_the_next_look_for_what_is_missing_where_there_is_one(
    bench: Bench,
) -> None:
    line = ScriptedLine()
    line.always_answers("SignCertificate", REJECTED)
    bench.signing.note_next_look([LeafUse.V2G], bench.clock.monotonic() + 3600)
    await bench.signing.enrol(LeafUse.V2G)
    await bench.signing.enrol(LeafUse.CSMS)
    async with bench.over(line):
        await bench.until_answered(2)
    told = {one.use: one.asks_again for one in bench.answered()}
    assert told == {LeafUse.V2G: bench.clock.now() + timedelta(hours=1), LeafUse.CSMS: None}


def too_many(said: Said) -> Mapping[str, object]:
    raise QueueFullError(said.action, 16)


async def test_a_request_for_which_there_is_no_room_among_the_calls_counts_as_not_sent(bench: Bench) -> None:
    line = ScriptedLine()
    line.will_answer("SignCertificate", too_many, too_many)
    line.always_answers("SignCertificate", ACCEPTED)
    made = await bench.signing.prepare(LeafUse.CSMS)
    async with bench.over(line):
        for _ in range(2):
            await line.heard("SignCertificate")
            await bench.clock.until_somebody_sleeps(until=LOOK_SECONDS)
            assert line.is_silent, "it is not tried in a loop"
            assert not _is_with_csms(bench, made)
            bench.clock.advance(LOOK_SECONDS)
        await line.heard("SignCertificate")
        await bench.until_answered(3)
        assert _is_with_csms(bench, made)
        assert [one.accepted for one in bench.answered()] == [False, False, True]
        await bench.passes(W)
        await line.heard("SignCertificate")
        await bench.passes(2 * W)
        await line.heard("SignCertificate")
        await bench.until_answered(5)
        bench.clock.advance(100 * W)
        assert line.is_silent, "W, then 2W: the first one sent is the first one counted"


async def test_a_request_that_was_sent_before_stays_one_that_the_csms_has(bench: Bench) -> None:
    line = ScriptedLine()
    line.will_answer("SignCertificate", ACCEPTED, too_many, ACCEPTED)
    made = await bench.signing.prepare(LeafUse.CSMS)
    async with bench.over(line):
        await line.heard("SignCertificate")
        await bench.until_answered(1)
        await bench.passes(W)
        await line.heard("SignCertificate")
        await bench.until_answered(2)
        assert _is_with_csms(bench, made)
        await bench.passes(LOOK_SECONDS)
        await line.heard("SignCertificate")


def _is_with_csms(bench: Bench, made: PendingCsr) -> bool:
    [one] = [one for one in bench.store.open_requests() if one.word == made.word]
    return one.with_csms
