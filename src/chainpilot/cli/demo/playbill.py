"""How the demo looks: aligned lines for people, one object for programs.

A line that a terminal would break puts what went over the wire on a line of its own; in a pipe nothing is broken.
"""

import json
import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import typer

from chainpilot.cli.demo.cast import GUEST_ID, GUEST_NAME, ORGANISATION, Cast
from chainpilot.cli.demo.openssl import Check
from chainpilot.cli.demo.timeline import Line

__all__ = ["as_json", "show_end", "show_failure", "show_line", "show_title"]

_WHO = 12
_WHAT = 62
_INDENT = 8 + 2 + _WHO + 1


def show_title() -> None:
    """What is about to be seen."""
    typer.echo(
        "A charging station gets its certificates from a PKI through a CPMS. All parts are real and on loopback.\n"
    )
    typer.echo(f"{'seconds':>8}  {'who':<{_WHO}} {'step':<{_WHAT}} over the wire or onto the disk")


def show_line(line: Line) -> None:
    """One step, as it happens."""
    mark = " " if line.ok else "!"  # a step that did not hold, also without colours
    text = f"{line.seconds:8.3f} {mark}{line.who:<{_WHO}} {line.what:<{_WHAT}} {line.wire}".rstrip()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else len(text)
    if len(text) > width:
        text = _broken(f"{line.seconds:8.3f} {mark}{line.who:<{_WHO}} ", line, width)
    if line.ok:
        typer.echo(text)
    else:
        typer.secho(text, fg="red")


def _broken(head: str, line: Line, width: int) -> str:
    """The line over several of the terminal's, each part behind the first indented under the step."""
    room = max(20, width - _INDENT)
    parts = [part for text in (line.what, line.wire) for part in textwrap.wrap(text, room, break_on_hyphens=False)]
    return head + ("\n" + " " * _INDENT).join(parts)


def show_end(cast: Cast, checks: Sequence[Check], seconds: float, *, stay: bool) -> None:
    """Where the files lie and what to do next."""
    typer.echo(f"\nEvery step held; {seconds:.1f} seconds.\n")
    names = {
        "store": "station's store",
        "cpms-config": "CPMS configuration",
        "cpms-records": "CPMS records",
        "pki": "test PKI",
    }
    for key, name in names.items():
        typer.echo(f"  {name:<20}{cast.files[key]}")
    typer.echo("\nCheck the SECC certificate yourself:\n")
    typer.echo(f"  {checks[0].text}\n")
    if stay:
        show_addresses(cast)
    else:
        typer.echo("Next: make demo ARGS=--stay keeps everything running. " + _removal(cast.directory))


def show_addresses(cast: Cast) -> None:
    """Where everything listens."""
    names = {
        "est": "EST (user cpms)",
        "ocsp": "OCSP",
        "ocpp-profile-2": "OCPP, password",
        "ocpp-profile-3": "OCPP, certificate",
    }
    for key, address in cast.addresses.items():
        typer.echo(f"  {names[key]:<20}{address}")
    typer.echo(f"\nA station of your own may connect as {GUEST_ID} and ask for {GUEST_NAME}, O={ORGANISATION}.")
    typer.echo(f"Its password is in {cast.files['guest-password']}; the roots it needs are in {cast.files['pki']}.")
    typer.echo("\nEverything keeps running. Stop it with Ctrl-C.")


def show_failure(why: str, directory: Path) -> None:
    """The step that did not hold, and where to look."""
    typer.secho(f"\nThe demo failed. {why}", fg="red", err=True)
    typer.echo(f"Its files are kept in {directory}. {_removal(directory)}", err=True)


def show_stop(directory: Path) -> None:
    """It was told to stop."""
    typer.echo(f"\nStopped. The files are kept in {directory}. {_removal(directory)}", err=True)


def _removal(directory: Path) -> str:
    return f"Remove the files: rm -r {shlex.quote(str(directory))}"


def as_json(lines: Sequence[Line], *, ok: bool, why: str | None, cast: Cast | None, checks: Sequence[Check]) -> str:
    """The whole run as one JSON object."""
    steps = [
        {
            "number": number,
            "seconds": round(line.seconds, 6),
            "step": line.mark,
            "who": line.who,
            "what": line.what,
            "wire": line.wire,
            "ok": line.ok,
        }
        for number, line in enumerate(lines, start=1)
    ]
    whole = {
        "ok": ok,
        "why": why,
        "steps": steps,
        "files": cast.files if cast else {},
        "addresses": cast.addresses if cast else {},
        "checks": [check.text for check in checks],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)
