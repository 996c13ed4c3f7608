"""Authorize as it goes over the wire in each dialect, and what the answers that a dialect can say mean."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from agents_contracts import EMAID, URL, World, contract, mo_pki
from agents_voice import WireVoice
from certs import Pki
from chainpilot.station.agent.contracts.rules import Ground
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import AuthorizeResponse, IdTokenInfo
from chainpilot.wire.pnc.words import AuthorizeCertificateStatus
from stores import store_with

pytestmark = pytest.mark.anyio

Token = AuthorizationStatus
Chain = AuthorizeCertificateStatus
SPOKEN = [Dialect.H, Dialect.O, Dialect.V201, Dialect.V21]
HASHES = {Dialect.H: "15118CertificateHashData"}
VENDORS = {Dialect.H: "iso15118", Dialect.O: "org.openchargealliance.iso15118pnc"}


def said(voice: WireVoice) -> dict[str, Any]:
    """The message itself, out of its carrier."""
    (call,) = voice.calls
    vendor = VENDORS.get(voice.dialect)
    if vendor is None:
        assert call.action == "Authorize"
        return call.payload
    assert call.action == "DataTransfer"
    assert call.payload.keys() == {"vendorId", "messageId", "data"}
    assert (call.payload["vendorId"], call.payload["messageId"]) == (vendor, "Authorize")
    data: dict[str, Any] = json.loads(str(call.payload["data"]))
    return data


def csms(token: Token = Token.ACCEPTED, chain: Chain | None = Chain.ACCEPTED) -> Any:
    return lambda request: AuthorizeResponse(IdTokenInfo(token), chain)


@pytest.fixture(scope="module")
def pki() -> Pki:
    return mo_pki()


@pytest.mark.parametrize("dialect", SPOKEN)
async def test_hash_data_of_leaf_sub2_sub1_with_their_responders(tmp_path: Path, pki: Pki, dialect: Dialect) -> None:
    voice = WireVoice(dialect, csms())
    world = World(store_with(tmp_path, (CaCertificateType.MO, pki)), voice)
    leaf = contract(pki).certificate
    assert (await world.contracts().authorize(pki.stack(leaf))).ground is Ground.CSMS_ACCEPTED
    message = said(voice)
    entries = message.pop(HASHES.get(dialect, "iso15118CertificateHashData"))
    assert message == {"idToken": {"idToken": EMAID, "type": "eMAID"}}
    path = (leaf, pki.issuing.certificate, pki.sub1.certificate)
    assert [entry["serialNumber"] for entry in entries] == [f"{one.serial_number:x}" for one in path]
    assert [(entry["hashAlgorithm"], entry["responderURL"]) for entry in entries] == [("SHA256", URL)] * 3


@pytest.mark.parametrize("dialect", SPOKEN)
async def test_the_chain_itself_in_pem_where_the_csms_is_to_judge(tmp_path: Path, pki: Pki, dialect: Dialect) -> None:
    voice = WireVoice(dialect, csms())
    settings = Settings(central_contract_validation_allowed=True)
    world = World(store_with(tmp_path, (CaCertificateType.MO, mo_pki())), voice, settings)
    chain = pki.stack(contract(pki).certificate)
    assert (await world.contracts().authorize(chain)).ground is Ground.CSMS_ACCEPTED
    assert said(voice) == {"idToken": {"idToken": EMAID, "type": "eMAID"}, "certificate": chain}


@pytest.mark.parametrize("dialect", SPOKEN)
async def test_only_the_text_of_1_6_can_leave_a_responder_out(tmp_path: Path, dialect: Dialect) -> None:
    pki = mo_pki(url=False)
    voice = WireVoice(dialect, csms())
    world = World(store_with(tmp_path, (CaCertificateType.MO, pki)), voice)
    decision = await world.contracts().authorize(pki.stack(contract(pki).certificate))
    if dialect is Dialect.H:
        assert decision.ground is Ground.CSMS_ACCEPTED
        assert [entry.get("responderURL") for entry in said(voice)["15118CertificateHashData"]] == [URL, None, None]
    else:
        assert (decision.accepted, decision.ground, voice.calls) == (False, Ground.NOT_ASKED, [])


def may_be_said(dialect: Dialect, token: Token, chain: Chain | None) -> bool:
    """H says of a chain only that it was revoked: a good token beside another fault would be read as a yes."""
    is_good = chain in {None, Chain.ACCEPTED, Chain.CERTIFICATE_REVOKED}
    return dialect is not Dialect.H or is_good or token is not Token.ACCEPTED


@pytest.mark.parametrize("dialect", SPOKEN)
async def test_in_every_dialect_only_twice_accepted_is_a_yes(tmp_path: Path, pki: Pki, dialect: Dialect) -> None:
    store = store_with(tmp_path, (CaCertificateType.MO, pki))
    chain_text = pki.stack(contract(pki).certificate)
    for token, chain in itertools.product(Token, (None, *Chain)):
        if may_be_said(dialect, token, chain):
            world = World(store, WireVoice(dialect, csms(token, chain)))
            decision = await world.contracts().authorize(chain_text)
            assert decision.accepted is (token is Token.ACCEPTED and chain is Chain.ACCEPTED), (token, chain)
            assert decision.token_status is token


@pytest.mark.parametrize("dialect", SPOKEN)
async def test_a_good_token_without_certificate_status_is_no_yes(tmp_path: Path, pki: Pki, dialect: Dialect) -> None:
    world = World(store_with(tmp_path, (CaCertificateType.MO, pki)), WireVoice(dialect, csms(chain=None)))
    decision = await world.contracts().authorize(pki.stack(contract(pki).certificate))
    assert (decision.accepted, decision.ground) == (False, Ground.CHAIN_UNANSWERED)
