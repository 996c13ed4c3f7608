"""The agent's calls in a ChargePoint's turn: whatever its library does, one of three faults comes, and turns go on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed
from chainpilot.station.adapters.mobilityhouse.line import TURN_SECONDS, ChargePointLine, Ids
from chainpilot.wire.ocppj.frames import (
    MAX_MESSAGE_ID,
    Call,
    CallError,
    CallResult,
    ErrorCode,
    FrameError,
    UnwritableFrameError,
    decode,
)
from chainpilot.wire.version import OcppVersion
from clocks import SetClock

pytestmark = pytest.mark.anyio


class Turnstile:
    """A ChargePoint that makes one call at a time, as its library does, and then does what a test says."""

    def __init__(self, line: ChargePointLine, then: Callable[[str], Awaitable[Any]] | None = None) -> None:
        self.route_map: dict[str, Any] = {}
        self.line = line
        self.then = then
        self.turn = asyncio.Lock()
        self.texts: asyncio.Queue[str] = asyncio.Queue()
        self.called: list[tuple[str, Any]] = []

    async def start(self) -> None:
        raise NotImplementedError

    async def call(self, payload: Any, suppress: bool, unique_id: Any, skip_schema_validation: bool) -> None:
        assert not suppress
        assert skip_schema_validation
        self.called.append((type(payload).__name__, vars(payload)))
        async with self.turn:
            if self.then is not None:
                await self.then(unique_id)
                return
            text = self.line.outgoing(unique_id)
            assert text is not None
            self.texts.put_nowait(text)
            await asyncio.Event().wait()

    async def asked(self) -> Call:
        """The next call that went out."""
        async with asyncio.timeout(5):
            frame = decode(await self.texts.get())
        assert isinstance(frame, Call)
        return frame


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def line(clock: SetClock) -> ChargePointLine:
    return ChargePointLine(OcppVersion.V16, Ids(), clock)


def through(line: ChargePointLine, then: Callable[[str], Awaitable[Any]] | None = None) -> Turnstile:
    charge_point = Turnstile(line, then)
    line.over(charge_point)
    return charge_point


def raising(error: BaseException) -> Callable[[str], Awaitable[Any]]:
    async def then(message_id: str) -> Any:
        raise error

    return then


PAYLOAD = {"15118CertificateHashData": [{"responderURL": "x", "soc": 1}], "customData": None}


async def test_a_call_goes_out_and_its_answer_comes_back_as_they_are(line: ChargePointLine) -> None:
    charge_point = through(line)
    calling = asyncio.ensure_future(line.call("Authorize", PAYLOAD))
    asked = await charge_point.asked()
    assert (asked.action, asked.payload) == ("Authorize", PAYLOAD)
    assert len(asked.message_id) <= MAX_MESSAGE_ID
    assert charge_point.called == [("Authorize", {})], "the library and its log see nothing of it"
    line.incoming(CallResult(asked.message_id, {"15118Unknown": {"csms": 1}}))
    assert await calling == {"15118Unknown": {"csms": 1}}
    async with asyncio.timeout(5), charge_point.turn:
        pass  # the turn was given back


async def test_calls_take_turns(line: ChargePointLine) -> None:
    charge_point = through(line)
    calls = [asyncio.ensure_future(line.call("Heartbeat", {"n": number})) for number in range(3)]
    for number in range(3):
        asked = await charge_point.asked()
        assert asked.payload == {"n": number}
        assert charge_point.texts.empty()
        line.incoming(CallResult(asked.message_id, {"n": number}))
    assert await asyncio.gather(*calls) == [{"n": number} for number in range(3)]


async def test_a_callerror_is_a_refusal_with_its_code(line: ChargePointLine) -> None:
    charge_point = through(line)
    calling = asyncio.ensure_future(line.call("SignCertificate", {}))
    asked = await charge_point.asked()
    line.incoming(CallError(asked.message_id, ErrorCode.NOT_SUPPORTED, "no such thing"))
    with pytest.raises(CallRefused, match="no such thing") as caught:
        await calling
    assert caught.value.code is ErrorCode.NOT_SUPPORTED


async def test_an_answer_that_nobody_can_read_is_a_refusal(line: ChargePointLine) -> None:
    charge_point = through(line)
    calling = asyncio.ensure_future(line.call("SignCertificate", {}))
    asked = await charge_point.asked()
    line.unreadable(asked.message_id, FrameError(ErrorCode.TYPE_CONSTRAINT_VIOLATION, "the payload is not an object"))
    with pytest.raises(CallRefused, match="cannot be read"):
        await calling


@pytest.mark.parametrize(
    "error", [RuntimeError("secret"), TypeError("secret"), OSError("secret"), KeyError("secret"), ValueError("secret")]
)
async def test_whatever_the_library_raises_the_call_timed_out_unsent(
    line: ChargePointLine, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    through(line, raising(error))
    with pytest.raises(CallTimedOut) as caught:
        await line.call("Heartbeat", {})
    assert not caught.value.sent
    assert caught.value.__cause__ is error
    assert type(error).__name__ in caplog.text
    assert "secret" not in caplog.text


async def test_a_library_that_answers_without_sending_has_not_sent(line: ChargePointLine) -> None:
    async def nothing(message_id: str) -> None:
        """As of a station that keeps its calls for later."""

    through(line, nothing)
    with pytest.raises(CallTimedOut) as caught:
        await line.call("Heartbeat", {})
    assert not caught.value.sent


async def test_the_library_s_own_time_out_is_one(line: ChargePointLine) -> None:
    async def times_out(message_id: str) -> None:
        assert line.outgoing(message_id)
        raise TimeoutError("Waited 30s for response on [2, ...")

    through(line, times_out)
    with pytest.raises(CallTimedOut) as caught:
        await line.call("Heartbeat", {})
    assert caught.value.sent


@pytest.mark.parametrize(("passed", "is_over"), [(2.9, False), (3.0, True), (3.1, True)])
async def test_an_answer_may_take_its_time_and_no_longer(
    line: ChargePointLine, clock: SetClock, passed: float, is_over: bool
) -> None:
    charge_point = through(line)
    calling = asyncio.ensure_future(line.call("Heartbeat", {}, answer_timeout=3.0))
    asked = await charge_point.asked()
    await clock.until_somebody_sleeps(until=3.0)
    clock.advance(passed)
    if is_over:
        with pytest.raises(CallTimedOut) as caught:
            await calling
        assert caught.value.sent
        line.incoming(CallResult(asked.message_id, {}))  # late, and nobody's
        async with asyncio.timeout(5), charge_point.turn:
            pass
    else:
        line.incoming(CallResult(asked.message_id, {}))
        assert await calling == {}


async def test_a_turn_that_never_comes_ends_the_call_unsent(line: ChargePointLine, clock: SetClock) -> None:
    charge_point = through(line)
    async with charge_point.turn:
        calling = asyncio.ensure_future(line.call("Heartbeat", {}, answer_timeout=3.0))
        await clock.until_somebody_sleeps(until=TURN_SECONDS)
        clock.advance(TURN_SECONDS)
        with pytest.raises(CallTimedOut) as caught:
            await calling
        assert not caught.value.sent


async def test_the_end_of_the_connection_ends_calls_sent_and_unsent_and_later_ones(line: ChargePointLine) -> None:
    charge_point = through(line)
    first = asyncio.ensure_future(line.call("Heartbeat", {}))
    await charge_point.asked()
    second = asyncio.ensure_future(line.call("Heartbeat", {}))
    await asyncio.sleep(0)
    line.close("it is over")
    ends = await asyncio.gather(first, second, line.call("Heartbeat", {}), return_exceptions=True)
    assert [isinstance(end, LinkClosed) and end.sent for end in ends] == [True, False, False]
    assert "it is over" in str(ends[0])


async def test_a_text_that_the_connection_did_not_take_may_have_been_sent(line: ChargePointLine) -> None:
    async def breaks(message_id: str) -> None:
        assert line.outgoing(message_id)
        line.broken(message_id)
        raise OSError

    through(line, breaks)
    with pytest.raises(LinkClosed) as caught:
        await line.call("Heartbeat", {})
    assert caught.value.sent


async def test_a_caller_that_gives_up_gives_the_turn_back(line: ChargePointLine) -> None:
    charge_point = through(line)
    calling = asyncio.ensure_future(line.call("Heartbeat", {}))
    asked = await charge_point.asked()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    async with asyncio.timeout(5), charge_point.turn:
        assert line.outgoing(asked.message_id) is None
    line.incoming(CallError(asked.message_id, ErrorCode.GENERIC_ERROR))


async def test_what_is_no_json_is_not_sent(line: ChargePointLine) -> None:
    charge_point = through(line)
    with pytest.raises(UnwritableFrameError):
        await line.call("Heartbeat", {"x": object()})
    assert not charge_point.called


async def test_before_it_is_served_nothing_is_sent(line: ChargePointLine) -> None:
    with pytest.raises(LinkClosed) as caught:
        await line.call("Heartbeat", {})
    assert not caught.value.sent


def test_ids_are_told_from_others() -> None:
    ids, others = Ids(), Ids()
    made = {ids.new() for _ in range(1000)}
    assert len(made) == 1000
    assert all(ids.has(one) and len(one) <= MAX_MESSAGE_ID for one in made)
    assert not any(others.has(one) for one in made)
