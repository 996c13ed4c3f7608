"""The house rules a tool can check beyond ruff, mypy and import-linter; part of `make lint`.

Prints one line a finding, `path:line: sentence`, and exits with 1 when there is any.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Finding", "check", "main"]

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN_WORDS = frozenset({"util", "utils", "helper", "helpers", "common", "manager", "base", "misc", "stuff"})
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
CLOCK_READS = frozenset(
    {
        "datetime.now",
        "datetime.utcnow",
        "datetime.today",
        "date.today",
        "time.time",
        "time.time_ns",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "loop.time",
    }
)
REASONED = re.compile(r"#\s*(?:type:\s*ignore|noqa|pragma:|fmt:)")
WITH_REASON = re.compile(r"#\s*(?:type:\s*ignore\[[\w-]+(?:,\s*[\w-]+)*\]|noqa:\s*\w+(?:,\s*\w+)*|fmt: \w+).*?\s-\s\S+")
BROAD = frozenset({"Exception", "BaseException"})

Finding = tuple[Path, int, str]


def check(path: Path, root: Path = ROOT) -> Iterator[Finding]:
    """Every rule that the Python file breaks; `root` is the repository's top folder."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.splitlines()
    relative = path.relative_to(root)
    in_source = relative.parts[0] == "src"
    yield from ((path, line, why) for line, why in _names(relative))
    yield from ((path, number, why) for number, why in _comments(lines))
    if "__all__" not in _assigned(tree) and relative.name != "conftest.py" and not relative.name.startswith("test_"):
        yield path, 1, "the module has no __all__"
    if not in_source:
        return
    if len(lines) > MAX_MODULE_LINES:
        yield path, 1, f"{len(lines)} lines; past {MAX_MODULE_LINES} a module becomes a package"
    for node in ast.walk(tree):
        yield from ((path, line, why) for line, why in _node(node, lines, is_clock=relative.name == "clock.py"))


def _names(relative: Path) -> Iterator[tuple[int, str]]:
    for part in (*relative.parts[:-1], relative.stem):
        for word in set(re.split(r"[_\-.]", part.lower())) & FORBIDDEN_WORDS:
            yield 1, f"the name says {word!r}; a module is a noun of the domain"


def _comments(lines: list[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start=1):
        if REASONED.search(line) and "re.compile" not in line and not WITH_REASON.search(line):
            yield number, "a check is switched off without `- reason` behind it"


def _assigned(tree: ast.Module) -> set[str]:
    targets = [node.targets for node in tree.body if isinstance(node, ast.Assign)]
    targets += [[node.target] for node in tree.body if isinstance(node, ast.AnnAssign)]
    return {target.id for group in targets for target in group if isinstance(target, ast.Name)}


def _node(node: ast.AST, lines: list[str], *, is_clock: bool) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Call) and not is_clock and (read := _dotted(node.func)) in CLOCK_READS:
        yield node.lineno, f"{read} reads a clock; take the time as an argument or ask chainpilot.clock"
    if isinstance(node, ast.Assert):
        yield node.lineno, "assert guards nothing under -O; raise an error of ours"
    if isinstance(node, ast.ExceptHandler) and _is_broad(node) and "#" not in lines[node.lineno - 1]:
        yield node.lineno, "a broad except without its reason"
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > MAX_FUNCTION_LINES:
            yield node.lineno, f"{node.name} has {length} lines; at most {MAX_FUNCTION_LINES}"


def _is_broad(node: ast.ExceptHandler) -> bool:
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in BROAD) for kind in caught)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""


def main() -> int:
    """Check src, tests, tools and benchmarks; the exit code is 1 when a rule is broken."""
    folders = [ROOT / name for name in ("src", "tests", "tools", "benchmarks")]
    files = sorted(path for folder in folders if folder.is_dir() for path in folder.rglob("*.py"))
    findings = [finding for path in files for finding in check(path)]
    for path, line, why in findings:
        print(f"{path.relative_to(ROOT)}:{line}: {why}")
    print(f"house style: {len(files)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
