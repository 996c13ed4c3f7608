"""Carrying out a command: the store is opened, asked, and its answer told to people or to a program.

For programs every command prints one object `{"command": ..., "result": ..., "reason": ...}`: the interface's own
result (null when the command could not be carried out, or answers nothing) and why it isn't what was wished for.
"""

import json
import logging
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import typer

from chainpilot.cli.exits import Exit, exit_of
from chainpilot.cli.station.arguments import StoreOptions
from chainpilot.cli.station.work.material import NotCarriedOut
from chainpilot.cli.station.work.opening import open_store, program
from chainpilot.cli.words import plain
from chainpilot.errors import ChainpilotError
from chainpilot.station import EvseSecurity
from chainpilot.station.vault import VaultBusy, VaultError

__all__ = ["Answer", "as_line", "carry_out", "fault_exit", "overheard"]

_MAX_REMARKS: Final = 100
"""Kept at most: a watch may run for years."""
_BUSY: Final = "another process holds the store's lock; try again, or find it with: fuser -v "
_NOT_ALLOWED: Final = "run it as the user whom the store belongs to"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to."""

    result: Any
    """As JSON."""
    said: str
    """What happened, as a sentence; empty where the output says it all."""
    exit: Exit = Exit.DONE
    reason: str | None = None
    """Why."""
    advice: str | None = None
    """What to do next; `{store}` stands for how a command for the same store begins."""
    details: tuple[str, ...] = ()
    """Lines below the sentence."""
    output: str | None = None
    """What a shell takes up, alone on standard output, the sentences on standard error; empty where it got nothing."""
    show: Callable[[], None] | None = None
    """Shows it to people in place of the sentences."""
    is_carried_out: bool = True
    """Whether the store was asked and answered."""


@dataclass(slots=True)
class _Heard:
    """What the store logged meanwhile: the reasons that the interface has no place for."""

    remarks: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_REMARKS))
    fault: VaultError | VaultBusy | None = None


def carry_out(
    command: str,
    options: StoreOptions,
    ask: Callable[[EvseSecurity], Answer],
    *,
    as_json: bool,
    is_begun: bool = False,
) -> Exit:
    """Open the store, ask it, tell the answer; the exit code says how it went.

    Args:
        command: its name in the interface.
        options: which store.
        ask: what the command does.
        as_json: for programs.
        is_begun: the command makes a store where there is none.
    """
    with overheard() as heard:
        try:
            answer = _asked(open_store(options, is_begun=is_begun), ask)
        except NotCarriedOut as error:
            answer = Answer(None, error.why, error.exit, is_carried_out=False)
        except ChainpilotError as error:
            answer = _failed(None, error)
    if heard.fault is not None:
        answer = _failed(answer.result, heard.fault)
    if as_json:
        reason = answer.reason or (None if answer.exit is Exit.DONE else answer.said)
        typer.echo(as_line({"command": command, "result": answer.result, "reason": reason}))
    elif answer.show is not None:
        answer.show()
    else:
        _tell(answer, program(options))
    if answer.exit is Exit.DONE:
        for remark in heard.remarks:
            typer.echo(f"chainpilot: {plain(remark)}", err=True)
    return answer.exit


def _asked(store: EvseSecurity, ask: Callable[[EvseSecurity], Answer]) -> Answer:
    """The answer, with what people should know beside it.

    A store that the command began: the directory may be a slip of the pen. Something that wasn't found in a store where
    something is passed over: that may be it.
    """
    root = store.layout.root
    is_new = not root.is_dir()
    answer = ask(store)
    if answer.exit is Exit.DONE and is_new:
        return replace(answer, details=(*answer.details, f"That began a new store in {root}"))
    if answer.exit is Exit.NOT_FOUND and (count := len(store.findings())):
        hint = f"{count} problem{'s' if count > 1 else ''} may be why: {{store}} doctor"
        return replace(answer, details=(*answer.details, hint))
    return answer


def as_line(told: object) -> str:
    """JSON on one line, in ASCII, so that any terminal and any locale takes it."""
    return json.dumps(told)


def fault_exit(error: ChainpilotError) -> Exit:
    """The exit code of what the disk doesn't do: a lock that isn't free, a right that is missing, anything else."""
    return Exit.NOT_ALLOWED if isinstance(error.__cause__, PermissionError) else exit_of(error)


@contextmanager
def overheard() -> Iterator[_Heard]:
    """Take up what the store logs, so that it is told once and in the right place."""
    _let_streams_take_anything()
    heard = _Heard()
    listener = _Listener(heard)
    logger = logging.getLogger("chainpilot")
    logger.addHandler(listener)
    try:
        with warnings.catch_warnings():
            # the library warns about odd certificates in its own words; the store has its own
            warnings.simplefilter("ignore")
            yield heard
    finally:
        logger.removeHandler(listener)


def _let_streams_take_anything() -> None:
    """A terminal that knows no umlauts still shows everything else."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


class _Listener(logging.Handler):
    def __init__(self, heard: _Heard) -> None:
        super().__init__(logging.WARNING)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.remarks.append(record.getMessage())
        for one in record.args if isinstance(record.args, tuple) else ():
            if isinstance(one, VaultError | VaultBusy):
                self._heard.fault = one


def _failed(result: Any, error: ChainpilotError) -> Answer:
    code = fault_exit(error)
    advice = _NOT_ALLOWED if code is Exit.NOT_ALLOWED else None
    if isinstance(error, VaultBusy):
        advice = f"{_BUSY}{error.path}"
    return Answer(result, str(error), code, advice=advice, is_carried_out=False)


def _tell(answer: Answer, store: str) -> None:
    is_aside = answer.output is not None or not answer.is_carried_out
    if answer.output:
        typer.echo(answer.output, nl=not answer.output.endswith("\n"))
    lines = [answer.said if answer.is_carried_out else f"chainpilot: {answer.said}"]
    lines += [line.replace("{store}", store) for line in answer.details]
    if answer.reason is not None:
        lines.append(f"Why: {answer.reason}")
    if answer.advice is not None:
        lines.append(f"Next: {answer.advice.replace('{store}', store)}")
    for line in filter(None, lines):
        typer.echo(plain(line), err=is_aside)
