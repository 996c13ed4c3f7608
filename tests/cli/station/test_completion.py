"""The shell completes commands, options and the interface's words, without loading the store."""

import os
import subprocess

import pytest

from cli.station.runs import PROGRAM


def completions(*words: str) -> list[str]:
    """What bash is offered for the last word."""
    environment = {
        **os.environ,
        "_CHAINPILOT_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("chainpilot", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.split()


def test_commands_are_completed() -> None:
    assert completions("station", "get-v") == ["get-v2g-ocsp-request-data", "get-verify-file", "get-verify-location"]
    assert "show" in completions("station", "")
    assert "station" in completions("st")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("is-ca-certificate-installed", ""), ["V2G", "MO", "CSMS", "MF"]),
        (("install-ca-certificate", "root.pem", "M"), ["MO", "MF"]),
        (("update-leaf-certificate", "chain.pem", ""), ["CSMS", "V2G", "MF", "MO"]),
        (("verify-certificate", "chain.pem", "V2G", "C"), ["CSMS"]),
        (("get-installed-certificates", "V2G"), ["V2GRootCertificate", "V2GCertificateChain"]),
        (("get-installed-certificates", "V2GRootCertificate", "MO"), ["MORootCertificate"]),
        (("get-key-pair", "V2G", "--encoding", ""), ["DER", "PEM"]),
        (("delete-certificate", "--hash-algorithm", "SHA"), ["SHA256", "SHA384", "SHA512"]),
        (("generate-certificate-signing-request", "V2G", "--key", "Ed"), ["Ed25519", "Ed448"]),
    ],
)
def test_the_interface_s_words_are_completed(words: tuple[str, ...], offered: list[str]) -> None:
    assert completions("station", *words) == offered
    assert completions("station", "--certs", "/etc/everest/certs", *words) == offered


def test_options_are_completed() -> None:
    assert completions("station", "run-housekeeping", "--d") == ["--dry-run"]
    assert completions("station", "--al") == ["--allow-test-pki"]
    assert "--issuer-key-hash" in completions("station", "update-ocsp-cache", "--")


def test_an_option_of_the_store_behind_the_command_disturbs_nothing() -> None:
    assert completions("station", "is-ca-certificate-installed", "--certs", "x", "V") == ["V2G"]
    assert completions("station", "is-ca-certificate-installed", "--certs", "") == ["V2G", "MO", "CSMS", "MF"]
