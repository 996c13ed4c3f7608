"""A run as tables for people, and which targets it met."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from benchmarks.store.figures import COLD, WARM, Figure, Figures
from benchmarks.store.plan import ROWS, TARGETS, Measure, Row, Target

__all__ = ["Verdict", "judge", "tell", "to_json"]

_UNITS: Final = {Measure.CPU: "ms", Measure.RATIO: "x ceiling", Measure.ABOVE_FSYNC: "ms above fsync"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target held against one figure."""

    target: Target
    figure: Figure
    value: float

    @property
    def is_met(self) -> bool:
        """Within the limit, the limit itself included."""
        return self.value <= self.target.limit

    @property
    def bound(self) -> str:
        """The target in words."""
        return f"<= {self.target.limit:g} {_UNITS[self.target.measure]}"

    @property
    def words(self) -> str:
        """The target and how it went."""
        return f"{self.bound}: {'within' if self.is_met else 'OVER'}"


def to_json(figures: Figures) -> bytes:
    """The run for programs: all of `Figures`, and under `targets` what each target came to."""
    held = [
        {
            "row": one.figure.row,
            "roots": one.figure.roots,
            "bundle": one.figure.bundle,
            "measure": one.target.measure.value,
            "limit": one.target.limit,
            "value": one.value,
            "is_met": one.is_met,
        }
        for one in judge(figures)
    ]
    return msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(figures) | {"targets": held})) + b"\n"


def judge(figures: Figures) -> tuple[Verdict, ...]:
    """Every target with every warm figure it covers."""
    return tuple(verdict for figure in figures.rows if figure.state == WARM for verdict in _verdicts(figure))


def tell(figures: Figures) -> str:
    """The facts, a table of all calls, one of those that write, and the targets that were missed."""
    return "\n".join(
        (
            *_facts(figures),
            "",
            "Milliseconds a call, medians. x ceiling: CPU time in those of OpenSSL on the pre-parsed chain, which is",
            "judged just before and after. reference: libevse-security 0.10.1, C++ at -O2, measured on another machine",
            "of two cores.",
            "",
            *_calls(figures),
            "",
            "Calls that write: wall milliseconds, and those of one bare write of the same size (write, fsync, rename,",
            "fsync of the directory) just before and after it on the same file system.",
            "",
            *_writes(figures),
            "",
            *_summary(judge(figures)),
        )
    )


def _verdicts(figure: Figure) -> Iterator[Verdict]:
    for target in TARGETS:
        if target.covers(figure.row, figure.roots, figure.bundle):
            yield Verdict(target, figure, getattr(figure, target.measure.value))


def _facts(figures: Figures) -> Iterator[str]:
    yield from _aligned([(name, words) for name, words in (*figures.machine.items(), *figures.run.items())])
    chain, signature = figures.ceilings["openssl_chain_cpu_ms"], figures.ceilings["ecdsa_p256_verify_cpu_ms"]
    yield ""
    yield f"ceiling: OpenSSL judges a pre-parsed chain of leaf and two sub-CAs in {chain:.3f} ms CPU;"
    yield f"one ECDSA P-256 verification takes {signature:.3f} ms, the chain's three {3 * signature:.3f} ms."
    cpu, wall = figures.start["cpu_ms"], figures.start["wall_ms"]
    yield f"A new process takes {cpu:.0f} ms CPU, {wall:.0f} ms wall, before it can open a store."


def _calls(figures: Figures) -> Iterator[str]:
    head = ("call", "roots", "bundle", "CPU", "wall", "x ceiling", "cold CPU", "cold wall")
    lines: list[tuple[str, ...]] = [(*head, "reference (C++), ms CPU", "target")]
    cold = {(one.row, one.roots, one.bundle): one for one in figures.rows if one.state == COLD}
    for row, warm in _by_row(figures):
        first = cold.get((warm.row, warm.roots, warm.bundle))
        verdicts = [verdict for verdict in _verdicts(warm) if verdict.target.measure is not Measure.ABOVE_FSYNC]
        lines.append(
            (
                row.title,
                str(warm.roots),
                warm.bundle,
                _number(warm.cpu_ms),
                _number(warm.wall_ms),
                _number(warm.ceiling_ratio),
                _number(first.cpu_ms if first else None),
                _number(first.wall_ms if first else None),
                f"{row.reference[warm.roots]:g}" if warm.roots in row.reference else "",
                "; ".join(verdict.words for verdict in verdicts),
            )
        )
    return _aligned(lines)


def _writes(figures: Figures) -> Iterator[str]:
    lines: list[tuple[str, ...]] = [("call", "roots", "bundle", "wall", "bare", "above", "x bare", "target")]
    for row, warm in _by_row(figures):
        verdicts = [verdict for verdict in _verdicts(warm) if verdict.target.measure is Measure.ABOVE_FSYNC]
        if warm.fsync_ms is None:
            continue
        numbers = (warm.wall_ms, warm.fsync_ms, warm.above_fsync_ms, warm.fsync_ratio)
        target = "; ".join(verdict.words for verdict in verdicts)
        lines.append((row.title, str(warm.roots), warm.bundle, *map(_number, numbers), target))
    return _aligned(lines)


def _summary(verdicts: tuple[Verdict, ...]) -> Iterator[str]:
    missed = [verdict for verdict in verdicts if not verdict.is_met]
    yield f"{len(verdicts) - len(missed)} of {len(verdicts)} targets met."
    for one in missed:
        where = f"{one.figure.row}, roots {one.figure.roots}, {one.figure.bundle}"
        yield f"  missed: {where}: {_number(one.value)}, {one.bound}"


def _by_row(figures: Figures) -> Iterator[tuple[Row, Figure]]:
    """Warm figures, those of one call together."""
    for row in ROWS:
        yield from ((row, one) for one in figures.rows if one.state == WARM and one.row == row.name.value)


def _number(value: float | None) -> str:
    """Three digits that mean something."""
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _aligned(lines: Iterable[tuple[str, ...]]) -> Iterator[str]:
    lines = list(lines)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
