"""When a signing request is sent again: OCPP A02.FR.17 to 19, TC_A_23."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.station.agent.enrolment.repeats import LONGEST_WAIT, Reply, Round, remaining, wait_after

AT = datetime(2026, 6, 1, tzinfo=UTC)


def moments(wait_minimum: int, repeat_times: int, most: int = 20) -> list[int]:
    """Seconds from the first sending at which a request is sent that is always accepted and never answered for."""
    found, now = [0], 0
    while len(found) < most:
        wait = wait_after(Round(len(found), AT, Reply.ACCEPTED), wait_minimum, repeat_times)
        if wait is None:
            return found
        now += wait
        found.append(now)
    return found


@pytest.mark.parametrize(
    ("wait_minimum", "repeat_times", "expected"),
    [
        (30, 0, [0, 30]),
        (30, 1, [0, 30, 90]),
        (30, 2, [0, 30, 90, 210]),
        (30, 3, [0, 30, 90, 210, 450]),
        (0, 3, [0]),
        (1, 0, [0, 1]),
    ],
)
def test_tc_a_23_a_request_is_sent_at_0_w_and_then_after_doubled_waits(
    wait_minimum: int, repeat_times: int, expected: list[int]
) -> None:
    assert moments(wait_minimum, repeat_times) == expected


def test_a_rejected_request_is_not_sent_again_by_itself() -> None:
    assert wait_after(Round(1, AT, Reply.REJECTED), 30, 3) is None


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**6), st.sampled_from(Reply))
def test_no_wait_is_negative_or_without_end(wait_minimum: int, repeat_times: int, count: int, reply: Reply) -> None:
    wait = wait_after(Round(count, AT, reply), wait_minimum, repeat_times)
    assert wait is None or 0 < wait <= LONGEST_WAIT


@given(st.integers(1, 40))
def test_an_unanswered_request_waits_longer_each_time_and_never_stops(count: int) -> None:
    here, there = (wait_after(Round(one, AT), 300, 3) for one in (count, count + 1))
    assert here is not None
    assert there is not None
    assert here <= there


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_a_clock_that_jumped_makes_no_wait_negative_or_longer(passed: int, wait: int) -> None:
    left = remaining(Round(1, AT, Reply.ACCEPTED), wait, AT + timedelta(seconds=passed))
    assert left == min(wait, max(0, wait - passed))
