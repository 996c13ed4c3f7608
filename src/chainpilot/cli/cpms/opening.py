"""From `--config FILE` to a configuration, or to a sentence and an exit code."""

import os
from pathlib import Path

import typer

from chainpilot.cli.exits import Exit
from chainpilot.cli.words import plain
from chainpilot.cpms.config import ConfigError, CpmsConfig, load_config

__all__ = ["complain", "open_config"]


def open_config(path: Path) -> CpmsConfig | Exit:
    """The configuration; where it can't be used, that is told and the exit code returned."""
    try:
        return load_config(path, os.environ)
    except ConfigError as error:
        complain(f"{path}: {error}" if error.key else str(error))
        cause = error.__cause__
        if not error.key and isinstance(cause, FileNotFoundError):
            return Exit.NOT_FOUND
        return Exit.NOT_ALLOWED if isinstance(cause, PermissionError) else Exit.USAGE


def complain(why: str) -> None:
    """On standard error, as every command does."""
    typer.echo(f"chainpilot: {plain(why)}", err=True)
