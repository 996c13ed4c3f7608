"""The running back office and trust: files imported, an approval in force at once, everything as configured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from backoffice import OPERATOR, STATION, open_back_office
from chainpilot.cpms.adapters.ca_files import read_ca_files
from chainpilot.cpms.adapters.ca_material import CaSetupError
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.calls import DemandRefused
from chainpilot.cpms.client_standing import ClientRevocations
from chainpilot.cpms.config import LocalCaConfig, RevocationConfig, WebhookConfig
from chainpilot.cpms.model import TrustSource, TrustState
from chainpilot.cpms.model.demands import InstallCertificate
from chainpilot.cpms.ports import IssuedBag
from chainpilot.cpms.trust import ListPolicy
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.crl import RevocationReason, load_crl
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.pkcs7 import write_certs_only
from chainpilot.pki.trust import LeafUse, TrustAnchors, TrustDomain
from chainpilot.pki.verify import Rules
from chainpilot.wire.pnc.words import CertificateUse
from forge import Forged
from localcas import csr_of, founded, write_ca
from revocations import entry, revocation_list
from sims import Ladder, csr_text, v2g_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio

LADDER = v2g_ladder("Imported Root")
ROOT = LADDER.root.certificate


def folder_of_cas(folder: Path) -> Path:
    """Files in every form."""
    folder.mkdir()
    (folder / "root.pem").write_text(ROOT.to_pem())
    (folder / "sub1.der").write_bytes(LADDER.subs[0].certificate.der)
    (folder / "all.p7b").write_bytes(write_certs_only(LADDER.certificates))
    (folder / "broken.crt").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (folder / "notes.txt").write_text("no certificate")
    return folder


def test_files_and_folders_are_read_whole_and_what_can_not_be_is_told(tmp_path: Path) -> None:
    folder = folder_of_cas(tmp_path / "cas")
    found, faults = read_ca_files(folder, folder / "root.pem", tmp_path / "nowhere.pem")
    assert {one.certificate for one in found} == set(LADDER.certificates)
    assert len(faults) == 2
    assert "broken.crt" in faults[0]
    assert "nowhere.pem" in faults[1]


def test_an_empty_folder_and_a_private_key_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found, faults = read_ca_files(tmp_path / "empty")
    assert (found, len(faults)) == ((), 1)


async def test_an_imported_root_is_an_anchor_from_its_approval_on(tmp_path: Path) -> None:
    folder = folder_of_cas(tmp_path / "cas")
    async with open_back_office(tmp_path) as office:
        trust = office.cpms.trust
        before = trust.anchors[LeafUse.V2G]
        await trust.import_files(folder, domain=TrustDomain.V2G)
        assert trust.anchors[LeafUse.V2G] == before
        assert len(trust.desk.records(TrustState.PROPOSED)) == 3
        await trust.desk.approve(ROOT.fingerprint, by="Ada")
        assert trust.anchors[LeafUse.V2G].anchors == (*before.anchors, ROOT)
        assert LADDER.issuing.certificate in trust.desk.known()
        config = office.cpms.config
    with pytest.raises(RuntimeError, match="not running"):
        _ = office.cpms.trust
    async with Cpms(config) as again:
        assert ROOT in again.trust.anchors[LeafUse.V2G].anchors


async def test_the_webhook_is_a_listener_of_the_back_office(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        config = office.cpms.config
    webhook = WebhookConfig("127.0.0.1", 0, "/events", "0123456789abcdef")
    async with Cpms(replace(config, webhook=webhook, revocation=RevocationConfig(ListPolicy.REQUIRE))) as cpms:
        assert cpms.listeners["webhook"][1] > 0
        assert cpms.trust.lists.rules().needs_crls


async def test_a_station_gets_its_client_certificate_from_the_operator_s_own_ca(tmp_path: Path) -> None:
    ca = founded()
    stack, key = write_ca(tmp_path, ca)
    async with open_back_office(tmp_path) as office:
        config = replace(
            office.cpms.config,
            cas={"mine": LocalCaConfig("mine", stack, key, crl_file=tmp_path / "mine.crl")},
            issue={LeafUse.CSMS: "mine"},
            anchors={TrustDomain.CSMS: TrustAnchors.admit([ca.root])},
        )
    async with (
        Cpms(config, clock=office.clock, watch=office.steps) as cpms,
        replace(office, cpms=cpms).dial() as socket,
    ):
        csr = csr_text(generate_private_key(KeySpec.P256), STATION, organization=OPERATOR, domain=None)
        await socket.send(json.dumps([2, "1", "SignCertificate", {"csr": csr}]))
        assert json.loads(await socket.recv())[2] == {"status": "Accepted"}
        call = json.loads(await socket.recv())
        assert call[2] == "CertificateSigned"
        leaf, *above = load_certificates(call[3]["certificateChain"])
        assert above == [ca.issuing]
        (issued,) = await cpms.cas["mine"].issued()
        assert issued.certificate == leaf
        await cpms.cas["mine"].revoke(issued.serial, RevocationReason.SUPERSEDED, by="Ada")
        assert leaf.serial_number in load_crl((tmp_path / "mine.crl").read_bytes()).revoked


async def test_a_ca_whose_key_others_can_read_stops_the_start(tmp_path: Path) -> None:
    stack, key = write_ca(tmp_path, founded())
    key.chmod(0o644)
    async with open_back_office(tmp_path) as office:
        config = replace(office.cpms.config, cas={"mine": LocalCaConfig("mine", stack, key)})
    with pytest.raises(CaSetupError, match=r"\[ca.mine\]"):
        async with Cpms(config):
            pass


async def test_a_station_with_a_revoked_client_certificate_is_turned_away(tmp_path: Path) -> None:
    ca = founded()
    stack, key = write_ca(tmp_path, ca)
    async with open_back_office(tmp_path) as office:
        good = office.cpms.config
        three = next(one for one in good.listeners if one.name == "profile-3")
        listener = replace(three, client_anchors=TrustAnchors.admit([ca.root]))
        config = replace(good, listeners=(listener,), cas={"mine": LocalCaConfig("mine", stack, key)})
    own = generate_private_key(KeySpec.P256)
    async with Cpms(config, clock=office.clock) as cpms:
        csr = csr_of(STATION, own)
        bag = await cpms.cas["mine"].simpleenroll(csr)
        assert isinstance(bag, IssuedBag)
        client = Forged(bag.certificates[0], own)
        there = replace(office, cpms=cpms, csms=Ladder(office.csms.root, (Forged(ca.issuing, own),)))
        async with there.dial(profile=3, password=None, client=client):
            pass
        await cpms.cas["mine"].revoke(f"{client.certificate.serial_number:x}", RevocationReason.UNSPECIFIED, by="Ada")
        with pytest.raises(InvalidStatus, match="401"):
            async with there.dial(profile=3, password=None, client=client):
                pass


async def test_a_client_certificate_on_a_known_ca_s_list_is_turned_away(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        trust, csms = office.cpms.trust, office.csms
        await trust.desk.propose([csms.issuing.certificate], TrustDomain.CSMS, TrustSource.FILE, "a file")
        client = office.client()
        standing = ClientRevocations(trust, {}, office.clock)
        assert await standing.revoked(client.certificate) is None
        crl = load_crl(revocation_list(csms.issuing, entry(client.certificate.serial_number)))
        trust.lists._rules = Rules(crls=(crl,))
        said = await standing.revoked(client.certificate)
        assert said is not None
        assert "lists it since" in said


async def test_a_client_certificate_below_a_ca_that_was_decided_against_is_turned_away(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        desk, csms, client = office.cpms.trust.desk, office.csms, office.client()
        await desk.propose([csms.issuing.certificate], TrustDomain.CSMS, TrustSource.FILE, "a file")
        async with office.dial(profile=3, password=None, client=client):
            pass
        await desk.reject(csms.issuing.certificate.fingerprint, TrustDomain.CSMS, by="Ada", why="stolen")
        with pytest.raises(InvalidStatus, match="401"):
            async with office.dial(profile=3, password=None, client=client):
                pass
        said = await ClientRevocations(office.cpms.trust, {}, office.clock).revoked(client.certificate)
        assert said is not None
        assert "stolen" in said


async def test_a_client_certificate_below_a_withdrawn_root_is_turned_away_unless_another_anchor_is_above(
    tmp_path: Path,
) -> None:
    async with open_back_office(tmp_path) as office:
        desk, csms = office.cpms.trust.desk, office.csms
        client, sub = office.client().certificate, csms.issuing.certificate
        standing = ClientRevocations(office.cpms.trust, {}, office.clock)
        await desk.propose([sub], TrustDomain.CSMS, TrustSource.FILE, "a file")
        await desk.withdraw(csms.root.certificate.fingerprint, TrustDomain.CSMS, by="Ada")
        assert await standing.revoked(client) is not None
        await desk.approve(sub.fingerprint, TrustDomain.CSMS, by="Ada")
        assert await standing.revoked(client) is None


@pytest.mark.parametrize("decision", ["none", "reject", "withdraw"])
async def test_a_root_that_is_no_anchor_is_put_into_no_station(tmp_path: Path, decision: str) -> None:
    wanted = InstallCertificate(CertificateUse.V2G_ROOT_CERTIFICATE, ROOT.to_pem())
    async with open_back_office(tmp_path) as office:
        desk = office.cpms.trust.desk
        await desk.propose([ROOT], TrustDomain.V2G, TrustSource.CACERTS, "cacerts of [pki.bad]")
        if decision == "reject":
            await desk.reject(ROOT.fingerprint, by="Ada", why="nobody knows it")
        elif decision == "withdraw":
            await desk.approve(ROOT.fingerprint, by="Ada")
            await desk.withdraw(ROOT.fingerprint, by="Ada")
        with pytest.raises(DemandRefused, match="no anchor of ours"):
            await office.cpms.calls.order(STATION, wanted)
        await desk.approve(ROOT.fingerprint, by="Ada")
        assert (await office.cpms.calls.order(STATION, wanted)).demand == wanted
