"""The table of a call's states: total, reachable, without a way back from the end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chainpilot.cpms.model import (
    CALL_TRANSITIONS,
    OPEN_CALL_STATES,
    CallEvent,
    CallId,
    CallState,
    Exchange,
    ImpossibleCallTransition,
    StationCall,
)
from chainpilot.cpms.model.demands import Reset
from forge import NOON
from offices import STATION

__all__: list[str] = []

CALL = StationCall(CallId(1), STATION, Reset(), CallState.WAITING, NOON, NOON, NOON + timedelta(days=1), due=NOON)


def test_every_pair_of_state_and_event_is_defined() -> None:
    assert set(CALL_TRANSITIONS) == {(state, event) for state in CallState for event in CallEvent}


def test_every_state_is_reached_from_waiting() -> None:
    reached = {CallState.WAITING}
    while True:
        more = {after for (state, _), after in CALL_TRANSITIONS.items() if state in reached and after is not None}
        if more <= reached:
            break
        reached |= more
    assert reached == set(CallState)


def test_every_event_leads_somewhere() -> None:
    for event in CallEvent:
        assert any(CALL_TRANSITIONS[state, event] is not None for state in CallState), event


def test_nothing_leads_out_of_an_end() -> None:
    for state in set(CallState) - OPEN_CALL_STATES:
        assert {CALL_TRANSITIONS[state, event] for event in CallEvent} == {None}


def test_every_open_call_can_be_cancelled_and_is_due_no_more() -> None:
    for state in OPEN_CALL_STATES:
        cancelled = replace(CALL, state=state).after(CallEvent.CANCEL, NOON)
        assert (cancelled.state, cancelled.due, cancelled.lease_until) == (CallState.CANCELLED, None, None)


def test_only_what_was_sent_can_be_lost() -> None:
    before = {state for (state, event), after in CALL_TRANSITIONS.items() if event is CallEvent.LOSE and after}
    assert before == {CallState.SENT}


def test_an_impossible_event_says_so() -> None:
    with pytest.raises(ImpossibleCallTransition, match="Waiting can't lose"):
        CALL.after(CallEvent.LOSE, NOON)


def test_a_message_has_left_from_its_record_on_unless_it_provably_has_not() -> None:
    sent = replace(CALL.after(CallEvent.SEND, NOON), exchanges=(Exchange("Reset", "ocpp1.6", NOON, {}),))
    assert sent.has_left
    assert replace(sent, exchanges=(replace(sent.exchanges[0], answer="Accepted"),)).has_left
    assert not replace(sent, exchanges=(replace(sent.exchanges[0], is_unsent=True),)).has_left
    assert not CALL.has_left
