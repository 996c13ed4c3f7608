"""What a station may ask for, and how often: nothing that could not end well is paid for."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chainpilot.cpms.enrolment import CsrProfile, Policy, accept
from chainpilot.cpms.enrolment.turnstile import Turnstile
from chainpilot.cpms.model import EnrolmentState, Reason, SecurityProfile, StationRecord, Step
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import KeySpec, PrivateKey, generate_private_key
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.messages import SignCertificateRequest
from chainpilot.wire.pnc.words import GenericStatus
from offices import EVSE, STATION, Scene, open_scene
from sims import csr_text, odd_csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio

Attributes = Sequence[tuple[x509.ObjectIdentifier, str]]

COUNTRY, OPERATOR, DOMAIN = (
    (NameOID.COUNTRY_NAME, "DE"),
    (NameOID.ORGANIZATION_NAME, "Operator"),
    (NameOID.DOMAIN_COMPONENT, "CPO"),
)
SECC: Attributes = (COUNTRY, OPERATOR, (NameOID.COMMON_NAME, EVSE), DOMAIN)
CLIENT: Attributes = (COUNTRY, OPERATOR, (NameOID.COMMON_NAME, STATION))
UNIT = (NameOID.ORGANIZATIONAL_UNIT_NAME, "admins")
EMAIL = (NameOID.EMAIL_ADDRESS, "root@operator.example")
RIVAL = (NameOID.ORGANIZATION_NAME, "Rival")
HOST = x509.SubjectAlternativeName([x509.DNSName("csms.operator.example")])
CA = x509.BasicConstraints(ca=True, path_length=None)
SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
RESPONDER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])


async def reason_of_refusal(scene: Scene, request: SignCertificateRequest) -> Reason:
    """The recorded reason; the PKI was not asked."""
    answer = await scene.ask(request)
    assert answer.status is GenericStatus.REJECTED
    await scene.work()
    assert (scene.ca.posts, scene.csms_ca.posts) == (0, 0)
    (refusal,) = await scene.ledger.refusals_of(STATION)
    return refusal.reason


@pytest.mark.parametrize(
    ("use", "attributes"),
    [
        (LeafUse.V2G, SECC[:3]),
        (LeafUse.V2G, (*SECC[:3], (NameOID.DOMAIN_COMPONENT, "MO"))),
        (LeafUse.V2G, (COUNTRY, *SECC[2:])),
        (LeafUse.V2G, (COUNTRY, RIVAL, *SECC[2:])),
        (LeafUse.V2G, (*SECC, RIVAL)),
        (LeafUse.V2G, (*SECC, DOMAIN)),
        (LeafUse.V2G, (*SECC, UNIT)),
        (LeafUse.CSMS, (COUNTRY, CLIENT[2])),
        (LeafUse.CSMS, (COUNTRY, RIVAL, CLIENT[2])),
        (LeafUse.CSMS, (*CLIENT, UNIT)),
        (LeafUse.CSMS, (*CLIENT, EMAIL)),
    ],
)
async def test_a_subject_that_is_not_the_profile_s_and_the_station_s_is_refused_before_the_post(
    tmp_path: Path, use: LeafUse, attributes: Attributes
) -> None:
    async with open_scene(tmp_path) as scene:
        request = SignCertificateRequest(odd_csr_text(scene.key, attributes), use)
        assert await reason_of_refusal(scene, request) is Reason.CSR_NAME_MISMATCH


@pytest.mark.parametrize(
    "make", [lambda: ec.generate_private_key(ec.SECP384R1()), lambda: rsa.generate_private_key(65537, 2048)]
)
async def test_an_iso_15118_request_with_a_key_off_p256_is_refused_before_the_post(
    tmp_path: Path, make: object
) -> None:
    async with open_scene(tmp_path) as scene:
        assert callable(make)
        request = SignCertificateRequest(odd_csr_text(make(), SECC), LeafUse.V2G)
        assert await reason_of_refusal(scene, request) is Reason.CSR_KEY_KIND


@pytest.mark.parametrize(
    ("use", "wish"),
    [
        (LeafUse.V2G, HOST),
        (LeafUse.V2G, CA),
        (LeafUse.V2G, SIGNS_CERTIFICATES),
        (LeafUse.V2G, RESPONDER),
        (LeafUse.CSMS, HOST),
        (LeafUse.CSMS, CA),
        (LeafUse.CSMS, SIGNS_CERTIFICATES),
        (LeafUse.CSMS, SERVER),
    ],
)
async def test_a_request_for_more_than_its_use_is_refused_before_the_post(
    tmp_path: Path, use: LeafUse, wish: x509.ExtensionType
) -> None:
    async with open_scene(tmp_path) as scene:
        subject = SECC if use is LeafUse.V2G else CLIENT
        request = SignCertificateRequest(odd_csr_text(scene.key, subject, [wish]), use)
        assert await reason_of_refusal(scene, request) is Reason.CSR_EXTENSION_REFUSED


@pytest.mark.parametrize(
    ("use", "attributes", "wishes"),
    [
        (LeafUse.V2G, SECC, [SERVER]),
        (LeafUse.V2G, SECC[1:], []),
        (LeafUse.CSMS, CLIENT[1:], []),
        (LeafUse.CSMS, (*CLIENT, DOMAIN), [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])]),
    ],
)
async def test_what_the_profiles_leave_open_may_be_asked_for(
    tmp_path: Path, use: LeafUse, attributes: Attributes, wishes: list[x509.ExtensionType]
) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask(SignCertificateRequest(odd_csr_text(scene.key, attributes, wishes), use))
        await scene.work()
        assert (await scene.only()).state is EnrolmentState.INSTALLED


async def test_a_client_certificate_that_admission_would_refuse_for_ever_is_not_ordered(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        record = await scene.ledger.station(STATION)
        assert record is not None
        await scene.ledger.put_station(replace(record, organisation=""))
        assert await reason_of_refusal(scene, scene.request(LeafUse.CSMS)) is Reason.CSR_NAME_MISMATCH


async def test_an_allowed_name_that_no_secc_has_is_refused_before_the_post(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        record = await scene.ledger.station(STATION)
        assert record is not None
        await scene.ledger.put_station(replace(record, allowed_names=frozenset({"garage"})))
        assert await reason_of_refusal(scene, scene.request(name="garage")) is Reason.CSR_NAME_MISMATCH


def fresh() -> PrivateKey:
    return generate_private_key(KeySpec.P256)


async def test_an_evseid_has_one_slot_however_it_is_spelled(tmp_path: Path) -> None:
    names = ["DE*ICE*E0001", "DEICEE0001", "DE*ICEE0001", "deiceE0001", "DE*ICE*E*0001"]
    async with open_scene(tmp_path) as scene:
        for name in names:
            assert (await scene.ask(scene.request(name=name, key=fresh()))).status is GenericStatus.ACCEPTED
        enrolments = await scene.ledger.enrolments_of(STATION)
        assert [one.is_open for one in enrolments] == [False] * 4 + [True]
        await scene.work()
        assert scene.ca.posts == 1
        (record,) = await scene.ledger.certificates_of(STATION, LeafUse.V2G)
        assert record.common_name == names[-1]


async def test_requests_at_the_same_moment_do_not_slip_past_the_rate(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=Policy(requests_per_hour=3)) as scene:
        requests = [scene.request(key=fresh()) for _ in range(16)]
        answers = await asyncio.gather(*map(scene.ask, requests))
        assert [answer.status for answer in answers].count(GenericStatus.ACCEPTED) == 3
        assert {answer.reason for answer in answers} == {None, Reason.TOO_MANY_REQUESTS.value}
        assert len(await scene.ledger.enrolments_of(STATION)) == 3


LAVISH = Policy(requests_per_hour=1000, csr_per_station_per_day=3)
FRUGAL_FLEET = Policy(requests_per_hour=1000, csr_fleet_per_hour=3)


async def test_a_station_s_quota_is_refused_with_the_setting_that_stands_in_the_way(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=LAVISH) as scene:
        answers = [await scene.ask(scene.request(key=fresh())) for _ in range(5)]
        assert [answer.reason for answer in answers] == [None] * 3 + [Reason.STATION_QUOTA_SPENT.value] * 2
        told = scene.steps[-1]
        assert (told.step, told.facts["reason"]) == (Step.REQUEST_REFUSED, "StationQuotaSpent")
        assert "began 3 enrolments within 24 hours" in told.facts["detail"]
        assert "csr_per_station_per_day" in told.facts["detail"]
        assert await scene.ledger.refusals_of(STATION) == ()
        await scene.work()
        assert (await scene.ledger.enrolments_of(STATION))[-1].state is EnrolmentState.INSTALLED


async def test_the_fleet_s_quota_holds_for_a_station_that_asks_for_the_first_time(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=FRUGAL_FLEET) as scene:
        for _ in range(3):
            await scene.ask(scene.request(key=fresh()))
        newcomer = StationRecord(
            StationId("CS-0002"), "", allowed_names=frozenset({"DE*ICE*E0002"}), organisation="Operator"
        )
        await scene.ledger.put_station(newcomer)
        request = scene.request(name="DE*ICE*E0002", key=fresh())
        answer = await accept(scene.office, newcomer, request, SecurityProfile.TLS_BASIC)
        assert answer.reason == Reason.FLEET_QUOTA_SPENT.value
        assert "csr_fleet_per_hour" in scene.steps[-1].facts["detail"]
        scene.clock.advance(3600)
        answer = await accept(scene.office, newcomer, request, SecurityProfile.TLS_BASIC)
        assert answer.status is GenericStatus.ACCEPTED


async def test_a_station_s_quota_holds_over_a_restart_and_comes_back_after_a_day(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=LAVISH) as scene:
        for hours in (0, 1, 1):
            scene.clock.advance(timedelta(hours=hours).total_seconds())
            assert (await scene.ask(scene.request(key=fresh()))).status is GenericStatus.ACCEPTED
        await scene.restart()
        scene.clock.advance(timedelta(hours=22, seconds=-1).total_seconds())
        assert (await scene.ask(scene.request(key=fresh()))).reason == Reason.STATION_QUOTA_SPENT.value
        scene.clock.advance(1)
        assert (await scene.ask(scene.request(key=fresh()))).status is GenericStatus.ACCEPTED
        assert (await scene.ask(scene.request(key=fresh()))).reason == Reason.STATION_QUOTA_SPENT.value


async def test_the_same_csr_again_costs_nothing_and_is_taken_when_the_quota_is_spent(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=replace(LAVISH, csr_fleet_per_hour=3)) as scene:
        requests = [scene.request(key=fresh()) for _ in range(3)]
        for request in requests:
            answers = [await scene.ask(request) for _ in range(4)]
            assert {answer.status for answer in answers} == {GenericStatus.ACCEPTED}
        assert (await scene.ask(scene.request(key=fresh()))).status is GenericStatus.REJECTED
        assert (await scene.ask(requests[-1])).status is GenericStatus.ACCEPTED


async def test_a_newer_csr_beyond_the_quota_does_not_cost_the_station_its_open_one(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=replace(LAVISH, csr_per_station_per_day=1)) as scene:
        await scene.ask()
        assert (await scene.ask(scene.request(key=fresh()))).status is GenericStatus.REJECTED
        await scene.work()
        assert (await scene.only()).state is EnrolmentState.INSTALLED


async def test_stations_that_ask_at_the_same_moment_do_not_slip_past_the_fleet_s_quota(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=FRUGAL_FLEET) as scene:
        names = [f"DE*ICE*E10{number:02}" for number in range(16)]
        records = [
            StationRecord(StationId(name[-4:]), "", allowed_names=frozenset({name}), organisation="Operator")
            for name in names
        ]
        for record in records:
            await scene.ledger.put_station(record)
        answers = await asyncio.gather(
            *(
                accept(scene.office, record, scene.request(name=name, key=fresh()), SecurityProfile.TLS_BASIC)
                for record, name in zip(records, names, strict=True)
            )
        )
        assert [answer.status for answer in answers].count(GenericStatus.ACCEPTED) == 3
        assert {answer.reason for answer in answers} == {None, Reason.FLEET_QUOTA_SPENT.value}


@pytest.mark.parametrize("profile", SecurityProfile)
async def test_a_request_is_taken_over_tls_only(tmp_path: Path, profile: SecurityProfile) -> None:
    async with open_scene(tmp_path) as scene:
        answer = await scene.ask(profile=profile)
        assert answer.reason == (None if profile >= 2 else Reason.INSECURE_CONNECTION.value)


async def test_an_installed_certificate_is_not_sent_again_without_end(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=Policy(requests_per_hour=3)) as scene:
        request = scene.request()
        for _ in range(50):
            await scene.ask(request)
            await scene.work()
        assert len(scene.station.signed) == 6
        scene.clock.advance(timedelta(hours=1).total_seconds())
        assert (await scene.ask(request)).status is GenericStatus.ACCEPTED


async def test_a_flood_of_bad_requests_is_not_written_down(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=Policy(requests_per_hour=3)) as scene:
        bad = SignCertificateRequest("hello", LeafUse.V2G)
        answers = [await scene.ask(bad) for _ in range(50)]
        assert {answer.status for answer in answers} == {GenericStatus.REJECTED}
        assert len(await scene.ledger.refusals_of(STATION)) == 6


async def test_a_station_that_reconnects_may_send_its_open_csr_again(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        request = SignCertificateRequest(csr_text(scene.key, EVSE), LeafUse.V2G)
        answers = [await scene.ask(request) for _ in range(2 * Policy().requests_per_hour)]
        assert {answer.status for answer in answers} == {GenericStatus.ACCEPTED}
        assert len(await scene.ledger.enrolments_of(STATION)) == 1


def test_a_station_s_credit_comes_back_with_time_and_never_exceeds_an_hour_s() -> None:
    turnstile = Turnstile()
    assert [turnstile.admits(STATION, 4, 0.0) for _ in range(5)] == [True] * 4 + [False]
    assert not turnstile.admits(STATION, 4, 899.0)
    assert turnstile.admits(STATION, 4, 900.0)
    assert [turnstile.admits(STATION, 4, 1e6) for _ in range(5)] == [True] * 4 + [False]


def test_only_so_many_stations_are_remembered_and_the_longest_silent_is_forgotten() -> None:
    turnstile = Turnstile()
    for number in range(10_001):
        turnstile.admits(StationId(f"CS-{number}"), 1, 0.0)
    assert len(turnstile._accounts) == 10_000
    assert not turnstile.admits(StationId("CS-10000"), 1, 0.0)
    assert turnstile.admits(StationId("CS-0"), 1, 0.0)


async def test_the_turns_of_stations_that_ask_no_more_are_forgotten(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask()
        assert len(scene.office.turnstile._turns) == 0


SECCID = "DEICE" + "S" * 34
"""As short as one may be."""


@pytest.mark.parametrize(
    ("profile", "name", "is_taken"),
    [
        (CsrProfile.EVSEID, EVSE, True),
        (CsrProfile.EVSEID, SECCID, False),
        (CsrProfile.SECCID, SECCID, True),
        (CsrProfile.SECCID, EVSE, False),
        (CsrProfile.ANY, EVSE, True),
        (CsrProfile.ANY, SECCID, True),
        (CsrProfile.ANY, SECCID[:-1], False),
        (CsrProfile.ANY, "my charger", False),
    ],
)
def test_each_csr_profile_takes_its_names(profile: CsrProfile, name: str, *, is_taken: bool) -> None:
    assert profile.admits(name) is is_taken


async def test_a_name_that_the_pki_does_not_take_is_refused_before_a_call_is_spent(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.office = replace(scene.office, csr_profile=CsrProfile.SECCID)
        assert await reason_of_refusal(scene, scene.request()) is Reason.CSR_NAME_MISMATCH
        scene.office = replace(scene.office, csr_profile=CsrProfile.EVSEID)
        assert (await scene.ask()).status is GenericStatus.ACCEPTED


async def test_what_a_v2g_pki_takes_says_nothing_of_client_certificates(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.office = replace(scene.office, csr_profile=CsrProfile.SECCID)
        assert (await scene.ask(scene.request(LeafUse.CSMS))).status is GenericStatus.ACCEPTED
