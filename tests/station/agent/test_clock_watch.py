"""The rules of docs/reference/clock.md, each at its bound, and for any sequence of looks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot import BUILT_AT
from chainpilot.station.agent.timekeeping.watch import (
    APART,
    BEHIND,
    CLOSE,
    JUMP,
    LEAP,
    SETTLING,
    Apart,
    ClockFinding,
    ClockWatch,
    Jumped,
    TimeJudgement,
    TrustChanged,
    told,
)

NOON = datetime(2027, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def watch(latest: datetime | None = None, *, assume_time_ok: bool = False) -> ClockWatch:
    made = ClockWatch(built_at=BUILT_AT, assume_time_ok=assume_time_ok)
    if latest is not None:
        made.remember(latest)
    return made


def kinds(judgement: TimeJudgement) -> list[type[ClockFinding]]:
    return [type(one) for one in judgement.found]


class TestTheBuildDate:
    @pytest.mark.parametrize(("wall", "is_trusted"), [(-SECOND, False), (0 * SECOND, True), (SECOND, True)])
    def test_a_clock_before_it_is_not_trusted(self, wall: timedelta, is_trusted: bool) -> None:
        judgement = watch().look(BUILT_AT + wall, 0.0)
        assert judgement.is_trusted is is_trusted
        assert (judgement.why_untrusted is None) is is_trusted

    def test_the_reason_tells_both_times(self) -> None:
        why = watch().look(NEVER, 0.0).why_untrusted
        assert why == f"the clock says 1970-01-01T00:00:00Z, and this release is not older than {told(BUILT_AT)}"

    def test_neither_the_csms_nor_the_switch_makes_it_trusted(self) -> None:
        made = watch(assume_time_ok=True)
        assert not made.heard(NEVER, NEVER, 0.0).is_trusted
        assert not made.look(NEVER + SECOND, 1.0).is_trusted
        assert made.latest is None


class TestTheLatestMoment:
    @pytest.mark.parametrize(
        ("behind", "is_trusted"), [(BEHIND - SECOND, True), (BEHIND, True), (BEHIND + SECOND, False)]
    )
    def test_a_clock_far_behind_it_is_not_trusted(self, behind: timedelta, is_trusted: bool) -> None:
        made = watch(NOON)
        judgement = made.look(NOON - behind, 0.0)
        assert judgement.is_trusted is is_trusted
        assert made.latest == NOON, "it never goes back by itself"

    def test_the_reason_tells_both_times(self) -> None:
        why = watch(NOON).look(NOON - timedelta(days=1), 0.0).why_untrusted
        assert why == ("the clock says 2027-05-31T12:00:00Z, and the station was already past 2027-06-01T12:00:00Z")

    def test_it_is_trusted_again_once_it_is_back_there(self) -> None:
        made = watch(NOON)
        assert not made.look(NOON - 2 * BEHIND, 0.0).is_trusted
        assert not made.look(NOON - BEHIND - SECOND, BEHIND.total_seconds() - 1).is_trusted
        judgement = made.look(NOON - BEHIND, BEHIND.total_seconds())
        assert judgement.found == (TrustChanged(None),)

    @pytest.mark.parametrize("gap", [-APART, APART])
    def test_it_is_given_up_when_the_csms_agrees_with_the_clock(self, gap: timedelta) -> None:
        made, wall = watch(NOON), NOON - timedelta(days=400)
        assert not made.look(wall, 0.0).is_trusted
        assert made.heard(wall + gap, wall, 0.0).is_trusted
        assert made.latest == wall

    @pytest.mark.parametrize("gap", [-APART - SECOND, APART + SECOND])
    def test_it_stays_when_the_csms_does_not_agree(self, gap: timedelta) -> None:
        made, wall = watch(NOON), NOON - timedelta(days=400)
        assert not made.heard(wall + gap, wall, 0.0).is_trusted
        assert made.latest == NOON

    def test_the_clock_set_back_again_after_that_is_not_trusted_again(self) -> None:
        made, wall = watch(NOON), NOON - timedelta(days=400)
        assert made.heard(wall, wall, 0.0).is_trusted
        assert not made.look(wall - BEHIND - SECOND, 10.0).is_trusted

    def test_the_switch_gives_it_up_for_good(self) -> None:
        made, wall = watch(NOON, assume_time_ok=True), NOON - timedelta(days=400)
        assert made.look(wall, 0.0).is_trusted
        assert made.latest == wall

    def test_creeping_back_step_by_step_is_found(self) -> None:
        """Each step is too small to be a jump."""
        made, wall = watch(NOON), NOON
        for look in range(1, 100):
            wall -= JUMP / 2
            judgement = made.look(wall, look * 10.0)
            if not judgement.is_trusted:
                assert NOON - wall > BEHIND
                return
        pytest.fail("nobody noticed")


class TestSettling:
    def test_a_first_clock_counts_once_it_stood(self) -> None:
        made = watch()
        made.look(NOON, 0.0)
        assert made.look(NOON + timedelta(seconds=SETTLING - 1), SETTLING - 1).is_trusted
        assert made.latest is None
        late = NOON + timedelta(seconds=SETTLING)
        made.look(late, SETTLING)
        assert made.latest == late

    def test_the_csms_settles_it_at_once(self) -> None:
        made = watch()
        made.heard(NOON, NOON, 0.0)
        assert made.latest == NOON

    @pytest.mark.parametrize(("ahead", "counts"), [(LEAP - SECOND, True), (LEAP, True), (LEAP + SECOND, False)])
    def test_a_station_that_was_off_for_long_settles_first(self, ahead: timedelta, counts: bool) -> None:
        made = watch(NOON)
        assert made.look(NOON + ahead, 0.0).is_trusted
        assert made.latest == (NOON + ahead if counts else NOON)

    def test_a_short_mistake_into_the_future_does_not_make_the_right_time_look_wrong(self) -> None:
        made = watch(NOON)
        made.look(NOON, 0.0)
        assert made.look(NOON.replace(year=2099), 10.0).is_trusted
        back = made.look(NOON + timedelta(seconds=20), 20.0)
        assert back.is_trusted
        assert kinds(back) == [Jumped]
        assert made.latest == NOON + timedelta(seconds=20)

    def test_what_was_read_late_counts_by_the_later_moment(self) -> None:
        made = watch()
        made.heard(NOON, NOON, 0.0)
        made.remember(NOON - timedelta(days=1))
        assert made.latest == NOON
        made.remember(NOON + timedelta(days=1))
        assert not made.look(NOON, 0.0).is_trusted


class TestJumps:
    @pytest.mark.parametrize("sign", [1, -1])
    @pytest.mark.parametrize(("by", "jumps"), [(JUMP - SECOND, 0), (JUMP, 0), (JUMP + SECOND, 1)])
    def test_only_a_step_past_the_bound_is_one(self, by: timedelta, jumps: int, sign: int) -> None:
        made = watch(NOON)
        made.look(NOON, 0.0)
        new = NOON + timedelta(seconds=10) + sign * by
        judgement = made.look(new, 10.0)
        assert [one for one in judgement.found if isinstance(one, Jumped)] == [Jumped(NOON, new)] * jumps

    def test_time_that_passed_unseen_is_none(self) -> None:
        made = watch(NOON)
        made.look(NOON, 0.0)
        assert made.look(NOON + timedelta(days=9), 9 * 86400.0).found == ()

    def test_a_machine_that_slept_looks_like_one_forward(self) -> None:
        made = watch(NOON)
        made.look(NOON, 0.0)
        assert kinds(made.look(NOON + timedelta(hours=8), 10.0)) == [Jumped]

    def test_a_jump_back_tells_the_jump_before_the_lost_trust(self) -> None:
        made = watch(NOON)
        made.look(NOON, 0.0)
        assert kinds(made.look(NOON - timedelta(hours=1), 10.0)) == [Jumped, TrustChanged]


class TestApart:
    @pytest.mark.parametrize("sign", [1, -1])
    @pytest.mark.parametrize(("gap", "told_of"), [(APART - SECOND, False), (APART, False), (APART + SECOND, True)])
    def test_a_csms_that_differs_is_told_of_and_the_clock_trusted(
        self, gap: timedelta, told_of: bool, sign: int
    ) -> None:
        made = watch(NOON)
        made.look(NOON, 0.0)
        judgement = made.heard(NOON + sign * gap, NOON, 0.0)
        assert judgement.found == ((Apart(NOON, NOON + sign * gap),) if told_of else ())
        assert judgement.is_trusted

    def test_it_is_told_once_until_both_were_close(self) -> None:
        made = watch(NOON)
        told_of = [
            kinds(made.heard(NOON + gap, NOON, 0.0)).count(Apart)
            for gap in (APART + SECOND, 9 * APART, APART, CLOSE + SECOND, 9 * APART, CLOSE, 9 * APART)
        ]
        assert told_of == [1, 0, 0, 0, 0, 0, 1]


MOMENTS = st.datetimes(timezones=st.just(UTC))
NEAR = st.integers(-7200, 7200).map(lambda seconds: NOON + timedelta(seconds=seconds))
STEPS = st.lists(
    st.tuples(st.one_of(MOMENTS, NEAR), st.floats(0, 1e6, allow_nan=False), st.none() | MOMENTS | NEAR, st.booleans()),
    max_size=20,
)


@given(STEPS, st.none() | MOMENTS, st.booleans())
def test_any_sequence_of_looks_keeps_the_rules(
    steps: list[tuple[datetime, float, datetime | None, bool]], latest: datetime | None, assumes: bool
) -> None:
    made = watch(latest, assume_time_ok=assumes)
    monotonic, previous, trusted, is_apart = 0.0, None, None, False
    for wall, passed, csms, agrees in steps:
        monotonic += passed
        heard = wall if agrees and csms is not None else csms
        before = made.latest
        judgement = made.look(wall, monotonic) if heard is None else made.heard(heard, wall, monotonic)
        if wall < BUILT_AT:
            assert not judgement.is_trusted
            assert made.latest == before
        elif before is None or before - wall <= BEHIND:
            assert judgement.is_trusted
        else:
            assert judgement.is_trusted is (assumes or (heard is not None and abs(heard - wall) <= APART))
        if made.latest is not None and before is not None and made.latest < before:
            assert judgement.is_trusted, "only a clock that is trusted gives it up"
        jumps = [one for one in judgement.found if isinstance(one, Jumped)]
        if previous is not None:
            drift = (wall - previous) - timedelta(seconds=passed)
            assert abs(len(jumps) - (abs(drift) > JUMP)) == 0 or abs(abs(drift) - JUMP) < SECOND
        else:
            assert jumps == []
        changes = [one for one in judgement.found if isinstance(one, TrustChanged)]
        assert len(changes) == (trusted is not judgement.is_trusted)
        assert all((one.why is None) is judgement.is_trusted for one in changes)
        gaps = [one for one in judgement.found if isinstance(one, Apart)]
        assert len(gaps) <= (not is_apart)
        if heard is not None:
            is_apart = abs(heard - wall) > APART or (is_apart and abs(heard - wall) > CLOSE)
        previous, trusted = wall, judgement.is_trusted


@given(st.datetimes(timezones=st.timezones()))
def test_any_moment_can_be_told(at: datetime) -> None:
    assert told(at)
