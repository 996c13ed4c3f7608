"""Help and completion don't wait for the store: what is loaded for them is told by name, not by time."""

import subprocess
import sys

import pytest

HEAVY = (
    "cryptography",
    "OpenSSL",
    "msgspec",
    "rich",
    "asyncio",
    "tomllib",
    "logging",
    "uvloop",
    "websockets",
    "pkcs11",
)
SCRIPT = """
import sys
from chainpilot.cli import main
sys.argv = ["chainpilot", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    print("code", end.code or 0, file=sys.stderr)
names = {name.partition(".")[0] for name in sys.modules}
ours = {name for name in sys.modules if name.startswith(("chainpilot.station", "chainpilot.pki", "chainpilot.cpms"))}
work = {name for name in sys.modules if name.startswith("chainpilot.cli.station.work.")}
print("loaded", *sorted(names), *sorted(ours), *sorted(work), file=sys.stderr)
"""


def loaded(*arguments: str) -> tuple[int, set[str]]:
    command = [sys.executable, "-W", "error", "-c", SCRIPT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, names = (line.split()[1:] for line in done.stderr.splitlines()[-2:])
    return int(code[0]), set(names)


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("station", "--help"), ("station", "show", "--help"), ("station", "delete-certificate", "-h")],
)
def test_help_loads_neither_the_store_nor_what_draws(arguments: tuple[str, ...]) -> None:
    code, names = loaded(*arguments)
    assert code == 0
    assert names.isdisjoint(HEAVY)
    assert {name for name in names if name.startswith("chainpilot.")} == set()


def test_a_wrong_word_is_refused_without_the_store() -> None:
    code, names = loaded("station", "is-ca-certificate-installed", "V3G")
    assert code == 2
    assert names.isdisjoint(HEAVY)


def test_the_same_probe_sees_what_a_command_loads() -> None:
    code, names = loaded("station", "--certs", "/nowhere", "is-ca-certificate-installed", "V2G")
    assert code == 3
    assert {"cryptography", "chainpilot.station.service"} <= names
    assert names.isdisjoint({"websockets", "uvloop", "pkcs11"})
