"""The security log as lines of text, for people and for whatever reads a CSMS's files.

Where the events are kept is the memory's; how the text gets to the CSMS is `log_upload`'s.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, Protocol

from chainpilot.station.agent.events.types import SecurityEvent, word_of
from chainpilot.wire.version import OcppVersion

__all__ = ["LogLines", "SecurityLog", "line_of", "security_lines"]

LogLines = Callable[[datetime | None, datetime | None, OcppVersion], Iterable[str]]
"""The lines between two moments (timezone-aware UTC, each included; None is open), in the words of a version.

Called and read in a thread; may raise MemoryFault at once, or while it is read.
"""

_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}
"""Whatever ends a line or moves a cursor: an event is one line, whatever a peer said in it."""


class SecurityLog(Protocol):
    """Whoever has the security log: the agent's memory, and the reporter with what couldn't be written down yet."""

    def security_log(self, oldest: datetime | None, latest: datetime | None) -> Iterable[SecurityEvent]:
        """See Memory."""
        ...


def security_lines(log: SecurityLog) -> LogLines:
    """The lines of that log."""

    def lines(oldest: datetime | None, latest: datetime | None, version: OcppVersion) -> Iterator[str]:
        return (line_of(event, version) for event in log.security_log(oldest, latest))

    return lines


def line_of(event: SecurityEvent, version: OcppVersion) -> str:
    """Moment, type and technical information, with tabs between them."""
    moment = event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    info = (event.tech_info or "").replace("\\", "\\\\").translate(_CONTROLS)
    return f"{moment}\t{word_of(event.type, version).translate(_CONTROLS)}\t{info}"
