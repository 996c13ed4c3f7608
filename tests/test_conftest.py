"""What holds for all tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = """
import pytest

def test_that_skips():
    pytest.skip("there is no hardware")

@pytest.mark.skipif(True, reason="nobody is root")
def test_that_is_skipped():
    pass

@pytest.mark.xfail
def test_that_is_known_to_fail():
    assert False
"""


@pytest.mark.parametrize(("ci", "told"), [("true", "1 failed, 1 xfailed, 1 error"), ("", "2 skipped, 1 xfailed")])
def test_a_skipped_test_is_a_failure_in_ci_and_nowhere_else(tmp_path: Path, ci: str, told: str) -> None:
    (tmp_path / "test_skips.py").write_text(SKIPS)
    command = (sys.executable, "-m", "pytest", "-p", "conftest", f"--rootdir={tmp_path}", "test_skips.py")
    environment = os.environ | {"CI": ci, "PYTHONPATH": str(Path(__file__).parent)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert told in run.stdout, run.stdout + run.stderr
    assert run.returncode == (1 if ci else 0)
