"""Contract authorization (C07) over a real store: nothing but the documented combinations lets a contract charge."""

import asyncio
import itertools
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from agents_contracts import EMAID, URL, Names, World, contract, mo_pki, renumbered, tampered
from agents_voice import FAULTS, ScriptedVoice
from certs import Pki
from chainpilot.pki.identity import Emaid, with_check_digit
from chainpilot.station import EvseSecurity
from chainpilot.station.agent.contracts import decisions as contract_decisions
from chainpilot.station.agent.contracts.authorization import DEADLINE_SECONDS, RESERVE_SECONDS
from chainpilot.station.agent.contracts.decisions import CACHE_TIME, MAX_CERTIFICATE
from chainpilot.station.agent.contracts.rules import RULES, Basis, ContractDecision, Ground
from chainpilot.station.agent.ports import NotUnderstood
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.fields import InexpressibleError
from chainpilot.wire.pnc.messages import AuthorizeRequest, AuthorizeResponse, GetCertificateStatusResponse, IdTokenInfo
from chainpilot.wire.pnc.words import AuthorizeCertificateStatus, GetCertificateStatusStatus
from clocks import SetClock
from forge import forge
from stores import store_with

pytestmark = pytest.mark.anyio

Token = AuthorizationStatus
Chain = AuthorizeCertificateStatus
MO = CaCertificateType.MO
NOW = SetClock().now()
YES = AuthorizeResponse(IdTokenInfo(Token.ACCEPTED), Chain.ACCEPTED)
NO = AuthorizeResponse(IdTokenInfo(Token.BLOCKED), Chain.CONTRACT_CANCELLED)
OFFLINE = Settings(contract_validation_offline=True)
CENTRAL = Settings(central_contract_validation_allowed=True)
UNTIL_LAST = DEADLINE_SECONDS - RESERVE_SECONDS


@dataclass(frozen=True)
class Roadside:
    """One station's store, and chains of every kind that vehicles may show it."""

    security: EvseSecurity
    pki: Pki
    chains: dict[str, str]


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Roadside:
    pki, foreign = mo_pki(), mo_pki()
    leaf = contract(pki).certificate
    bulk = (_blob(4000),)
    chains = {
        "valid": pki.stack(leaf),
        "expired": pki.stack(contract(pki, end=NOW - timedelta(seconds=1)).certificate),
        "not yet valid": pki.stack(contract(pki, begin=NOW + timedelta(seconds=1)).certificate),
        "bad signature": pki.stack(tampered(leaf)),
        "no root": foreign.stack(contract(foreign).certificate),
        "garbage": "-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n",
        "empty": "",
        "too long": foreign.stack(contract(foreign, extensions=bulk).certificate),
        "expired, no root": foreign.stack(contract(foreign, end=NOW - timedelta(seconds=1)).certificate),
        "a CA": pki.issuing.certificate.to_pem(),
        "leaf alone": leaf.to_pem(),
    }
    return Roadside(store_with(tmp_path_factory.mktemp("road"), (MO, pki)), pki, chains)


def _blob(size: int) -> Any:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(size)), False


# ---- the matrix

CONNECTIONS = ("online", "offline", "silent", *FAULTS)
ROOTLESS = {"no root", "too long", "leaf alone"}
"""Chains without a fault of their own that no root of the store leads to."""


def expected(chain: str, connection: str, flags: Settings, known: str) -> tuple[bool, Basis]:
    """What the use case and the page say, written down once more; online the CSMS says yes."""
    if not flags.pnc_enabled:
        return False, Basis.SETTINGS
    if chain != "valid" and chain not in ROOTLESS:
        return False, Basis.LOCALLY_REFUSED
    may_be_sent = flags.central_contract_validation_allowed and chain != "too long"
    if chain in ROOTLESS and connection != "offline" and not may_be_sent:
        return False, Basis.LOCALLY_REFUSED
    if connection == "online":
        return True, Basis.CSMS
    if connection in {"callerror", "not understood"}:
        return False, Basis.CSMS
    if not flags.contract_validation_offline:
        return False, Basis.SETTINGS
    if chain != "valid":
        return False, Basis.LOCALLY_REFUSED
    return {
        "nobody": (False, Basis.OFFLINE),
        "nobody, but strangers are admitted": (True, Basis.OFFLINE),
        "list": (True, Basis.LOCAL_LIST),
        "list, as blocked": (False, Basis.LOCAL_LIST),
        "cache": (True, Basis.CACHE),
        "cache, but blocked in the list": (False, Basis.LOCAL_LIST),
    }[known]


KNOWN = (
    "nobody",
    "nobody, but strangers are admitted",
    "list",
    "list, as blocked",
    "cache",
    "cache, but blocked in the list",
)
FLAGS = [
    Settings(pnc_enabled=pnc, contract_validation_offline=offline, central_contract_validation_allowed=central)
    for pnc, offline, central in itertools.product((True, False), repeat=3)
]


def voice_of(connection: str) -> ScriptedVoice | None:
    if connection == "offline":
        return None
    if connection in FAULTS:
        return ScriptedVoice.saying(FAULTS[connection]())
    return ScriptedVoice.saying(YES if connection == "online" else None)


async def decided_at_the_roadside(
    road: Roadside, chain: str, connection: str, flags: Settings, known: str
) -> tuple[ContractDecision, ScriptedVoice | None]:
    world = World(road.security)
    in_list = {
        "list": Token.ACCEPTED,
        "list, as blocked": Token.BLOCKED,
        "cache, but blocked in the list": Token.BLOCKED,
    }
    names = Names(**({EMAID: in_list[known]} if known in in_list else {}))
    contracts = world.contracts(local_list=names, offline_unknown_emaid=known == KNOWN[1])
    if known.startswith("cache"):
        world.voice = ScriptedVoice.saying(YES)
        assert (await contracts.authorize(road.chains["valid"])).accepted
    world.settings, world.voice = flags, voice_of(connection)
    deciding = asyncio.ensure_future(contracts.authorize(road.chains[chain]))
    if connection == "silent" and isinstance(world.voice, ScriptedVoice):
        hearing = asyncio.ensure_future(world.voice.heard.wait())
        await asyncio.wait((deciding, hearing), return_when=asyncio.FIRST_COMPLETED)
        hearing.cancel()
        world.clock.advance(UNTIL_LAST)
    return await deciding, world.voice


@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize(
    "chain",
    [
        "valid",
        "expired",
        "not yet valid",
        "bad signature",
        "no root",
        "garbage",
        "empty",
        "too long",
        "expired, no root",
        "a CA",
        "leaf alone",
    ],
)
async def test_nothing_but_the_documented_combinations_authorizes(road: Roadside, chain: str, connection: str) -> None:
    for flags, known in itertools.product(FLAGS, KNOWN if chain == "valid" else KNOWN[-2:-1]):
        decision, voice = await decided_at_the_roadside(road, chain, connection, flags, known)
        told = (decision.accepted, decision.basis)
        assert told == expected(chain, connection, flags, known), (flags, known, decision.reason)
        assert decision.reason
        if decision.basis in {Basis.LOCALLY_REFUSED, Basis.SETTINGS} and chain != "valid" and connection == "online":
            assert voice is not None
            assert voice.asked == [], "what is refused here is nobody asked about"


@pytest.mark.parametrize(("chain", "flags"), [("valid", Settings()), ("no root", CENTRAL)])
async def test_of_all_answers_only_twice_accepted_authorizes(road: Roadside, chain: str, flags: Settings) -> None:
    for token, status in itertools.product(Token, (None, *Chain)):
        world = World(road.security, ScriptedVoice.saying(AuthorizeResponse(IdTokenInfo(token), status)), flags)
        decision = await world.contracts().authorize(road.chains[chain])
        is_good = token is Token.ACCEPTED and status is Chain.ACCEPTED
        assert decision.accepted is is_good, (token, status)
        assert (decision.token_status, decision.certificate_status) == (token, status)
        assert decision.basis is Basis.CSMS
        if not is_good:
            assert token.value in decision.reason
            assert (status.value if status else "missing") in decision.reason
            assert world.memory.entries == {}
    assert sum(rule.accepted for rule in RULES.values()) == 4


@pytest.mark.parametrize(
    ("chain", "word"),
    [
        ("expired", Chain.CERTIFICATE_EXPIRED),
        ("expired, no root", Chain.CERTIFICATE_EXPIRED),
        ("not yet valid", Chain.CERT_CHAIN_ERROR),
        ("bad signature", Chain.SIGNATURE_ERROR),
        ("no root", Chain.CERT_CHAIN_ERROR),
        ("garbage", Chain.NO_CERTIFICATE_AVAILABLE),
        ("empty", Chain.NO_CERTIFICATE_AVAILABLE),
        ("a CA", Chain.CERT_CHAIN_ERROR),
    ],
)
async def test_what_is_refused_here_has_the_word_for_it(road: Roadside, chain: str, word: Chain) -> None:
    decision = await World(road.security, ScriptedVoice.saying(YES)).contracts().authorize(road.chains[chain])
    assert (decision.accepted, decision.certificate_status) == (False, word)


# ---- the question


async def asked_of(road: Roadside, chain: str, flags: Settings) -> AuthorizeRequest:
    voice = ScriptedVoice.saying(YES)
    assert (await World(road.security, voice, flags).contracts().authorize(road.chains[chain])).accepted
    (question,) = voice.asked
    assert isinstance(question, AuthorizeRequest)
    return question


@pytest.mark.parametrize("flags", [Settings(), CENTRAL])
async def test_a_chain_that_holds_is_asked_about_by_hash_data_of_leaf_sub2_sub1(
    road: Roadside, flags: Settings
) -> None:
    question = await asked_of(road, "valid", flags)
    told = road.security.get_mo_ocsp_request_data(road.chains["valid"]).ocsp_request_data_list
    assert [one.certificate_hash_data for one in question.certificate_hash_data] == [
        one.certificate_hash_data for one in told
    ]
    assert [one.responder_url for one in question.certificate_hash_data] == [URL] * 3
    assert (question.certificate, question.id_token.id_token, question.id_token.type) == (None, EMAID, "eMAID")


async def test_a_chain_without_a_root_goes_to_the_csms_itself_its_root_left_out(tmp_path: Path) -> None:
    foreign = mo_pki()
    sent = foreign.stack(contract(foreign).certificate)
    voice = ScriptedVoice.saying(YES)
    world = World(store_with(tmp_path, (MO, mo_pki())), voice, CENTRAL)
    decision = await world.contracts().authorize(
        sent + foreign.root.certificate.to_pem() + mo_pki().sub1.certificate.to_pem()
    )
    (question,) = voice.asked
    assert isinstance(question, AuthorizeRequest)
    assert (question.certificate, question.certificate_hash_data) == (sent, ())
    assert (decision.accepted, decision.cache_until) == (True, None)
    assert world.memory.entries == {}, "what nobody here could judge is no use offline"


@pytest.mark.parametrize("room", [-1, 0, 1])
async def test_a_chain_is_sent_up_to_the_limit(road: Roadside, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_CERTIFICATE == 5500
    monkeypatch.setattr(contract_decisions, "MAX_CERTIFICATE", len(road.chains["no root"]) + room)
    voice = ScriptedVoice.saying(YES)
    decision = await World(road.security, voice, CENTRAL).contracts().authorize(road.chains["no root"])
    assert decision.ground is (Ground.CSMS_ACCEPTED if room >= 0 else Ground.CHAIN_TOO_LONG)
    assert len(voice.asked) == (room >= 0)


@pytest.mark.parametrize("count", [3, 4, 5])
async def test_hash_data_of_four_certificates_is_asked_and_of_five_not(tmp_path: Path, count: int) -> None:
    pki = mo_pki()
    lowest, between = pki.issuing, [pki.issuing, pki.sub1]
    for number in range(count - 3):
        lowest = forge(f"MO Sub{number + 3}", lowest, ca=True, domain="MO")
        between.insert(0, lowest)
    leaf = contract(Pki(pki.root, pki.sub1, lowest)).certificate
    voice = ScriptedVoice.saying(YES)
    world = World(store_with(tmp_path, (MO, pki), default_ocsp_url=URL), voice)
    chain = leaf.to_pem() + "".join(one.certificate.to_pem() for one in between)
    decision = await world.contracts().authorize(chain)
    assert decision.ground is (Ground.CSMS_ACCEPTED if count <= 4 else Ground.NOT_ASKABLE)
    assert len(voice.asked) == (count <= 4)


@pytest.mark.parametrize(("number", "is_asked"), [((1 << 160) - 1, True), (1 << 160, False)])
async def test_a_certificate_that_hash_data_cannot_name_is_refused(tmp_path: Path, number: int, is_asked: bool) -> None:
    pki, voice = mo_pki(), ScriptedVoice.saying(YES)
    world = World(store_with(tmp_path, (MO, pki)), voice)
    leaf = renumbered(contract(pki), pki.issuing, number)
    decision = await world.contracts().authorize(pki.stack(leaf))
    assert decision.ground is (Ground.CSMS_ACCEPTED if is_asked else Ground.NOT_ASKABLE)
    assert len(voice.asked) == is_asked


@pytest.mark.parametrize("url", [True, False])
async def test_a_responder_that_is_not_known_is_left_out_and_the_certificate_never(tmp_path: Path, url: bool) -> None:
    pki = mo_pki(url=False)
    voice = ScriptedVoice.saying(YES)
    configured = {"default_ocsp_url": URL} if url else {}
    world = World(store_with(tmp_path, (MO, pki), **configured), voice)
    await world.contracts().authorize(pki.stack(contract(pki).certificate))
    (question,) = voice.asked
    assert isinstance(question, AuthorizeRequest)
    assert [one.responder_url for one in question.certificate_hash_data] == [URL, *([URL if url else None] * 2)]


async def test_what_no_dialect_can_say_is_refused_and_told_apart(tmp_path: Path) -> None:
    pki = mo_pki(url=False)
    world = World(store_with(tmp_path, (MO, pki)), ScriptedVoice.saying(FAULTS["not understood"]()), OFFLINE)
    decision = await world.contracts().authorize(pki.stack(contract(pki).certificate))
    assert decision.ground is Ground.CSMS_FAULT
    assert "default_ocsp_url" in decision.reason
    world.voice = ScriptedVoice.saying(InexpressibleError("hash data without a responder"))
    decision = await world.contracts().authorize(pki.stack(contract(pki).certificate))
    assert (decision.accepted, decision.ground) == (False, Ground.NOT_ASKED)


async def test_an_answer_to_another_message_is_no_yes(road: Roadside) -> None:
    other = GetCertificateStatusResponse(GetCertificateStatusStatus.ACCEPTED, "MIID")
    decision = await World(road.security, ScriptedVoice.saying(other)).contracts().authorize(road.chains["valid"])
    assert (decision.accepted, decision.ground) == (False, Ground.CSMS_FAULT)


# ---- whose contract it is


@pytest.mark.parametrize(
    "named", [None, EMAID, "de-abc-c12345678", "DE*ABC*C12345678", f" {EMAID}\n", with_check_digit(Emaid(EMAID))]
)
async def test_every_spelling_of_the_leaf_s_emaid_is_the_same(road: Roadside, named: str | None) -> None:
    decision = await World(road.security, ScriptedVoice.saying(YES)).contracts().authorize(road.chains["valid"], named)
    assert (decision.accepted, decision.emaid) == (True, EMAID)


WRONG_DIGIT = EMAID + ("A" if with_check_digit(Emaid(EMAID))[-1] != "A" else "B")


@pytest.mark.parametrize(
    "named", ["DEABCC12345679", "NLABCC12345678", "", "DE-ABC-C1234567", "12", EMAID * 2, WRONG_DIGIT]
)
async def test_another_emaid_than_the_leaf_s_is_refused_and_nobody_asked(road: Roadside, named: str) -> None:
    voice = ScriptedVoice.saying(YES)
    decision = await World(road.security, voice).contracts().authorize(road.chains["valid"], named)
    assert (decision.accepted, decision.ground, voice.asked) == (False, Ground.EMAID_CONTRADICTED, [])
    assert decision.token_status is Token.INVALID


@pytest.mark.parametrize("name", ["DE*CHP*E1234*1", "DE-ABC-123456-7", "a person", "", "DEABC", "D" * 64])
async def test_a_leaf_without_an_emaid_is_no_contract(tmp_path: Path, name: str) -> None:
    pki, voice = mo_pki(), ScriptedVoice.saying(YES)
    world = World(store_with(tmp_path, (MO, pki)), voice)
    leaf = contract(pki, name or "x", **({} if name else {"subject": _nameless()})).certificate
    decision = await world.contracts().authorize(pki.stack(leaf))
    assert (decision.ground, voice.asked) == (Ground.NOT_A_CONTRACT, [])
    assert decision.emaid is None


def _nameless() -> Any:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "MO")])


@pytest.mark.parametrize(
    ("component", "is_contract"), [("MO", True), ("mo", True), ("CPO", False), ("cpo", False), ("OEM", False)]
)
async def test_a_station_s_or_a_vehicle_s_leaf_is_no_contract_though_its_name_looks_like_one(
    tmp_path: Path, component: str, is_contract: bool
) -> None:
    pki = mo_pki()
    world = World(store_with(tmp_path, (CaCertificateType.V2G, pki)), ScriptedVoice.saying(YES))
    leaf = contract(pki, "DECHPE12345678", domain=component).certificate
    decision = await world.contracts().authorize(pki.stack(leaf))
    assert decision.ground is (Ground.CSMS_ACCEPTED if is_contract else Ground.NOT_A_CONTRACT)


@pytest.mark.parametrize(("kind", "counts"), [(one, one.value in {"MO", "V2G"}) for one in CaCertificateType])
async def test_only_anchors_of_mo_and_v2g_count(tmp_path: Path, kind: CaCertificateType, counts: bool) -> None:
    pki = mo_pki()
    world = World(store_with(tmp_path, (kind, pki)), ScriptedVoice.saying(YES))
    decision = await world.contracts().authorize(pki.stack(contract(pki).certificate))
    assert decision.accepted is counts


# ---- the cache


async def cached_until(world: World, chain: str, told: datetime | None) -> datetime | None:
    world.voice = ScriptedVoice.saying(AuthorizeResponse(IdTokenInfo(Token.ACCEPTED, told), Chain.ACCEPTED))
    decision = await world.contracts().authorize(chain)
    assert decision.accepted
    return decision.cache_until


async def test_a_yes_counts_as_long_as_the_csms_says_else_a_day_and_never_past_the_first_certificate_s_end(
    tmp_path: Path,
) -> None:
    ends = NOW + timedelta(hours=48)
    for number, pki in enumerate((mo_pki(until=ends), mo_pki())):
        world = World(store_with(tmp_path / str(number), (MO, pki)))
        leaf = contract(pki, end=ends) if number else contract(pki)
        chain = pki.stack(leaf.certificate)
        for told, until in (
            (None, NOW + CACHE_TIME),
            (NOW + timedelta(seconds=1), NOW + timedelta(seconds=1)),
            (ends - timedelta(seconds=1), ends - timedelta(seconds=1)),
            (ends, ends),
            (ends + timedelta(seconds=1), ends),
            (NOW, None),
            (NOW - timedelta(days=1), None),
        ):
            assert await cached_until(world, chain, told) == until, told
            assert len(world.memory.entries) == (until is not None)
            assert all(until == kept_until for _, kept_until in world.memory.entries.values())


@pytest.mark.parametrize(("later", "counts"), [(-1, True), (0, True), (1, False)])
async def test_a_kept_yes_counts_to_its_last_second(road: Roadside, later: int, counts: bool) -> None:
    world = World(road.security, settings=OFFLINE)
    until = NOW + timedelta(hours=1)
    assert await cached_until(world, road.chains["valid"], until) == until
    world.voice = None
    world.clock.set(until + timedelta(seconds=later))
    decision = await world.contracts().authorize(road.chains["valid"])
    assert decision.ground is (Ground.CACHED if counts else Ground.UNKNOWN_OFFLINE)
    assert decision.cache_until == (until if counts else None)


async def test_a_clock_that_went_back_makes_no_kept_yes_last_longer(road: Roadside) -> None:
    world = World(road.security, settings=OFFLINE)
    await cached_until(world, road.chains["valid"], None)
    world.voice = None
    world.clock.set(NOW - timedelta(seconds=1))
    assert (await world.contracts().authorize(road.chains["valid"])).ground is Ground.UNKNOWN_OFFLINE


@pytest.mark.parametrize("later", [NO, "callerror", "not understood", "another message"])
async def test_whatever_else_the_csms_says_ends_an_earlier_yes(road: Roadside, later: Any) -> None:
    world = World(road.security, settings=OFFLINE)
    await cached_until(world, road.chains["valid"], None)
    other = GetCertificateStatusResponse(GetCertificateStatusStatus.ACCEPTED, "MIID")
    answer = FAULTS[later]() if later in FAULTS else other if later == "another message" else later
    world.voice = ScriptedVoice.saying(answer)
    contracts = world.contracts()
    assert not (await contracts.authorize(road.chains["valid"])).accepted
    assert world.memory.entries == {}
    world.voice = None
    assert not (await contracts.authorize(road.chains["valid"])).accepted


@pytest.mark.parametrize("later", ["closed", "timed out", "not sent"])
async def test_no_answer_leaves_an_earlier_yes_as_it_is(road: Roadside, later: str) -> None:
    world = World(road.security, settings=OFFLINE)
    await cached_until(world, road.chains["valid"], None)
    world.voice = ScriptedVoice.saying(FAULTS[later]())
    assert (await world.contracts().authorize(road.chains["valid"])).ground is Ground.CACHED


async def test_a_new_certificate_of_the_contract_is_not_covered_by_the_old_one_s_answer(road: Roadside) -> None:
    world = World(road.security, settings=OFFLINE)
    await cached_until(world, road.chains["valid"], None)
    world.voice = None
    renewed = road.pki.stack(contract(road.pki).certificate)
    assert (await world.contracts().authorize(renewed)).ground is Ground.UNKNOWN_OFFLINE
    assert (await world.contracts().authorize(road.chains["valid"])).ground is Ground.CACHED


async def test_a_kept_yes_is_no_use_once_the_chain_holds_no_more(tmp_path: Path) -> None:
    pki, clock = mo_pki(), SetClock()
    store = store_with(tmp_path, (MO, pki), clock=clock)
    world = World(store, clock=clock, settings=OFFLINE)
    chain = pki.stack(contract(pki).certificate)
    await cached_until(world, chain, None)
    world.voice = None
    assert (await world.contracts().authorize(chain)).ground is Ground.CACHED
    for path in (tmp_path / "ca/mo").iterdir():
        path.unlink()
    assert (await world.contracts().authorize(chain)).ground is Ground.NO_ROOT


@pytest.mark.parametrize("broken", ["keep", "kept", "forget"])
async def test_a_memory_that_fails_makes_no_yes_and_takes_none_of_the_csms_s(road: Roadside, broken: str) -> None:
    world = World(road.security, settings=OFFLINE)
    contracts = world.contracts()
    if broken != "keep":
        world.voice = ScriptedVoice.saying(YES)
        assert (await contracts.authorize(road.chains["valid"])).cache_until is not None
    world.memory.broken = {broken}
    world.voice = ScriptedVoice.saying(NO if broken == "forget" else YES)
    decision = await contracts.authorize(road.chains["valid"])
    assert decision.accepted is (broken != "forget")
    assert (decision.cache_until is None) is (broken != "kept")
    world.voice = None
    assert (await contracts.authorize(road.chains["valid"])).ground is Ground.UNKNOWN_OFFLINE
    world.memory.broken = set()
    decision = await contracts.authorize(road.chains["valid"])
    assert decision.accepted is (broken == "kept"), "what ought to be forgotten stays so when the memory is well again"


# ---- the local list


async def test_the_list_is_asked_for_the_normal_form_and_goes_before_the_cache(tmp_path: Path) -> None:
    pki = mo_pki()
    world = World(store_with(tmp_path, (MO, pki)), settings=OFFLINE)
    chain = pki.stack(contract(pki, "de-abc-c12345678").certificate)
    await cached_until(world, chain, None)
    world.voice = None
    for status in Token:
        names = Names(**{EMAID: status})
        decision = await world.contracts(local_list=names).authorize(chain)
        assert names.asked == [EMAID]
        assert decision.ground is (Ground.LISTED if status is Token.ACCEPTED else Ground.LIST_REFUSED)
        assert (decision.token_status, decision.emaid) == (status, "de-abc-c12345678")
    assert (await world.contracts(local_list=Names()).authorize(chain)).ground is Ground.CACHED


async def test_online_neither_list_nor_cache_nor_strangers_rule_make_a_yes_of_a_no(road: Roadside) -> None:
    world = World(road.security, ScriptedVoice.saying(YES), OFFLINE)
    contracts = world.contracts(local_list=Names(**{EMAID: Token.ACCEPTED}), offline_unknown_emaid=True)
    assert (await contracts.authorize(road.chains["valid"])).accepted
    world.voice = ScriptedVoice.saying(NO)
    decision = await contracts.authorize(road.chains["valid"])
    assert (decision.accepted, decision.basis) == (False, Basis.CSMS)


# ---- time


async def test_a_clock_that_is_not_trusted_authorizes_nobody(road: Roadside) -> None:
    voice = ScriptedVoice.saying(YES)
    world = World(road.security, voice, OFFLINE, is_time_trusted=lambda: False)
    contracts = world.contracts(local_list=Names(**{EMAID: Token.ACCEPTED}), offline_unknown_emaid=True)
    for world.voice in (voice, None):
        decision = await contracts.authorize(road.chains["valid"])
        assert (decision.accepted, decision.ground) == (False, Ground.CLOCK_UNTRUSTED)
    assert voice.asked == []


@pytest.mark.parametrize("seconds", [30.0, 1.0, 8.0])
async def test_the_csms_has_all_but_the_reserve_and_then_what_is_known_here_decides(
    road: Roadside, seconds: float
) -> None:
    voice = ScriptedVoice.saying(None)
    world = World(road.security, voice, OFFLINE)
    reserve = min(RESERVE_SECONDS, seconds / 4)
    contracts = world.contracts(local_list=Names(**{EMAID: Token.ACCEPTED}))
    deciding = asyncio.ensure_future(contracts.authorize(road.chains["valid"], deadline_seconds=seconds))
    await voice.heard.wait()
    assert voice.patience == [seconds - reserve]
    world.clock.advance(seconds - reserve - 0.001)
    await asyncio.sleep(0)
    assert not deciding.done()
    world.clock.advance(0.001)
    assert (await deciding).ground is Ground.LISTED
    await voice.cut_short.wait()


async def test_where_nothing_can_be_decided_in_time_the_answer_is_no(road: Roadside) -> None:
    world = World(road.security, settings=OFFLINE)
    world.memory.gate.clear()
    deciding = asyncio.ensure_future(world.contracts().authorize(road.chains["valid"]))
    assert await asyncio.to_thread(world.memory.entered.wait, 20)
    world.clock.advance(DEADLINE_SECONDS)
    decision = await deciding
    assert (decision.accepted, decision.ground) == (False, Ground.TOO_LATE)
    world.memory.gate.set()


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_no_time_at_all_is_a_no(road: Roadside, seconds: float) -> None:
    world = World(road.security, ScriptedVoice.saying(YES))
    decision = await world.contracts().authorize(road.chains["valid"], deadline_seconds=seconds)
    assert (decision.accepted, decision.ground) == (False, Ground.TOO_LATE)


@pytest.mark.parametrize("answer", [YES, NO])
async def test_a_memory_that_takes_its_time_holds_no_answer_up(road: Roadside, answer: AuthorizeResponse) -> None:
    world = World(road.security, ScriptedVoice.saying(answer), OFFLINE)
    contracts = world.contracts()
    world.memory.gate.clear()
    deciding = asyncio.ensure_future(contracts.authorize(road.chains["valid"]))
    assert await asyncio.to_thread(world.memory.entered.wait, 20)
    world.clock.advance(UNTIL_LAST)
    decision = await deciding
    assert decision.accepted is (answer is YES)
    assert decision.cache_until is None, "nobody knows yet that it is kept"
    world.memory.gate.set()
    world.voice = None
    later = await contracts.authorize(road.chains["valid"])
    assert later.accepted is (answer is YES)


# ---- several vehicles


async def test_two_vehicles_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    pki = mo_pki()
    world = World(store_with(tmp_path, (MO, pki)), settings=OFFLINE)
    emaids = [f"DEABCC1234567{number}" for number in range(8)]
    blocked = set(emaids[::2])
    gates = {emaid: asyncio.Event() for emaid in emaids}

    class Slow:
        async def ask(self, request: Any, *, answer_timeout: float | None = None) -> AuthorizeResponse:
            await gates[request.id_token.id_token].wait()
            return NO if request.id_token.id_token in blocked else YES

    world.voice = Slow()
    contracts = world.contracts()
    chains = {emaid: pki.stack(contract(pki, emaid).certificate) for emaid in emaids}
    deciding = {emaid: asyncio.ensure_future(contracts.authorize(chains[emaid])) for emaid in emaids}
    for emaid in reversed(emaids):
        gates[emaid].set()
    for emaid, decision in deciding.items():
        told = await decision
        assert (told.emaid, told.accepted) == (emaid, emaid not in blocked)
    world.voice = None
    for emaid in emaids:
        assert (await contracts.authorize(chains[emaid])).accepted is (emaid not in blocked)


async def test_a_vehicle_that_leaves_takes_its_question_along(road: Roadside) -> None:
    voice = ScriptedVoice.saying(None)
    deciding = asyncio.ensure_future(World(road.security, voice).contracts().authorize(road.chains["valid"]))
    await voice.heard.wait()
    deciding.cancel()
    with suppress(asyncio.CancelledError):
        await deciding
    await voice.cut_short.wait()


# ---- what others may read


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG, logger="chainpilot"):
        yield caplog


@pytest.mark.parametrize("connection", CONNECTIONS)
async def test_no_log_no_sentence_and_no_memory_shows_who_drives(
    road: Roadside, connection: str, log: pytest.LogCaptureFixture
) -> None:
    told = []
    for chain, named in itertools.product(road.chains, (None, "DE-ABC-C87654321", EMAID.lower())):
        world = World(road.security, voice_of(connection if connection != "silent" else "offline"), OFFLINE)
        told.append(decision := await world.contracts().authorize(road.chains[chain], named))
        assert EMAID not in str(world.memory.entries)
        assert EMAID not in repr(decision)
    seen = " ".join([log.text, *(one.reason for one in told)]).upper().replace("-", "").replace("*", "")
    assert EMAID not in seen
    assert "DEABCC87654321" not in seen
    assert "DEABC...78" in log.text
    assert log.text.count("\n") == len(told)


async def test_an_answer_that_repeats_the_emaid_does_not_put_it_into_the_log(
    road: Roadside, log: pytest.LogCaptureFixture
) -> None:
    said = NotUnderstood("Authorize", "who is DE*ABC*C12345678?\nforged line")
    decision = await World(road.security, ScriptedVoice.saying(said)).contracts().authorize(road.chains["valid"])
    assert "C12345678" not in decision.reason + log.text
    assert "\n" not in decision.reason


# ---- whatever a vehicle may send


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=300) | st.binary(max_size=200).map(lambda data: data.hex()), data=st.data())
async def test_no_text_whatever_authorizes_or_raises(road: Roadside, text: str, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["alone", "before", "behind", "cut", "changed"]))
    good = road.chains["valid"]
    place = data.draw(st.integers(100, len(good) - 100))
    shown = {
        "alone": text,
        "before": text + good[place:],
        "behind": good[:place] + text,
        "cut": good[: place // 3],
        "changed": good[:place] + data.draw(st.sampled_from("AZaz09+/=\n-")) + good[place + 1 :],
    }[kind]
    voice = ScriptedVoice.saying(YES)
    world = World(road.security, voice, OFFLINE)
    online = await world.contracts().authorize(shown, data.draw(st.none() | st.just(text)))
    if online.accepted:
        assert online.emaid == EMAID
        assert road.security.contract_standing(shown).holds
    else:
        assert voice.asked == [] or kind in {"behind", "changed"}
    world.voice = None
    offline = world.contracts(offline_unknown_emaid=True)
    assert (await offline.authorize(shown)).accepted is road.security.contract_standing(shown).holds
