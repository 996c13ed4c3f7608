"""OCPP 2.0.1's cases of roots in a station: TC_M_01, 02, 07, 12, 13, 17 to 20, 22 and 23."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from ocpp.v201 import call

from casework201 import Case, at_work, back, hash_of, listed, own_certificate, renew, successor, v2g
from certs import root
from chainpilot.pki.certificate import Certificate, load_certificates
from csms201 import Served201
from forge import Forged, forge

pytestmark = pytest.mark.anyio

BY_TLS = pytest.mark.parametrize("profile", [2, 3])
CR, MR, MO, V2G = "CSMSRootCertificate", "ManufacturerRootCertificate", "MORootCertificate", "V2GRootCertificate"
ARC = {"additional_root_certificate_check": True}


async def install(station: Served201, use: str, certificate: Certificate | str) -> str:
    """InstallCertificate; its status."""
    pem = certificate if isinstance(certificate, str) else certificate.to_pem()
    answer = await station.ask(call.InstallCertificate(use, pem))
    status: str = answer.status
    return status


async def delete(station: Served201, entry: dict[str, str]) -> str:
    """DeleteCertificate; its status."""
    answer = await station.ask(call.DeleteCertificate(entry))
    status: str = answer.status
    return status


def of_rsa() -> Forged:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return root("Second CSMS Root, RSA", key=key)


SECOND = pytest.mark.parametrize("second", [lambda: root("Second CSMS Root"), of_rsa], ids=["EC", "RSA"])


@BY_TLS
@SECOND
async def test_tc_m_01_cs_a_csms_root_is_installed(tmp_path: Path, profile: int, second: Any) -> None:
    async with at_work(tmp_path, profile) as case:
        new = second().certificate
        assert await install(case.station, CR, new) == "Accepted"
        found = await listed(case.station, CR)
        assert found is not None
        assert (CR, hash_of(new)) in found
        assert (CR, hash_of(back().root.certificate)) in found
        assert len(found) == 2
        await case.csms.event("ReconfigurationOfSecurityParameters")
        await case.reconnected()


@BY_TLS
async def test_tc_m_01_cs_a_csms_root_that_the_old_one_signed_is_installed_where_that_is_checked(
    tmp_path: Path, profile: int
) -> None:
    async with at_work(tmp_path, profile, store=ARC) as case:
        new = successor(back()).root.certificate
        assert await install(case.station, CR, new) == "Accepted"
        found = await listed(case.station, CR)
        assert found is not None
        assert (CR, hash_of(new, back().root.certificate)) in found
        assert (CR, hash_of(back().root.certificate)) in found


@BY_TLS
async def test_tc_m_01_cs_the_same_root_again_is_no_second_one(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        assert await install(case.station, CR, back().root.certificate) == "Accepted"
        assert await listed(case.station, CR) == [(CR, hash_of(back().root.certificate))]


@BY_TLS
async def test_tc_m_02_cs_a_manufacturer_root_is_installed(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        new = root("Manufacturer Root").certificate
        assert await install(case.station, MR, new) == "Accepted"
        assert await listed(case.station, MR) == [(MR, hash_of(new))]


def expired() -> str:
    past = {"begin": datetime(2024, 1, 1, tzinfo=UTC), "end": datetime(2025, 1, 1, tzinfo=UTC)}
    return root("Old Root", **past).certificate.to_pem()


def of_tomorrow() -> str:
    return root("Young Root", begin=datetime(2044, 1, 1, tzinfo=UTC)).certificate.to_pem()


def a_leaf() -> str:
    return forge("CS-001", back().issuing).certificate.to_pem()


def an_orphan() -> str:
    return forge("Orphan", root("Nobody's"), ca=True).certificate.to_pem()


def two_at_once() -> str:
    return root("One").certificate.to_pem() + root("Two").certificate.to_pem()


def no_pem() -> str:
    return "a certificate, if you please"


INVALID = (expired, of_tomorrow, a_leaf, an_orphan, two_at_once, no_pem)


@BY_TLS
@pytest.mark.parametrize("bad", INVALID, ids=lambda one: one.__name__)
async def test_tc_m_07_cs_an_invalid_root_is_refused(tmp_path: Path, profile: int, bad: Any) -> None:
    async with at_work(tmp_path, profile) as case:
        assert await install(case.station, CR, bad()) == "Rejected"
        assert await listed(case.station, CR) == [(CR, hash_of(back().root.certificate))]
        await case.reconnected()


@BY_TLS
async def test_tc_m_12_cs_csms_roots_are_listed(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        assert await listed(case.station, CR) == [(CR, hash_of(back().root.certificate))]


@BY_TLS
async def test_tc_m_13_cs_manufacturer_roots_are_listed(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        new = await with_manufacturer(case)
        assert await listed(case.station, MR) == [(MR, hash_of(new))]


async def with_manufacturer(case: Case) -> Certificate:
    """A manufacturer's root, which is installed now."""
    new = root("Manufacturer Root").certificate
    assert await install(case.station, MR, new) == "Accepted"
    return new


def in_any_order(found: list[tuple[str, dict[str, str]]] | None) -> list[tuple[str, str]]:
    assert found is not None
    return sorted((use, entry["serial_number"]) for use, entry in found)


@BY_TLS
async def test_tc_m_17_cs_both_kinds_of_roots_are_listed(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        new = await with_manufacturer(case)
        for asked in ((CR, MR), (MR, CR)):
            found = await listed(case.station, *asked)
            wanted = [(CR, hash_of(back().root.certificate)), (MR, hash_of(new))]
            assert in_any_order(found) == in_any_order(wanted)
            assert all(one in wanted for one in found or ())


@BY_TLS
async def test_tc_m_18_cs_all_is_listed_with_its_type_where_none_is_named(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        new = await with_manufacturer(case)
        found = await listed(case.station)
        assert found is not None
        assert (CR, hash_of(back().root.certificate)) in found
        assert (MR, hash_of(new)) in found
        assert (V2G, hash_of(v2g().root.certificate)) in found
        assert len(found) == 3


@BY_TLS
async def test_tc_m_19_cs_nothing_found_is_told_without_a_list(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        assert await listed(case.station, MO) is None
        answers = [text for is_ours, text in case.csms.frames if not is_ours and text.startswith("[3,")]
        assert answers[-1].endswith(',{"status":"NotFound"}]')


@BY_TLS
@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_tc_m_20_cs_a_root_is_deleted(tmp_path: Path, profile: int, algorithm: str) -> None:
    async with at_work(tmp_path, profile) as case:
        second = root("Second CSMS Root").certificate
        assert await install(case.station, CR, second) == "Accepted"
        found = await listed(case.station, CR)
        assert found is not None
        assert (CR, hash_of(second)) in found
        assert await delete(case.station, hash_of(second, algorithm=algorithm)) == "Accepted"
        assert await listed(case.station, CR) == [(CR, hash_of(back().root.certificate))]
        assert await delete(case.station, hash_of(second, algorithm=algorithm)) == "NotFound"
        await case.reconnected()


@BY_TLS
async def test_tc_m_20_cs_the_entry_as_it_was_told_deletes_the_root(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        await with_manufacturer(case)
        found = await listed(case.station, MR)
        assert found is not None
        assert await delete(case.station, found[0][1]) == "Accepted"
        assert await listed(case.station, MR) is None


@BY_TLS
async def test_tc_m_20_cs_the_root_in_use_is_not_deleted(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        assert await delete(case.station, hash_of(back().root.certificate)) == "Failed"
        assert await listed(case.station, CR) == [(CR, hash_of(back().root.certificate))]
        await case.reconnected()


@BY_TLS
async def test_tc_m_22_cs_what_isnt_there_cant_be_deleted(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        before = await listed(case.station)
        assert await delete(case.station, hash_of(root("Nobody's").certificate)) == "NotFound"
        assert await listed(case.station) == before


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_tc_m_23_cs_the_own_client_certificate_is_not_deleted(tmp_path: Path, algorithm: str) -> None:
    async with at_work(tmp_path, 3) as case:
        done = await renew(case)
        assert done.status == "Accepted"
        await case.again()
        leaf, issuing, *_ = load_certificates(done.chain)
        assert await delete(case.station, hash_of(leaf, issuing, algorithm)) in {"NotFound", "Failed"}
        assert own_certificate(case.security).certificate is not None
        await case.reconnected()
        shown = case.csms.arrivals[-1].client
        assert shown is not None
        assert shown.serial_number == leaf.serial_number
