"""OCPP 2.0.1's cases of a station's client certificate: TC_A_11, 14, 15 and 23."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from ocpp.v201 import call

from casework201 import (
    LATER,
    Case,
    at_work,
    back,
    certificate_of,
    demand_key,
    fields,
    own_certificate,
    renew,
    set_variable,
    trigger,
    v2g,
)
from certs import csms_pki, issue
from chainpilot.pki.keys import KeySpec
from chainpilot.station.agent.enrolment.signing import LOOK_SECONDS
from chainpilot.station.watch import SignCertificateAnswered
from clocks import SetClock
from csms201 import STATION
from forge import forge

pytestmark = pytest.mark.anyio

W = 100
"""CertSigningWaitMinimum, seconds."""


def serial_shown(case: Case) -> int:
    """The serial number of the certificate that the station showed last."""
    client = case.csms.arrivals[-1].client
    assert client is not None
    return client.serial_number


def demand_request(csr: str, organisation: str = "Operator") -> None:
    """PKCS#10 in PEM with a key of KEY's strength and the station's names (A02.FR.03, A02.FR.13)."""
    request = x509.load_pem_x509_csr(csr.encode())
    assert request.is_signature_valid
    demand_key(request.public_key())
    subject = fields(request.subject)
    assert subject["CN"] == STATION
    assert subject["O"] == organisation


@pytest.mark.parametrize("spec", [KeySpec.P256, KeySpec.P384, KeySpec.RSA2048], ids=lambda one: one.value)
async def test_tc_a_11_cs_a_renewed_certificate_is_taken_and_used(tmp_path: Path, spec: KeySpec) -> None:
    async with at_work(tmp_path, 3, store={"csms_key": spec}) as case:
        first = serial_shown(case)
        done = await renew(case)
        assert done.status == "Accepted"
        demand_request(done.csr)
        await case.again()
        assert serial_shown(case) == certificate_of(done.chain).serial_number != first
        await case.reconnected()
        assert serial_shown(case) == certificate_of(done.chain).serial_number
        assert len(case.csms.all_of("SignCertificate")) == 1


async def test_tc_a_11_cs_twice_in_a_row_with_a_new_key_each_time(tmp_path: Path) -> None:
    async with at_work(tmp_path, 3) as case:
        keys = []
        for begin in (LATER, LATER.replace(month=2)):
            done = await renew(case, sign=lambda csr, begin=begin: back().enrol(csr, begin=begin))  # type: ignore[misc]  # - mypy can't type its default
            assert done.status == "Accepted"
            await case.again()
            assert serial_shown(case) == certificate_of(done.chain).serial_number
            keys.append(x509.load_pem_x509_csr(done.csr.encode()).public_key())
        assert keys[0] != keys[1]


async def test_tc_a_11_cs_over_security_profile_2_for_a_first_certificate(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as case:
        assert (await renew(case)).status == "Accepted"
        assert own_certificate(case.security).certificate is not None


async def test_tc_a_11_cs_a_renewed_certificate_of_the_same_dates_is_the_one_that_is_used(tmp_path: Path) -> None:
    clock = SetClock()
    async with at_work(tmp_path, 3, clock=clock) as case:
        clock.advance(1)
        done = await renew(case, sign=lambda csr: back().enrol(csr))
        assert done.status == "Accepted"
        await case.again()
        assert serial_shown(case) == certificate_of(done.chain).serial_number


def of_strangers(csr: str) -> str:
    return csms_pki().enrol(csr, begin=LATER)


def of_v2g(csr: str) -> str:
    return v2g().enrol(csr, begin=LATER)


def for_another_key(_: str) -> str:
    return back().stack(forge(STATION, back().issuing, begin=LATER, end=datetime(2040, 1, 1, tzinfo=UTC)).certificate)


def for_another_name(csr: str) -> str:
    return back().enrol(csr, begin=LATER, common_name="CS-002")


def expired(csr: str) -> str:
    return back().enrol(csr, end=datetime(2025, 6, 1, tzinfo=UTC))


def without_its_cas(csr: str) -> str:
    return issue(csms_pki().issuing, csr).to_pem()


def no_certificate(_: str) -> str:
    return "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n"


BAD = (of_strangers, of_v2g, for_another_key, for_another_name, expired, without_its_cas, no_certificate)


@pytest.mark.parametrize("sign", BAD, ids=lambda one: one.__name__)
async def test_tc_a_14_cs_a_certificate_of_the_wrong_ca_is_refused_and_told_of(tmp_path: Path, sign: Any) -> None:
    async with at_work(tmp_path, 3) as case:
        first = serial_shown(case)
        done = await renew(case, sign=sign)
        assert done.status == "Rejected"
        event = await case.csms.event("InvalidChargingStationCertificate")
        assert event.connection == case.station.number
        await case.reconnected()
        assert serial_shown(case) == first
        assert len(case.csms.events("InvalidChargingStationCertificate")) == 1


async def test_tc_a_14_cs_the_right_certificate_after_the_wrong_one_is_taken(tmp_path: Path) -> None:
    async with at_work(tmp_path, 3) as case:
        done = await renew(case, sign=of_strangers)
        assert done.status == "Rejected"
        chain = back().enrol(done.csr, begin=LATER)
        answer = await case.station.ask(call.CertificateSigned(chain, "ChargingStationCertificate"))
        assert answer.status == "Accepted"
        await case.again()
        assert serial_shown(case) == certificate_of(chain).serial_number


async def test_tc_a_15_cs_a_request_that_is_refused_leaves_the_old_certificate(tmp_path: Path) -> None:
    async with at_work(tmp_path, 3) as case:
        first = serial_shown(case)
        case.csms.sign_status = "Rejected"
        assert await trigger(case.station) == "Accepted"
        await case.csms.until("SignCertificate")
        assert await trigger(case.station, "Heartbeat") == "Accepted"
        await case.csms.until("Heartbeat")
        await case.reconnected()
        assert serial_shown(case) == first
        assert len(case.csms.all_of("SignCertificate")) == 1
        case.csms.sign_status = "Accepted"
        assert (await renew(case)).status == "Accepted"


async def heartbeats(case: Case) -> None:
    """The station has done whatever it had to: it answers, and what it says comes after everything before."""
    assert await trigger(case.station, "Heartbeat") == "Accepted"
    await case.csms.until("Heartbeat")


async def test_tc_a_23_cs_a_request_whose_certificate_never_comes_is_repeated_and_stays_open(tmp_path: Path) -> None:
    clock = SetClock()
    async with at_work(tmp_path, 3, clock=clock) as case:
        csms = case.csms
        csms.interval = 86_400
        assert await set_variable(case.station, "SecurityCtrlr", "CertSigningWaitMinimum", str(W)) == "Accepted"
        assert await set_variable(case.station, "SecurityCtrlr", "CertSigningRepeatTimes", "1") == "Accepted"
        assert await trigger(case.station) == "Accepted"
        first = await csms.until("SignCertificate")
        for count, wait in enumerate((W, 2 * W), start=1):
            await case.running.until(SignCertificateAnswered, accepted=True)
            clock.advance(wait - 1)
            await clock.until_somebody_sleeps(until=1)
            await heartbeats(case)
            assert len(csms.all_of("SignCertificate")) == count
            clock.advance(1)
            await csms.until("SignCertificate")
        await case.running.until(SignCertificateAnswered, accepted=True)
        clock.advance(20 * W)
        await clock.until_somebody_sleeps(until=LOOK_SECONDS)
        await heartbeats(case)
        requests = csms.all_of("SignCertificate")
        assert len(requests) == 3
        assert {one.payload["csr"] for one in requests} == {first.payload["csr"]}
        chain = back().enrol(first.payload["csr"], begin=LATER)
        answer = await case.station.ask(call.CertificateSigned(chain, "ChargingStationCertificate"))
        assert answer.status == "Accepted"
        await case.again()
        assert serial_shown(case) == certificate_of(chain).serial_number


async def test_tc_a_23_cs_without_a_wait_it_is_never_repeated(tmp_path: Path) -> None:
    clock = SetClock()
    async with at_work(tmp_path, 3, clock=clock) as case:
        assert await set_variable(case.station, "SecurityCtrlr", "CertSigningWaitMinimum", "0") == "Accepted"
        assert await trigger(case.station) == "Accepted"
        await case.csms.until("SignCertificate")
        await heartbeats(case)
        clock.advance(80_000)
        await heartbeats(case)
        assert len(case.csms.all_of("SignCertificate")) == 1
