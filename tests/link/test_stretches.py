"""What comes again and again is told seldom."""

from chainpilot.link.stretches import TOLD_EVERY, Stretch


def test_the_first_is_told_at_once_and_the_next_an_hour_later_with_the_count_of_those_between() -> None:
    stretch = Stretch()
    assert stretch.came(5.0) == 0
    assert [stretch.came(5.0 + TOLD_EVERY - 1) for _ in range(3)] == [None, None, None]
    assert stretch.came(5.0 + TOLD_EVERY) == 3
    assert stretch.came(5.0 + TOLD_EVERY + 1) is None
    assert stretch.came(5.0 + 3 * TOLD_EVERY) == 1
    assert stretch.came(5.0 + 5 * TOLD_EVERY) == 0
