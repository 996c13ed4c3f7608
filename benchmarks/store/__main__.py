"""The command line: `python -m benchmarks.store`; the exit code is 0 unless --strict finds a target missed."""

import argparse
import sys
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.store.figures import Figures
from benchmarks.store.plan import ALL_ROOTS, QUICK_ROOTS
from benchmarks.store.report import judge, tell, to_json
from benchmarks.store.run import Patience, run

__all__ = ["main"]

_WHOLE: Final = Patience(ALL_ROOTS, rounds=7, round_seconds=0.03, writes=11, cold=3)
_QUICK: Final = Patience(QUICK_ROOTS, rounds=3, round_seconds=0.02, writes=5, cold=1)
_RESULT: Final = Path("build/store-benchmark.json")


def main() -> int:
    """Run, or show what an earlier run found."""
    asked = _arguments().parse_args()
    if asked.show is not None:
        figures = msgspec.json.decode(asked.show.read_bytes(), type=Figures)
    else:
        figures = run(_patience(asked), asked.dir)
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_bytes(to_json(figures))
    print(tell(figures))
    return 1 if asked.strict and not all(verdict.is_met for verdict in judge(figures)) else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description="Measure the station's store.")
    parser.add_argument("--quick", action="store_true", help="few rounds, with 1 and 100 roots")
    parser.add_argument("--roots", type=_counts, metavar="N,...", help="numbers of roots in the V2G bundle")
    parser.add_argument("--dir", type=Path, metavar="PATH", help="work below this directory, on its file system")
    parser.add_argument("--json", type=Path, default=_RESULT, metavar="PATH", help=f"default {_RESULT}")
    parser.add_argument("--show", type=Path, metavar="PATH", help="measure nothing, show that JSON's tables")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    return parser


def _patience(asked: argparse.Namespace) -> Patience:
    chosen = _QUICK if asked.quick else _WHOLE
    roots = asked.roots or chosen.roots
    return Patience(roots, chosen.rounds, chosen.round_seconds, chosen.writes, chosen.cold)


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(sorted({int(word) for word in text.split(",")}))
    if counts[0] < 1:
        raise argparse.ArgumentTypeError("a bundle without a root judges nothing")
    return counts


if __name__ == "__main__":
    sys.exit(main())
