"""Where the bytes come from: a file or standard input, read up to a bound, with a sentence for every obstacle."""

import difflib
import os
import sys
from pathlib import Path
from typing import Final

import typer

from chainpilot.cli.exits import Exit
from chainpilot.errors import OwnError

__all__ = ["STANDARD_INPUT", "SourceError", "read_source"]

STANDARD_INPUT: Final = "-"
_MAX_NAMES: Final = 1000
"""Names of a folder looked through for one to suggest: more would keep somebody waiting for a hint."""
_ENDINGS: Final = frozenset({".pem", ".der", ".crt", ".cer", ".csr", ".key", ".p7b", ".p7c", ".crl"})


class SourceError(OwnError):
    """The input can't be read; the sentence says what to do, and `exit` is the command's exit code."""

    def __init__(self, why: str, code: Exit) -> None:
        super().__init__(why)
        self.why = why
        self.exit = code


def read_source(source: str, *, limit: int) -> bytes:
    """The bytes of the file, or of standard input for `-`; one more than `limit` where there are more.

    Raises:
        SourceError: it is missing, a directory, not allowed, or the system can't read it.
    """
    try:
        if source == STANDARD_INPUT:
            return _standard_input(limit)
        with Path(source).open("rb") as file:
            return file.read(limit + 1)
    except FileNotFoundError as error:
        raise SourceError(f"there is no file {source}{_near(source)}", Exit.NOT_FOUND) from error
    except IsADirectoryError as error:
        raise SourceError(f"{source} is a directory; name a file in it{_inside(source)}", Exit.USAGE) from error
    except PermissionError as error:
        why = f"{source} may not be read by you; run it as a user who may, or pipe it in: sudo cat FILE | ... inspect -"
        raise SourceError(why, Exit.NOT_ALLOWED) from error
    except OSError as error:
        why = f"{source} can't be read: {error.strerror or error}"
        raise SourceError(why, Exit.NEEDS_SOMEBODY) from error


def _standard_input(limit: int) -> bytes:
    if sys.stdin is None:
        return b""
    if sys.stdin.isatty():
        typer.echo("Paste it, then press Ctrl-D on a line of its own.", err=True)
    return sys.stdin.buffer.read(limit + 1)


def _near(source: str) -> str:
    """A name in the same folder that may have been meant."""
    path = Path(source)
    close = difflib.get_close_matches(path.name, _names(path.parent), n=1)
    return f"; did you mean {path.with_name(close[0])}?" if close else "; is the path right?"


def _inside(source: str) -> str:
    names = [name for name in _names(Path(source)) if Path(name).suffix in _ENDINGS]
    return f", such as {Path(source) / names[0]}" if names else ""


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry, _ in zip(entries, range(_MAX_NAMES), strict=False))
    except OSError:
        return []
