"""What a run of a flow leaves behind: who told whom what, and what was written down in between.

A recording holds words and nothing else: no id, no time, no name, no payload. So two runs of a flow are equal.
"""

from dataclasses import dataclass
from enum import Enum

__all__ = ["Line", "Message", "Note", "Party", "Recording", "durable"]


class Party(Enum):
    """Who takes part; the value is the name in the diagrams."""

    STATION = "Station"
    CPMS = "CPMS"
    PKI = "PKI"


@dataclass(frozen=True, slots=True)
class Message:
    """One arrow."""

    source: Party
    target: Party
    text: str
    is_answer: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody did or wrote down between two messages."""

    over: tuple[Party, ...]
    text: str


Line = Message | Note


@dataclass(frozen=True, slots=True)
class Recording:
    """A flow in one dialect, as it went."""

    lines: tuple[Line, ...]
    records: tuple[str, ...]
    """What the CPMS's database and the PKI's register said afterwards."""


def durable(party: Party, what: str) -> Note:
    """A note of something that survives the end of the process, and the loss of power, from here on."""
    return Note((party,), f"on disk: {what}")
