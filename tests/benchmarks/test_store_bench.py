"""The store's benchmark runs, measures every row under every condition, and holds its figures against the targets."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COLD_TOO = {
    "verify_certificate",
    "get_installed_certificates",
    "get_leaf_certificate_info",
    "get_leaf_certificate_info, OCSP",
    "get_leaf_certificate_info, crowd",
    "get_leaf_certificate_info, crowd, other names",
    "get_v2g_ocsp_request_data",
    "generate_certificate_signing_request",
    "install_ca_certificate",
    "delete_certificate",
}
ONLY_WARM = {"verify_certificate, changed bundle", "get_installed_certificates, changed bundle"}
WRITES = {"generate_certificate_signing_request", "install_ca_certificate", "delete_certificate"}


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.store", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JSON of a run with one root, and beside it what was printed."""
    place = tmp_path_factory.mktemp("benchmark")
    path = place / "tiny.json"
    done = benchmark("--quick", "--roots", "1", "--dir", str(place), "--json", str(path))
    assert done.returncode == 0, done.stderr
    path.with_suffix(".txt").write_text(done.stdout)
    assert [one.name for one in place.iterdir() if one.is_dir()] == [], "the run leaves its directory behind"
    return path


def altered(tiny: Path, tmp_path: Path, **verify: dict[str, float]) -> str:
    """Another run's JSON: every warm figure within its targets, but for those of verify_certificate given by bundle."""
    found = json.loads(tiny.read_text())
    for row in (row for row in found["rows"] if row["state"] == "warm"):
        row.update(cpu_ms=0.1, wall_ms=0.1, ceiling_ratio=1.0, above_fsync_ms=1.0 if row["row"] in WRITES else None)
        row.update(verify.get(row["bundle"], {}) if row["row"] == "verify_certificate" else {})
    path = tmp_path / "altered.json"
    path.write_text(json.dumps(found))
    return str(path)


def rows(tiny: Path, state: str) -> list[dict[str, Any]]:
    return [row for row in json.loads(tiny.read_text())["rows"] if row["state"] == state]


@pytest.mark.parametrize(("state", "wanted"), [("warm", COLD_TOO | ONLY_WARM), ("cold", COLD_TOO)])
def test_the_json_holds_every_row_for_both_kinds_of_bundle(tiny: Path, state: str, wanted: set[str]) -> None:
    found = sorted((row["row"], row["bundle"]) for row in rows(tiny, state))
    assert found == sorted((name, bundle) for name in wanted for bundle in ("file", "directory"))


@pytest.mark.parametrize("state", ["warm", "cold"])
def test_every_row_was_measured(tiny: Path, state: str) -> None:
    for row in rows(tiny, state):
        assert row["calls"] > 0, row
        assert row["cpu_ms"] > 0, row
        assert row["wall_ms"] > 0, row


def test_warm_rows_stand_beside_the_ceiling_and_writes_beside_the_bare_write(tiny: Path) -> None:
    for row in rows(tiny, "warm"):
        assert row["ceiling_ratio"] > 0, row
        assert (row["fsync_ms"] is not None) == (row["row"] in WRITES), row
        assert (row["above_fsync_ms"] is not None) == (row["row"] in WRITES), row


def test_the_json_tells_what_each_target_came_to(tiny: Path) -> None:
    found = json.loads(tiny.read_text())
    assert {one["row"] for one in found["targets"]} < COLD_TOO | ONLY_WARM
    for one in found["targets"]:
        assert one["is_met"] == (one["value"] <= one["limit"]), one


def test_the_facts_of_the_machine_head_the_output(tiny: Path) -> None:
    printed = tiny.with_suffix(".txt").read_text().splitlines()
    heads = ["processor", "cores", "load", "system", "python", "openssl", "cryptography", "pyopenssl", "file"]
    assert [line.split()[0] for line in printed[: len(heads)]] == heads


def test_the_reference_s_figures_stand_beside_ours(tiny: Path) -> None:
    printed = tiny.with_suffix(".txt").read_text()
    assert re.search(r"^generate CSR P-256 +1 +file .* 0\.34$", printed, re.MULTILINE)
    assert re.search(r"measured on another machine\s+of two cores", printed)


def test_a_run_within_its_targets_passes_the_strict_judgement(tiny: Path, tmp_path: Path) -> None:
    shown = benchmark("--show", altered(tiny, tmp_path), "--strict")
    assert shown.returncode == 0, shown.stdout
    assert "OVER" not in shown.stdout


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"cpu_ms": 0.5}, []),
        ({"cpu_ms": 0.5001}, ["  missed: verify_certificate, roots 1, file: 0.500, <= 0.5 ms"]),
        ({"ceiling_ratio": 2.7}, []),
        ({"ceiling_ratio": 2.7001}, ["  missed: verify_certificate, roots 1, file: 2.700, <= 2.7 x ceiling"]),
    ],
)
def test_the_limit_itself_is_within_the_target(
    tiny: Path, tmp_path: Path, change: dict[str, float], missed: list[str]
) -> None:
    shown = benchmark("--show", altered(tiny, tmp_path, file=change), "--strict")
    assert [line for line in shown.stdout.splitlines() if "missed" in line] == missed
    assert shown.returncode == bool(missed)


def test_a_missed_target_is_told_and_no_failure_unless_asked_for(tiny: Path, tmp_path: Path) -> None:
    shown = benchmark("--show", altered(tiny, tmp_path, directory={"cpu_ms": 9.0}))
    assert shown.returncode == 0
    assert "<= 0.5 ms: OVER" in shown.stdout


def test_a_number_of_roots_that_makes_no_bundle_is_refused() -> None:
    assert benchmark("--roots", "0,10").returncode == 2
