"""The running back office and trust: files imported, an approval in force at once, everything as configured."""

from dataclasses import replace
from pathlib import Path

import pytest

from backoffice import open_back_office
from chainpilot.cpms.adapters.ca_files import read_ca_files
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.config import RevocationConfig, WebhookConfig
from chainpilot.cpms.model import TrustState
from chainpilot.cpms.trust import ListPolicy
from chainpilot.pki.pkcs7 import write_certs_only
from chainpilot.pki.trust import LeafUse, TrustDomain
from sims import v2g_ladder

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
