"""The first interface (seed 000) answers with the same store and judgement in its own older shapes."""

import inspect
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certs import FROM, Pki, root, v2g_pki
from chainpilot.pki.certificate import load_certificates
from chainpilot.station import EvseSecurity
from chainpilot.station.first_interface import EvseSecurity2023
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    EncodingFormat,
    GetCertificateInfoStatus,
    GetInstalledCertificatesStatus,
    InstallCertificateResult,
    LeafCertificateType,
)
from clocks import SetClock
from forge import NOON, forge
from ocsp_answers import answer, cert_id, single
from stock import descendants, info, leaf, listed, named, place, serial
from stores import EVSE, enrol, store_with

V2G = LeafCertificateType.V2G
DOMAIN = CaCertificateType.V2G
RESULT = InstallCertificateResult

COMMANDS = {
    "install_ca_certificate": ["certificate", "certificate_type"],
    "delete_certificate": ["certificate_hash_data"],
    "update_leaf_certificate": ["certificate_chain", "certificate_type"],
    "verify_certificate": ["certificate_chain", "certificate_type"],
    "get_installed_certificates": ["certificate_types"],
    "get_ocsp_request_data": [],
    "update_ocsp_cache": ["certificate_hash_data", "ocsp_response"],
    "is_ca_certificate_installed": ["certificate_type"],
    "generate_certificate_signing_request": ["certificate_type", "country", "organization", "common"],
    "get_key_pair": ["certificate_type", "encoding"],
    "get_verify_file": ["certificate_type"],
    "get_leaf_expiry_days_count": ["certificate_type"],
}
"""Seed 000's commands with their arguments."""


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture
def store(tmp_path: Path, v2g: Pki) -> EvseSecurity:
    return store_with(tmp_path, (DOMAIN, v2g))


@pytest.fixture
def first(store: EvseSecurity) -> EvseSecurity2023:
    return EvseSecurity2023(store)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_the_seed_s_arguments_in_the_seed_s_order(command: str) -> None:
    names = list(inspect.signature(getattr(EvseSecurity2023, command)).parameters)
    assert names == ["self", *COMMANDS[command]]


def test_it_has_the_seed_s_commands_and_no_others() -> None:
    assert [name for name in vars(EvseSecurity2023) if not name.startswith("_")] == list(COMMANDS)


def broken(der: bytes) -> str:
    return (der[:-1] + bytes([der[-1] ^ 1])).hex()


ENDED = datetime(2026, 5, 1, tzinfo=UTC)
Offer = Callable[[Pki], str]
JUDGEMENTS: dict[CertificateValidationResult, tuple[Offer, InstallCertificateResult]] = {
    CertificateValidationResult.VALID: (lambda v2g: v2g.stack(leaf(v2g).certificate), RESULT.ACCEPTED),
    CertificateValidationResult.EXPIRED: (lambda v2g: v2g.stack(leaf(v2g, end=ENDED).certificate), RESULT.EXPIRED),
    CertificateValidationResult.INVALID_SIGNATURE: (
        lambda v2g: (
            broken(leaf(v2g).certificate.der) + v2g.issuing.certificate.der.hex() + v2g.sub1.certificate.der.hex()
        ),
        RESULT.INVALID_SIGNATURE,
    ),
    CertificateValidationResult.ISSUER_NOT_FOUND: (
        lambda _: leaf(v2g_pki()).certificate.to_pem(),
        RESULT.NO_ROOT_CERTIFICATE_INSTALLED,
    ),
    CertificateValidationResult.INVALID_CHAIN: (
        lambda v2g: v2g.stack(forge("No leaf", v2g.issuing, ca=True, begin=FROM).certificate),
        RESULT.INVALID_CERTIFICATE_CHAIN,
    ),
    CertificateValidationResult.UNKNOWN: (lambda _: "rubbish", RESULT.INVALID_FORMAT),
}
"""One chain for every outcome that OpenSSL gives for whole paths, and the old word for it."""


@pytest.mark.parametrize("outcome", JUDGEMENTS, ids=lambda one: one.value)
def test_verify_is_the_same_judgement_in_the_old_enumeration(
    store: EvseSecurity, first: EvseSecurity2023, v2g: Pki, outcome: CertificateValidationResult
) -> None:
    """station-store.md section 1: Valid -> Accepted, the rest as update_leaf."""
    offer, old = JUDGEMENTS[outcome]
    chain = offer(v2g)
    assert store.verify_certificate(chain, [V2G]) is outcome
    assert first.verify_certificate(chain, V2G) is old
    assert first.verify_certificate(chain, "V2G") is old
    if outcome is not CertificateValidationResult.VALID:
        assert first.update_leaf_certificate(chain, V2G) is old


def test_verify_needs_no_key_and_update_does(first: EvseSecurity2023, v2g: Pki) -> None:
    chain = v2g.stack(leaf(v2g).certificate)
    assert first.verify_certificate(chain, V2G) is RESULT.ACCEPTED
    assert first.update_leaf_certificate(chain, V2G) is RESULT.WRITE_ERROR


def test_an_enrolment_goes_through_in_the_old_shapes(first: EvseSecurity2023, v2g: Pki) -> None:
    csr = first.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE)
    assert csr.startswith("-----BEGIN CERTIFICATE REQUEST-----\n")
    assert first.update_leaf_certificate(v2g.enrol(csr), V2G) is RESULT.ACCEPTED
    pair = first.get_key_pair(V2G, EncodingFormat.PEM)
    assert pair.status is GetCertificateInfoStatus.ACCEPTED
    assert pair.key_pair is not None
    assert Path(pair.key_pair.certificate).read_text() == v2g.stack(
        load_certificates(Path(pair.key_pair.certificate).read_bytes())[0]
    )
    assert Path(pair.key_pair.key).suffix == ".key"
    assert pair.key_pair.password is None


@pytest.mark.parametrize(
    ("kind", "country", "common"), [("MO", "DE", EVSE), ("V2G", "Germany", EVSE), ("V2G", "DE", "x"), ("?", "DE", EVSE)]
)
def test_a_request_that_can_not_be_made_is_an_empty_string(
    first: EvseSecurity2023, kind: str, country: str, common: str
) -> None:
    assert first.generate_certificate_signing_request(kind, country, "Operator", common) == ""


def test_the_key_pair_of_a_leaf_without_a_chain_file_is_that_of_its_own_file(
    store: EvseSecurity, first: EvseSecurity2023, v2g: Pki
) -> None:
    placed = place(store, v2g, leaf(v2g))
    pair = first.get_key_pair(V2G, "PEM").key_pair
    assert pair is not None
    assert (pair.key, pair.certificate) == (str(placed.key), str(placed.chain))
    placed.chain.unlink()
    pair = first.get_key_pair(V2G, "PEM").key_pair
    assert pair is not None
    assert pair.certificate == str(placed.single)


def test_the_password_goes_with_the_key_pair(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g), private_key_password="hunter2")
    enrol(store, v2g)
    pair = EvseSecurity2023(store).get_key_pair(V2G, "PEM")
    assert pair.key_pair is not None
    assert pair.key_pair.password == "hunter2"
    assert "hunter2" not in repr(pair)


@pytest.mark.parametrize("kind", ["MO", "MF", "anything", None])
@pytest.mark.parametrize("encoding", ["PEM", "DER"])
def test_a_key_pair_of_a_kind_that_is_not_kept_is_rejected(first: EvseSecurity2023, kind: Any, encoding: str) -> None:
    assert first.get_key_pair(kind, encoding).status is GetCertificateInfoStatus.REJECTED


def test_the_statuses_of_a_key_pair_are_those_of_the_leaf_info(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock()
    store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
    first = EvseSecurity2023(store)
    assert first.get_key_pair(V2G, "PEM").status is GetCertificateInfoStatus.NOT_FOUND
    placed = place(store, v2g, leaf(v2g, end=clock.now() + timedelta(days=2)))
    assert first.get_leaf_expiry_days_count(V2G) == 2
    placed.key.unlink()
    assert first.get_key_pair(V2G, "PEM").status is GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND
    clock.advance(3 * 86400)
    assert first.get_key_pair(V2G, "PEM").status is GetCertificateInfoStatus.NOT_FOUND_VALID
    assert first.get_leaf_expiry_days_count(V2G) == 0


def test_everything_else_is_what_the_newest_interface_answers(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, clock=SetClock(NOON), default_ocsp_url="http://ocsp.example")
    first = EvseSecurity2023(store)
    pem = v2g.root.certificate.to_pem()
    assert first.install_ca_certificate(pem, "V2G") is RESULT.ACCEPTED
    assert first.is_ca_certificate_installed("V2G")
    assert not first.is_ca_certificate_installed("MO")
    assert first.get_verify_file("V2G") == store.get_verify_file(DOMAIN) != ""
    placed = place(store, v2g, leaf(v2g))
    assert first.get_ocsp_request_data() == store.get_v2g_ocsp_request_data()
    asked = [one.certificate_hash_data for one in first.get_ocsp_request_data().ocsp_request_data_list]
    assert asked == list(descendants(v2g, placed.leaf.certificate))
    response = answer(v2g.issuing, single(cert_id(placed.leaf.certificate, v2g.issuing.certificate)))
    first.update_ocsp_cache(asked[0], b64encode(response).decode())
    told = info(store, include_ocsp=True).ocsp
    assert told is not None
    assert told[0].ocsp_path is not None
    types: list[CertificateType | str] = ["V2GRootCertificate"]
    assert first.get_installed_certificates(types) == store.get_installed_certificates(types)
    second = root("Second").certificate
    assert first.install_ca_certificate(second.to_pem(), DOMAIN) is RESULT.ACCEPTED
    assert first.delete_certificate(named(second, second)) is DeleteCertificateResult.ACCEPTED
    assert first.delete_certificate(named(second, second)) is DeleteCertificateResult.NOT_FOUND
    assert listed(store, CertificateType.V2G_ROOT_CERTIFICATE) == [serial(v2g.root)]
    assert first.get_installed_certificates([]).status is GetInstalledCertificatesStatus.NOT_FOUND


def test_the_implementer_is_responsible_for_expiry_and_tells_once_a_leaf(tmp_path: Path, v2g: Pki) -> None:
    """Seed 000: "checking the validity period ... and initiate certificate signing request"."""
    clock = SetClock()
    store = store_with(tmp_path, (DOMAIN, v2g), clock=clock, expiring_days=30)
    place(store, v2g, leaf(v2g, end=clock.now() + timedelta(days=31)))
    told: list[Any] = []
    store.subscribe_expiring(told.append)
    store.run_housekeeping()
    assert not told
    clock.advance(86400 + 1)
    for _ in range(3):
        store.run_housekeeping()
    (one,) = told
    assert (one.certificate_type, one.common_name) == (V2G, EVSE)
    assert store.leaves_due(clock.now() + timedelta(days=30)) == (one,)
    place(store, v2g, leaf(v2g), name="SECC_LEAF_NEW")
    assert store.leaves_due(clock.now() + timedelta(days=30)) == ()
