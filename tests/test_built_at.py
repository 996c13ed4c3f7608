"""The date before which no clock is right: kept by hand at a release, held against the changelog here."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from chainpilot import BUILT_AT
from chainpilot.clock import SYSTEM

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
RELEASE = re.compile(r"^## \d+\.\d+\.\d+\S* - (\d{4}-\d{2}-\d{2})$", re.MULTILINE)
YEAR = timedelta(days=366)
"""A clock without a battery starts decades ago, so a bound that lags tells it too."""


def released(changelog: str) -> date | None:
    """The day of the newest entry that has one; None before the first release."""
    return max((date.fromisoformat(found) for found in RELEASE.findall(changelog)), default=None)


def objection(built_at: datetime, changelog: str, now: datetime) -> str | None:
    """Why that date can't stay, as a sentence for whoever makes the release."""
    day = released(changelog)
    if built_at > now:
        return "it lies in the future: every station's clock would count as wrong"
    if day is not None and built_at.date() > day:
        return f"it is later than the newest release in CHANGELOG.md ({day}): set it to that day"
    if day is not None and day - built_at.date() > YEAR:
        return f"it is more than a year before the newest release in CHANGELOG.md ({day}): set it to that day"
    return None


def test_the_build_date_is_that_of_the_newest_release_or_a_little_before() -> None:
    assert objection(BUILT_AT, CHANGELOG.read_text(), SYSTEM.now()) is None, "BUILT_AT of chainpilot/__init__.py"
    assert BUILT_AT.tzinfo is UTC


@pytest.mark.parametrize(
    ("built", "is_right"),
    [
        (date(2026, 12, 2), False),
        (date(2026, 12, 1), True),
        (date(2025, 11, 30), True),
        (date(2025, 11, 29), False),
    ],
)
def test_a_build_date_after_the_release_or_a_year_before_it_is_found(built: date, is_right: bool) -> None:
    changelog = "# Changes\n\n## 0.3.0 - unreleased\n\n## 0.2.0 - 2026-12-01\n\n## 0.1.0 - 2025-01-01\n"
    now = datetime(2027, 1, 1, tzinfo=UTC)
    at = datetime(built.year, built.month, built.day, tzinfo=UTC)
    assert (objection(at, changelog, now) is None) is is_right


def test_a_build_date_in_the_future_is_found_before_any_release() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert objection(now, "## 0.1.0 - unreleased\n", now) is None
    assert objection(now + timedelta(seconds=1), "## 0.1.0 - unreleased\n", now) is not None
