"""What the doctor tells: a problem with what was seen, why it matters and what to do, as data down to the command.

A `Row` is the table's line for one kind of problem; the lines stand in `rows`. How a problem is shown is the command
line's matter.
"""

import shlex
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

__all__ = ["ByHand", "Command", "Need", "Problem", "Row", "Setting", "Severity", "Shell", "Step"]


class Severity(Enum):
    """How much a problem matters; the worst first."""

    ERROR = "error"
    """Something doesn't work now, or a secret lies open."""
    WARNING = "warning"
    """Something will stop working, or already works less than it should."""
    NOTICE = "notice"
    """Good to know; nothing has to be done about it."""


@dataclass(frozen=True, slots=True)
class Need:
    """What the person brings: a word in capitals that stands in a step in its place."""

    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Shell:
    """A line for a POSIX shell, to be run as the store's user, or as root where it says so."""

    line: str
    needs: tuple[Need, ...] = ()

    @classmethod
    def of(cls, *words: str | Path, needs: tuple[Need, ...] = ()) -> "Shell":
        """The line of one command, quoted."""
        return cls(shlex.join(map(str, words)), needs)


@dataclass(frozen=True, slots=True)
class Command:
    """A command of `chainpilot station`; the options that name the store stand before it."""

    words: tuple[str, ...]
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the store, as it stands in its TOML file."""

    key: str
    value: str
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class ByHand:
    """What no command does."""

    what: str


Step = Shell | Command | Setting | ByHand


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a store."""

    code: str
    """Stable, for programs."""
    severity: Severity
    seen: str
    """What was found, with its values."""
    why: str
    """What it leads to."""
    do: str
    """What to do, in words."""
    steps: tuple[Step, ...]
    """The same step by step, in this order."""
    path: Path | None = None
    subject: str | None = None
    """The subject of the certificate it is about."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a kind of problem, its sentences with the values' names in braces."""

    code: str
    severity: Severity
    seen: str
    why: str
    do: str

    def found(self, *steps: Step, **values: object) -> Problem:
        """The problem with its values put in; `path` and `subject` among them tell what it is about."""
        path, subject = values.get("path"), values.get("subject")
        return Problem(
            code=self.code,
            severity=self.severity,
            seen=self.seen.format(**values),
            why=self.why.format(**values),
            do=self.do.format(**values),
            steps=steps,
            path=path if isinstance(path, Path) else None,
            subject=str(subject) if subject is not None else None,
        )
