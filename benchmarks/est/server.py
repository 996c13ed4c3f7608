"""The child process that serves: the test PKI as it is, on uvloop, in the folder that the first argument names.

It prints where it is, then its CPU seconds for every line of standard input, and ends with it.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvloop

from chainpilot.testpki.app import TestPki

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where it serves, and the password of its user."""

    est_url: str
    ocsp_url: str
    password: str


def _say(value: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


async def _main(folder: Path) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with TestPki(folder) as pki:
        _say(Place(pki.est_url, pki.ocsp_url, pki.password))
        while await lines.readline():
            _say(time.process_time())


if __name__ == "__main__":
    uvloop.run(_main(Path(sys.argv[1])))
