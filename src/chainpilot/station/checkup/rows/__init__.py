"""The table of every problem that the doctor knows; docs/reference/doctor.md shows it, and a test compares the two.

What is looked at, and when a row holds, stands in the modules of the same names above.
"""

from typing import Final

from chainpilot.station.checkup.problems import Row
from chainpilot.station.checkup.rows import authorities, disk, files, keys, leaves, revocation, state, times

__all__ = ["SECTIONS", "TABLE"]

SECTIONS: Final[tuple[tuple[str, tuple[Row, ...]], ...]] = tuple(
    (module.TITLE, tuple(value for value in vars(module).values() if isinstance(value, Row)))
    for module in (times, authorities, leaves, keys, files, revocation, state, disk)
)
"""The rows under the titles of their sections."""
TABLE: Final[tuple[Row, ...]] = tuple(row for _, rows in SECTIONS for row in rows)
"""All of them, in the order in which problems of one severity are told."""
