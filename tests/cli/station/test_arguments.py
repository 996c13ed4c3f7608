"""The command line's choices are the interface's, and every command of the interface is there."""

from enum import Enum

import pytest

from chainpilot.cli.station import app, arguments
from chainpilot.pki.keys import KeySpec
from chainpilot.station import model
from cli.station.runs import station

INTERFACE = (
    "install_ca_certificate",
    "delete_certificate",
    "update_leaf_certificate",
    "verify_certificate",
    "get_installed_certificates",
    "get_v2g_ocsp_request_data",
    "get_mo_ocsp_request_data",
    "update_ocsp_cache",
    "is_ca_certificate_installed",
    "generate_certificate_signing_request",
    "get_leaf_certificate_info",
    "get_key_pair",
    "get_all_valid_certificates_info",
    "get_verify_file",
    "get_verify_location",
    "get_leaf_expiry_days_count",
    "verify_file_signature",
)
OURS = ("show", "watch", "leaves_due", "open_requests", "run_housekeeping")


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (arguments.CaType, model.CaCertificateType),
        (arguments.LeafType, model.LeafCertificateType),
        (arguments.CertificateKind, model.CertificateType),
        (arguments.Encoding, model.EncodingFormat),
        (arguments.Digest, model.HashAlgorithm),
        (arguments.KeyKind, KeySpec),
    ],
)
def test_choices_are_the_store_s_own(choices: type[Enum], words: type[Enum]) -> None:
    assert {one.name: one.value for one in choices} == {one.name: one.value for one in words}


def test_every_command_of_the_interface_is_there() -> None:
    names = {one.callback.__name__ for one in app.registered_commands if one.callback is not None}
    assert {*INTERFACE, *OURS} <= names


@pytest.mark.parametrize("command", [*INTERFACE, *OURS])
def test_every_command_explains_itself(command: str) -> None:
    run = station(None, command.replace("_", "-"), "-h")
    assert run.code == 0
    assert "--json" in run.out
    assert "--certs DIR" in run.out
    assert f"Usage: root station {command.replace('_', '-')}" in run.out.replace("chainpilot", "root")


def test_the_list_of_commands_is_cut_nowhere() -> None:
    listed = station(None, "-h").out.partition("Commands:")[2]
    assert "..." not in listed


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        (("install-ca-certificate", "-", "V3G"), "'V2G', 'MO', 'CSMS', 'MF'"),
        (("is-ca-certificate-installed", "v2g"), "'V2G', 'MO', 'CSMS', 'MF'"),
        (("update-leaf-certificate", "-", "SECC"), "'CSMS', 'V2G', 'MF', 'MO'"),
        (("verify-certificate", "-", "V2G", "X"), "'CSMS', 'V2G', 'MF', 'MO'"),
        (
            ("get-installed-certificates", "V2G"),
            "'V2GRootCertificate', 'MORootCertificate', 'CSMSRootCertificate', 'V2GCertificateChain', "
            "'MFRootCertificate'",
        ),
        (("get-key-pair", "V2G", "--encoding", "pem"), "'DER', 'PEM'"),
        (("delete-certificate", "--hash-algorithm", "MD5"), "'SHA256', 'SHA384', 'SHA512'"),
    ],
)
def test_a_word_that_is_none_is_a_usage_error_that_lists_those_that_are(words: tuple[str, ...], listed: str) -> None:
    run = station(None, *words)
    assert run.code == 2
    assert listed in " ".join(run.err.replace("│", " ").split())
