"""The life of a call is a whole table."""

from itertools import product

from chainpilot.wire.ocppj.calls import CALL_TRANSITIONS, CallInput, CallState


def test_every_state_has_an_answer_to_every_input() -> None:
    assert set(CALL_TRANSITIONS) == set(product(CallState, CallInput))


def test_every_state_can_be_reached_and_left_except_the_last() -> None:
    reached = {CallState.QUEUED}
    for _ in CallState:
        reached |= {after for (before, _), after in CALL_TRANSITIONS.items() if before in reached}
    assert reached == set(CallState)
    for state in set(CallState) - {CallState.DONE}:
        assert any(after is not state for (before, _), after in CALL_TRANSITIONS.items() if before is state)
    assert all(CALL_TRANSITIONS[CallState.DONE, happening] is CallState.DONE for happening in CallInput)


def test_a_sent_call_never_becomes_unsent() -> None:
    after_sending = {CallState.SENT, CallState.ABANDONED, CallState.DONE}
    assert all(after in after_sending for (before, _), after in CALL_TRANSITIONS.items() if before in after_sending)
