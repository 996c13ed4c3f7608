"""What is wrong with the clock, as far as certificates tell."""

from typing import Final

from chainpilot.station.checkup.problems import Row, Severity

__all__ = ["CLOCK_BEHIND", "EVERYTHING_ENDED", "TITLE"]

TITLE: Final = "The clock"

CLOCK_BEHIND: Final = Row(
    "ClockBehind",
    Severity.ERROR,
    "The clock says {now}, and {evidence}.",
    "Good certificates look as if they had not begun yet: the station refuses them, and cars and the CSMS with them.",
    "Set the clock, and find out why it was wrong: no time from the network, or an empty battery. Whatever else "
    "depends on the time is told rightly only after that.",
)
EVERYTHING_ENDED: Final = Row(
    "EverythingEnded",
    Severity.ERROR,
    "The clock says {now}; all {count} certificates have ended, the last on {last}.",
    "Nobody trusts this station, and it trusts nobody.",
    "Compare the clock with another one, and set it if it is ahead. If it is right, the certificates were forgotten: "
    "do what is told about each of them.",
)
