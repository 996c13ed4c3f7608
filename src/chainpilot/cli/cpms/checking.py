"""`check-pki`: the steps as lines while they are taken, the same as one JSON object for programs."""

import asyncio
import json
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.text import Text

from chainpilot.cli.cpms.opening import complain, open_config
from chainpilot.cli.exits import Exit
from chainpilot.cli.words import iso, plain
from chainpilot.clock import SYSTEM
from chainpilot.cpms.checkup import Finding, Grade, Step, TestRequest, check_pki
from chainpilot.cpms.config import CpmsConfig, PkiConfig
from chainpilot.pki.identity import IdentityError, is_evseid, is_seccid
from chainpilot.pki.trust import LeafUse

__all__ = ["Wish", "check_pkis"]

_STYLES: Final = {
    Grade.OK: "green",
    Grade.WARNING: "bold yellow",
    Grade.FAILED: "bold red",
    Grade.UNREACHED: "bold red",
    Grade.REFUSED: "bold red",
}
_EXITS: Final = {
    Grade.OK: Exit.DONE,
    Grade.WARNING: Exit.NEEDS_SOMEBODY,
    Grade.FAILED: Exit.NEEDS_SOMEBODY,
    Grade.UNREACHED: Exit.UNREACHABLE,
    Grade.REFUSED: Exit.NOT_ALLOWED,
}
_SERIOUS: Final = (Grade.UNREACHED, Grade.REFUSED, Grade.FAILED, Grade.WARNING, Grade.OK)
"""The first of these that occurred is the exit code."""
_GRADE: Final = 12
_STEP: Final = max(len(step.value) for step in Step) + 2
"""Columns."""
_NARROWEST: Final = 60
"""Columns at least, however narrow the terminal."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A certificate to ask for in earnest, as the command line has it."""

    common_name: str
    organization: str | None
    country: str | None


def check_pkis(path: Path, name: str | None, wish: Wish | None, *, as_json: bool) -> Exit:
    """Check the named PKI, or all that are configured."""
    config = open_config(path)
    if isinstance(config, Exit):
        return config
    pkis = [pki for pki in config.pkis.values() if name in (None, pki.name)]
    if not pkis:
        known = f"; there are {', '.join(sorted(config.pkis))}" if config.pkis else ", nor any other"
        complain(f"{path} has no [pki.{name or 'NAME'}]{known}")
        return Exit.NOT_FOUND
    request = None
    if wish is not None:
        asked = _request(config, pkis, wish)
        if isinstance(asked, str):
            complain(asked)
            return Exit.USAGE
        request = asked
        warning = f"asking {pkis[0].name} for a real certificate for {wish.common_name}, which may cost money"
        typer.echo(plain(f"Now {warning}."), err=True)
    return asyncio.run(_check(config, pkis, request, as_json=as_json))


def _request(config: CpmsConfig, pkis: list[PkiConfig], wish: Wish) -> TestRequest | str:
    """What to ask for, or why not."""
    if len(pkis) != 1:
        return "--enrol asks one PKI: name it, as in check-pki NAME --enrol ..."
    if wish.organization is None:
        return "--enrol needs --organization: the operator's name, as the PKI knows it"
    use = LeafUse.V2G if is_evseid(wish.common_name) or is_seccid(wish.common_name) else LeafUse.CSMS
    if config.issue.get(use) != pkis[0].name:
        kind = "SECC certificates" if use is LeafUse.V2G else "client certificates"
        return f"{wish.common_name} is a name for {kind}, and [issue] doesn't have {pkis[0].name} sign them"
    country = wish.country or wish.common_name[:2].upper()
    request = TestRequest(wish.common_name, wish.organization, country, use)
    try:
        request.csr()
    except IdentityError as error:
        return f"{error}; --country and --organization give the rest of the name"
    return request


async def _check(config: CpmsConfig, pkis: list[PkiConfig], request: TestRequest | None, *, as_json: bool) -> Exit:
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that knows no umlauts shows everything else
    console = Console(highlight=False, markup=False, emoji=False)
    told: list[dict[str, Any]] = []
    grades: set[Grade] = set()
    for pki in pkis:
        steps: list[dict[str, Any]] = []
        if not as_json:
            console.print(Text(plain(f"{pki.name}  {pki.url}"), style="bold"), soft_wrap=True)
        async for finding in check_pki(config, pki, SYSTEM, request):
            grades.add(finding.grade)
            steps.append(_picture(finding))
            if not as_json:
                _show(console, finding)
        told.append({"name": pki.name, "url": pki.url, "steps": steps})
        if not as_json:
            console.print()
    code = _EXITS[next(grade for grade in _SERIOUS if grade in grades)]
    if as_json:
        typer.echo(json.dumps({"at": iso(SYSTEM.now()), "pkis": told, "ok": code is Exit.DONE}))
    else:
        console.print(Text(_summary(grades, enrolled=request is not None), style="bold"))
    return code


def _summary(grades: set[Grade], *, enrolled: bool) -> str:
    if grades <= {Grade.OK} and enrolled:
        return "Every step went well. Revoke the certificate that was issued."
    if grades <= {Grade.OK}:
        return "Nothing to do: every step went well."
    return "Something is to be done: see the lines that begin with do."


def _show(console: Console, finding: Finding) -> None:
    head = f"  {finding.grade.value}".ljust(_GRADE)
    width = max(_NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None
    for number, line in enumerate(_lines(finding, width)):
        text = Text(plain(line))
        if not number:
            text = Text(head, style=_STYLES[finding.grade]) + Text(plain(line[_GRADE:]))
        console.print(text, soft_wrap=True)


def _lines(finding: Finding, width: int | None) -> Iterator[str]:
    indent = " " * (_GRADE + _STEP)
    yield from _folded(" " * _GRADE + finding.step.value.ljust(_STEP), indent, plain(finding.seen), width)
    if finding.do:
        yield from _folded(f"{indent}do: ", f"{indent}    ", plain(finding.do), width)


def _folded(head: str, indent: str, words: str, width: int | None) -> list[str]:
    if width is None:
        return [head + words]
    return textwrap.wrap(
        words, width, initial_indent=head, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _picture(finding: Finding) -> dict[str, Any]:
    return {
        "step": finding.step.value,
        "grade": finding.grade.value,
        "seen": finding.seen,
        "do": finding.do or None,
        "facts": dict(finding.facts),
    }
