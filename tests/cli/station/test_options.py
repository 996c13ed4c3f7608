"""Which store is meant, how it is configured, and what goes wrong before or while the store is asked."""

import fcntl
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from certs import Pki, issue, root, v2g_pki
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.config_file import MAX_CONFIG_CHARACTERS
from chainpilot.station.model import CaCertificateType
from cli.station.runs import END, Run, run_program, station
from stores import EVSE
from tokens import PIN, soft_tokens

V2G = CaCertificateType.V2G
ASK = ("is-ca-certificate-installed", "V2G")
REQUEST = ("--country", "DE", "--organization", "Chargers Ltd", "--common", EVSE)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture
def certs(tmp_path: Path, v2g: Pki) -> Path:
    """A store with a V2G root."""
    directory = tmp_path / "certs"
    assert EvseSecurity(StoreConfig(directory)).install_ca(v2g.root.certificate.to_pem(), V2G).accepted
    return directory


NOBODY = """
import os, sys
import chainpilot.cli
given, sys.argv = sys.argv, ["chainpilot", "station", "--certs", "/nowhere", "is-ca-certificate-installed", "V2G"]
try:
    chainpilot.cli.main()  # everything is loaded while the interpreter's own files may be read
except SystemExit:
    sys.argv = given
from chainpilot.cli.station.work import changing
sys.stderr.flush()
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
chainpilot.cli.main()
"""


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def refused(run: Run, code: int) -> str:
    """The one sentence on standard error."""
    assert (run.code, run.out) == (code, "")
    assert run.err.startswith("chainpilot: ")
    return run.err.removeprefix("chainpilot: ").rstrip("\n")


def test_the_directory_may_be_named_before_or_behind_the_command_or_in_the_environment(certs: Path) -> None:
    assert station(certs, *ASK).code == 0
    assert station(None, *ASK, "--certs", certs).code == 0
    assert station(None, ASK[0], f"--certs={certs}", ASK[1]).code == 0
    assert station(None, *ASK, CHAINPILOT_CERTS=str(certs)).code == 0
    assert station(certs, *ASK, CHAINPILOT_CERTS="/nowhere").code == 0


def test_an_argument_behind_two_dashes_is_no_option(certs: Path) -> None:
    run = station(certs, "install-ca-certificate", "--", "--certs", "V2G")
    assert "there is no file --certs" in refused(run, 3)


def test_a_relative_directory_is_taken_from_where_one_stands(certs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(certs.parent)
    assert station(Path("certs"), *ASK).code == 0


def test_no_directory_is_a_usage_error() -> None:
    why = refused(station(None, *ASK, CHAINPILOT_CERTS=""), 2)
    assert why.startswith("name the certificates directory: --certs DIR")


def test_an_option_without_its_value_is_a_usage_error() -> None:
    run = station(None, *ASK, "--certs")
    assert run.code == 2
    assert "--certs" in run.err


def test_a_missing_directory_is_told_with_the_first_command(tmp_path: Path) -> None:
    missing = tmp_path / "no such"
    why = refused(station(missing, *ASK), 3)
    assert why == (
        f"there is no directory {missing}; a new store begins with: "
        f"chainpilot station --certs '{missing}' install-ca-certificate FILE V2G"
    )
    told = station(missing, *ASK, "--json")
    assert (told.code, told.result, told.told["reason"]) == (3, None, why)
    assert not missing.exists()


def test_a_file_in_place_of_the_directory_is_a_usage_error(tmp_path: Path) -> None:
    given = written(tmp_path / "file", "")
    assert refused(station(given, *ASK), 2) == f"{given} is not a directory"


def test_the_configuration_names_the_directory_and_the_bundles(tmp_path: Path, v2g: Pki) -> None:
    config = written(tmp_path / "store.toml", 'certs_dir = "there"\nv2g_ca_bundle = "roots.pem"\n')
    run = station(None, "--config", config, "install-ca-certificate", "-", "V2G", stdin=v2g.root.certificate.to_pem())
    assert run.code == 0
    assert (tmp_path / "there/roots.pem").read_text() == v2g.root.certificate.to_pem()
    assert station(None, *ASK, CHAINPILOT_STORE_CONFIG=str(config)).code == 0
    assert station(tmp_path, "--config", config, *ASK).code == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('v2g_bundle = "x"', "v2g_bundle: there is no such setting; the nearest is v2g_ca_bundle"),
        ("key_mode = 0o644", "key_mode: 0644; a private key is for its owner, at most for a group"),
        ("kept_leaves = 0", "kept_leaves: must be more than zero"),
        ("nonsense", "the configuration: not TOML: "),
        ('v2g_ca_bundle = "../x"', "v2g_ca_bundle: a path may not step upwards"),
    ],
)
def test_a_wrong_configuration_is_a_usage_error_that_names_the_file(certs: Path, text: str, why: str) -> None:
    config = written(certs.parent / "store.toml", text)
    assert refused(station(certs, "--config", config, *ASK), 2).startswith(f"{config}: {why}")
    told = station(certs, "--config", config, *ASK, "--json")
    assert (told.code, told.result) == (2, None)


def test_a_configuration_that_can_not_be_read_is_a_sentence(certs: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone.toml"
    assert refused(station(certs, "--config", gone, *ASK), 3) == f"there is no file {gone}"
    assert "can't be read: Is a directory" in refused(station(certs, "--config", tmp_path, *ASK), 2)
    odd = tmp_path / "odd.toml"
    odd.write_bytes(b"# \xff")
    assert refused(station(certs, "--config", odd, *ASK), 2) == f"{odd} is not UTF-8 text"


def test_a_configuration_at_the_bound_is_read_and_one_above_is_not(certs: Path, tmp_path: Path) -> None:
    config = written(tmp_path / "store.toml", "#".ljust(MAX_CONFIG_CHARACTERS, "ü"))
    assert station(certs, "--config", config, *ASK).code == 0
    config.write_text("#".ljust(MAX_CONFIG_CHARACTERS + 1, "x"))
    assert f"at most {MAX_CONFIG_CHARACTERS} are read" in refused(station(certs, "--config", config, *ASK), 2)
    config.write_bytes(b"#".ljust(4 * MAX_CONFIG_CHARACTERS + 1, b"x"))
    assert f"is longer than {4 * MAX_CONFIG_CHARACTERS} bytes" in refused(station(certs, "--config", config, *ASK), 2)


# secrets


def test_the_password_comes_from_the_first_line_of_a_file(certs: Path, tmp_path: Path, v2g: Pki) -> None:
    secret = written(tmp_path / "password", "first line\r\nsecond line\n")
    asked = station(
        certs, "--private-key-password-file", secret, "generate-certificate-signing-request", "V2G", *REQUEST
    )
    assert asked.code == 0
    chain = v2g.stack(issue(v2g.issuing, asked.out))
    assert station(certs, "update-leaf-certificate", "-", "V2G", stdin=chain).code == 1
    run = station(certs, "update-leaf-certificate", "-", "V2G", "--private-key-password-file", secret, stdin=chain)
    assert run.code == 0
    info = station(certs, "--private-key-password-file", secret, "get-key-pair", "V2G", "--json").result
    assert info["key_pair"]["password"] == "first line"


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "the first line of the password file"), (b"\nx", "the first line"), (b"\xff", "holds no text")],
)
def test_a_password_file_without_one_is_a_usage_error(certs: Path, tmp_path: Path, content: bytes, why: str) -> None:
    secret = tmp_path / "password"
    secret.write_bytes(content)
    assert why in refused(station(certs, "--private-key-password-file", secret, *ASK), 2)


def test_a_password_at_the_bound_is_read_and_a_longer_one_is_not(certs: Path, tmp_path: Path) -> None:
    for length, code in ((1023, 0), (1024, 0), (1025, 2)):
        secret = written(tmp_path / "password", "x" * length)
        run = station(certs, "--private-key-password-file", secret, *ASK)
        assert run.code == code
        assert "xxx" not in run.err


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o604, 0o602])
def test_a_secret_that_everybody_may_read_or_write_is_warned_of(certs: Path, tmp_path: Path, mode: int) -> None:
    is_open, may = bool(mode & 0o006), "read" if mode & stat.S_IROTH else "write"
    secret = written(tmp_path / "password", "kept-secret", mode)
    run = station(certs, "--private-key-password-file", secret, *ASK)
    assert run.code == 0
    warning = f"chainpilot: everybody may {may} {secret}, which holds a secret; chmod 600 {secret}\n"
    assert run.err == (warning if is_open else "")
    config = written(tmp_path / "store.toml", 'private_key_password = "kept-secret"', mode)
    run = station(certs, "--config", config, *ASK)
    assert (f"everybody may {may}" in run.err) is is_open
    assert "kept-secret" not in run.err
    plain = written(tmp_path / "plain.toml", "kept_leaves = 1", mode)
    assert station(certs, "--config", plain, *ASK).err == ""


def test_keys_are_made_on_the_configured_token(certs: Path, tmp_path: Path, v2g: Pki) -> None:
    with soft_tokens(tmp_path / "hsm") as tokens:
        written(tmp_path / "pin", PIN)
        config = written(
            tmp_path / "store.toml",
            f'[hardware]\nmodule = "{tokens.module}"\ntoken_label = "station"\npin_file = "pin"\n',
        )
        options = ("--config", config)
        asked = station(certs, *options, "generate-certificate-signing-request", "V2G", *REQUEST, "--use-tpm")
        assert (asked.code, asked.err.splitlines()[0]) == (0, f"Made a key and a signing request for {EVSE}")
        chain = v2g.stack(issue(v2g.issuing, asked.out))
        assert station(certs, *options, "update-leaf-certificate", "-", "V2G", stdin=chain).code == 0
        key = station(certs, *options, "get-key-pair", "V2G", "--json").result["key_pair"]["key"]
        assert key.endswith(".tkey")
        shown = station(certs, *options, "show")
        assert f"in use, {END}, key in hardware" in shown.out
        assert PIN not in shown.out + asked.err
        (tmp_path / "pin").write_text("wrong-pin")
        tokens.reset()
        run = station(certs, *options, "generate-certificate-signing-request", "CSMS", *REQUEST, "--use-tpm", "--json")
        assert (run.code, run.result) == (1, {"status": "KeyGenError"})
        assert "refuses the configured PIN" in run.told["reason"]
        assert "wrong-pin" not in run.out + run.err


# what the disk doesn't do


@contextmanager
def locked(certs: Path) -> Iterator[None]:
    """Another process is changing the store, and doesn't end."""
    with (certs / ".chainpilot/lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize(
    "command",
    [
        ("show",),
        ("install-ca-certificate", "-", "V2G"),
        ("update-leaf-certificate", "-", "V2G"),
        ("delete-certificate", "--certificate", "-"),
        ("verify-certificate", "-", "V2G"),
        ("get-installed-certificates",),
        ("get-v2g-ocsp-request-data",),
        ("get-mo-ocsp-request-data", "-"),
        ("update-ocsp-cache", "-", "--issuer-name-hash", "a", "--issuer-key-hash", "b", "--serial-number", "1"),
        ("is-ca-certificate-installed", "V2G"),
        ("generate-certificate-signing-request", "V2G", *REQUEST),
        ("get-leaf-certificate-info", "V2G"),
        ("get-key-pair", "V2G"),
        ("get-all-valid-certificates-info", "V2G"),
        ("get-verify-file", "V2G"),
        ("get-verify-location", "V2G"),
        ("get-leaf-expiry-days-count", "V2G"),
        ("leaves-due",),
        ("open-requests",),
        ("run-housekeeping",),
        ("run-housekeeping", "--dry-run"),
        ("watch",),
    ],
    ids=lambda words: "-".join(words[:1]),
)
def test_a_store_that_stays_locked_is_unreachable_for_every_command(
    certs: Path, v2g: Pki, command: tuple[str, ...]
) -> None:
    config = written(certs.parent / "store.toml", "lock_timeout_seconds = 0.01")
    given = v2g.root.certificate.to_pem()
    with locked(certs):
        run = station(certs, "--config", config, *command, stdin=given)
        assert run.code == 5
        assert "still locked by another process after 0.01 s" in run.err
        assert run.out == ""
        if command != ("watch",):
            told = station(certs, "--config", config, *command, "--json", stdin=given)
            assert told.code == 5
            assert "still locked by another process" in told.told["reason"]


def test_a_store_that_stays_locked_says_what_to_do(certs: Path) -> None:
    config = written(certs.parent / "store.toml", "lock_timeout_seconds = 0.01")
    with locked(certs):
        run = station(certs, "--config", config, *ASK)
    assert run.err.splitlines()[1] == (
        f"Next: another process holds the store's lock; try again, or find it with: fuser -v {certs}/.chainpilot/lock"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_what_one_may_not_do_is_told_apart() -> None:
    with tempfile.TemporaryDirectory() as place:
        certs = Path(place) / "certs"
        assert EvseSecurity(StoreConfig(certs)).install_ca(root("Root").certificate.to_pem(), V2G).accepted
        Path(place).chmod(0o755)
        secret = written(Path(place) / "password", "x")
        given = written(Path(place) / "root.pem", root("New").certificate.to_pem(), 0o644)
        run = as_nobody("station", "--certs", certs, "install-ca-certificate", given, "V2G")
        assert run.code == 4
        assert run.err.splitlines()[1] == "Next: run it as the user whom the store belongs to"
        run = as_nobody("station", "--certs", certs, "--private-key-password-file", secret, *ASK)
        assert (run.code, run.err) == (4, f"chainpilot: {secret} may not be read by you\n")
        given.chmod(0o600)
        run = as_nobody("station", "--certs", certs, "install-ca-certificate", given, "V2G")
        assert run.code == 4
        assert "run the command as a user who may, or pipe it in with -" in run.err
        certs.chmod(0o700)
        run = as_nobody("station", "--certs", certs, *ASK)
        assert (run.code, run.err) == (4, f"chainpilot: {certs} may not be read by you; run it as its owner\n")


def as_nobody(*arguments: str | Path) -> Run:
    """A run as a user who owns nothing here."""
    command = [sys.executable, "-c", NOBODY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    first, _, rest = done.stderr.partition("\n")
    assert first.startswith("chainpilot: there is no directory /nowhere; ")
    return Run(done.returncode, done.stdout, rest)


def test_a_state_directory_that_can_not_be_used_is_told(certs: Path) -> None:
    state = certs / ".chainpilot"
    for one in state.iterdir():
        one.unlink()
    state.rmdir()
    state.write_text("a file in place of the state directory")
    run = station(certs, "install-ca-certificate", "-", "V2G", stdin=root("New").certificate.to_pem())
    assert run.code == 1
    assert run.err.startswith(f"chainpilot: {state}: can't be used: ")


def test_the_installed_program_does_the_same(certs: Path) -> None:
    run = run_program("station", "--certs", certs, "show", "--json")
    assert (run.code, run.err) == (0, "")
    assert run.result["directory"] == str(certs)
