"""Runs of `chainpilot station`: within this process for most tests, as a program of its own where that matters."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from typer.testing import CliRunner

from certs import FROM, UNTIL
from chainpilot.cli import app
from chainpilot.cli.words import ending
from chainpilot.clock import SYSTEM

__all__ = ["END", "PROGRAM", "Run", "run_program", "station"]

PROGRAM: Final = Path(sys.executable).with_name("chainpilot")
END: Final = ending(FROM, UNTIL, SYSTEM.now())
"""How people read the end of a certificate that `certs` issued, such as `ends in 18 years (1 Jan 2045)`."""


@dataclass(frozen=True)
class Run:
    """What a run came to."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> dict[str, Any]:
        """The one JSON object that was printed, and nothing else."""
        assert self.out.count("\n") == 1
        told: dict[str, Any] = json.loads(self.out)
        return told

    @property
    def result(self) -> Any:
        """The interface's own result."""
        assert list(self.told) == ["command", "result", "reason"]
        return self.told["result"]


def station(certs: Path | None, *arguments: str | Path, stdin: str | bytes = b"", **environment: str) -> Run:
    """A command on the store in `certs`, run within this process."""
    words = ["station", *(("--certs", str(certs)) if certs is not None else ()), *map(str, arguments)]
    done = CliRunner().invoke(app, words, input=stdin, env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Run(done.exit_code, done.stdout, done.stderr)


def run_program(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> Run:
    """A run of the installed program, which never ends in a trace."""
    done = subprocess.run(
        [PROGRAM, *arguments],
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )
    run = Run(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in run.err
    return run
