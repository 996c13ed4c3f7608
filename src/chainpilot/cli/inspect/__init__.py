"""`chainpilot inspect`: any certificate file explained, for people or as JSON.

What bytes are is told by `pki.artifact`; here they are looked over together, judged for a time, and shown.
"""

import sys
import warnings
from dataclasses import replace
from datetime import datetime

import typer

from chainpilot.cli.exits import Exit
from chainpilot.cli.inspect import machine, people
from chainpilot.cli.inspect.complaints import complain
from chainpilot.cli.inspect.survey import Survey, look_over
from chainpilot.cli.source import STANDARD_INPUT, SourceError, read_source
from chainpilot.cli.words import parse_time, plain
from chainpilot.clock import SYSTEM
from chainpilot.pki.artifact import MAX_BYTES, ArtifactError, read_artifacts
from chainpilot.pki.hashdata import HashAlgorithm

__all__ = ["explain", "parse_time", "run_inspect"]


def run_inspect(source: str, *, as_json: bool, at: str | None, algorithm: str) -> Exit:
    """Explain the file, or standard input for `-`, and answer the exit code.

    Args:
        source: the file's path.
        as_json: one JSON object in place of lines.
        at: the time to judge for, ISO 8601; None is now.
        algorithm: the digest of hash data, a value of HashAlgorithm.
    """
    name = "standard input" if source == STANDARD_INPUT else source
    try:
        moment = SYSTEM.now() if at is None else parse_time(at)
    except ValueError:
        typer.echo(f"chainpilot: {at!r} is no time; write it as 2027-01-06 or 2027-01-06T12:00:00Z (--at)", err=True)
        return Exit.USAGE
    with warnings.catch_warnings():
        # the library warns about odd certificates in its own words; ours are in the report
        warnings.simplefilter("ignore")
        try:
            survey = explain(name, read_source(source, limit=MAX_BYTES), at=moment, algorithm=HashAlgorithm(algorithm))
        except (SourceError, ArtifactError) as error:
            return _refuse(name, moment, error, as_json=as_json)
        if as_json:
            typer.echo(machine.as_json(survey))
        else:
            _show_people(survey, is_another_time=at is not None)
    return Exit.DONE if survey.is_good else Exit.NEEDS_SOMEBODY


def explain(name: str, data: bytes, *, at: datetime, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> Survey:
    """What the bytes are, judged for the time `at`.

    Raises:
        ArtifactError: nothing we know.
    """
    survey = look_over(name, read_artifacts(data), at=at, algorithm=algorithm)
    return replace(survey, problems=complain(survey))


def _refuse(name: str, at: datetime, error: SourceError | ArtifactError, *, as_json: bool) -> Exit:
    if as_json:
        typer.echo(machine.refusal_as_json(name, at, error.why))
    elif isinstance(error, SourceError):
        typer.echo(f"chainpilot: {plain(error.why)}", err=True)
    else:
        typer.echo(f"chainpilot: {plain(name)}: {plain(error.why)}", err=True)
    return error.exit if isinstance(error, SourceError) else Exit.NEEDS_SOMEBODY


def _show_people(survey: Survey, *, is_another_time: bool) -> None:
    # a terminal that knows no umlauts still shows everything else
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    people.show(survey, is_another_time=is_another_time)
