"""Who waits for what: calls of both directions, late and wrong answers, deadlines, the end of the connection."""

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chainpilot.wire.ocppj.events import (
    AnswerUnreadable,
    CallExpired,
    CallLost,
    CallReceived,
    CallRepeated,
    CallTurnedAway,
    ErrorReceived,
    FrameRefused,
    ResultReceived,
    StrayAnswer,
)
from chainpilot.wire.ocppj.frames import (
    Call,
    CallError,
    CallResult,
    ErrorCode,
    MessageType,
    UnwritableFrameError,
    decode,
    encode,
)
from chainpilot.wire.ocppj.rpc import NotInProgressError, QueueFullError, Rpc, RpcClosedError, RpcLimits

LIMITS = RpcLimits(queued_calls=3, calls_in_progress=2, answer_timeout=30.0, queue_timeout=60.0)


def new_rpc() -> Rpc:
    numbers = count(1)
    return Rpc(lambda: f"our-{next(numbers)}", LIMITS)


def sent_frames(rpc: Rpc, at: float = 0.0) -> list[object]:
    frames: list[object] = []
    while (outgoing := rpc.data_to_send(at)) is not None:
        assert decode(outgoing.text) == outgoing.frame
        frames.append(outgoing.frame)
    return frames


def test_a_call_is_sent_and_its_result_is_an_event() -> None:
    rpc = new_rpc()
    message_id = rpc.call("Heartbeat", {}, 0.0)
    assert sent_frames(rpc) == [Call(message_id, "Heartbeat", {})]
    assert rpc.receive(encode(CallResult(message_id, {"a": 1})), 1.0) == [
        ResultReceived(message_id, "Heartbeat", {"a": 1})
    ]


def test_a_call_may_be_answered_with_an_error() -> None:
    rpc = new_rpc()
    message_id = rpc.call("Heartbeat", {}, 0.0)
    sent_frames(rpc)
    error = CallError(message_id, ErrorCode.NOT_SUPPORTED, "no", {"k": 1})
    assert rpc.receive(encode(error), 1.0) == [
        ErrorReceived(message_id, "Heartbeat", ErrorCode.NOT_SUPPORTED, "no", {"k": 1})
    ]


def test_only_one_call_is_outstanding_and_the_rest_keep_their_order() -> None:
    rpc = new_rpc()
    first, second, third = (rpc.call(f"A{n}", {}, 0.0) for n in range(3))
    assert sent_frames(rpc) == [Call(first, "A0", {})]
    rpc.receive(encode(CallResult(first, {})), 1.0)
    assert sent_frames(rpc) == [Call(second, "A1", {})]
    rpc.receive(encode(CallError(second, ErrorCode.GENERIC_ERROR)), 1.0)
    assert sent_frames(rpc) == [Call(third, "A2", {})]


def test_the_queue_is_bounded() -> None:
    rpc = new_rpc()
    for _ in range(LIMITS.queued_calls):
        rpc.call("A", {}, 0.0)
    with pytest.raises(QueueFullError) as caught:
        rpc.call("B", {}, 0.0)
    assert (caught.value.action, caught.value.queued) == ("B", 3)
    sent_frames(rpc)
    rpc.call("C", {}, 0.0)


def test_a_call_that_json_cannot_carry_is_not_queued() -> None:
    rpc = new_rpc()
    with pytest.raises(UnwritableFrameError):
        rpc.call("A", {"n": float("nan")}, 0.0)
    assert sent_frames(rpc) == []
    assert rpc.next_deadline is None


def test_the_peers_call_is_answered_once() -> None:
    rpc = new_rpc()
    assert rpc.receive('[2,"p","X",{"k":1}]', 0.0) == [CallReceived("p", "X", {"k": 1})]
    assert rpc.in_progress == {"p"}
    rpc.respond("p", {"status": "Accepted"})
    assert sent_frames(rpc) == [CallResult("p", {"status": "Accepted"})]
    with pytest.raises(NotInProgressError):
        rpc.respond("p", {})
    with pytest.raises(NotInProgressError):
        rpc.refuse("never", ErrorCode.GENERIC_ERROR)


def test_the_peers_call_may_be_refused() -> None:
    rpc = new_rpc()
    rpc.receive('[2,"p","X",{}]', 0.0)
    rpc.refuse("p", ErrorCode.NOT_IMPLEMENTED, "unknown action", {"k": 1})
    assert sent_frames(rpc) == [CallError("p", ErrorCode.NOT_IMPLEMENTED, "unknown action", {"k": 1})]


def test_an_answer_that_json_cannot_carry_leaves_the_call_open() -> None:
    rpc = new_rpc()
    rpc.receive('[2,"p","X",{}]', 0.0)
    with pytest.raises(UnwritableFrameError):
        rpc.respond("p", {"n": float("inf")})
    rpc.refuse("p", ErrorCode.INTERNAL_ERROR)
    assert sent_frames(rpc) == [CallError("p", ErrorCode.INTERNAL_ERROR)]


def test_calls_of_both_directions_cross() -> None:
    rpc = new_rpc()
    rpc.receive('[2,"p","X",{}]', 0.0)
    own = rpc.call("Back", {}, 0.0)
    assert sent_frames(rpc) == [Call(own, "Back", {})]
    assert rpc.receive(encode(CallResult(own, {})), 0.0) == [ResultReceived(own, "Back", {})]
    rpc.respond("p", {})
    assert sent_frames(rpc) == [CallResult("p", {})]


def test_an_id_used_by_both_sides_is_not_mixed_up() -> None:
    rpc = Rpc(lambda: "same", LIMITS)
    rpc.call("Mine", {}, 0.0)
    sent_frames(rpc)
    assert rpc.receive('[2,"same","Theirs",{}]', 0.0) == [CallReceived("same", "Theirs", {})]
    assert rpc.receive('[3,"same",{}]', 0.0) == [ResultReceived("same", "Mine", {})]
    assert rpc.in_progress == {"same"}


def test_answers_go_before_calls() -> None:
    rpc = new_rpc()
    own = rpc.call("Mine", {}, 0.0)
    rpc.receive('[2,"p","X",{}]', 0.0)
    rpc.respond("p", {})
    assert sent_frames(rpc) == [CallResult("p", {}), Call(own, "Mine", {})]


def test_more_calls_in_progress_than_the_bound_are_turned_away() -> None:
    rpc = new_rpc()
    for name in "pq":
        rpc.receive(f'[2,"{name}","X",{{}}]', 0.0)
    [event] = rpc.receive('[2,"r","X",{}]', 0.0)
    assert isinstance(event, CallTurnedAway)
    assert event.code is ErrorCode.GENERIC_ERROR
    assert sent_frames(rpc) == [CallError("r", ErrorCode.GENERIC_ERROR, event.why)]
    rpc.respond("p", {})
    assert rpc.receive('[2,"s","X",{}]', 0.0) == [CallReceived("s", "X", {})]


def test_a_repeated_call_is_served_by_the_one_answer() -> None:
    rpc = new_rpc()
    rpc.receive('[2,"p","X",{"k":1}]', 0.0)
    assert rpc.receive('[2,"p","X",{"k":1}]', 0.0) == [CallRepeated("p", "X")]
    rpc.respond("p", {})
    assert sent_frames(rpc) == [CallResult("p", {})]


def test_another_call_under_an_id_in_progress_is_a_protocol_error() -> None:
    rpc = new_rpc()
    rpc.receive('[2,"p","X",{"k":1}]', 0.0)
    [event] = rpc.receive('[2,"p","X",{"k":2}]', 0.0)
    assert isinstance(event, CallTurnedAway)
    assert event.code is ErrorCode.PROTOCOL_ERROR
    assert rpc.in_progress == {"p"}


@pytest.mark.parametrize(
    ("text", "kind"), [('[3,"x",{}]', MessageType.CALLRESULT), ('[4,"x","GenericError","",{}]', MessageType.CALLERROR)]
)
def test_an_answer_to_an_unknown_id_is_an_event(text: str, kind: MessageType) -> None:
    rpc = new_rpc()
    assert rpc.receive(text, 0.0) == [StrayAnswer("x", kind)]
    own = rpc.call("A", {}, 0.0)
    assert rpc.receive(encode(CallResult(own, {})), 0.0) == [StrayAnswer(own, MessageType.CALLRESULT)]
    assert sent_frames(rpc) == [Call(own, "A", {})]


def test_a_late_answer_is_a_stray_one_and_the_next_call_goes() -> None:
    rpc = new_rpc()
    first = rpc.call("A", {}, 0.0)
    second = rpc.call("B", {}, 0.0)
    sent_frames(rpc, 5.0)
    assert rpc.next_deadline == 35.0
    assert rpc.tick(34.9) == []
    assert rpc.tick(35.0) == [CallExpired(first, "A", sent=True)]
    assert sent_frames(rpc, 35.0) == [Call(second, "B", {})]
    assert rpc.receive(encode(CallResult(first, {})), 36.0) == [StrayAnswer(first, MessageType.CALLRESULT)]
    assert rpc.receive(encode(CallResult(second, {})), 36.0) == [ResultReceived(second, "B", {})]
    assert rpc.next_deadline is None


def test_the_clock_decides_what_is_late_even_if_nobody_ticked() -> None:
    rpc = new_rpc()
    own = rpc.call("A", {}, 0.0)
    sent_frames(rpc, 0.0)
    assert rpc.receive(encode(CallResult(own, {})), 30.0) == [
        CallExpired(own, "A", sent=True),
        StrayAnswer(own, MessageType.CALLRESULT),
    ]


def test_a_call_that_waits_too_long_expires_unsent() -> None:
    rpc = new_rpc()
    first = rpc.call("A", {}, 0.0, timeout=100.0)
    second = rpc.call("B", {}, 0.0)
    sent_frames(rpc, 0.0)
    assert rpc.next_deadline == 60.0
    assert rpc.tick(60.0) == [CallExpired(second, "B", sent=False)]
    assert rpc.receive(encode(CallResult(first, {})), 99.0) == [ResultReceived(first, "A", {})]
    assert sent_frames(rpc) == []


def test_a_queued_call_that_is_cancelled_is_never_sent() -> None:
    rpc = new_rpc()
    first = rpc.call("A", {}, 0.0)
    second = rpc.call("B", {}, 0.0)
    rpc.cancel(second)
    sent_frames(rpc)
    rpc.receive(encode(CallResult(first, {})), 0.0)
    assert sent_frames(rpc) == []
    rpc.cancel("unknown")


def test_a_sent_call_that_is_cancelled_keeps_its_place_until_answered() -> None:
    rpc = new_rpc()
    first = rpc.call("A", {}, 0.0)
    second = rpc.call("B", {}, 0.0)
    sent_frames(rpc)
    rpc.cancel(first)
    rpc.cancel(first)
    assert sent_frames(rpc) == []
    assert rpc.receive(encode(CallResult(first, {})), 1.0) == [StrayAnswer(first, MessageType.CALLRESULT)]
    assert sent_frames(rpc) == [Call(second, "B", {})]


def test_a_sent_call_that_is_cancelled_gives_its_place_up_in_time_without_a_word() -> None:
    rpc = new_rpc()
    rpc.cancel(rpc.call("A", {}, 0.0))
    first = rpc.call("A", {}, 0.0)
    second = rpc.call("B", {}, 0.0)
    sent_frames(rpc)
    rpc.cancel(first)
    assert rpc.tick(30.0) == []
    assert sent_frames(rpc, 30.0) == [Call(second, "B", {})]


def test_a_malformed_frame_is_answered_and_the_connection_stays() -> None:
    rpc = new_rpc()
    [event] = rpc.receive('[2,"p","X",{]', 0.0)
    assert isinstance(event, FrameRefused)
    assert event.answered
    [answer] = sent_frames(rpc)
    assert isinstance(answer, CallError)
    assert (answer.message_id, answer.code) == ("p", ErrorCode.FORMATION_VIOLATION)
    assert rpc.receive('[2,"q","X",{}]', 0.0) == [CallReceived("q", "X", {})]


def test_a_malformed_answer_ends_the_call_it_belongs_to() -> None:
    rpc = new_rpc()
    own = rpc.call("A", {}, 0.0)
    sent_frames(rpc)
    [event] = rpc.receive(f'[3,"{own}",null]', 0.0)
    assert isinstance(event, AnswerUnreadable)
    assert (event.message_id, event.action) == (own, "A")
    assert sent_frames(rpc) == []


def test_a_malformed_answer_to_nothing_is_not_answered() -> None:
    rpc = new_rpc()
    [event] = rpc.receive('[4,"x","GenericError"]', 0.0)
    assert isinstance(event, FrameRefused)
    assert not event.answered
    assert sent_frames(rpc) == []


def test_the_end_of_the_connection_tells_what_may_have_been_sent() -> None:
    rpc = new_rpc()
    first = rpc.call("A", {}, 0.0)
    second = rpc.call("B", {}, 0.0)
    sent_frames(rpc)
    rpc.receive('[2,"p","X",{}]', 0.0)
    assert rpc.close() == [CallLost(first, "A", sent=True), CallLost(second, "B", sent=False)]
    assert rpc.close() == []
    assert rpc.receive('[2,"q","X",{}]', 0.0) == []
    assert rpc.data_to_send(0.0) is None
    assert rpc.next_deadline is None
    for act in (lambda: rpc.call("C", {}, 0.0), lambda: rpc.respond("p", {})):
        with pytest.raises(RpcClosedError):
            act()


def test_nobody_is_told_about_a_cancelled_call_at_the_end() -> None:
    rpc = new_rpc()
    own = rpc.call("A", {}, 0.0)
    sent_frames(rpc)
    rpc.cancel(own)
    assert rpc.close() == []


@given(st.lists(st.binary(max_size=40) | st.text(max_size=40), max_size=10))
def test_arbitrary_input_never_raises_and_every_answer_can_be_read(texts: list[str | bytes]) -> None:
    rpc = new_rpc()
    for text in texts:
        rpc.receive(text, 0.0)
    sent_frames(rpc)


class Conversation(RuleBasedStateMachine):
    """Any order of happenings: every call of ours ends exactly once, and only one is ever on the wire."""

    def __init__(self) -> None:
        super().__init__()
        self.rpc = new_rpc()
        self.at = 0.0
        self.open: set[str] = set()
        self.abandoned: set[str] = set()
        self.on_the_wire: list[str] = []

    def judge(self, events: list[object]) -> None:
        for event in events:
            if isinstance(event, ResultReceived | ErrorReceived | AnswerUnreadable | CallExpired | CallLost):
                assert event.message_id in self.open
                self.open.remove(event.message_id)
                if event.message_id in self.on_the_wire:
                    self.on_the_wire.remove(event.message_id)
            if isinstance(event, StrayAnswer) and event.message_id in self.on_the_wire:
                assert event.message_id in self.abandoned
                self.on_the_wire.remove(event.message_id)

    @rule()
    def call(self) -> None:
        try:
            self.open.add(self.rpc.call("A", {}, self.at))
        except QueueFullError:
            assert len(self.open) >= LIMITS.queued_calls

    @rule()
    def write(self) -> None:
        outgoing = self.rpc.data_to_send(self.at)
        if outgoing is not None and isinstance(outgoing.frame, Call):
            assert outgoing.frame.message_id in self.open
            self.on_the_wire.append(outgoing.frame.message_id)

    @rule(
        answer=st.sampled_from(['[3,"{}",{{}}]', '[4,"{}","GenericError","",{{}}]', '[3,"{}",null]']),
        number=st.integers(1, 8),
    )
    def answer(self, answer: str, number: int) -> None:
        self.judge(list(self.rpc.receive(answer.format(f"our-{number}"), self.at)))
        gone = f"our-{number}"
        if gone in self.abandoned and gone in self.on_the_wire:
            self.on_the_wire.remove(gone)

    @rule(number=st.integers(1, 8))
    def cancel(self, number: int) -> None:
        gone = f"our-{number}"
        self.rpc.cancel(gone)
        if gone in self.open:
            self.open.remove(gone)
            self.abandoned.add(gone)

    @rule(seconds=st.floats(0, 70))
    def wait(self, seconds: float) -> None:
        self.at += seconds
        before = self.rpc.next_deadline
        self.judge(list(self.rpc.tick(self.at)))
        if before is not None and before <= self.at:
            self.on_the_wire = [name for name in self.on_the_wire if name not in self.abandoned]

    @invariant()
    def one_call_is_on_the_wire(self) -> None:
        assert len([name for name in self.on_the_wire if name in self.open]) <= 1

    def teardown(self) -> None:
        self.judge(list(self.rpc.close()))
        assert not self.open


TestConversation = Conversation.TestCase


def test_the_texts_sent_are_json_arrays() -> None:
    rpc = new_rpc()
    rpc.call("A", {"k": [1, 2.5, None, True]}, 0.0)
    outgoing = rpc.data_to_send(0.0)
    assert outgoing is not None
    assert json.loads(outgoing.text) == [2, "our-1", "A", {"k": [1, 2.5, None, True]}]
