"""A recording as a Mermaid sequence diagram, the text that GitHub draws. Pure."""

from collections.abc import Iterable
from typing import Final

from flows.recording import Line, Message, Party

__all__ = ["ROLES", "UndrawableText", "diagram"]

ROLES: Final = {
    Party.STATION: "Station (store)",
    Party.CPMS: "CPMS (gateway, worker, records)",
    Party.PKI: "PKI (EST)",
}
"""What stands on top of each column."""

_SPECIAL: Final = ";#\n"
"""A semicolon ends a statement of Mermaid's, a number sign begins an entity, as a line's end ends a line."""


class UndrawableText(Exception):
    """A text that Mermaid would read as something else."""


def diagram(lines: Iterable[Line]) -> str:
    """The diagram's source, without a fence; parties that take no part have no column.

    Raises UndrawableText.
    """
    drawn = tuple(lines)
    present = {party for line in drawn for party in _parties(line)}
    columns = [f"    participant {party.value} as {ROLES[party]}" for party in Party if party in present]
    return "\n".join(["sequenceDiagram", *columns, *(f"    {_statement(line)}" for line in drawn)]) + "\n"


def _parties(line: Line) -> tuple[Party, ...]:
    return (line.source, line.target) if isinstance(line, Message) else line.over


def _statement(line: Line) -> str:
    if not line.text or any(character in line.text for character in _SPECIAL):
        raise UndrawableText(repr(line.text))
    if isinstance(line, Message):
        arrow = "-->>" if line.is_answer else "->>"
        return f"{line.source.value}{arrow}{line.target.value}: {line.text}"
    return f"Note over {','.join(party.value for party in line.over)}: {line.text}"
