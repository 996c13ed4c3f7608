"""The link at work: concurrent handlers, calls back, deadlines, the end of the connection, and nothing swallowed."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from chainpilot.errors import OwnError
from chainpilot.link.ocpp import (
    GRACE,
    MAX_TASKS,
    Answer,
    CallRefused,
    CallTimedOut,
    FrameSeen,
    Handler,
    LinkClosed,
    OcppLink,
    RpcFault,
)
from chainpilot.wire.ocppj.frames import ErrorCode, FrameError, UnwritableFrameError
from chainpilot.wire.ocppj.rpc import QueueFullError, RpcLimits
from clocks import SetClock
from message_sockets import MemorySocket, socket_pair

pytestmark = pytest.mark.anyio

SECRET = "Pa55w0rd-of-station"


async def echo(action: str, payload: object) -> Answer:
    return Answer({"action": action, "got": payload})


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until it is so; every test's own time-out is the loop count."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came true")


class Ends:
    """Two links over one in-memory connection."""

    def __init__(self, near: Handler, far: Handler, limits: RpcLimits) -> None:
        self.clock = SetClock()
        self.near_socket, self.far_socket = socket_pair()
        self.seen: list[FrameSeen] = []
        self.near = OcppLink(self.near_socket, near, clock=self.clock, limits=limits, watch=self.seen.append)
        self.far = OcppLink(self.far_socket, far, clock=self.clock, limits=limits)


@asynccontextmanager
async def ends(near: Handler = echo, far: Handler = echo, limits: RpcLimits | None = None) -> AsyncIterator[Ends]:
    pair = Ends(near, far, limits or RpcLimits())
    async with asyncio.TaskGroup() as group:
        group.create_task(pair.near.run())
        group.create_task(pair.far.run())
        try:
            yield pair
        finally:
            pair.near_socket.cut()


@asynccontextmanager
async def alone(
    handler: Handler = echo, limits: RpcLimits | None = None
) -> AsyncIterator[tuple[OcppLink, MemorySocket, SetClock]]:
    """A link whose peer is the test: `socket.other.sent` is what the peer said, `socket.sent` what the link said."""
    socket, _ = socket_pair()
    clock = SetClock()
    link = OcppLink(socket, handler, clock=clock, limits=limits or RpcLimits())
    async with asyncio.TaskGroup() as group:
        group.create_task(link.run())
        try:
            yield link, socket, clock
        finally:
            socket.cut()


async def answers(socket: MemorySocket, count: int) -> list[list[object]]:
    await until(lambda: len(socket.sent) >= count)
    return [json.loads(text) for text in socket.sent]


async def test_a_call_is_answered_in_both_directions() -> None:
    async with ends() as pair:
        assert await pair.near.call("Heartbeat", {"k": 1}) == {"action": "Heartbeat", "got": {"k": 1}}
        assert await pair.far.call("Reset", {}) == {"action": "Reset", "got": {}}


async def test_many_calls_at_once_all_get_their_own_answer() -> None:
    async with ends(limits=RpcLimits(queued_calls=50)) as pair:
        found = await asyncio.gather(*(pair.near.call("A", {"n": n}) for n in range(50)))
    assert found == [{"action": "A", "got": {"n": n}} for n in range(50)]


async def test_a_handler_may_call_back_to_the_peer_it_is_answering() -> None:
    async def far(action: str, payload: object) -> Answer:
        assert action == "Outer"
        return Answer({"inner": await pair.far.call("Inner", {})})

    async with ends(far=far) as pair:
        assert await pair.near.call("Outer", {}) == {"inner": {"action": "Inner", "got": {}}}


async def test_a_slow_handler_blocks_nobody() -> None:
    go = asyncio.Event()

    async def slow(action: str, payload: object) -> Answer:
        if action == "Slow":
            await go.wait()
        return Answer({"action": action})

    async with alone(slow) as (_, socket, _):
        socket.put('[2,"1","Slow",{}]')
        socket.put('[2,"2","Quick",{}]')
        assert await answers(socket, 1) == [[3, "2", {"action": "Quick"}]]
        go.set()
        assert await answers(socket, 2) == [[3, "2", {"action": "Quick"}], [3, "1", {"action": "Slow"}]]


async def test_a_follow_up_runs_after_the_answer_was_written_and_may_call() -> None:
    order: list[str] = []

    async def near(action: str, payload: object) -> Answer:
        order.append(f"near got {action}")
        return Answer({})

    async def far(action: str, payload: object) -> Answer:
        async def after() -> None:
            order.append("follow-up begins")
            await pair.far.call("CertificateSigned", {})
            order.append("follow-up ends")

        return Answer({"status": "Accepted"}, after)

    async with ends(near, far) as pair:
        await pair.near.call("SignCertificate", {})
        await until(lambda: len(order) == 3)
        kinds = [json.loads(text)[0] for text in pair.far_socket.sent]
    assert order == ["follow-up begins", "near got CertificateSigned", "follow-up ends"]
    assert kinds == [3, 2]


async def test_a_follow_up_does_not_run_if_the_answer_was_never_written() -> None:
    ran: list[bool] = []

    async def handler(action: str, payload: object) -> Answer:
        async def after() -> None:
            ran.append(True)

        return Answer({}, after)

    async with alone(handler) as (_, socket, _):
        socket.hold()
        socket.put('[2,"1","A",{}]')
        for _ in range(20):
            await asyncio.sleep(0)
        socket.cut()
    assert ran == []


async def test_a_handler_asks_for_a_callerror() -> None:
    async def handler(action: str, payload: object) -> Answer:
        raise RpcFault(ErrorCode.NOT_IMPLEMENTED, f"no {action}")

    async with ends(far=handler) as pair:
        with pytest.raises(CallRefused) as caught:
            await pair.near.call("Fly", {})
    assert (caught.value.action, caught.value.code, caught.value.description) == (
        "Fly",
        ErrorCode.NOT_IMPLEMENTED,
        "no Fly",
    )


@pytest.mark.parametrize("error", [KeyError(SECRET), ValueError(SECRET), OwnError("disk full")])
async def test_an_unexpected_exception_is_an_incident_in_the_log_and_a_number_on_the_wire(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(action: str, payload: object) -> Answer:
        raise error

    caplog.set_level(logging.DEBUG, "chainpilot.link")
    async with alone(handler) as (_, socket, _):
        socket.put(json.dumps([2, "1", "SetConfig", {"value": SECRET}]))
        [[kind, _, code, description, details]] = await answers(socket, 1)
    assert (kind, code, details) == (4, "InternalError", {})
    found = re.fullmatch(r"incident ([0-9a-f]{8})", str(description))
    assert found is not None
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert found[1] in record.getMessage()
    assert type(error).__name__ in record.getMessage()
    assert "test_ocpp.py" in record.getMessage()
    assert SECRET not in caplog.text


async def test_an_exception_in_a_follow_up_is_an_incident_and_answers_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(action: str, payload: object) -> Answer:
        async def after() -> None:
            raise RpcFault(ErrorCode.GENERIC_ERROR, "too late to ask for this")

        return Answer({}, after)

    async with alone(handler) as (link, socket, _):
        socket.put('[2,"1","A",{}]')
        await until(lambda: "incident" in caplog.text)
        assert await answers(socket, 1) == [[3, "1", {}]]
        assert link.end is None


async def test_an_answer_that_json_cannot_carry_is_an_incident() -> None:
    async def handler(action: str, payload: object) -> Answer:
        return Answer({"n": float("nan")})

    async with alone(handler) as (_, socket, _):
        socket.put('[2,"1","A",{}]')
        [[kind, _, code, *_]] = await answers(socket, 1)
    assert (kind, code) == (4, "InternalError")


async def test_a_handler_that_is_cancelled_from_within_still_answers() -> None:
    async def handler(action: str, payload: object) -> Answer:
        raise asyncio.CancelledError

    async with alone(handler) as (_, socket, _):
        socket.put('[2,"1","A",{}]')
        [[kind, _, code, *_]] = await answers(socket, 1)
    assert (kind, code) == (4, "InternalError")


async def test_a_handler_that_cancels_its_task_ends_nobody_elses_reading() -> None:
    async def handler(action: str, payload: object) -> Answer:
        task = asyncio.current_task()
        assert task is not None
        if action == "Foolish":
            task.cancel()
        return Answer({"action": action})

    async with alone(handler) as (_, socket, _):
        socket.put('[2,"1","Foolish",{}]')
        socket.put('[2,"2","Wise",{}]')
        assert await answers(socket, 2) == [[3, "1", {"action": "Foolish"}], [3, "2", {"action": "Wise"}]]


async def test_calls_that_need_not_wait_are_answered_without_a_task_of_their_own() -> None:
    tasks: list[object] = []

    async def handler(action: str, payload: object) -> Answer:
        tasks.append(asyncio.current_task())
        if action == "Slow":
            await asyncio.sleep(0)
        return Answer({})

    async with alone(handler) as (_, socket, _):
        for number, action in enumerate(["Quick", "Quick", "Slow", "Quick"]):
            socket.put(f'[2,"{number}","{action}",{{}}]')
        await answers(socket, 4)
    first, second, slow, last = tasks
    assert first is second is slow
    assert last is not slow


async def test_a_peer_that_talks_without_pause_lets_others_have_their_turn() -> None:
    async with alone() as (_, socket, _):
        for number in range(1000):
            socket.put(f'[2,"{number}","A",{{}}]')
        await answers(socket, 1)
        assert len(socket.sent) < 100
        await answers(socket, 1000)


async def test_an_exception_of_whoever_watches_ends_the_connection() -> None:
    def watch(seen: FrameSeen) -> None:
        if seen.direction == "sent":
            raise ZeroDivisionError

    socket, _ = socket_pair()
    link = OcppLink(socket, echo, clock=SetClock(), watch=watch)
    run = asyncio.create_task(link.run())
    socket.put('[2,"1","A",{}]')
    with pytest.raises(ZeroDivisionError):
        await run


async def test_a_malformed_frame_is_answered_and_the_connection_stays() -> None:
    async with alone() as (link, socket, _):
        socket.put('[2,"1","A",{]')
        socket.put(b"\xff\xfe")
        socket.put('[2,"2","A",{}]')
        first, second, third = await answers(socket, 3)
        assert link.end is None
    assert first[:3] == [4, "1", "FormationViolation"]
    assert second[:3] == [4, "-1", "FormationViolation"]
    assert third[:2] == [3, "2"]


async def test_the_peer_may_answer_with_a_frame_nobody_can_read() -> None:
    async with alone() as (link, socket, _):
        call = asyncio.create_task(link.call("A", {}))
        [[_, message_id, *_]] = await answers(socket, 1)
        socket.put(f'[3,"{message_id}",null]')
        with pytest.raises(CallRefused) as caught:
            await call
        assert len(socket.sent) == 1
    assert isinstance(caught.value.__cause__, FrameError)


async def test_a_call_that_is_not_answered_times_out_and_the_next_one_goes() -> None:
    async with alone() as (link, socket, clock):
        first = asyncio.create_task(link.call("A", {}, answer_timeout=30))
        second = asyncio.create_task(link.call("B", {}))
        await answers(socket, 1)
        clock.advance(29.9)
        await asyncio.sleep(0)
        assert not first.done()
        clock.advance(0.1)
        with pytest.raises(CallTimedOut) as caught:
            await first
        assert caught.value.sent
        _, [_, message_id, action, _] = await answers(socket, 2)
        assert action == "B"
        socket.put(f'[3,"{message_id}",{{"late":false}}]')
        assert await second == {"late": False}


async def test_a_shorter_deadline_wakes_the_timer_that_sleeps_for_a_longer_one() -> None:
    async with alone(limits=RpcLimits(answer_timeout=300, queue_timeout=10)) as (link, socket, clock):
        first = asyncio.create_task(link.call("A", {}))
        await answers(socket, 1)
        second = asyncio.create_task(link.call("B", {}))
        for _ in range(10):
            await asyncio.sleep(0)
        clock.advance(10)
        with pytest.raises(CallTimedOut) as caught:
            await second
        assert not caught.value.sent
        assert not first.done()
        first.cancel()


async def test_a_late_answer_is_logged_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chainpilot.link")
    async with alone() as (link, socket, clock):
        call = asyncio.create_task(link.call("A", {}))
        [[_, message_id, *_]] = await answers(socket, 1)
        clock.advance(30)
        with pytest.raises(CallTimedOut):
            await call
        socket.put(f'[3,"{message_id}",{{}}]')
        socket.put('[2,"x","A",{}]')
        await answers(socket, 2)
    assert f"nobody waits for the answer {message_id}" in caplog.text


async def test_a_cancelled_call_keeps_its_place_until_it_is_answered() -> None:
    async with alone() as (link, socket, _):
        first = asyncio.create_task(link.call("A", {}))
        [[_, message_id, *_]] = await answers(socket, 1)
        second = asyncio.create_task(link.call("B", {}))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert len(socket.sent) == 1
        socket.put(f'[3,"{message_id}",{{}}]')
        _, [_, message_id, action, _] = await answers(socket, 2)
        assert action == "B"
        socket.put(f'[3,"{message_id}",{{}}]')
        assert await second == {}


async def test_too_many_waiting_calls_are_refused_here() -> None:
    async with alone(limits=RpcLimits(queued_calls=1)) as (link, socket, _):
        first = asyncio.create_task(link.call("A", {}))
        await answers(socket, 1)
        second = asyncio.create_task(link.call("B", {}))
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError):
            await link.call("C", {})
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        with pytest.raises(UnwritableFrameError):
            await link.call("D", {"n": float("inf")})
        first.cancel()


async def test_the_end_of_the_connection_ends_every_call_and_says_what_was_sent() -> None:
    async with alone() as (link, socket, _):
        first = asyncio.create_task(link.call("A", {}))
        second = asyncio.create_task(link.call("B", {}))
        await answers(socket, 1)
        socket.cut(1001, "going away")
        for call, sent in ((first, True), (second, False)):
            with pytest.raises(LinkClosed) as caught:
                await call
            assert (caught.value.sent, caught.value.code, caught.value.reason) == (sent, 1001, "going away")
        with pytest.raises(LinkClosed) as caught:
            await link.call("C", {})
        assert not caught.value.sent
        assert link.end is not None


async def test_a_call_in_the_middle_of_being_written_counts_as_sent() -> None:
    async with alone() as (link, socket, _):
        socket.hold()
        first = asyncio.create_task(link.call("A", {}))
        second = asyncio.create_task(link.call("B", {}))
        for _ in range(10):
            await asyncio.sleep(0)
        socket.cut()
        for call, sent in ((first, True), (second, False)):
            with pytest.raises(LinkClosed) as caught:
                await call
            assert caught.value.sent is sent


async def test_our_own_close_ends_the_calls_and_the_run() -> None:
    async with ends() as pair:
        pair.far_socket.hold()
        call = asyncio.create_task(pair.near.call("A", {}))
        await until(lambda: bool(pair.near_socket.sent))
        await pair.near.close(1000, "done")
        with pytest.raises(LinkClosed) as caught:
            await call
    assert (caught.value.code, caught.value.reason) == (1000, "done")
    assert pair.far.end is not None
    assert pair.far.end.code == 1000


async def test_a_handler_may_close_the_link_it_works_for() -> None:
    async def handler(action: str, payload: object) -> Answer:
        return Answer({}, pair.far.close)

    async with ends(far=handler) as pair:
        assert await pair.near.call("Reset", {}) == {}
        await until(lambda: pair.near.end is not None)


async def test_a_link_may_be_closed_without_dropping_what_is_being_answered() -> None:
    begun, done = asyncio.Event(), asyncio.Event()

    async def handler(action: str, payload: object) -> Answer:
        begun.set()
        await done.wait()
        return Answer({"done": True})

    async with ends(far=handler) as pair:
        call = asyncio.create_task(pair.near.call("A", {}))
        await begun.wait()
        waiting = asyncio.create_task(pair.far.until_quiet(60.0))
        pair.far_socket.hold()
        done.set()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done(), "the answer is made, and not written"
        pair.far_socket.release()
        await waiting
        await pair.far.close()
        assert await call == {"done": True}


async def test_nobody_waits_for_answers_that_will_never_be_written() -> None:
    begun = asyncio.Event()

    async def handler(action: str, payload: object) -> Answer:
        begun.set()
        await asyncio.Event().wait()
        return Answer({})

    async with ends(far=handler) as pair:
        call = asyncio.create_task(pair.near.call("A", {}))
        await begun.wait()
        waiting = asyncio.create_task(pair.far.until_quiet(60.0))
        pair.far_socket.cut()
        await waiting
        await pair.far.until_quiet(60.0)
        with pytest.raises(LinkClosed):
            await call
        await pair.clock.until_somebody_sleeps(until=5.0)
        pair.clock.advance(5.0)


async def test_whoever_waits_for_answers_does_not_wait_for_calls_that_came_later() -> None:
    asked: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    async def handler(action: str, payload: object) -> Answer:
        gate = asyncio.Event()
        asked.put_nowait(gate)
        await gate.wait()
        return Answer({})

    async with alone(handler) as (link, socket, _):
        await link.until_quiet(60.0)
        socket.put('[2,"1","A",{}]')
        first = await asked.get()
        waiting = asyncio.create_task(link.until_quiet(60.0))
        for _ in range(5):
            await asyncio.sleep(0)
        socket.put('[2,"2","A",{}]')
        second = await asked.get()
        first.set()
        await waiting
        assert await answers(socket, 1) == [[3, "1", {}]]
        second.set()


async def test_whoever_closes_can_wait_until_both_sides_are_answered() -> None:
    gates = {"near": asyncio.Event(), "far": asyncio.Event()}
    asked: asyncio.Queue[str] = asyncio.Queue()

    async def answered(by: str) -> Answer:
        asked.put_nowait(by)
        await gates[by].wait()
        return Answer({})

    async with ends(near=lambda *_: answered("near"), far=lambda *_: answered("far")) as pair:
        calls = [asyncio.create_task(one.call("A", {})) for one in (pair.near, pair.far)]
        assert {await asked.get(), await asked.get()} == {"near", "far"}
        waiting = asyncio.create_task(pair.near.until_quiet(3.0))
        for gate in gates.values():
            for _ in range(20):
                await asyncio.sleep(0)
            assert not waiting.done()
            gate.set()
        await waiting
        assert await asyncio.gather(*calls) == [{}, {}]


async def test_whoever_closes_waits_no_longer_than_he_likes_nor_for_a_peer_that_has_gone() -> None:
    gate = asyncio.Event()

    async def handler(action: str, payload: object) -> Answer:
        await gate.wait()
        return Answer({})

    async with ends(far=handler) as pair:
        call = asyncio.create_task(pair.near.call("A", {}))
        await until(lambda: pair.near.end is None and len(pair.seen) == 1)
        waiting = asyncio.create_task(pair.near.until_quiet(3.0))
        await pair.clock.until_somebody_sleeps(until=3.0)
        pair.clock.advance(2.5)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        pair.clock.advance(0.5)
        await waiting
        waiting = asyncio.create_task(pair.near.until_quiet(3.0))
        await asyncio.sleep(0)
        await pair.near.close()
        await waiting
        await pair.near.until_quiet(3.0)
        with pytest.raises(LinkClosed):
            await call
        gate.set()


async def test_handlers_may_end_their_work_after_the_peer_has_gone() -> None:
    finished: list[bool] = []
    go = asyncio.Event()

    async def handler(action: str, payload: object) -> Answer:
        await go.wait()
        finished.append(True)
        return Answer({})

    async with alone(handler) as (link, socket, _):
        socket.put('[2,"1","A",{}]')
        for _ in range(10):
            await asyncio.sleep(0)
        socket.cut()
        await until(lambda: link.end is not None)
        go.set()
    assert finished == [True]


async def test_handlers_that_do_not_end_are_cancelled_after_their_grace() -> None:
    cancelled: list[bool] = []

    async def handler(action: str, payload: object) -> Answer:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)
        return Answer({})

    socket, _ = socket_pair()
    clock = SetClock()
    link = OcppLink(socket, handler, clock=clock)
    run = asyncio.create_task(link.run())
    socket.put('[2,"1","A",{}]')
    for _ in range(10):
        await asyncio.sleep(0)
    socket.cut()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not run.done()
    clock.advance(GRACE)
    await run
    assert cancelled == [True]


async def test_a_cancelled_link_leaves_no_task_behind() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def handler(action: str, payload: object) -> Answer:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Answer({})

    before = asyncio.all_tasks()
    socket, _ = socket_pair()
    link = OcppLink(socket, handler, clock=SetClock())
    run = asyncio.create_task(link.run())
    call = asyncio.create_task(link.call("A", {}))
    socket.put('[2,"1","A",{}]')
    await started.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    with pytest.raises(LinkClosed):
        await call
    assert ended.is_set()
    assert asyncio.all_tasks() == before


async def test_a_bug_in_the_socket_is_not_swallowed_and_still_ends_the_calls() -> None:
    class Broken(MemorySocket):
        def offer(self, text: str, /) -> bool:
            return False

        async def send(self, text: str, /) -> None:
            raise ZeroDivisionError

    link = OcppLink(Broken(), echo, clock=SetClock())
    run = asyncio.create_task(link.run())
    with pytest.raises(LinkClosed):
        await link.call("A", {})
    with pytest.raises(ZeroDivisionError):
        await run


async def test_a_peer_that_calls_without_end_is_turned_away_beyond_the_bounds() -> None:
    async def never(action: str, payload: object) -> Answer:
        await asyncio.Event().wait()
        return Answer({})

    socket, _ = socket_pair()
    link = OcppLink(socket, never, clock=SetClock(), limits=RpcLimits(calls_in_progress=100))
    run = asyncio.create_task(link.run())
    for number in range(MAX_TASKS + 1):
        socket.put(f'[2,"{number}","A",{{}}]')
    [[kind, message_id, code, *_]] = await answers(socket, 1)
    assert (kind, message_id, code) == (4, str(MAX_TASKS), "GenericError")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_a_peer_that_never_reads_is_not_read_for_ever() -> None:
    async with alone() as (_, socket, _):
        socket.hold()
        for number in range(200):
            socket.put(f'[2,"{number}","A",{{]')
        for _ in range(500):
            await asyncio.sleep(0)
        assert socket.waiting() > 100
        socket.release()
        await answers(socket, 200)


async def test_nor_if_every_call_of_it_has_to_wait_a_little() -> None:
    """Fewer calls at a time than are turned away, each answered by whoever read it before the next reader looks."""

    async def handler(action: str, payload: object) -> Answer:
        await asyncio.sleep(0)
        return Answer({})

    async with alone(handler) as (_, socket, _):
        socket.hold()
        for number in range(200):
            socket.put(f'[2,"{number}","A",{{}}]')
        for _ in range(1000):
            await asyncio.sleep(0)
        assert socket.waiting() > 100
        socket.release()
        await answers(socket, 200)


async def test_a_handler_that_cancels_its_own_task_takes_nobody_s_call_with_it() -> None:
    async def handler(action: str, payload: object) -> Answer:
        task = asyncio.current_task()
        if action == "Cancel" and task is not None:
            task.cancel()
        return Answer({"said": action})

    async with alone(handler) as (_, socket, _):
        socket.put('[2,"1","Cancel",{}]')
        socket.put('[2,"2","Next",{}]')
        assert await answers(socket, 2) == [[3, "1", {"said": "Cancel"}], [3, "2", {"said": "Next"}]]


class Odd(BaseException):
    """Nothing that a supervisor of exceptions expects."""


@pytest.mark.parametrize("waits", [False, True])
async def test_no_exception_of_a_handler_ends_the_connection(waits: bool) -> None:
    async def handler(action: str, payload: object) -> Answer:
        if waits:
            await asyncio.sleep(0)
        if action == "Odd":
            raise Odd
        return Answer({})

    async with alone(handler) as (_, socket, _):
        socket.put('[2,"1","Odd",{}]')
        [[kind, number, code, *_]] = await answers(socket, 1)
        assert (kind, number, code) == (4, "1", "InternalError")
        socket.put('[2,"2","Even",{}]')
        assert (await answers(socket, 2))[1:] == [[3, "2", {}]]


async def test_frames_leave_in_the_order_they_were_made() -> None:
    async with alone() as (_, socket, _):
        socket.hold()
        for number in range(20):
            socket.put(f'[2,"{number}",7,{{}}]')
        for _ in range(50):
            await asyncio.sleep(0)
        socket.release()
        found = await answers(socket, 20)
    assert [frame[1] for frame in found] == [str(number) for number in range(20)]


async def test_a_connection_that_repeats_every_message_runs_nothing_twice_at_once() -> None:
    calls: list[str] = []
    go = asyncio.Event()

    async def handler(action: str, payload: object) -> Answer:
        calls.append(action)
        await go.wait()
        return Answer({})

    async with ends(far=handler) as pair:
        pair.near_socket.repeat = 2
        call = asyncio.create_task(pair.near.call("A", {}))
        await until(lambda: bool(calls))
        for _ in range(10):
            await asyncio.sleep(0)
        go.set()
        assert await call == {}
    assert calls == ["A"]


async def test_whoever_watches_sees_shapes_and_words_we_know_and_nothing_else() -> None:
    async def far(action: str, payload: object) -> Answer:
        if action == "GetConfiguration":
            return Answer({"configurationKey": [{"key": "AuthorizationKey", "value": SECRET}]})
        return Answer({"status": "Accepted", "data": SECRET})

    async with ends(far=far) as pair:
        await pair.near.call("DataTransfer", {"vendorId": "iso15118", "messageId": "SignCertificate", "data": SECRET})
        await pair.near.call("DataTransfer", {"vendorId": SECRET, "messageId": SECRET, "data": SECRET})
        await pair.near.call("GetConfiguration", {"key": [SECRET]})
        await pair.far.call("ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET})
        pair.near_socket.put(f'[2,"1","A",{{{SECRET}]')
        await until(lambda: len(pair.seen) >= 10)
        seen = list(pair.seen)
    assert [(one.direction, one.kind, one.action, one.summary) for one in seen[:4]] == [
        ("sent", "CALL", "DataTransfer", "iso15118/SignCertificate"),
        ("received", "CALLRESULT", "DataTransfer", "Accepted"),
        ("sent", "CALL", "DataTransfer", "?/?"),
        ("received", "CALLRESULT", "DataTransfer", "Accepted"),
    ]
    assert any(one.direction == "received" and one.summary.startswith("malformed") for one in seen)
    assert seen[0].size == len(pair.near_socket.sent[0])
    assert SECRET not in repr(seen)


async def test_a_log_names_the_peer_and_never_the_payload(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "chainpilot.link")
    socket, _ = socket_pair()
    link = OcppLink(socket, echo, clock=SetClock(), name="BER-07")
    run = asyncio.create_task(link.run())
    socket.put(f'[2,"1","A",{{"{SECRET}":]')
    socket.put(f'[3,"2",{{"value":"{SECRET}"}}]')
    socket.put(f'[2,"3","A",{{"value":"{SECRET}"}}]')
    await answers(socket, 2)
    socket.cut()
    await run
    assert "BER-07: malformed frame" in caplog.text
    assert SECRET not in caplog.text


async def test_of_a_flood_of_bad_frames_the_log_has_one_line_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    async with alone() as (_, socket, clock):
        for hour in range(2):
            for _ in range(100):
                socket.put("[2,")
            await until(lambda: len(socket.sent) == 100 * (hour + 1))  # noqa: B023 - it is awaited here
            clock.advance(3600)
    lines = [record.getMessage() for record in caplog.records if "malformed frame" in record.getMessage()]
    assert len(lines) == 2
    assert lines[1].endswith("; 99 more since it was told last")
