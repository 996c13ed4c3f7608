"""The commands that change the store: what they answer, in which words, with which exit code."""

import base64
import os
import pty
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs import FROM, UNTIL, Pki, csms_pki, issue, key_pem, root, stack, v2g_pki
from chainpilot.cli.station.work import advice
from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.csr import inspect_csr
from chainpilot.pki.encoding import MAX_TEXT, PemLabel, recognise
from chainpilot.pki.hashdata import HashAlgorithm, hash_data
from chainpilot.pki.keys import KeySpec, key_spec_of
from chainpilot.station import EvseSecurity, StoreConfig
from chainpilot.station.model import (
    CaCertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    GetCertificateInfoStatus,
    GetCertificateSignRequestStatus,
    InstallCertificateResult,
    LeafCertificateType,
)
from cli.station.runs import END, PROGRAM, run_program, station
from forge import forge
from ocsp_answers import answer, cert_id, single
from stores import EVSE, assert_store_unchanged, enrol, leaf_files

V2G, CSMS = CaCertificateType.V2G, CaCertificateType.CSMS
NAMES = ("--country", "DE", "--organization", "Chargers Ltd", "--common", EVSE)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    return tmp_path / "certs"


@pytest.fixture
def store(certs: Path, v2g: Pki) -> EvseSecurity:
    """The V2G root, its sub-CAs and an SECC leaf."""
    store = EvseSecurity(StoreConfig(certs))
    for one in (v2g.root, v2g.sub1, v2g.issuing):
        assert store.install_ca(one.certificate.to_pem(), V2G).accepted
    enrol(store, v2g)
    return store


def file(folder: Path, content: str | bytes, name: str = "given.pem") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pem(*certificates: Certificate) -> str:
    return stack(*certificates)


# install-ca-certificate


@pytest.mark.parametrize(
    "form",
    [
        lambda one: one.to_pem().encode(),
        lambda one: one.der,
        lambda one: one.der.hex().encode(),
        lambda one: base64.b64encode(one.der),
    ],
    ids=["pem", "der", "hex", "base64"],
)
def test_a_root_is_installed_from_a_file_of_any_form(
    tmp_path: Path, certs: Path, v2g: Pki, form: Callable[[Certificate], bytes]
) -> None:
    run = station(certs, "install-ca-certificate", file(tmp_path, form(v2g.root.certificate)), "V2G")
    assert (run.code, run.err) == (0, "")
    assert run.out == f"Installed in V2G: V2G Root, {END}\nThat began a new store in {certs}\n"
    assert load_certificates((certs / "ca/v2g/V2G_ROOT_CA.pem").read_text()) == (v2g.root.certificate,)


def test_a_root_is_installed_from_standard_input(certs: Path, v2g: Pki) -> None:
    run = station(certs, "install-ca-certificate", "-", "MO", "--json", stdin=v2g.root.certificate.to_pem())
    assert run.code == 0
    assert run.out == '{"command": "install_ca_certificate", "result": "Accepted", "reason": null}\n'


def test_a_root_that_is_there_is_already_so(tmp_path: Path, certs: Path, v2g: Pki) -> None:
    given = file(tmp_path, v2g.root.certificate.to_pem())
    station(certs, "install-ca-certificate", given, "V2G")
    with assert_store_unchanged(certs):
        run = station(certs, "install-ca-certificate", given, "V2G")
    assert (run.code, run.out) == (0, f"Already so: V2G Root is installed in V2G, {END}\n")


@pytest.mark.parametrize(
    ("content", "word", "why"),
    [
        (lambda _: "rubbish!", "InvalidFormat", "neither PEM nor hexadecimal nor base64"),
        (lambda v2g: v2g.root.certificate.to_pem() * 2, "InvalidFormat", "2 certificates"),
        (lambda v2g: v2g.sub1.certificate.to_pem(), "InvalidCertificateChain", "no CA of the V2G bundle signed it"),
        (
            lambda _: root("Old", begin=FROM, end=datetime(2026, 1, 1, tzinfo=UTC)).certificate.to_pem(),
            "Expired",
            "2026-01-01",
        ),
        (lambda _: root("T", test=True).certificate.to_pem(), "InvalidCertificateChain", "belongs to a test PKI"),
    ],
)
def test_a_refused_ca_says_what_why_and_what_next(
    certs: Path, v2g: Pki, content: Callable[[Pki], str], word: str, why: str
) -> None:
    given = content(v2g)
    run = station(certs, "install-ca-certificate", "-", "V2G", stdin=given)
    happened, reason, step = run.out.splitlines()
    assert (run.code, run.err) == (1, "")
    assert happened.startswith(f"Not installed in V2G ({word}): ")
    assert reason.startswith("Why: ")
    assert step == f"Next: {advice.INSTALL[InstallCertificateResult(word)]}"
    told = station(certs, "install-ca-certificate", "-", "V2G", "--json", stdin=given)
    assert told.code == 1
    assert told.result == word
    assert why in told.told["reason"]
    assert leaf_files(certs) == {}


def test_a_test_root_counts_where_it_is_allowed(tmp_path: Path, certs: Path) -> None:
    given = file(tmp_path, root("T", test=True).certificate.to_pem())
    assert station(certs, "--allow-test-pki", "install-ca-certificate", given, "V2G").code == 0
    assert station(certs, "is-ca-certificate-installed", "V2G").code == 3
    assert station(certs, "is-ca-certificate-installed", "V2G", "--allow-test-pki").code == 0


def test_a_text_at_the_bound_is_read_and_a_longer_one_is_not(tmp_path: Path, certs: Path, v2g: Pki) -> None:
    text = v2g.root.certificate.to_pem()
    over = station(certs, "install-ca-certificate", file(tmp_path, text.ljust(MAX_TEXT + 1)), "V2G", "--json")
    assert (over.code, over.result) == (1, None)
    assert over.told["reason"].endswith(f"given.pem is longer than {MAX_TEXT} bytes")
    for size in (MAX_TEXT, MAX_TEXT - 1):
        run = station(certs, "install-ca-certificate", file(tmp_path, text.ljust(size)), "V2G", "--json")
        assert run.result == "InvalidFormat"  # read, and by the store's own bound no single certificate


@pytest.mark.parametrize(
    ("name", "code", "why"),
    [("missing.pem", 3, "there is no file"), ("", 2, "is a directory")],
)
def test_a_file_that_can_not_be_read_is_a_sentence(tmp_path: Path, certs: Path, name: str, code: int, why: str) -> None:
    run = station(certs, "install-ca-certificate", tmp_path / name, "V2G")
    assert (run.code, run.out) == (code, "")
    assert run.err.startswith("chainpilot: ")
    assert why in run.err
    told = station(certs, "install-ca-certificate", tmp_path / name, "V2G", "--json")
    assert (told.code, told.result, told.err) == (code, None, "")
    assert why in told.told["reason"]


def test_a_file_that_is_neither_text_nor_der_is_a_sentence(tmp_path: Path, certs: Path) -> None:
    run = station(certs, "install-ca-certificate", file(tmp_path, b"\xff\xfe\x00"), "V2G")
    assert run.code == 1
    assert "is neither text nor DER; chainpilot inspect tells what it is" in run.err


# generate-certificate-signing-request and update-leaf-certificate


def test_an_enrolment_from_the_shell_ends_with_a_leaf_in_use(tmp_path: Path, certs: Path, v2g: Pki) -> None:
    station(certs, "install-ca-certificate", "-", "V2G", stdin=v2g.root.certificate.to_pem())
    asked = station(certs, "generate-certificate-signing-request", "V2G", *NAMES)
    assert asked.code == 0
    assert asked.out.startswith("-----BEGIN CERTIFICATE REQUEST-----\n")
    assert asked.out.endswith("-----END CERTIFICATE REQUEST-----\n")
    assert asked.err == (
        f"Made a key and a signing request for {EVSE}\nNext: send it to the CA; when the chain comes: "
        f"chainpilot station --certs {certs} update-leaf-certificate FILE V2G\n"
    )
    chain = file(tmp_path, v2g.enrol(asked.out))
    run = station(certs, "update-leaf-certificate", chain, "V2G")
    assert run.code == 0
    assert run.out == f"Installed as a leaf of V2G: {EVSE}, {END}\n"
    again = station(certs, "update-leaf-certificate", chain, "V2G")
    assert again.out == f"Already so: {EVSE} is installed as a leaf of V2G, {END}\n"
    assert station(certs, "get-key-pair", "V2G").code == 0


def test_a_request_that_is_open_is_printed_again(certs: Path) -> None:
    first = station(certs, "generate-certificate-signing-request", "V2G", *NAMES)
    second = station(certs, "generate-certificate-signing-request", "V2G", *NAMES)
    assert first.out == second.out
    assert second.err.startswith(f"Already so: the request for {EVSE} is open since ")


def test_a_request_for_programs_is_the_interface_s_object(certs: Path) -> None:
    run = station(certs, "generate-certificate-signing-request", "CSMS", *NAMES[:4], "--common", "BER-1", "--json")
    assert run.code == 0
    assert run.told["command"] == "generate_certificate_signing_request"
    assert list(run.result) == ["status", "csr"]
    assert run.result["status"] == "Accepted"
    csr = inspect_csr(recognise(run.result["csr"], PemLabel.CERTIFICATE_REQUEST).blocks[0])
    assert (csr.common_name, key_spec_of(csr.public_key)) == ("BER-1", KeySpec.P256)
    assert run.told["reason"] is None


def test_the_kind_of_key_can_be_chosen(certs: Path) -> None:
    name = "DECHP" + "0" * 33 + "1"
    run = station(
        certs, "generate-certificate-signing-request", "V2G", *NAMES[:4], "--common-name", name, "--key", "P-521"
    )
    csr = inspect_csr(recognise(run.out, PemLabel.CERTIFICATE_REQUEST).blocks[0])
    assert key_spec_of(csr.public_key) is KeySpec.P521


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (("MO", *NAMES), "InvalidRequestedType", "MO leaves aren't kept"),
        (("V2G", *NAMES, "--use-tpm"), "KeyGenError", "no hardware provider is configured"),
        (("V2G", *NAMES[:4], "--common", "hello"), "GenerationError", "neither an EVSEID nor a SECCID"),
        (("CSMS", "--country", "Germany", *NAMES[2:]), "GenerationError", "Germany"),
    ],
)
def test_a_request_that_is_refused_leaves_standard_output_empty(
    certs: Path, arguments: tuple[str, ...], status: str, why: str
) -> None:
    run = station(certs, "generate-certificate-signing-request", *arguments)
    assert (run.code, run.out) == (1, "")
    happened, reason, step = run.err.splitlines()
    assert happened == f"No request was made ({status})"
    assert why in reason
    assert step == f"Next: {advice.REQUEST[GetCertificateSignRequestStatus(status)]}"
    told = station(certs, "generate-certificate-signing-request", *arguments, "--json")
    assert (told.code, told.result) == (1, {"status": status})
    assert why in told.told["reason"]


@pytest.mark.parametrize(
    ("chain", "word"),
    [
        (lambda _, __: "rubbish", "InvalidFormat"),
        (lambda v2g, csr: stack(v2g.issuing.certificate, issue(v2g.issuing, csr)), "InvalidCertificateChain"),
        (lambda v2g, csr: stack(issue(v2g.issuing, csr)), "NoRootCertificateInstalled"),
        (lambda v2g, csr: v2g.enrol(csr, common_name="DE*CHP*E9*9"), "InvalidCommonName"),
        (lambda v2g, csr: v2g.enrol(csr, begin=FROM, end=FROM + timedelta(days=1)), "Expired"),
        (lambda v2g, _: v2g.stack(forge(EVSE, v2g.issuing, begin=FROM, end=UNTIL).certificate), "WriteError"),
    ],
)
def test_a_refused_leaf_says_what_why_and_what_next(
    certs: Path, v2g: Pki, chain: Callable[[Pki, str], str], word: str
) -> None:
    station(certs, "install-ca-certificate", "-", "V2G", stdin=v2g.root.certificate.to_pem())
    csr = station(certs, "generate-certificate-signing-request", "V2G", *NAMES).out
    text = chain(v2g, csr)
    run = station(certs, "update-leaf-certificate", "-", "V2G", stdin=text)
    happened, reason, step = run.out.splitlines()
    assert run.code == 1
    assert happened.startswith(f"Not installed as a leaf of V2G ({word}): ")
    assert reason.startswith("Why: ")
    told = advice.UPDATE[InstallCertificateResult(word)].replace("{store}", f"chainpilot station --certs {certs}")
    assert step == f"Next: {told}"
    run = station(certs, "update-leaf-certificate", "-", "V2G", "--json", stdin=text)
    assert (run.code, run.result) == (1, word)
    assert run.told["reason"]


def test_a_leaf_that_is_installed_with_a_remark_says_it_aside(tmp_path: Path, certs: Path, v2g: Pki) -> None:
    config = file(tmp_path, 'v2g_profile = "warn"', "store.toml")
    station(certs, "install-ca-certificate", "-", "V2G", stdin=v2g.root.certificate.to_pem())
    csr = station(certs, "generate-certificate-signing-request", "V2G", *NAMES).out
    chain = v2g.enrol(csr, domain="MO")
    run = station(certs, "--config", config, "update-leaf-certificate", "-", "V2G", "--json", stdin=chain)
    assert (run.code, run.result) == (0, "Accepted")
    assert "is installed, but not a " in run.err


# delete-certificate


def named(certificate: Certificate, issuer: Certificate, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> list[str]:
    data = hash_data(certificate, issuer, algorithm)
    return [
        "--hash-algorithm",
        algorithm.value,
        "--issuer-name-hash",
        data.issuer_name_hash.upper(),
        "--issuer-key-hash",
        data.issuer_key_hash,
        "--serial-number",
        f"0{data.serial_number}",
    ]


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_a_ca_is_deleted_by_hash_data(store: EvseSecurity, certs: Path, v2g: Pki, algorithm: HashAlgorithm) -> None:
    options = named(v2g.issuing.certificate, v2g.sub1.certificate, algorithm)
    run = station(certs, "delete-certificate", *options)
    assert run.code == 0
    assert run.out == (f"Deleted 1 certificate\n  V2G CA: CPO Sub2, serial {v2g.issuing.certificate.serial_number:x}\n")
    assert v2g.issuing.certificate not in store.snapshot().bundles[0].certificates


def test_a_secc_leaf_is_deleted_by_its_stack_with_its_key(store: EvseSecurity, certs: Path) -> None:
    (slot,) = store.snapshot().slots
    run = station(certs, "delete-certificate", "--certificate", slot.leaves[0].path, "--json")
    assert run.out == '{"command": "delete_certificate", "result": "Accepted", "reason": null}\n'
    assert store.snapshot().slots == ()
    assert list((certs / "client/cso").glob("*")) == []


def test_a_ca_with_others_below_it_needs_a_yes_from_scripts(store: EvseSecurity, tmp_path: Path, v2g: Pki) -> None:
    given = file(tmp_path, v2g.root.certificate.to_pem())
    certs = store.layout.root
    with assert_store_unchanged(certs):
        run = station(certs, "delete-certificate", "--certificate", given)
        told = station(certs, "delete-certificate", "--certificate", given, "--json")
    why = "V2G Root would be deleted with 2 certificates below it: CPO Sub1, CPO Sub2; --yes does it"
    assert (run.code, run.out, run.err) == (7, "", f"chainpilot: {why}\n")
    assert (told.code, told.result, told.told["reason"]) == (7, None, why)
    done = station(certs, "delete-certificate", "--certificate", given, "--yes")
    assert done.code == 0
    assert done.out.splitlines()[0] == "Deleted 3 certificates"
    assert [line.split(",")[0] for line in done.out.splitlines()[1:]] == [
        "  V2G CA: V2G Root",
        "  V2G CA: CPO Sub1",
        "  V2G CA: CPO Sub2",
        f"The leaf in use of {EVSE} leads to no root here any more",
    ]


def test_a_sub_ca_counts_what_is_below_it_alone(store: EvseSecurity, tmp_path: Path, v2g: Pki) -> None:
    given = file(tmp_path, pem(v2g.sub1.certificate, v2g.root.certificate))
    run = station(store.layout.root, "delete-certificate", "--certificate", given)
    assert run.err == "chainpilot: CPO Sub1 would be deleted with 1 certificate below it: CPO Sub2; --yes does it\n"


@pytest.mark.parametrize(("typed", "code", "left"), [(b"y\n", 0, 0), (b"n\n", 7, 3), (b"\n", 7, 3)])
def test_people_are_asked_before_a_hierarchy_goes(
    store: EvseSecurity, v2g: Pki, typed: bytes, code: int, left: int
) -> None:
    given = file(store.layout.root.parent, v2g.root.certificate.to_pem())
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, typed)
        command = [str(PROGRAM), "station", "--certs", str(store.layout.root), "delete-certificate"]
        command += ["--certificate", str(given)]
        done = subprocess.run(command, stdin=terminal, capture_output=True, text=True, timeout=60, check=False)
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert done.returncode == code
    assert "V2G Root would be deleted with 2 certificates below it: CPO Sub1, CPO Sub2. Delete them?" in done.stderr
    assert len(store.snapshot().bundles[0].certificates) == left


def test_the_station_s_own_client_certificate_is_kept(certs: Path) -> None:
    pki = csms_pki()
    store = EvseSecurity(StoreConfig(certs))
    assert store.install_ca(pki.root.certificate.to_pem(), CSMS).accepted
    enrol(store, pki, LeafCertificateType.CSMS, "BER-1")
    (slot,) = store.snapshot().slots
    with assert_store_unchanged(certs):
        run = station(certs, "delete-certificate", "--certificate", slot.leaves[0].path)
        told = station(certs, "delete-certificate", "--certificate", slot.leaves[0].path, "--json")
    assert run.code == 7
    assert run.out.splitlines() == [
        "Not deleted (Failed)",
        "Why: it is the station's own client certificate (OCPP M04.FR.06)",
        f"Next: {advice.DELETE[DeleteCertificateResult.FAILED]}",
    ]
    assert (told.code, told.result) == (7, "Failed")


def test_what_is_not_installed_is_not_found(store: EvseSecurity, tmp_path: Path) -> None:
    given = file(tmp_path, root("Another").certificate.to_pem())
    run = station(store.layout.root, "delete-certificate", "--certificate", given, "--json")
    assert (run.code, run.result) == (3, "NotFound")
    assert run.told["reason"] == "no installed certificate has that hash data"


def test_an_issuer_can_be_given_and_must_be_the_right_one(certs: Path, tmp_path: Path, v2g: Pki) -> None:
    certs.mkdir()
    leaf = file(tmp_path, v2g.issuing.certificate.to_pem(), "leaf.pem")
    right = file(tmp_path, v2g.sub1.certificate.to_pem(), "right.pem")
    wrong = file(tmp_path, v2g.root.certificate.to_pem(), "wrong.pem")
    lost = station(certs, "delete-certificate", "--certificate", leaf)
    assert lost.code == 2
    assert "who signed CPO Sub2 is neither in the file nor installed; give it with --issuer FILE" in lost.err
    assert station(certs, "delete-certificate", "--certificate", leaf, "--issuer", right, "--json").result == "NotFound"
    refused = station(certs, "delete-certificate", "--certificate", leaf, "--issuer", wrong)
    assert refused.code == 2
    assert "V2G Root did not sign CPO Sub2" in refused.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "--issuer-name-hash, --issuer-key-hash, --serial-number missing"),
        (("--issuer-name-hash", "aa", "--issuer-key-hash", "bb"), "its hash data: --serial-number missing"),
        (
            ("--issuer-name-hash", "zz", "--issuer-key-hash", "bb", "--serial-number", "1"),
            "--issuer-name-hash: 'zz' is not hexadecimal",
        ),
        (
            ("--issuer-name-hash", "aa", "--issuer-key-hash", "bb", "--serial-number", "-1"),
            "--serial-number: '-1' is not hexadecimal",
        ),
        (
            ("--issuer-name-hash", "a" * 129, "--issuer-key-hash", "bb", "--serial-number", "1"),
            "issuer_name_hash has 129 characters; at most 128 are allowed",
        ),
        (
            ("--issuer-name-hash", "aa", "--issuer-key-hash", "bb", "--serial-number", "1" * 41),
            "serial_number has 41 characters; at most 40 are allowed",
        ),
        (("--certificate", "x.pem", "--serial-number", "1"), "give either hash data or --certificate, not both"),
        (("--certificate", "-", "--issuer", "-"), "standard input (-) can be only one of the files"),
    ],
)
def test_what_names_no_certificate_is_a_usage_error(certs: Path, arguments: tuple[str, ...], why: str) -> None:
    certs.mkdir()
    run = station(certs, "delete-certificate", *arguments)
    assert (run.code, run.out) == (2, "")
    assert why in run.err
    told = station(certs, "delete-certificate", *arguments, "--json")
    assert (told.code, told.result) == (2, None)


def test_hash_data_at_the_bound_is_taken(certs: Path) -> None:
    certs.mkdir()
    for length in (128, 127):
        options = ("--issuer-name-hash", "a" * length, "--issuer-key-hash", "b" * length, "--serial-number", "1" * 40)
        assert station(certs, "delete-certificate", *options, "--json").result == "NotFound"


# update-ocsp-cache


@pytest.mark.parametrize("is_text", [True, False])
def test_a_response_is_kept_for_the_certificate_it_is_about(
    store: EvseSecurity, tmp_path: Path, v2g: Pki, is_text: bool
) -> None:
    der = good_answer(v2g)
    given = file(tmp_path, base64.b64encode(der) if is_text else der, "response")
    sub = file(tmp_path, v2g.issuing.certificate.to_pem())
    run = station(store.layout.root, "update-ocsp-cache", given, "--certificate", sub)
    assert (run.code, run.out) == (0, "Kept the OCSP response about CPO Sub2\n")
    options = named(v2g.issuing.certificate, v2g.sub1.certificate)
    told = station(store.layout.root, "update-ocsp-cache", "-", *options, "--json", stdin=der)
    assert (told.code, told.result, told.told["reason"]) == (0, None, None)
    assert [path.read_bytes() for path in store.layout.root.rglob("*_ocsp.der")] == [der]


def good_answer(v2g: Pki) -> bytes:
    """About the issuing CA, by the CA above it, good for a week from an hour ago."""
    since = SYSTEM.now().replace(microsecond=0) - timedelta(hours=1)
    about = cert_id(v2g.issuing.certificate, v2g.sub1.certificate, "sha256")
    return answer(v2g.sub1, single(about, since=since, until=since + timedelta(days=7)), produced=since)


def test_a_response_that_does_not_fit_is_refused_with_its_reason(store: EvseSecurity, tmp_path: Path, v2g: Pki) -> None:
    sub = file(tmp_path, v2g.sub1.certificate.to_pem())
    run = station(store.layout.root, "update-ocsp-cache", "-", "--certificate", sub, stdin=good_answer(v2g))
    assert run.code == 1
    assert run.out.splitlines()[0] == "Not kept: the OCSP response about CPO Sub1"
    assert run.out.splitlines()[1].startswith("Why: ")
    told = station(store.layout.root, "update-ocsp-cache", "-", "--certificate", sub, "--json", stdin="rubbish")
    assert (told.code, told.result) == (1, None)
    assert told.told["reason"]


def test_a_response_about_what_is_not_installed_is_not_found(store: EvseSecurity, v2g: Pki) -> None:
    options = named(v2g.issuing.certificate, v2g.root.certificate)
    run = station(store.layout.root, "update-ocsp-cache", "-", *options, "--json", stdin=good_answer(v2g))
    assert (run.code, run.result) == (3, None)
    assert "no installed certificate has that hash data" in run.told["reason"]


# run-housekeeping


def test_a_tidy_store_is_already_so(store: EvseSecurity) -> None:
    run = station(store.layout.root, "run-housekeeping")
    assert (run.code, run.out) == (0, "Already so: there is nothing that nobody needs\n")


def test_a_dry_run_says_first_and_last_that_nothing_changed(store: EvseSecurity, tmp_path: Path) -> None:
    certs = store.layout.root
    surplus = untidy(store)
    config = file(tmp_path, f"csr_lifetime_seconds = {LIFETIME}", "store.toml")
    with assert_store_unchanged(certs):
        run = station(certs, "--config", config, "run-housekeeping", "--dry-run")
        told = station(certs, "--config", config, "run-housekeeping", "--dry-run", "--json")
    lines = run.out.splitlines()
    assert run.code == 0
    assert lines[0] == lines[-1] == "Nothing was changed: this is a dry run"
    assert lines[1] == "Would remove:"
    assert told.result == {"requests": [], "leaves": [], **surplus}
    for paths in surplus.values():
        assert any(paths[0] in line for line in lines)


def test_housekeeping_removes_what_a_dry_run_told(store: EvseSecurity, tmp_path: Path) -> None:
    certs = store.layout.root
    surplus = untidy(store)
    config = file(tmp_path, f"csr_lifetime_seconds = {LIFETIME}", "store.toml")
    run = station(certs, "--config", config, "run-housekeeping", "--json")
    assert (run.code, run.result) == (0, {"requests": [], "leaves": [], **surplus})
    assert not any(Path(path).exists() for paths in surplus.values() for path in paths)
    assert store.snapshot().slots[0].leaves[0].is_in_use


LIFETIME = 1
"""Seconds after which the key is nobody's."""


def untidy(store: EvseSecurity) -> dict[str, list[str]]:
    """An orphan key and half an OCSP answer."""
    directory = store.layout.root / "client/cso"
    key = directory / "SECC_LEAF_orphan.key"
    key.write_bytes(key_pem(root("Any").key))
    while SYSTEM.now().timestamp() - key.stat().st_ctime < LIFETIME:  # when a file came there nobody can set
        time.sleep(0.05)
    (directory / "ocsp").mkdir()
    half = directory / "ocsp/x_ocsp.der"
    half.write_bytes(b"x")
    return {"keys": [str(key)], "answers": [str(half)]}


def test_old_leaves_and_superseded_requests_are_told_by_name(tmp_path: Path, certs: Path, v2g: Pki) -> None:
    config = file(tmp_path, "kept_leaves = 1\ncsr_lifetime_seconds = 1", "store.toml")
    store = EvseSecurity(StoreConfig(certs))
    assert store.install_ca(v2g.root.certificate.to_pem(), V2G).accepted
    enrol(store, v2g)
    ended = forge(EVSE, v2g.issuing, begin=FROM - timedelta(days=2), end=FROM - timedelta(days=1))
    (certs / "client/cso/old.pem").write_text(v2g.stack(ended.certificate))
    run = station(certs, "--config", config, "run-housekeeping", "--dry-run")
    assert f"  leaf {EVSE}, ended 31 Dec 2024" in run.out


# what holds for all of them


def test_every_answer_that_is_no_success_has_advice() -> None:
    success = {
        InstallCertificateResult.ACCEPTED,
        DeleteCertificateResult.ACCEPTED,
        CertificateValidationResult.VALID,
        GetCertificateSignRequestStatus.ACCEPTED,
        GetCertificateInfoStatus.ACCEPTED,
    }
    tables = (advice.INSTALL, advice.UPDATE, advice.DELETE, advice.VERIFY, advice.REQUEST, advice.INFO)
    for table in tables:
        kind = type(next(iter(table)))
        assert set(table) == set(kind) - success


def test_names_with_control_characters_do_not_reach_the_terminal(certs: Path) -> None:
    evil = root("Evil\x1b[31m Root").certificate.to_pem()
    run = station(certs, "install-ca-certificate", "-", "V2G", stdin=evil)
    assert "\x1b" not in run.out + run.err
    assert "\\x1b" in run.out + run.err


def test_a_terminal_that_lacks_a_letter_is_told_all_the_same(certs: Path) -> None:
    given = root("Ωmega").certificate.to_pem().encode()
    run = run_program(
        "station", "--certs", certs, "install-ca-certificate", "-", "V2G", stdin=given, PYTHONIOENCODING="latin-1"
    )
    assert (run.code, run.out.splitlines()[0]) == (0, f"Installed in V2G: \\u03a9mega, {END}")


def test_the_store_s_log_does_not_repeat_what_was_said(certs: Path) -> None:
    run = run_program("station", "--certs", certs, "install-ca-certificate", "-", "V2G", stdin=b"rubbish!")
    assert (run.code, run.err) == (1, "")
    assert run.out.count("neither PEM nor hexadecimal nor base64") == 1
