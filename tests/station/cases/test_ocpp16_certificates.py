"""TC_074, TC_075_1, TC_075_2, TC_076 and TC_077 of OCPP 1.6, and use cases A02, A03, M03, M04 and M05."""

import asyncio
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID
from ocpp.v16 import call
from ocpp.v16.enums import MessageTrigger

from case16 import ROOT_USE, at_work, back, place
from certs import FROM, UNTIL, Pki, csms_pki, root
from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.keys import KeySpec
from chainpilot.station.watch import CertificateReceived
from clocks import SetClock
from csms16 import STATION, Csms16, Served16
from forge import Forged, forge

__all__: list[str] = []

pytestmark = pytest.mark.anyio

BY_TLS = pytest.mark.parametrize("profile", [2, 3])
MAKER = "ManufacturerRootCertificate"


def now_on() -> dict[str, Any]:
    """Of a certificate that is newer than all before."""
    return {"begin": SYSTEM.now() - timedelta(minutes=1)}


def hash_of(certificate: Certificate, issuer: Certificate | None = None) -> dict[str, Any]:
    """Its hash data as another library computes them."""
    ours = x509.load_der_x509_certificate(certificate.der)
    above = x509.load_der_x509_certificate((issuer or certificate).der)
    request = ocsp.OCSPRequestBuilder().add_certificate(ours, above, hashes.SHA256()).build()
    return {
        "hash_algorithm": "SHA256",
        "issuer_name_hash": request.issuer_name_hash.hex(),
        "issuer_key_hash": request.issuer_key_hash.hex(),
        "serial_number": f"{request.serial_number:x}",
    }


async def openssl(*words: str, given: str) -> str:
    """What openssl says of that PEM; it must be content."""
    command = ["openssl", *words]
    done = await asyncio.to_thread(subprocess.run, command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


async def installs(served: Served16, use: str, certificate: Certificate) -> str:
    """InstallCertificate; the status."""
    return await served.status_of(call.InstallCertificate(use, certificate.to_pem()))


async def deletes(served: Served16, hash_data: dict[str, Any]) -> str:
    """DeleteCertificate; the status."""
    return await served.status_of(call.DeleteCertificate(hash_data))


def shown(csms: Csms16) -> x509.Certificate:
    """The client certificate of the last connection."""
    client = csms.upgrades[-1].client
    assert client is not None
    return x509.load_der_x509_certificate(client)


def public_pem(csr: str) -> bytes:
    """The key that a request is for."""
    key = x509.load_pem_x509_csr(csr.encode()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


# A02, A03


async def test_tc_074_cs_a_renewed_certificate_is_used_at_once(tmp_path: Path) -> None:
    """Its request is PKCS#10 in PEM for a new key, and O is CpoName."""
    async with at_work(tmp_path, 3) as (csms, _):
        old = shown(csms)
        (served,) = csms.open_ones
        assert await served.change("CpoName", "Charge Operator B") == "Accepted"
        chain = await served.renew(back(), **now_on())
        await csms.boots(3)
        new = shown(csms)
        assert new == x509.load_pem_x509_certificates(chain.encode())[0]
        assert new.public_key() != old.public_key()
        (asked,) = csms.all_of("SignCertificate")
        assert asked.keys() == {"csr"}
        told = await openssl("req", "-verify", "-noout", "-subject", "-nameopt", "RFC2253", given=asked["csr"])
        assert "OK" in told
        assert f"CN={STATION}" in told
        assert "O=Charge Operator B" in told
        csms.cut()
        await csms.boots(3)
        assert shown(csms) == new


@pytest.mark.parametrize("spec", [KeySpec.RSA2048, KeySpec.P256, KeySpec.P384], ids=lambda spec: spec.value)
async def test_tc_074_cs_with_keys_of_either_kind(tmp_path: Path, spec: KeySpec) -> None:
    async with at_work(tmp_path, 3, store={"csms_key": spec}) as (csms, _):
        usage = {"digital_signature": True, "key_encipherment": spec is KeySpec.RSA2048}
        await csms.open_ones[0].renew(back(), **now_on(), usage=usage)
        await csms.boots(3)
        key = shown(csms).public_key()
        assert getattr(key, "key_size", 0) == {KeySpec.RSA2048: 2048, KeySpec.P256: 256, KeySpec.P384: 384}[spec]


async def test_a02_fr_02_every_renewal_has_a_key_of_its_own(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        for _ in range(3):
            await served.renew(back(), **now_on())
        keys = {public_pem(one["csr"]) for one in csms.all_of("SignCertificate")}
        assert len(keys) == 3


Spoiled = Callable[[str], str]


def of_a_wrong_ca(csr: str) -> str:
    return csms_pki().enrol(csr, **now_on())


def expired(csr: str) -> str:
    return back().enrol(csr, end=FROM + timedelta(days=30))


def of_another_station(csr: str) -> str:
    return back().enrol(csr, **now_on(), common_name="CS-002")


def of_another_operator(csr: str) -> str:
    return back().enrol(csr, **now_on(), organization="Somebody else")


def for_another_key(_: str) -> str:
    other = forge(STATION, back().issuing, begin=SYSTEM.now() - timedelta(minutes=1), end=UNTIL)
    return back().stack(other.certificate)


def without_its_issuer(csr: str) -> str:
    chain = back().enrol(csr, **now_on())
    return chain[: chain.index("-----END CERTIFICATE-----") + 26]


def no_certificate(_: str) -> str:
    return "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


SPOILED: list[Spoiled] = [
    of_a_wrong_ca,
    expired,
    of_another_station,
    of_another_operator,
    for_another_key,
    without_its_issuer,
    no_certificate,
]


@pytest.mark.parametrize("spoiled", SPOILED, ids=lambda one: one.__name__)
async def test_tc_077_cs_a_bad_certificate_is_discarded_and_told(tmp_path: Path, spoiled: Spoiled) -> None:
    async with at_work(tmp_path, 3) as (csms, _):
        old = shown(csms)
        (served,) = csms.open_ones
        trigger = call.ExtendedTriggerMessage(MessageTrigger.sign_charge_point_certificate)
        assert await served.status_of(trigger) == "Accepted"
        csr = (await csms.hears("SignCertificate")).payload["csr"]
        assert await served.status_of(call.CertificateSigned(spoiled(csr))) == "Rejected"
        await csms.hears_event("InvalidChargePointCertificate")
        csms.cut()
        served = await csms.boots(3)
        assert shown(csms) == old
        assert await served.status_of(call.CertificateSigned(back().enrol(csr, **now_on()))) == "Accepted"
        await csms.boots(3)
        assert shown(csms) != old


async def test_a02_fr_08_a_certificate_is_used_from_its_beginning_on(tmp_path: Path) -> None:
    """A02.09: of two that are in force the one that began last."""
    clock = SetClock(SYSTEM.now() - timedelta(days=2))
    async with place(tmp_path) as here:
        csms = here.csms
        csms.now = clock.now
        door = await csms.opened(3)
        here.hold_client_certificate()
        async with here.charge_point(door, clock=clock) as running:
            served = await csms.boots(3)
            old = shown(csms)
            chain = await served.renew(back(), begin=clock.now() + timedelta(days=1))
            await running.until(CertificateReceived)
            await served.setting("CpoName")
            assert len(csms.upgrades) == 1
            clock.advance(timedelta(days=1, minutes=1).total_seconds())
            await csms.knocked(2)
            assert shown(csms) != old
            assert shown(csms) == x509.load_pem_x509_certificates(chain.encode())[0]


async def test_a02_fr_12_a_refused_request_leaves_the_certificate_and_is_not_repeated(tmp_path: Path) -> None:
    async with at_work(tmp_path, 3) as (csms, _):
        csms.signs = False
        old = shown(csms)
        trigger = call.ExtendedTriggerMessage(MessageTrigger.sign_charge_point_certificate)
        assert await csms.open_ones[0].status_of(trigger) == "Accepted"
        await csms.hears("SignCertificate")
        csms.cut()
        await csms.settles(3)
        assert shown(csms) == old
        assert len(csms.all_of("SignCertificate")) == 1


async def test_a02_fr_13_a_new_cpo_name_outlives_a_restart(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        door = await here.csms.opened(2)
        async with here.charge_point(door):
            assert await (await here.csms.boots(2)).change("CpoName", "Charge Operator B") == "Accepted"
        async with here.charge_point(door):
            await (await here.csms.boots(2)).renew(back(), organization="Charge Operator B")
        (asked,) = here.csms.all_of("SignCertificate")
        (name,) = x509.load_pem_x509_csr(asked["csr"].encode()).subject.get_attributes_for_oid(
            NameOID.ORGANIZATION_NAME
        )
        assert name.value == "Charge Operator B"


# M03, M04, M05


async def installs_and_lists(directory: Path, profile: int, use: str) -> None:
    async with at_work(directory, profile) as (csms, _):
        (served,) = csms.open_ones
        new = root("Another Root").certificate
        assert await installs(served, use, new) == "Accepted"
        listed = await served.installed(use)
        assert hash_of(new) in listed
        there_before = [hash_of(back().root.certificate)] if use == ROOT_USE else []
        assert sorted(map(str, listed)) == sorted(map(str, [*there_before, hash_of(new)]))


@BY_TLS
async def test_tc_075_1_cs_a_manufacturers_root_is_installed(tmp_path: Path, profile: int) -> None:
    await installs_and_lists(tmp_path, profile, MAKER)


@BY_TLS
async def test_tc_075_2_cs_a_root_of_the_central_system_is_installed(tmp_path: Path, profile: int) -> None:
    await installs_and_lists(tmp_path, profile, ROOT_USE)


@BY_TLS
async def test_tc_076_cs_a_root_is_deleted(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as (csms, _):
        (served,) = csms.open_ones
        new = root("Another Root").certificate
        assert await installs(served, ROOT_USE, new) == "Accepted"
        before = await served.installed(ROOT_USE)
        assert hash_of(new) in before
        assert await deletes(served, hash_of(new)) == "Accepted"
        assert await served.installed(ROOT_USE) == [one for one in before if one != hash_of(new)]
        assert await deletes(served, hash_of(new)) == "NotFound"


async def test_m03_fr_03_of_a_use_without_certificates_there_are_none(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        told = await csms.open_ones[0].ask(call.GetInstalledCertificateIds(MAKER))
        assert (told.status, told.certificate_hash_data) == ("NotFound", None)


async def test_m04_fr_05_the_own_client_certificate_is_not_deleted(tmp_path: Path) -> None:
    async with at_work(tmp_path, 3) as (csms, _):
        old = shown(csms)
        (served,) = csms.open_ones
        leaf, issuing = load_certificate(old.public_bytes(Encoding.DER)), back().issuing.certificate
        assert await deletes(served, hash_of(leaf, issuing)) in {"Failed", "NotFound"}
        csms.cut()
        await csms.boots(3)
        assert shown(csms) == old


@BY_TLS
async def test_m04_fr_06_the_root_in_use_is_not_deleted(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as (csms, _):
        (served,) = csms.open_ones
        (in_use,) = await served.installed(ROOT_USE)
        assert await deletes(served, in_use) == "Failed"
        csms.cut()
        served = await csms.boots(profile)
        assert await served.installed(ROOT_USE) == [in_use]


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_m04_fr_07_a_root_is_found_by_each_hash_algorithm(tmp_path: Path, algorithm: str) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        new = root("Another Root").certificate
        assert await installs(served, MAKER, new) == "Accepted"
        ours = x509.load_der_x509_certificate(new.der)
        digest = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}[algorithm]
        request = ocsp.OCSPRequestBuilder().add_certificate(ours, ours, digest).build()
        named = {
            "hash_algorithm": algorithm,
            "issuer_name_hash": request.issuer_name_hash.hex().upper(),
            "issuer_key_hash": request.issuer_key_hash.hex(),
            "serial_number": f"{request.serial_number:X}",
        }
        assert await deletes(served, named) == "Accepted"
        assert await served.installed(MAKER) == []


def bad_roots() -> dict[str, str]:
    """What is no root that can be trusted now, by what is wrong with it."""
    alone = root("Root")
    return {
        "expired": root("Old", end=FROM + timedelta(days=30)).certificate.to_pem(),
        "a leaf": forge("Leaf", begin=FROM, end=UNTIL).certificate.to_pem(),
        "text": "certificate",
        "cut": alone.certificate.to_pem()[:200],
        "two": alone.certificate.to_pem() + root("Second").certificate.to_pem(),
    }


@pytest.mark.parametrize("use", [MAKER, ROOT_USE])
@pytest.mark.parametrize("fault", list(bad_roots()))
async def test_m05_fr_03_what_is_no_good_root_is_rejected(tmp_path: Path, use: str, fault: str) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        before = await served.installed(use)
        assert await served.status_of(call.InstallCertificate(use, bad_roots()[fault])) == "Rejected"
        assert await served.installed(use) == before


async def test_m05_fr_04_a_full_store_rejects_one_more_root(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2, store={"max_certificates": 3}) as (csms, _):
        (served,) = csms.open_ones
        assert (await served.setting("CertificateStoreMaxLength"))["value"] == "3"
        assert await installs(served, MAKER, root("Third").certificate) == "Accepted"
        assert await installs(served, MAKER, root("Fourth").certificate) == "Rejected"
        assert len(await served.installed(MAKER)) == 1


# M05 with AdditionalRootCertificateCheck


CHECKED = {"additional_root_certificate_check": True}


def successor(of: Forged, common: str = "CSMS Root 2") -> tuple[Forged, Pki]:
    """A root that the old one signed, and a PKI below it."""
    new = forge(common, of, ca=True, begin=FROM, end=UNTIL)
    sub = forge("CSMS Sub 2", new, ca=True, begin=FROM, end=UNTIL)
    return new, Pki(new, sub, forge("CSMS Issuing 2", sub, ca=True, begin=FROM, end=UNTIL))


def serves(csms: Csms16, pki: Pki) -> None:
    """From the next connection on the server's certificate is of that PKI."""
    csms.doors[0].present(*pki.server("localhost"))


async def test_m05_fr_09_a_root_that_the_old_one_did_not_sign_is_rejected(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2, store=CHECKED) as (csms, _):
        (served,) = csms.open_ones
        assert (await served.setting("AdditionalRootCertificateCheck"))["value"] == "true"
        assert await installs(served, ROOT_USE, csms_pki().root.certificate) == "Rejected"
        assert await served.installed(ROOT_USE) == [hash_of(back().root.certificate)]
        assert await installs(served, MAKER, root("Maker").certificate) == "Accepted"


async def test_m05_fr_12_the_old_root_goes_once_a_connection_with_the_new_one_worked(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2, store=CHECKED) as (csms, _):
        new, pki = successor(back().root)
        (served,) = csms.open_ones
        assert await installs(served, ROOT_USE, new.certificate) == "Accepted"
        assert len(await served.installed(ROOT_USE)) == 2
        serves(csms, pki)
        assert await served.status_of(call.Reset("Soft")) == "Accepted"
        served = await csms.boots(2)
        assert await served.installed(ROOT_USE) == [hash_of(new.certificate, back().root.certificate)]


async def test_m05_fr_13_the_old_root_is_tried_where_the_new_one_fails(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2, store=CHECKED) as (csms, _):
        new, _ = successor(back().root)
        (served,) = csms.open_ones
        assert await installs(served, ROOT_USE, new.certificate) == "Accepted"
        serves(csms, back())
        assert await served.status_of(call.Reset("Soft")) == "Accepted"
        served = await csms.boots(2)
        assert hash_of(back().root.certificate) in await served.installed(ROOT_USE)


async def test_m05_fr_08_while_a_fall_back_is_kept_no_third_root_is_taken(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2, store=CHECKED) as (csms, _):
        new, _ = successor(back().root)
        third, _ = successor(new, "CSMS Root 3")
        (served,) = csms.open_ones
        assert await installs(served, ROOT_USE, new.certificate) == "Accepted"
        assert await installs(served, ROOT_USE, third.certificate) == "Rejected"
