"""The house-style tool finds what it says it finds."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("house_style", Path(__file__).parents[2] / "tools" / "house_style.py")
assert _SPEC is not None
assert _SPEC.loader is not None
house_style = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(house_style)

CLEAN = '"""What it is."""\n\n__all__: list[str] = []\n'


def findings(tmp_path: Path, text: str, name: str = "src/chainpilot/module.py") -> list[str]:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return [why for _, _, why in house_style.check(path, tmp_path)]


def test_a_clean_module_has_no_finding(tmp_path: Path) -> None:
    assert findings(tmp_path, CLEAN) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import time\nx = time.time()\n", "reads a clock"),
        ("from datetime import datetime\nx = datetime.now()\n", "reads a clock"),
        ("x = 1\nassert x\n", "assert"),
        ("try:\n    x = 1\nexcept Exception:\n    x = 2\n", "broad except"),
        ("try:\n    x = 1\nexcept:\n    x = 2\n", "broad except"),
        ("x: int = None  # type: " + "ignore\n", "without"),
        ("x = 1  # no" + "qa: F401\n", "without"),
        ("def f() -> None:\n" + "    f()\n" * 60, "lines; at most"),
        ("x = 1\n" * 400, "becomes a package"),
    ],
)
def test_each_rule_has_a_finding(tmp_path: Path, code: str, words: str) -> None:
    assert any(words in why for why in findings(tmp_path, CLEAN + code))


def test_a_missing_all_is_found(tmp_path: Path) -> None:
    assert findings(tmp_path, '"""What it is."""\n') == ["the module has no __all__"]


@pytest.mark.parametrize("name", ["utils.py", "http_helpers.py", "base/model.py"])
def test_names_that_say_nothing_are_found(tmp_path: Path, name: str) -> None:
    assert any("noun of the domain" in why for why in findings(tmp_path, CLEAN, f"src/chainpilot/{name}"))


def test_the_clock_may_read_clocks(tmp_path: Path) -> None:
    assert findings(tmp_path, CLEAN + "import time\nx = time.monotonic()\n", "src/chainpilot/clock.py") == []


def test_a_check_switched_off_with_its_reason_is_no_finding(tmp_path: Path) -> None:
    assert findings(tmp_path, CLEAN + "x = 1  # no" + "qa: F401 - the reason\n") == []
