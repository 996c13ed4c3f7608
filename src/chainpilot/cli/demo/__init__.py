"""`chainpilot demo`: the main job on one machine, every part real, every step shown and checked.

The script stands here; who plays stands in `cast`, what events mean in `story`, how it looks in `playbill`.
"""

import asyncio
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import typer
import uvloop

from chainpilot.cli.demo import playbill
from chainpilot.cli.demo.cast import STATION_ID, Cast, assemble
from chainpilot.cli.demo.openssl import Check, ask_responder, run_check, verify_leaf
from chainpilot.cli.demo.stage import Stage, open_stage
from chainpilot.cli.demo.story import Story, slug
from chainpilot.cli.demo.timeline import DemoFailed, Line, Timeline
from chainpilot.cli.exits import Exit, exit_of
from chainpilot.cli.signals import until_told_to_stop
from chainpilot.clock import SYSTEM
from chainpilot.errors import ChainpilotError
from chainpilot.pki.trust import LeafUse
from chainpilot.station.model import LeafCertificateType

__all__ = ["SCRIPT", "run_demo"]

_ISSUE: Final = (
    "key",
    "accepted",
    "requested",
    "submitted",
    "simpleenroll",
    "answered",
    "checked",
    "issued",
    "installed",
    "delivered",
)
SCRIPT: Final = (
    "pki",
    "cpms",
    "store",
    "connected-2",
    "booted",
    *(f"v2g.{mark}" for mark in (*_ISSUE, "cacerts", "read-back", "recorded")),
    *(f"csms.{mark}" for mark in (*_ISSUE, "cacerts", "recorded")),
    "connected-3",
    "csms.proven",
)
"""Every step that must have held at the end."""


@dataclass(slots=True)
class _Run:
    """One run of the demo and what became of it."""

    timeline: Timeline
    checks: list[Check] = field(default_factory=list)


def run_demo(*, directory: Path | None, stay: bool, as_json: bool) -> Exit:
    """Run the demo and answer the exit code: DONE only if every step held.

    Args:
        directory: keeps the files; None makes a new directory in the temporary folder, which stays too.
        stay: afterwards keep everything running until SIGINT or SIGTERM.
        as_json: one JSON object in place of lines.

    Raises:
        FolderRefused: the directory can't be used.
        FolderInUse: another demo runs in it.
    """
    logging.basicConfig(level=logging.CRITICAL)
    with open_stage(directory) as stage:
        try:
            return uvloop.run(_perform(stage, stay=stay, as_json=as_json))
        except KeyboardInterrupt:
            playbill.show_stop(stage.path)
            return Exit.STOPPED


async def _perform(stage: Stage, *, stay: bool, as_json: bool) -> Exit:
    def show(line: Line) -> None:
        if not as_json:
            playbill.show_line(line)

    if not as_json:
        playbill.show_title()
    run = _Run(Timeline(SYSTEM, show))
    try:
        async with assemble(stage, Story(run.timeline, STATION_ID)) as cast:
            await _play(run, cast)
            _finish(run, cast, stay=stay, as_json=as_json)
            if stay:
                await until_told_to_stop()
                playbill.show_stop(stage.path)
    except (ChainpilotError, OSError) as error:
        if as_json:
            typer.echo(playbill.as_json(run.timeline.lines, ok=False, why=str(error), cast=None, checks=()))
        else:
            playbill.show_failure(str(error), stage.path)
        return exit_of(error)
    return Exit.DONE


async def _play(run: _Run, cast: Cast) -> None:
    timeline = run.timeline
    await timeline.until("booted")
    for use in (LeafUse.V2G, LeafUse.CSMS):
        await cast.station.enrol(use)
        await timeline.until(f"{slug(use)}.recorded")
    await cast.station.step_up(3)
    await timeline.until("csms.proven")
    await _second_opinion(run, cast)
    _check_script(timeline.lines)


async def _second_opinion(run: _Run, cast: Cast) -> None:
    leaves = (LeafCertificateType.V2G, LeafCertificateType.CSMS)
    run.checks = [await asyncio.to_thread(verify_leaf, cast, kind) for kind in leaves]
    if shutil.which("openssl") is None:
        run.timeline.add("openssl", "openssl", "is not installed, so nobody else was asked")
        return
    responder = await asyncio.to_thread(ask_responder, cast)
    told = {
        "openssl.v2g": ("accepts the SECC certificate the store holds", run.checks[0]),
        "openssl.csms": ("accepts the client certificate the store holds", run.checks[1]),
        "openssl.ocsp": ("asked the OCSP responder: the SECC certificate is good", responder),
    }
    for mark, (words, check) in told.items():
        complaint = await run_check(check)
        wire = check.text if complaint is not None else " ".join(check.command[:2])
        run.timeline.add(mark, "openssl", complaint or words, wire, ok=complaint is None)
    run.checks.append(responder)


def _check_script(lines: Sequence[Line]) -> None:
    """Every step of the script was taken and none failed. Raises DemoFailed."""
    for line in lines:
        if not line.ok:
            raise DemoFailed(f"{line.who}: {line.what}", line.wire)
    taken = {line.mark for line in lines}
    missing = [mark for mark in SCRIPT if mark not in taken]
    if missing:
        raise DemoFailed("steps that were never taken", ", ".join(missing))


def _finish(run: _Run, cast: Cast, *, stay: bool, as_json: bool) -> None:
    lines = run.timeline.lines
    if as_json:
        typer.echo(playbill.as_json(lines, ok=True, why=None, cast=cast, checks=run.checks))
    else:
        playbill.show_end(cast, run.checks, lines[-1].seconds, stay=stay)
