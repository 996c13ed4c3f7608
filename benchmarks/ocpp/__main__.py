"""The command line: `python -m benchmarks.ocpp`; the exit code is 0 unless --strict finds the target missed."""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec
import uvloop

from benchmarks.ocpp.certificates import Identity, make_identities
from benchmarks.ocpp.load import drive
from benchmarks.ocpp.server import Ports, ServerJob
from benchmarks.store.machine import machine_facts

__all__ = ["main"]

_TOP: Final = Path(__file__).parents[2]
_RESULT: Final = Path("build/ocpp-benchmark.json")
_TARGET: Final = 5.0
"""Times the peer's rate at least."""


@dataclass(frozen=True, slots=True)
class Round:
    """One server under the load of all stations for some seconds."""

    server: str
    transport: str
    rate: float
    """Round trips a second."""
    cpu_us: float
    """CPU microseconds of the server process a round trip."""


@dataclass(frozen=True, slots=True)
class _Server:
    ports: Ports
    asked: IO[bytes]
    said: IO[bytes]

    def cpu(self) -> float:
        self.asked.write(b"\n")
        self.asked.flush()
        return msgspec.json.decode(self.said.readline(), type=float)


def main() -> int:
    """Measure, show, and write the JSON."""
    asked = _arguments().parse_args()
    rounds = uvloop.run(_measure(asked.stations, asked.seconds, asked.rounds))
    facts = machine_facts(Path(tempfile.gettempdir()))
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_bytes(msgspec.json.format(msgspec.json.encode({"machine": facts, "rounds": rounds})) + b"\n")
    for name, value in facts.items():
        print(f"{name:20} {value}")
    ratios = [_tell(transport, rounds) for transport in ("plain", "mutual TLS")]
    return 1 if asked.strict and min(ratios) < _TARGET else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ocpp", description="Measure the CPMS's gateway.")
    parser.add_argument("--stations", type=int, default=8, help="connections, each with one call at a time (8)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round (3)")
    parser.add_argument("--rounds", type=int, default=3, help="of each server and transport, in turn (3)")
    parser.add_argument("--json", type=Path, default=_RESULT, metavar="PATH", help=f"default {_RESULT}")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when the target is missed")
    return parser


async def _measure(count: int, seconds: float, rounds: int) -> list[Round]:
    plain = tuple(f"plain-{number}" for number in range(count))
    secured = tuple(f"tls-{number}" for number in range(count))
    found: list[Round] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        ca, server, identities = make_identities(folder, (*plain, *secured))
        loads = {
            "plain": ({name: identities[name] for name in plain}, None),
            "mutual TLS": ({name: identities[name] for name in secured}, ca),
        }
        with (
            _started("ours", folder, ca, server, identities) as ours,
            _started("peer", folder, ca, server, identities) as peer,
        ):
            for _ in range(rounds):
                for transport, (stations, roots) in loads.items():
                    for name, one in (("chainpilot", ours), ("PyPI's ocpp", peer)):
                        port = one.ports.plain if roots is None else one.ports.mutual_tls
                        before = one.cpu()
                        load = await drive(port, stations, seconds, roots)
                        cpu = one.cpu() - before
                        found.append(Round(name, transport, load.answers / load.seconds, 1e6 * cpu / load.answers))
                        print(f"{transport}, {name}: {load.answers} round trips", file=sys.stderr)
                        await asyncio.sleep(0)
    return found


@contextmanager
def _started(kind: str, folder: Path, ca: Path, server: Identity, identities: dict[str, Identity]) -> Iterator[_Server]:
    job = ServerJob(
        kind,
        str(folder),
        str(ca),
        ca.read_text(encoding="ascii"),
        str(server.certificate),
        str(server.key),
        tuple(identities),
    )
    command = [sys.executable, "-m", "benchmarks.ocpp.server"]
    with (folder / f"{kind}.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=_TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    with child:
        asked, said = child.stdin, child.stdout
        if asked is None or said is None:
            raise SystemExit("the server has no pipes")
        asked.write(msgspec.json.encode(job) + b"\n")
        asked.flush()
        line = said.readline()
        if not line:
            raise SystemExit(f"the server {kind} did not start:\n{(folder / f'{kind}.log').read_text()}")
        yield _Server(msgspec.json.decode(line, type=Ports), asked, said)
        asked.close()


def _tell(transport: str, rounds: list[Round]) -> float:
    ours, peer = (
        [one for one in rounds if one.transport == transport and one.server == name]
        for name in ("chainpilot", "PyPI's ocpp")
    )
    print(f"\n{transport}\n{'server':12} {'round trips/s':>14} {'CPU us each':>12}")
    for one in (ours, peer):
        rate, cpu = statistics.median(each.rate for each in one), statistics.median(each.cpu_us for each in one)
        print(f"{one[0].server:12} {rate:14.0f} {cpu:12.0f}")
    ratio = statistics.median(a.rate / b.rate for a, b in zip(ours, peer, strict=True))
    cost = statistics.median(b.cpu_us / a.cpu_us for a, b in zip(ours, peer, strict=True))
    verdict = "within" if ratio >= _TARGET else "MISSED"
    print(f"{ratio:.1f} times the peer's rate (target {_TARGET:g}: {verdict}), 1/{cost:.1f} of its CPU")
    return ratio


if __name__ == "__main__":
    sys.exit(main())
