"""`doctor`: the problems of a store as blocks for people, the same as JSON for programs.

Sentences are folded on a terminal; commands never are, so that they can be copied.
"""

import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from chainpilot.cli.exits import Exit
from chainpilot.cli.station.arguments import StoreOptions
from chainpilot.cli.station.work.answers import Answer, carry_out
from chainpilot.cli.station.work.opening import program
from chainpilot.cli.words import iso, plain
from chainpilot.clock import SYSTEM
from chainpilot.station import EvseSecurity
from chainpilot.station.checkup import (
    ByHand,
    Command,
    Examination,
    Need,
    Problem,
    Setting,
    Severity,
    Shell,
    Step,
)

__all__ = ["doctor"]

_STYLES: Final = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTICE: "bold"}
_LABEL: Final = 7
"""Columns in front of a sentence."""
_NARROWEST: Final = 40
"""Columns at least, however narrow the terminal."""


def doctor(options: StoreOptions, *, as_json: bool) -> Exit:
    """Examine the store and tell its problems."""

    def ask(store: EvseSecurity) -> Answer:
        found = store.examination()
        needed = any(one.severity is not Severity.NOTICE for one in found.problems)
        return Answer(
            _picture(store, found, program(options)),
            _summary(found, options),
            Exit.NEEDS_SOMEBODY if needed else Exit.DONE,
            show=lambda: _show(found, options),
        )

    return carry_out("doctor", options, ask, as_json=as_json)


def _summary(found: Examination, options: StoreOptions) -> str:
    if not (found.problems or found.certificates or found.keys):
        begin = f"{program(options)} install-ca-certificate FILE V2G"
        return f"Nothing is wrong, and nothing is there: no root, no leaf, no key; begin with: {begin}"
    looked_at = f"{_counted(found.certificates, 'certificate')}, {_counted(found.keys, 'key')} looked at"
    counts = {kind: sum(one.severity is kind for one in found.problems) for kind in Severity}
    told = ", ".join(_counted(count, kind.value) for kind, count in counts.items() if count)
    return f"{told}; {looked_at}" if told else f"Nothing to do: {looked_at}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _show(found: Examination, options: StoreOptions) -> None:
    # a terminal that knows no umlauts still shows everything else
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    width = max(_NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None
    console = Console(highlight=False, markup=False, emoji=False)
    for problem in found.problems:
        console.print(Text(f"{problem.severity.value} {problem.code}", style=_STYLES[problem.severity]), soft_wrap=True)
        for line in _block(problem, options, width):
            console.print(Text(line), soft_wrap=True)
        console.print()
    console.print(Text(_summary(found, options), style="bold"), soft_wrap=True)


def _block(problem: Problem, options: StoreOptions, width: int | None) -> Iterator[str]:
    for label, words in (("seen", problem.seen), ("why", problem.why), ("do", problem.do)):
        head = f"  {label}".ljust(_LABEL)
        yield from _folded(head, plain(words), width)
    for step in problem.steps:
        for number, line in enumerate(_step_words(step, options)):
            yield " " * (_LABEL + 2 * (number > 0)) + plain(line)


def _folded(head: str, words: str, width: int | None) -> list[str]:
    if width is None:
        return [head + words]
    return textwrap.wrap(
        words,
        width,
        initial_indent=head,
        subsequent_indent=" " * _LABEL,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _step_words(step: Step, options: StoreOptions) -> tuple[str, ...]:
    """A step as it is typed, then what its words in capitals stand for."""
    match step:
        case Shell():
            return (step.line, *_need_words(step.needs))
        case Command():
            return (_line(step, program(options)), *_need_words(step.needs))
        case Setting():
            place = f"in {options.config}" if options.config is not None else "in the store's settings (--config FILE)"
            return (f"{place}: {step.key} = {step.value}", *_need_words(step.needs))
        case ByHand():
            return (step.what,)


def _line(command: Command, store: str) -> str:
    return f"{store} {shlex.join(command.words)}"


def _need_words(needs: tuple[Need, ...]) -> tuple[str, ...]:
    return tuple(f"{one.name}: {one.what}" for one in needs)


def _picture(store: EvseSecurity, found: Examination, begin: str) -> dict[str, Any]:
    return {
        "directory": str(store.layout.root),
        "at": iso(SYSTEM.now()),
        "certificates": found.certificates,
        "keys": found.keys,
        "problems": [_problem(one, begin) for one in found.problems],
    }


def _problem(problem: Problem, begin: str) -> dict[str, Any]:
    return {
        "code": problem.code,
        "severity": problem.severity.value,
        "seen": problem.seen,
        "why": problem.why,
        "do": problem.do,
        "steps": [_step(one, begin) for one in problem.steps],
        "path": str(problem.path) if problem.path is not None else None,
        "subject": problem.subject,
    }


def _step(step: Step, begin: str) -> dict[str, Any]:
    match step:
        case Shell():
            return {"kind": "shell", "line": step.line, "needs": _needs(step.needs)}
        case Command():
            return {"kind": "command", "line": _line(step, begin), "needs": _needs(step.needs)}
        case Setting():
            return {"kind": "setting", "key": step.key, "value": step.value, "needs": _needs(step.needs)}
        case ByHand():
            return {"kind": "by hand", "what": step.what}


def _needs(needs: tuple[Need, ...]) -> dict[str, str]:
    return {one.name: one.what for one in needs}
