"""How people see it: a table of what is there, a block for each object, and what to do where something is wrong.

Colours and line breaks are for terminals alone; in a pipe nothing is broken or cut.
"""

import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from chainpilot.cli.inspect.facts import facts_of
from chainpilot.cli.inspect.survey import Entry, Problem, Severity, Survey
from chainpilot.cli.inspect.titles import title_of
from chainpilot.cli.words import day, moment, plain, short_name
from chainpilot.pki.artifact import Arrangement, Flaw, Stack

__all__ = ["show"]

_LABEL: Final = 13
"""Columns of a fact's label."""
_NARROWEST: Final = 30
"""Columns a text gets at least on a terminal, however narrow: it folds rather than vanishes."""
_STYLES: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow"}
_MARKS: Final = {Severity.ERROR: "! wrong", Severity.WARNING: "- remark"}
"""Said without colours too."""


def show(survey: Survey, *, is_another_time: bool = False) -> None:
    """Print it all.

    Args:
        survey: what was found.
        is_another_time: it was not judged for now, which is then said.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    by_object: dict[int, list[Problem]] = {}
    for problem in survey.problems:
        for number in problem.objects:
            by_object.setdefault(number, []).append(problem)
    heading = _heading(survey) + (f"; judged for {moment(survey.at)} UTC" if is_another_time else "")
    for line in ((Text(), Text(heading, style="bold")), *_lines(survey, by_object)):
        for part in _folded(console, line, width):
            console.print(part, soft_wrap=True)


_Line = tuple[Text, Text]
"""What stands in front, and what is folded behind it."""


def _lines(survey: Survey, problems: dict[int, list[Problem]]) -> Iterator[_Line]:
    if len(survey.entries) > 1:
        yield from _table(survey, problems)
    for entry in survey.entries:
        yield Text(), Text()
        yield from _block(entry, survey, problems.get(entry.number, []))
    if survey.problems:
        yield from _next_steps(survey)


def _heading(survey: Survey) -> str:
    count = len(survey.entries)
    words = f"{plain(survey.source)}: {count} object{'' if count == 1 else 's'}"
    carriers = dict.fromkeys(entry.item.carrier.value for entry in survey.entries if entry.inside is None)
    words += f" in {', '.join(_CARRIERS[carrier] for carrier in carriers)}"
    return f"{words}; {_stack_words(survey.stack)}" if survey.stack is not None else words


_CARRIERS: Final = {"pem": "PEM", "der": "DER", "hex": "hexadecimal", "base64": "base64"}


def _stack_words(stack: Stack) -> str:
    match stack.arrangement:
        case Arrangement.AUTHORITIES:
            return "CA certificates, whose order means nothing"
        case Arrangement.LEAVES:
            return "a collection with several leaves"
        case Arrangement.STACK if stack.flaws:
            return f"a stack {', '.join(_FLAWED[flaw] for flaw in stack.flaws)}"
        case Arrangement.STACK:
            root = "; the root at its end may be left out" if stack.has_root else ""
            return f"a stack in the right order, each signed by the next{root}"


_FLAWED: Final = {
    Flaw.LEAF_NOT_FIRST: "whose leaf is not first",
    Flaw.OUT_OF_ORDER: "in the wrong order",
    Flaw.MISSING_LINK: "with a link missing",
    Flaw.STRANGER: "with something in it that doesn't belong",
}


def _table(survey: Survey, problems: dict[int, list[Problem]]) -> Iterator[_Line]:
    rows = [_row(entry, problems.get(entry.number, [])) for entry in survey.entries]
    widths = [max(cell_len(row[column]) for row in rows) for column in range(3)]
    yield Text(), Text()
    for entry, row in zip(survey.entries, rows, strict=True):
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=False)]
        head = Text(f"{row[0]:>{widths[0]}}  {cells[1]}  {cells[2]}  ")
        worst = _worst(problems.get(entry.number, []))
        yield head, Text(row[3], style=_STYLES[worst] if worst else "green")


def _row(entry: Entry, problems: list[Problem]) -> tuple[str, str, str, str]:
    certificate = entry.certificate
    kind = entry.purpose.role.value.replace("_", " ") if entry.purpose else entry.item.kind.value.replace("_", " ")
    name = short_name(certificate.subject) if certificate is not None else ""
    until = f"until {day(certificate.not_after)}" if certificate is not None else ""
    codes = ", ".join(dict.fromkeys(problem.code for problem in problems if problem.severity is Severity.ERROR))
    remarks = sum(problem.severity is Severity.WARNING for problem in problems)
    state = codes or ("ok" if not remarks else f"ok, {remarks} remark{'' if remarks == 1 else 's'}")
    inside = f" (in {entry.inside})" if entry.inside is not None else ""
    return str(entry.number), kind + inside, name, "  ".join(filter(None, (until, state)))


def _worst(problems: Iterable[Problem]) -> Severity | None:
    found = {problem.severity for problem in problems}
    return next((severity for severity in Severity if severity in found), None)


def _block(entry: Entry, survey: Survey, problems: list[Problem]) -> Iterator[_Line]:
    several = len(survey.entries) > 1
    inside = f"in {entry.inside}: " if entry.inside is not None else ""
    worst = _worst(problems)
    style = _STYLES[worst] if worst is Severity.ERROR else "bold"
    yield Text(f"{entry.number}  " if several else ""), Text(inside + title_of(entry, survey.at), style=style)
    indent = "   " if several else "  "
    for label, words in facts_of(entry, survey):
        yield Text(indent + label.ljust(_LABEL), style="dim"), Text(words)
    for problem in problems:
        if not problem.code.startswith("profile."):  # told with the profile
            mark = Text(indent + _MARKS[problem.severity].ljust(_LABEL), style=_STYLES[problem.severity])
            yield mark, Text(problem.detail)


def _next_steps(survey: Survey) -> Iterator[_Line]:
    """What to do, the same advice for several objects once."""
    steps: dict[tuple[str, str], list[int]] = {}
    for problem in survey.problems:
        if problem.action is not None:
            numbers = steps.setdefault((_gist(problem), problem.action), [])
            numbers.extend(number for number in problem.objects if number not in numbers)
    if not steps:
        return
    yield Text(), Text()
    yield Text(), Text("What to do:", style="bold")
    for (gist, action), numbers in steps.items():
        which = f"{', '.join(map(str, numbers))}: " if len(survey.entries) > 1 else ""
        yield Text("  "), Text(f"{which}{gist}: {action}")


def _gist(problem: Problem) -> str:
    """Expired objects differ by their dates; the advice is one all the same."""
    return {"expired": "expired", "duplicate": "there twice"}.get(problem.code, problem.detail)


def _folded(console: Console, line: _Line, width: int | None) -> Iterator[Text]:
    head, body = line
    room = None if width is None else max(_NARROWEST, width - cell_len(head.plain))
    if room is None or cell_len(body.plain) <= room:
        yield _stripped(Text.assemble(head, body))
        return
    for place, part in enumerate(body.wrap(console, room, overflow="fold")):
        yield _stripped(Text.assemble(head if place == 0 else " " * cell_len(head.plain), part))


def _stripped(line: Text) -> Text:
    line.rstrip()
    return line
