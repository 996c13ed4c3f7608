"""The EST benchmark runs and tells every figure; what they are is the machine's."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmark_measures_every_load_beside_its_floor(tmp_path: Path) -> None:
    result = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.est", "--seconds", "0.2", "--rounds", "1", "--json", str(result)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(result.read_text())
    assert len(figures["rounds"]) == 3
    assert all(one["rate"] > 0 and one["cpu_us"] > figures["sign_us"] for one in figures["rounds"])
    assert figures["judge_us"] > figures["verify_us"]
    assert done.stdout.count("within") + done.stdout.count("MISSED") == 3
