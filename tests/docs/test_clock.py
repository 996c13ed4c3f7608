"""The figures of docs/reference/clock.md are those of the code."""

import re
from datetime import timedelta
from pathlib import Path

from chainpilot.station.agent.timekeeping import keeper as timekeeping
from chainpilot.station.agent.timekeeping import watch as clock_watch

PAGE = (Path(__file__).parents[2] / "docs/reference/clock.md").read_text()
ROW = re.compile(r"^\| ([^|]+?) \| (\d+)(?: (seconds|minutes))? \|$", re.MULTILINE)
UNITS = {"seconds": 1, "minutes": 60, "": 1}


def test_every_figure_of_the_page_is_that_of_the_code() -> None:
    told = {words: int(number) * UNITS[unit] for words, number, unit in ROW.findall(PAGE)}
    spans = {
        "between two looks": timekeeping.LOOK_EVERY,
        "a jump: more than": clock_watch.JUMP,
        "tolerance behind the latest moment": clock_watch.BEHIND,
        "a leap: ahead of the latest moment by more than": clock_watch.LEAP,
        "settling time": clock_watch.SETTLING,
        "written down at most every": timekeeping.WRITE_EVERY,
        "agrees with the CSMS: at most apart": clock_watch.APART,
        "close to the CSMS again: at most apart": clock_watch.CLOSE,
        "jumps reported one by one, an hour": timekeeping.TOLD_AN_HOUR,
    }
    assert told == {
        words: span.total_seconds() if isinstance(span, timedelta) else span for words, span in spans.items()
    }
