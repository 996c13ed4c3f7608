"""The state table: total, reachable, and without a way back from the end."""

import pytest

from chainpilot.cpms.model import (
    OPEN_STATES,
    TRANSITIONS,
    EnrolmentEvent,
    EnrolmentState,
    ImpossibleTransition,
    next_state,
)

__all__: list[str] = []


def test_every_pair_of_state_and_event_is_defined() -> None:
    assert set(TRANSITIONS) == {(state, event) for state in EnrolmentState for event in EnrolmentEvent}


def test_every_state_is_reachable_from_requested() -> None:
    reached = {EnrolmentState.REQUESTED}
    while True:
        more = {after for (state, _), after in TRANSITIONS.items() if state in reached and after is not None}
        if more <= reached:
            break
        reached |= more
    assert reached == set(EnrolmentState)


def test_every_event_leads_somewhere() -> None:
    for event in EnrolmentEvent:
        assert any(TRANSITIONS[state, event] is not None for state in EnrolmentState), event


def test_a_cancelled_enrolment_stays_cancelled() -> None:
    after = {TRANSITIONS[EnrolmentState.CANCELLED, event] for event in EnrolmentEvent}
    assert after == {None, EnrolmentState.CANCELLED}


def test_every_open_state_can_be_cancelled() -> None:
    for state in OPEN_STATES:
        assert next_state(state, EnrolmentEvent.CANCEL) is EnrolmentState.CANCELLED


def test_only_a_submitted_request_or_one_with_a_kept_answer_becomes_issued() -> None:
    before = {
        state
        for (state, event), after in TRANSITIONS.items()
        if event is EnrolmentEvent.ISSUE and after is EnrolmentState.ISSUED
    }
    assert before == {EnrolmentState.SUBMITTED, EnrolmentState.ISSUED, EnrolmentState.FAILED}


def test_an_impossible_event_says_so() -> None:
    with pytest.raises(ImpossibleTransition, match="Requested can't confirm"):
        next_state(EnrolmentState.REQUESTED, EnrolmentEvent.CONFIRM)
