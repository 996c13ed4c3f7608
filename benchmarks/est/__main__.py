"""The command line: `python -m benchmarks.est`; the exit code is 0 unless --strict finds a target missed."""

import argparse
import asyncio
import base64
import itertools
import ssl
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

from benchmarks.est.floor import each, requests, signature_seconds
from benchmarks.est.load import Load, drive, post
from benchmarks.est.server import Place
from benchmarks.store.machine import machine_facts
from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.ocsp import Good, build_request, judge_response
from chainpilot.testpki.app import EST_USER
from chainpilot.wire.est.bodies import encode_body

__all__ = ["main"]

_TOP: Final = Path(__file__).parents[2]
_RESULT: Final = Path("build/est-benchmark.json")
_FOR_EACH_SECOND: Final = 2500
"""Signing requests made beforehand; each is posted once, since the same one gets the same certificate."""
_ENROLMENTS: Final = 1000.0
_P99_MS: Final = 20.0
_JUDGEMENTS: Final = 3000.0
_WIDTHS: Final = (8, 12, 15, 8, 8, 8)


@dataclass(frozen=True, slots=True)
class Round:
    """One kind of load for some seconds."""

    what: str
    rate: float
    """Answers a second."""
    cpu_us: float
    """CPU microseconds of the server process an answer."""
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class _Server:
    place: Place
    asked: IO[bytes]
    said: IO[bytes]

    def cpu(self) -> float:
        self.asked.write(b"\n")
        self.asked.flush()
        return msgspec.json.decode(self.said.readline(), type=float)


def main() -> int:
    """Measure, show, and write the JSON."""
    asked = _arguments().parse_args()
    sign, verify = signature_seconds(asked.seconds / 3)
    with tempfile.TemporaryDirectory() as folder:
        rounds, judged = uvloop.run(_measure(Path(folder), asked.seconds, asked.rounds, asked.clients))
        facts = machine_facts(Path(folder))
    found = {"machine": facts, "sign_us": 1e6 * sign, "verify_us": 1e6 * verify, "judge_us": 1e6 * judged}
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_bytes(msgspec.json.format(msgspec.json.encode({**found, "rounds": rounds})) + b"\n")
    for name, value in facts.items():
        print(f"{name:20} {value}")
    held = _tell(rounds, 1e6 * sign, 1e6 * verify, 1e6 * judged)
    return 1 if asked.strict and not held else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.est", description="Measure EST and OCSP.")
    parser.add_argument("--clients", type=int, default=8, help="connections, each with one request at a time (8)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round (3)")
    parser.add_argument("--rounds", type=int, default=3, help="of each load, in turn (3)")
    parser.add_argument("--json", type=Path, default=_RESULT, metavar="PATH", help=f"default {_RESULT}")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    return parser


async def _measure(folder: Path, seconds: float, rounds: int, clients: int) -> tuple[list[Round], float]:
    with _started(folder) as server:
        place = server.place
        tls = ssl.create_default_context(cafile=str(folder / "pki" / "web_root.pem"))
        url = f"{place.est_url}/.well-known/est/cpo/simpleenroll"
        bodies = [encode_body(der) for der in requests(int(rounds * seconds * _FOR_EACH_SECOND))]
        login = base64.b64encode(f"{EST_USER}:{place.password}".encode()).decode()
        more = f"Content-Transfer-Encoding: base64\r\nAuthorization: Basic {login}\r\n"
        left = iter(bodies)

        def some(*, is_last: bool) -> list[bytes]:
            taken = itertools.islice(left, int(seconds * _FOR_EACH_SECOND) // (4 if is_last else 2))
            return [post(url, "application/pkcs10", body, more=more, is_last=is_last) for body in taken]

        sub2, sub1 = (load_certificates((folder / "pki" / f"cpo_{one}.pem").read_text())[0] for one in ("sub2", "sub1"))
        question = build_request(hash_data(sub2, sub1), sub1)
        asking = [post(place.ocsp_url, "application/ocsp-request", question)] * int(seconds * 20_000)
        found: list[Round] = []
        for _ in range(rounds):
            for what, target, messages, context, keeps in (
                ("enrolments, kept connections", url, some(is_last=False), tls, True),
                ("enrolments, a new TLS connection each", url, some(is_last=True), tls, False),
                ("OCSP answers, kept connections", place.ocsp_url, asking, None, True),
            ):
                before = server.cpu()
                load = await drive(target, messages, seconds, context, clients=clients, keeps=keeps)
                found.append(_round(what, load, server.cpu() - before))
                print(f"{what}: {len(load.latencies)}", file=sys.stderr)
        return found, await _judging(place, question, sub2, sub1, seconds)


def _round(what: str, load: Load, cpu: float) -> Round:
    count = len(load.latencies)
    return Round(what, count / load.seconds, 1e6 * cpu / count, load.quantile(0.5), load.quantile(0.99))


async def _judging(place: Place, question: bytes, subject: Certificate, issuer: Certificate, seconds: float) -> float:
    """CPU seconds of a judgement, of an answer that the responder just gave."""
    host, _, port = place.ocsp_url.rpartition("//")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(post(place.ocsp_url, "application/ocsp-request", question, is_last=True))
    der = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    asked, at = hash_data(subject, issuer), SYSTEM.now()
    if not isinstance(judge_response(der, asked, issuer, at), Good):
        raise SystemExit("the responder's answer is not good")
    return each(lambda: judge_response(der, asked, issuer, at), seconds)


@contextmanager
def _started(folder: Path) -> Iterator[_Server]:
    command = [sys.executable, "-m", "benchmarks.est.server", str(folder / "pki")]
    with (folder / "server.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=_TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    with child:
        asked, said = child.stdin, child.stdout
        if asked is None or said is None:
            raise SystemExit("the server has no pipes")
        line = said.readline()
        if not line:
            raise SystemExit(f"the server did not start:\n{(folder / 'server.log').read_text()}")
        yield _Server(msgspec.json.decode(line, type=Place), asked, said)
        asked.close()


def _tell(rounds: list[Round], sign_us: float, verify_us: float, judge_us: float) -> bool:
    """Print the figures; whether every target holds."""
    floors = {"enrolments": sign_us + verify_us, "OCSP": sign_us}
    print(f"\nfloor: a P-256 signature {sign_us:.0f} us, a verification {verify_us:.0f} us of CPU")
    print(
        f"\n{'':40} {'each s':>8} {'CPU us each':>12} {'a core, each s':>15} {'x floor':>8} {'p50 ms':>8} {'p99 ms':>8}"
    )
    medians: dict[str, tuple[float, float]] = {}
    for what in dict.fromkeys(one.what for one in rounds):
        some = [one for one in rounds if one.what == what]
        rate, cpu, p50, p99 = (
            statistics.median(getattr(one, name) for one in some) for name in ("rate", "cpu_us", "p50_ms", "p99_ms")
        )
        floor = floors[what.split()[0].rstrip(",")]
        print(f"{what:40} {rate:8.0f} {cpu:12.0f} {1e6 / cpu:15.0f} {cpu / floor:8.1f} {p50:8.1f} {p99:8.1f}")
        medians[what] = 1e6 / cpu, p99
    judged = f"{judge_us:12.0f} {1e6 / judge_us:15.0f} {judge_us / verify_us:8.1f}"
    print(f"{'OCSP answers judged, in process':40} {'':8} {judged}")
    a_core, p99 = medians["enrolments, kept connections"]
    targets = (
        (f"{_ENROLMENTS:.0f} enrolments a second and core", a_core >= _ENROLMENTS),
        (f"p99 below {_P99_MS:.0f} ms", p99 < _P99_MS),
        (f"{_JUDGEMENTS:.0f} answers judged a second", 1e6 / judge_us >= _JUDGEMENTS),
    )
    print()
    for words, holds in targets:
        print(f"{'within' if holds else 'MISSED':7} {words}")
    return all(holds for _, holds in targets)


if __name__ == "__main__":
    sys.exit(main())
