"""The commands that judge and tell: the interface's own results, words for people, exit codes, no secret shown."""

import base64
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import (
    AccessDescription,
    AuthorityInformationAccess,
    ExtensionType,
    UniformResourceIdentifier,
)
from cryptography.x509.oid import AuthorityInformationAccessOID

from certs import FROM, UNTIL, Pki, issue, root, stack, v2g_pki
from chainpilot.cli.station.work import advice
from chainpilot.cli.words import ending
from chainpilot.clock import SYSTEM
from chainpilot.pki.hashdata import hash_data
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.first_interface import EvseSecurity2023
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    CertificateValidationResult,
    GetCertificateInfoStatus,
    LeafCertificateType,
)
from chainpilot.station.schema import to_json
from cli.station.runs import END, station
from forge import Forged, forge
from programs import program
from stores import EVSE, enrol

V2G, MO, MF = CaCertificateType.V2G, CaCertificateType.MO, CaCertificateType.MF
LEAF = LeafCertificateType.V2G
PASSWORD = "kept-secret"


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    return tmp_path / "certs"


@pytest.fixture
def store(certs: Path, v2g: Pki) -> EvseSecurity:
    """The V2G root and an SECC leaf with its sub-CAs."""
    store = EvseSecurity(StoreConfig(certs))
    assert store.install_ca(v2g.root.certificate.to_pem(), V2G).accepted
    enrol(store, v2g)
    return store


def told(store: EvseSecurity, command: str, *arguments: str | Path, code: int = 0) -> Any:
    """The result of a command with --json, which is asked for by its name in the interface."""
    run = station(store.layout.root, command.replace("_", "-"), *arguments, "--json")
    assert run.code == code
    assert run.told["command"] == command
    assert (run.told["reason"] is None) is (code == 0)
    return run.result


# verify-certificate


def test_a_good_chain_is_valid(store: EvseSecurity, v2g: Pki) -> None:
    chain = v2g.stack(forge(EVSE, v2g.issuing, begin=FROM, end=UNTIL).certificate)
    run = station(store.layout.root, "verify-certificate", "-", "V2G", stdin=chain)
    assert (run.code, run.out) == (0, f"Valid: {EVSE} leads to an anchor of V2G\n")
    run = station(store.layout.root, "verify-certificate", "-", "MO", "V2G", "--json", stdin=chain)
    assert (run.code, run.result) == (0, "Valid")


@pytest.mark.parametrize(
    ("chain", "word"),
    [
        (lambda v2g: "rubbish", "Unknown"),
        (lambda v2g: stack(forge("X", root("Other"), begin=FROM, end=UNTIL).certificate), "IssuerNotFound"),
        (
            lambda v2g: v2g.stack(forge("X", v2g.issuing, begin=FROM, end=FROM + timedelta(days=1)).certificate),
            "Expired",
        ),
        (lambda v2g: stack(v2g.issuing.certificate, forge("X", v2g.issuing).certificate), "InvalidChain"),
    ],
)
def test_a_chain_that_does_not_hold_says_why(store: EvseSecurity, v2g: Pki, chain: Any, word: str) -> None:
    text = chain(v2g)
    run = station(store.layout.root, "verify-certificate", "-", "V2G", stdin=text)
    happened, why, step = run.out.splitlines()
    assert run.code == 1
    assert happened.startswith(f"{word}: ")
    assert why.startswith("Why: ")
    assert step == f"Next: {advice.VERIFY[CertificateValidationResult(word)]}"
    run = station(store.layout.root, "verify-certificate", "-", "V2G", "--json", stdin=text)
    assert (run.code, run.result) == (1, word)
    assert run.told["reason"]


# get-installed-certificates


def test_installed_certificates_are_the_interface_s_object(store: EvseSecurity) -> None:
    whole = told(store, "get_installed_certificates")
    assert whole == to_json(store.get_installed_certificates(list(CertificateType)))
    assert [one["certificate_type"] for one in whole["certificate_hash_data_chain"]] == [
        "V2GRootCertificate",
        "V2GCertificateChain",
    ]
    leaves = told(store, "get_installed_certificates", "V2GCertificateChain", "MORootCertificate")
    assert [one["certificate_type"] for one in leaves["certificate_hash_data_chain"]] == ["V2GCertificateChain"]


def test_people_see_names_beside_the_hash_data(store: EvseSecurity, v2g: Pki) -> None:
    run = station(store.layout.root, "get-installed-certificates", "V2GCertificateChain")
    leaf = store.snapshot().slots[0].leaves[0].leaf.certificate
    lines = run.out.splitlines()
    assert lines[1] == f"  V2GCertificateChain: {EVSE}, {END}"
    data = hash_data(leaf, v2g.issuing.certificate)
    assert lines[2] == f"    SHA256 {data.issuer_name_hash} {data.issuer_key_hash} {data.serial_number}"
    assert [line.strip().split(",")[0] for line in lines[3::2]] == ["CPO Sub2", "CPO Sub1"]


def test_nothing_installed_is_not_found_and_points_to_problems(store: EvseSecurity) -> None:
    run = station(store.layout.root, "get-installed-certificates", "MORootCertificate")
    assert (run.code, run.out) == (3, "Nothing is installed of MORootCertificate\n")
    assert told(store, "get_installed_certificates", "MFRootCertificate", code=3) == {
        "status": "NotFound",
        "certificate_hash_data_chain": [],
    }
    bundle = store.layout.bundles[MO]
    bundle.parent.mkdir()
    bundle.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    run = station(store.layout.root, "get-installed-certificates", "MORootCertificate")
    assert run.out.splitlines()[1] == (f"1 problem may be why: chainpilot station --certs {store.layout.root} doctor")


# OCSP request data


def responder(url: str) -> tuple[tuple[ExtensionType, bool], ...]:
    place = AccessDescription(AuthorityInformationAccessOID.OCSP, UniformResourceIdentifier(url))
    return ((AuthorityInformationAccess([place]), False),)


def test_responders_of_the_secc_leaves_are_told(certs: Path, v2g: Pki) -> None:
    store = EvseSecurity(StoreConfig(certs))
    assert store.install_ca(v2g.root.certificate.to_pem(), V2G).accepted
    made = store.generate_certificate_signing_request(LEAF, "DE", "Chargers Ltd", EVSE)
    assert made.csr is not None
    chain = v2g.enrol(made.csr, extensions=responder("http://ocsp.example/a"))
    assert store.update_leaf(chain, LEAF).accepted
    run = station(certs, "get-v2g-ocsp-request-data")
    assert run.code == 0
    assert run.out.splitlines()[:2] == ["Ask:", f"  {EVSE}: http://ocsp.example/a"]
    assert run.out.splitlines()[-1].startswith("Why: left out: CN=CPO Sub")
    run = station(certs, "get-v2g-ocsp-request-data", "--json")
    assert run.code == 0
    assert run.result == to_json(store.get_v2g_ocsp_request_data())
    assert "names no OCSP responder" in run.told["reason"]


def test_a_leaf_without_a_responder_needs_somebody(store: EvseSecurity) -> None:
    run = station(store.layout.root, "get-v2g-ocsp-request-data")
    assert run.code == 1
    assert run.out.splitlines()[0] == "There is no SECC leaf to ask about"
    assert "names no OCSP responder" in run.out.splitlines()[1]
    assert told(store, "get_v2g_ocsp_request_data", code=1) == {"ocsp_request_data_list": []}


def test_no_leaf_to_ask_about_is_not_found(certs: Path) -> None:
    certs.mkdir()
    run = station(certs, "get-v2g-ocsp-request-data", "--json")
    assert (run.code, run.result) == (3, {"ocsp_request_data_list": []})
    assert run.told["reason"] == "There is no SECC leaf to ask about"


def test_responders_of_a_contract_are_told_when_it_leads_to_an_anchor(certs: Path, v2g: Pki) -> None:
    store = EvseSecurity(StoreConfig(certs))
    assert store.install_ca(v2g.root.certificate.to_pem(), MO).accepted
    contract = forge("DE8AAC123456789", v2g.issuing, begin=FROM, end=UNTIL, extensions=responder("http://o.example"))
    chain = v2g.stack(contract.certificate)
    run = station(certs, "get-mo-ocsp-request-data", "-", "--json", stdin=chain)
    assert run.code == 0
    assert [one["responder_url"] for one in run.result["ocsp_request_data_list"]] == ["http://o.example"]
    run = station(certs, "get-mo-ocsp-request-data", "-", stdin="rubbish!")
    assert run.code == 1
    assert run.out.splitlines()[:2] == [
        "There is nothing to ask about",
        "Why: neither PEM nor hexadecimal nor base64",
    ]


# is-ca-certificate-installed, get-verify-file, get-verify-location


def test_a_domain_with_a_valid_anchor_is_told(store: EvseSecurity) -> None:
    run = station(store.layout.root, "is-ca-certificate-installed", "V2G")
    assert (run.code, run.out) == (0, "V2G has a valid anchor\n")
    assert told(store, "is_ca_certificate_installed", "V2G") is True


LONG_AGO, THEN = datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)


def ended_root() -> Forged:
    return root("Old Root", begin=LONG_AGO, end=THEN)


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (None, "no root is installed there"),
        (ended_root, f"Old Root {ending(LONG_AGO, THEN, SYSTEM.now())}"),
        (
            lambda: root("TEST Root", test=True),
            "TEST Root doesn't count: it belongs to a test PKI; only allow_test_pki admits it",
        ),
    ],
)
@pytest.mark.parametrize("command", ["is_ca_certificate_installed", "get_verify_file", "get_verify_location"])
def test_a_domain_without_a_valid_anchor_says_why(certs: Path, command: str, held: Any, why: str) -> None:
    bundle = certs / "ca/mo/MO_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    if held is not None:
        bundle.write_text(held().certificate.to_pem())
    name = command.replace("_", "-")
    run = station(certs, name, "MO")
    assert run.code == 3
    said = run.out if command.startswith("is") else run.err
    assert (run.out + run.err) == said
    assert [line for line in said.splitlines() if "may be why" not in line] == [
        "MO has no valid anchor",
        f"Why: {why}",
        f"Next: chainpilot station --certs {certs} install-ca-certificate FILE MO",
    ]
    run = station(certs, name, "MO", "--json")
    assert (run.code, run.result) == (3, False if command.startswith("is") else "")
    assert run.told["reason"] == why


@pytest.mark.parametrize("command", ["get-verify-file", "get-verify-location"])
def test_a_path_stands_alone_on_standard_output(store: EvseSecurity, v2g: Pki, command: str) -> None:
    run = station(store.layout.root, command, "V2G")
    assert (run.code, run.out, run.err) == (0, f"{store.layout.bundles[V2G]}\n", "")
    assert station(store.layout.root, command, "V2G", "--json").result == str(store.layout.bundles[V2G])


def test_openssl_takes_the_directory_that_is_told(certs: Path, tmp_path: Path, v2g: Pki) -> None:
    openssl = program("openssl")
    config = tmp_path / "store.toml"
    config.write_text('v2g_ca_bundle = "ca/v2g"')
    options = ("--config", config)
    station(certs, *options, "install-ca-certificate", "-", "V2G", stdin=v2g.root.certificate.to_pem())
    run = station(certs, *options, "get-verify-location", "V2G")
    sub = tmp_path / "sub1.pem"
    sub.write_text(v2g.sub1.certificate.to_pem())
    command = [openssl, "verify", "-CApath", run.out.strip(), str(sub)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


# the leaf in use


@pytest.fixture
def guarded(certs: Path, tmp_path: Path, v2g: Pki) -> tuple[Path, Path]:
    """A store whose keys have a password, and the file that holds it."""
    store = EvseSecurity(StoreConfig(certs, private_key_password=PASSWORD))
    assert store.install_ca(v2g.root.certificate.to_pem(), V2G).accepted
    enrol(store, v2g)
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    secret.chmod(0o600)
    return certs, secret


@pytest.mark.parametrize("command", ["get-leaf-certificate-info", "get-key-pair", "get-all-valid-certificates-info"])
def test_the_keys_password_is_masked_for_people_and_given_to_programs(guarded: tuple[Path, Path], command: str) -> None:
    certs, secret = guarded
    run = station(certs, "--private-key-password-file", secret, command, "V2G")
    assert (run.code, run.err) == (0, "")
    assert PASSWORD not in run.out
    assert "    password            ***, given by --json" in run.out.splitlines()
    run = station(certs, "--private-key-password-file", secret, command, "V2G", "--json")
    assert f'"password": "{PASSWORD}"' in run.out
    assert "--json holds the keys' password" in " ".join(station(None, command, "-h").out.split())


@pytest.mark.parametrize(
    "command",
    [
        ("show",),
        ("show", "--json"),
        ("leaves-due", "--json"),
        ("open-requests", "--json"),
        ("get-installed-certificates",),
        ("get-verify-file", "V2G", "--json"),
        ("get-leaf-expiry-days-count", "V2G"),
        ("run-housekeeping", "--json"),
        ("get-leaf-certificate-info", "MO", "--json"),
        ("update-leaf-certificate", "-", "V2G"),
    ],
)
def test_no_other_command_knows_the_password(guarded: tuple[Path, Path], command: tuple[str, ...]) -> None:
    certs, secret = guarded
    run = station(certs, "--private-key-password-file", secret, *command)
    assert PASSWORD not in run.out + run.err


def test_without_the_password_the_key_is_not_found(guarded: tuple[Path, Path]) -> None:
    certs, secret = guarded
    run = station(certs, "get-leaf-certificate-info", "V2G")
    happened, why, step = run.out.splitlines()
    assert run.code == 1
    assert happened == "There is no usable V2G leaf (PrivateKeyNotFound)"
    assert "no password is configured" in why
    assert step.startswith("Next: check the keys' password and hardware")
    secret.write_text("another\n")
    run = station(certs, "--private-key-password-file", secret, "get-leaf-certificate-info", "V2G", "--json")
    assert (run.code, run.result) == (1, {"status": "PrivateKeyNotFound"})


def test_the_leaf_s_files_are_told_as_the_interface_tells_them(store: EvseSecurity) -> None:
    info = store.get_leaf_certificate_info(LEAF).info
    assert info is not None
    assert told(store, "get_leaf_certificate_info", "V2G") == to_json(store.get_leaf_certificate_info(LEAF))
    assert told(store, "get_all_valid_certificates_info", "V2G") == to_json(store.get_all_valid_certificates_info(LEAF))
    assert told(store, "get_key_pair", "V2G") == to_json(EvseSecurity2023(store).get_key_pair(LEAF, "PEM"))
    lines = station(store.layout.root, "get-leaf-certificate-info", "V2G").out.splitlines()
    assert lines == [
        "The V2G leaf in use:",
        f"  {EVSE}, {END}",
        f"    certificate         {info.certificate}",
        f"    certificate_single  {info.certificate_single}",
        "    certificate_count   3",
        f"    key                 {info.key}",
        "    certificate_root    V2G Root",
    ]


def test_ocsp_files_are_told_when_asked_for(store: EvseSecurity) -> None:
    whole = told(store, "get_leaf_certificate_info", "V2G", "--include-ocsp")
    assert len(whole["info"]["ocsp"]) == 3
    assert "ocsp" not in told(store, "get_leaf_certificate_info", "V2G")["info"]
    run = station(store.layout.root, "get-leaf-certificate-info", "V2G", "--include-ocsp")
    assert run.out.count("no answer that holds") == 3
    many = told(store, "get_all_valid_certificates_info", "V2G", "--include-ocsp")
    assert [len(one["ocsp"]) for one in many["info"]] == [3]


def test_the_leaf_of_one_evse_can_be_asked_for(store: EvseSecurity, v2g: Pki) -> None:
    enrol(store, v2g, common="DE*CHP*E5678*1")
    name = "    certificate"
    one = station(store.layout.root, "get-leaf-certificate-info", "V2G", "--common-name", EVSE).out
    other = station(store.layout.root, "get-leaf-certificate-info", "V2G", "--common-name", "DE*CHP*E5678*1").out
    assert f"  {EVSE}," in one
    assert "  DE*CHP*E5678*1," in other
    assert name in one
    assert told(store, "get_leaf_certificate_info", "V2G", "--common-name", "DE*CHP*E9", code=3) == {
        "status": "NotFound"
    }


def test_a_der_file_is_found_by_its_encoding(store: EvseSecurity) -> None:
    assert told(store, "get_leaf_certificate_info", "V2G", "--encoding", "DER", code=3) == {"status": "NotFound"}
    leaf = store.snapshot().slots[0].leaves[0].leaf.certificate
    (store.layout.root / "client/cso/a.der").write_bytes(leaf.der)
    info = told(store, "get_leaf_certificate_info", "V2G", "--encoding", "DER")["info"]
    assert info["certificate_single"].endswith("/a.der")
    assert told(store, "get_key_pair", "V2G", "--encoding", "DER")["key_pair"]["certificate"].endswith("/a.der")


@pytest.mark.parametrize(
    "command",
    [
        "get_leaf_certificate_info",
        "get_key_pair",
        "get_all_valid_certificates_info",
        "get_leaf_expiry_days_count",
    ],
)
@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("CSMS", "NotFound", 3), ("MO", "Rejected", 1), ("MF", "Rejected", 1)],
)
def test_a_leaf_that_is_not_there_says_why(
    store: EvseSecurity, command: str, kind: str, status: str, code: int
) -> None:
    run = station(store.layout.root, command.replace("_", "-"), kind)
    assert run.code == code
    happened, why, step = run.out.splitlines()
    assert happened == f"There is no usable {kind} leaf ({status})"
    assert why in {"Why: no leaf is installed", f"Why: {kind} leaves aren't kept"}
    store_words = f"chainpilot station --certs {store.layout.root}"
    expected = advice.INFO[GetCertificateInfoStatus(status)].replace("{store}", store_words)
    assert step == f"Next: {expected}"
    result = told(store, command, kind, code=code)
    assert result == 0 if command.endswith("count") else result["status"] == status


def test_a_leaf_that_has_ended_needs_somebody(certs: Path, v2g: Pki) -> None:
    (certs / "client/cso").mkdir(parents=True)
    ended = forge(EVSE, v2g.issuing, begin=FROM, end=FROM + timedelta(days=1))
    (certs / "client/cso/a.pem").write_text(v2g.stack(ended.certificate))
    run = station(certs, "get-leaf-certificate-info", "V2G", "--json")
    assert (run.code, run.result) == (1, {"status": "NotFoundValid"})
    assert run.told["reason"] == "none of 1 leaves is valid now"


@pytest.mark.parametrize(
    ("left", "days", "words"),
    [
        (timedelta(days=5, hours=1), 5, "in 5 whole days"),
        (timedelta(days=1, hours=1), 1, "in 1 whole day"),
        (timedelta(hours=1), 0, "in less than a day"),
    ],
)
def test_the_days_left_of_the_leaf_in_use_are_counted(
    certs: Path, v2g: Pki, left: timedelta, days: int, words: str
) -> None:
    store = EvseSecurity(StoreConfig(certs))
    assert store.install_ca(v2g.root.certificate.to_pem(), V2G).accepted
    made = store.generate_certificate_signing_request(LEAF, "DE", "Chargers Ltd", EVSE)
    assert made.csr is not None
    end = (SYSTEM.now() + left).replace(microsecond=0)
    assert store.update_leaf(v2g.stack(issue(v2g.issuing, made.csr, end=end)), LEAF).accepted
    assert told(store, "get_leaf_expiry_days_count", "V2G") == days
    run = station(certs, "get-leaf-expiry-days-count", "V2G")
    assert run.out == f"The V2G leaf in use ends {words}\n"


# verify-file-signature


@pytest.fixture
def firmware(tmp_path: Path) -> tuple[Path, Path, bytes]:
    """A file, its signer's certificate, and the signature."""
    signer = root("Maker")
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    image, certificate = tmp_path / "firmware.bin", tmp_path / "maker.pem"
    image.write_bytes(b"firmware")
    certificate.write_text(signer.certificate.to_pem())
    return image, certificate, signer.key.sign(b"firmware", ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("is_text", [True, False])
def test_a_good_signature_holds(certs: Path, firmware: tuple[Path, Path, bytes], tmp_path: Path, is_text: bool) -> None:
    certs.mkdir()
    image, certificate, signature = firmware
    made = tmp_path / "signature"
    made.write_bytes(base64.b64encode(signature) if is_text else signature)
    options = ("--signing-certificate", certificate, "--signature", made)
    run = station(certs, "verify-file-signature", image, *options)
    assert (run.code, run.out) == (0, f"The signature over {image} is Maker's\n")
    assert station(certs, "verify-file-signature", image, *options, "--json").result is True


def test_a_signature_that_does_not_hold_says_so(certs: Path, firmware: tuple[Path, Path, bytes]) -> None:
    certs.mkdir()
    image, certificate, signature = firmware
    image.write_bytes(b"firmware, changed")
    options = ("--signing-certificate", certificate, "--signature", "-")
    run = station(certs, "verify-file-signature", image, *options, stdin=signature)
    assert run.code == 1
    assert run.out.splitlines()[0] == f"The signature over {image} is not Maker's"
    run = station(certs, "verify-file-signature", image, *options, "--json", stdin=signature)
    assert (run.code, run.result) == (1, False)
    assert run.told["reason"]


def test_what_can_not_be_checked_is_no_answer(certs: Path, firmware: tuple[Path, Path, bytes], tmp_path: Path) -> None:
    certs.mkdir()
    image, certificate, signature = firmware
    base = ("--signing-certificate", certificate, "--signature", "-", "--json")
    gone = station(certs, "verify-file-signature", tmp_path / "gone", *base, stdin=signature)
    assert (gone.code, gone.result) == (3, None)
    both = station(
        certs, "verify-file-signature", image, "--signing-certificate", "-", "--signature", "-", stdin=signature
    )
    assert both.code == 2
    certificate.write_text("rubbish!")
    run = station(certs, "verify-file-signature", image, *base, stdin=signature)
    assert (run.code, run.result) == (1, None)
    assert "holds no certificate" in run.told["reason"]


def test_what_programs_get_is_one_line_of_ascii(certs: Path) -> None:
    certs.mkdir()
    run = station(certs, "verify-certificate", "ümlaut.pem", "V2G", "--json")
    assert run.out.isascii()
    assert json.loads(run.out)["reason"].startswith("there is no file ümlaut.pem")
