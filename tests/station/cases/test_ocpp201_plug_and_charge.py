"""Plug & Charge over OCPP 2.0.1, for which the standard's test cases have states only, or nothing.

RenewV2GChargingStationCertificate, Authorized15118 with the rows of C07.FR.13 to 17 (errata 2023-12), M01 and M06.
"""

import asyncio
import base64
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from ocpp.v201 import call

from agents_contracts import EMAID, contract, mo_pki, with_url
from casework201 import Case, at_work, fields, hash_of, listed, renew, set_variable, trigger, v2g
from certs import Pki, csms_pki, root
from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import load_certificates
from chainpilot.station.agent.contracts.rules import Ground
from chainpilot.station.model import LeafCertificateType
from chainpilot.wire.pnc.words import CertificateAction, Iso15118EvCertificateStatus
from csms201 import Asked
from ocsp_answers import answer, cert_id, single
from stores import EVSE

pytestmark = pytest.mark.anyio

BY_TLS = pytest.mark.parametrize("profile", [2, 3])
OCSP_URL = "http://ocsp.example/cpo"
SCHEMA = "urn:iso:15118:2:2013:MsgDef"


@BY_TLS
async def test_renew_v2g_charging_station_certificate(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        done = await renew(case, v2g(), use="V2GCertificate")
        assert done.status == "Accepted"
        subject = fields(x509.load_pem_x509_csr(done.csr.encode()).subject)
        assert subject["CN"] == EVSE
        assert subject["O"] == "Operator"
        assert subject["DC"] == "CPO"
        leaf, sub2, sub1 = load_certificates(done.chain)
        answered = await case.station.ask(call.GetInstalledCertificateIds(["V2GCertificateChain"]))
        (chain,) = answered.certificate_hash_data_chain
        assert chain["certificate_hash_data"] == hash_of(leaf, sub2)
        assert chain["child_certificate_hash_data"] == [hash_of(sub2, sub1), hash_of(sub1, v2g().root.certificate)]


async def test_renew_v2g_charging_station_certificate_of_a_stranger_is_refused(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        assert (await renew(case, csms_pki(), use="V2GCertificate")).status == "Rejected"
        await case.csms.event("InvalidChargingStationCertificate")
        assert await listed(case.station, "V2GCertificateChain") is None


async def test_renew_v2g_charging_station_certificate_where_it_is_switched_off(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        wanted = ("ISO15118Ctrlr", "V2GCertificateInstallationEnabled")
        assert await set_variable(case.station, *wanted, "false") == "Accepted"
        assert await trigger(case.station, "SignV2GCertificate") == "Rejected"
        assert await set_variable(case.station, *wanted, "true") == "Accepted"
        assert (await renew(case, v2g(), use="V2GCertificate")).status == "Accepted"


async def authorized(case: Case, mo: Pki, *words: str | None) -> tuple[Asked, Ground]:
    """Authorized15118: what the station asked, and on what ground it decided; it is told these two words."""
    token, chain = words
    assert token is not None
    case.csms.authorizes = (token, chain)
    shown = mo.stack(contract(mo).certificate)
    decision = await case.running.station.agent.authorize_contract(shown, EMAID)
    assert decision.accepted is (decision.ground is Ground.CSMS_ACCEPTED)
    return await case.csms.until("Authorize"), decision.ground


async def with_mo(case: Case) -> Pki:
    """A mobility operator, whose root the CSMS installs."""
    mo = mo_pki()
    pem = mo.root.certificate.to_pem()
    installed = await case.station.ask(call.InstallCertificate("MORootCertificate", pem))
    assert installed.status == "Accepted"
    return mo


@BY_TLS
async def test_authorized_15118_by_the_hashes_of_a_chain_that_holds(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        mo = await with_mo(case)
        asked, ground = await authorized(case, mo, "Accepted", "Accepted")
        assert ground is Ground.CSMS_ACCEPTED
        assert asked.payload["idToken"] == {"idToken": EMAID, "type": "eMAID"}
        assert "certificate" not in asked.payload
        entries = asked.payload["iso15118CertificateHashData"]
        assert 1 <= len(entries) <= 4
        assert {one["responderURL"] for one in entries} == {"http://ocsp.example/mo"}
        middle, top = mo.sub1.certificate, mo.root.certificate
        serials = [one["serialNumber"] for one in entries]
        assert serials[1:] == [hash_of(one)["serial_number"] for one in (mo.issuing.certificate, middle)]
        assert entries[-1]["issuerKeyHash"] == hash_of(middle, top)["issuer_key_hash"]


async def test_authorized_15118_by_the_chain_itself_where_only_the_csms_can_judge_it(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        wanted = ("ISO15118Ctrlr", "CentralContractValidationAllowed")
        assert await set_variable(case.station, *wanted, "true") == "Accepted"
        mo = mo_pki()
        asked, ground = await authorized(case, mo, "Accepted", "Accepted")
        assert ground is Ground.CSMS_ACCEPTED
        assert "iso15118CertificateHashData" not in asked.payload
        leaf, *above = load_certificates(asked.payload["certificate"])
        assert leaf.subject.common_name == EMAID
        assert above == [mo.issuing.certificate, mo.sub1.certificate]


async def test_authorized_15118_isnt_asked_for_a_chain_that_nobody_is_to_judge(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        shown = mo_pki()
        await case.csms.event("StartupOfTheDevice")
        decision = await case.running.station.agent.authorize_contract(shown.stack(contract(shown).certificate), EMAID)
        assert decision.ground is Ground.NO_ROOT
        assert not case.csms.all_of("Authorize")


C07 = [
    *(("FR.13", token, "ContractCancelled") for token in ("Blocked", "Expired", "Invalid", "Unknown")),
    *(("FR.14", token, "Accepted") for token in ("ConcurrentTx", "NoCredit", "NotAtThisTime", "NotAtThisLocation")),
    ("FR.15", "Expired", "CertificateExpired"),
    ("FR.16", "Invalid", "CertificateRevoked"),
    ("FR.17", "Invalid", "CertChainError"),
    ("one good word", "Accepted", "CertificateRevoked"),
    ("the other good word", "Invalid", "Accepted"),
]


@pytest.mark.parametrize(("_row", "token", "chain"), C07, ids=str)
async def test_c07_whatever_the_csms_refuses_does_not_charge(tmp_path: Path, _row: str, token: str, chain: str) -> None:
    async with at_work(tmp_path) as case:
        _, ground = await authorized(case, await with_mo(case), token, chain)
        assert ground is Ground.CSMS_REFUSED


async def test_c07_a_yes_without_a_word_on_the_chain_is_none(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        _, ground = await authorized(case, await with_mo(case), "Accepted", None)
        assert ground is Ground.CHAIN_UNANSWERED


async def test_m01_a_vehicles_request_and_its_answer_pass_through_unchanged(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        case.csms.exi_response = base64.b64encode(b"\x80\x98\x02" * 700).decode()
        request = base64.b64encode(b"\x80\x98\x01" * 600).decode()
        agent = case.running.station.agent
        await case.csms.event("StartupOfTheDevice")
        done = await agent.install_ev_certificate(SCHEMA, request, CertificateAction.INSTALL)
        assert done.status is Iso15118EvCertificateStatus.ACCEPTED
        assert done.exi_response == case.csms.exi_response
        asked = await case.csms.until("Get15118EVCertificate")
        assert asked.payload == {"iso15118SchemaVersion": SCHEMA, "action": "Install", "exiRequest": request}


async def test_m06_the_answers_about_a_new_secc_certificate_are_asked_for_and_kept(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        issuing, now = v2g().issuing, SYSTEM.now()
        made: list[str] = []

        def sign(csr: str) -> str:
            chain = v2g().enrol(csr, extensions=(with_url(OCSP_URL),))
            leaf = load_certificates(chain)[0]
            about = single(
                cert_id(leaf, issuing.certificate), since=now - timedelta(hours=1), until=now + timedelta(days=8)
            )
            der = answer(issuing, about, produced=now - timedelta(hours=1))
            case.csms.ocsp_answers[f"{leaf.serial_number:x}"] = base64.b64encode(der).decode()
            made.append(chain)
            return chain

        assert (await renew(case, use="V2GCertificate", sign=sign)).status == "Accepted"
        asked = await case.csms.until("GetCertificateStatus")
        leaf, sub2, *_ = load_certificates(made[0])
        hashes = {**hash_of(leaf, sub2), "responder_url": OCSP_URL}
        assert asked.payload == {"ocspRequestData": dict(zip(CAMEL, (hashes[one] for one in SNAKE), strict=True))}
        assert await trigger(case.station, "Heartbeat") == "Accepted"
        await case.csms.until("Heartbeat")
        async with asyncio.timeout(10):
            while not case.security.ocsp_standing():  # noqa: ASYNC110 - nobody tells of an answer that was kept
                await asyncio.sleep(0.01)
        info = case.security.get_leaf_certificate_info(LeafCertificateType.V2G, include_ocsp=True).info
        assert info is not None
        assert info.ocsp is not None
        assert info.ocsp[0].ocsp_path is not None


SNAKE = ("hash_algorithm", "issuer_name_hash", "issuer_key_hash", "serial_number", "responder_url")
CAMEL = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber", "responderURL")


async def test_m06_a_csms_without_an_answer_leaves_the_certificate_in_use(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        done = await renew(
            case, use="V2GCertificate", sign=lambda csr: v2g().enrol(csr, extensions=(with_url(OCSP_URL),))
        )
        assert done.status == "Accepted"
        await case.csms.until("GetCertificateStatus")
        assert case.security.get_leaf_certificate_info(LeafCertificateType.V2G).info is not None
        assert not case.security.ocsp_standing()


async def test_m05_a_root_of_every_kind_is_installed_listed_and_deleted(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        for use in ("V2GRootCertificate", "MORootCertificate", "CSMSRootCertificate", "ManufacturerRootCertificate"):
            new = root(f"Another {use}").certificate
            assert (await case.station.ask(call.InstallCertificate(use, new.to_pem()))).status == "Accepted"
            found = await listed(case.station, use)
            assert found is not None
            assert (use, hash_of(new)) in found
            assert (await case.station.ask(call.DeleteCertificate(hash_of(new)))).status == "Accepted"
            assert (use, hash_of(new)) not in (await listed(case.station, use) or [])
