"""The pytest plugin, as a project of somebody else uses it: in a pytest of its own."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PLUGIN = "chainpilot.testpki.pytest_plugin"
PROJECT = """
import ssl
import urllib.request

import pytest


def cacerts(pki, label="cpo"):
    request = urllib.request.Request(f"{pki.est_url}/.well-known/est/{label}/cacerts")
    request.add_header("Authorization", f"Bearer {pki.token}")
    context = ssl.create_default_context(cafile=pki.tls_root)
    with urllib.request.urlopen(request, context=context) as answer:
        return answer.read()


def test_the_servers_answer(v2g_pki):
    assert cacerts(v2g_pki)


def test_a_contract_is_issued_and_revoked(v2g_pki):
    issued = v2g_pki.issue("mo", "DEABCC123456789")
    assert issued.stack.count("BEGIN CERTIFICATE") == 3
    assert v2g_pki.revoke(issued.certificate) == (issued.certificate,)


def test_a_fault_is_switched_on(v2g_pki):
    v2g_pki.faults.on("server-error")
    with pytest.raises(urllib.error.HTTPError):
        cacerts(v2g_pki)


def test_and_is_off_in_the_next_test(v2g_pki):
    assert cacerts(v2g_pki)


def test_a_root_rolls_over_in_a_pki_of_its_own(own_v2g_pki, v2g_pki):
    before = own_v2g_pki.certificate("v2g_root")
    assert own_v2g_pki.roll_over("v2g_root") != before
    assert own_v2g_pki.directory != v2g_pki.directory
"""


def test_a_project_gets_a_running_pki_by_naming_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PROJECT)
    result = pytester.runpytest_subprocess("-p", PLUGIN, "-W", "error", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=5)


def test_a_project_that_names_none_pays_for_none(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_is_loaded():
            loaded = [name for name in sys.modules if name.startswith(("chainpilot.", "aiohttp", "cryptography"))]
            assert sorted(loaded) == ["chainpilot.testpki", "chainpilot.testpki.pytest_plugin"]
        """
    )
    result = pytester.runpytest_subprocess("-p", PLUGIN, "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)


def test_a_missing_package_is_told_with_the_extra_that_brings_it(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import sys\nsys.modules['aiohttp'] = None")
    pytester.makepyfile("def test_it(v2g_pki): ...")
    result = pytester.runpytest_subprocess("-p", PLUGIN, "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["*install chainpilot?testpki?*"])
    result.assert_outcomes(errors=1)


def test_the_distribution_declares_the_plugin() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}


def test_loading_the_plugin_loads_nothing_else() -> None:
    code = f"import pytest, sys; before = set(sys.modules); import {PLUGIN}; print(*sorted(set(sys.modules) - before))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name.partition(".")[0] for name in told.split()} <= {"chainpilot"}
