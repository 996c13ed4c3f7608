"""The security log as lines of text, for people and for whatever reads a CSMS's files.

Where the events are kept is the memory's; how the text gets to the CSMS is `log_upload`'s.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from chainpilot.station.agent.events.types import SecurityEvent, word_of
from chainpilot.station.agent.ports import Memory
from chainpilot.wire.version import OcppVersion

__all__ = ["LogLines", "line_of", "security_lines"]

LogLines = Callable[[datetime | None, datetime | None, OcppVersion], Iterable[str]]
"""The lines between two moments (timezone-aware UTC, each included; None is open), in the words of a version.

Called and read in a thread; may raise MemoryFault at once, or while it is read.
"""

_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}
"""Whatever ends a line or moves a cursor: an event is one line, whatever a peer said in it."""


def security_lines(memory: Memory) -> LogLines:
    """The security log that the memory keeps."""

    def lines(oldest: datetime | None, latest: datetime | None, version: OcppVersion) -> Iterator[str]:
        return (line_of(event, version) for event in memory.security_log(oldest, latest))

    return lines


def line_of(event: SecurityEvent, version: OcppVersion) -> str:
    """Moment, type and technical information, with tabs between them."""
    moment = event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    info = (event.tech_info or "").replace("\\", "\\\\").translate(_CONTROLS)
    return f"{moment}\t{word_of(event.type, version)}\t{info}"
