"""The cache of the CSMS's yeses: for one certificate, in the order in which it was told, and never from garbage."""

import itertools
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_contracts import EMAID, PlainAnswers, contract, mo_pki
from chainpilot.pki.chain import Chain
from chainpilot.station.agent.contracts.cache import ContractCache, key_of
from chainpilot.station.agent.contracts.decisions import Contract
from chainpilot.station.contract_standing import ContractStanding
from chainpilot.station.model import CertificateValidationResult, ValidationOutcome
from clocks import SetClock

pytestmark = pytest.mark.anyio

NOW = SetClock().now()
HOUR = timedelta(hours=1)
PKI = mo_pki()
STANDING = ContractStanding(ValidationOutcome(CertificateValidationResult.VALID))


def shown(emaid: str = EMAID) -> Contract:
    leaf = contract(PKI, emaid).certificate
    return Contract(emaid, leaf.fingerprint, STANDING, Chain(leaf))


ONE, OTHER = shown(), shown()


async def test_what_is_kept_counts_until_it_ends_or_is_forgotten() -> None:
    cache = ContractCache(PlainAnswers())
    assert await cache.until(ONE, NOW) is None
    assert await cache.keep(ONE, NOW, NOW + HOUR)
    for at, until in ((NOW, NOW + HOUR), (NOW + HOUR, NOW + HOUR), (NOW + HOUR + timedelta(microseconds=1), None)):
        assert await cache.until(ONE, at) == until
    assert await cache.until(ONE, NOW - timedelta(microseconds=1)) is None
    assert await cache.until(OTHER, NOW) is None
    assert await cache.forget(ONE)
    assert await cache.until(ONE, NOW) is None


def test_a_key_is_of_one_contract_and_one_certificate_and_tells_neither() -> None:
    assert key_of(ONE) != key_of(OTHER)
    assert key_of(ONE) == key_of(Contract("de-abc-c12345678", ONE.fingerprint, STANDING, ONE.chain))
    assert EMAID not in key_of(ONE)
    assert ONE.fingerprint not in key_of(ONE)


@given(st.binary(max_size=80) | st.builds(msgspec.json.encode, st.dictionaries(st.text(max_size=12), st.integers())))
async def test_garbage_in_the_memory_counts_as_nothing(data: bytes) -> None:
    memory = PlainAnswers()
    memory.entries[key_of(ONE)] = (data, NOW + HOUR)
    assert await ContractCache(memory).until(ONE, NOW) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2},
        {"accepted_at": (NOW + timedelta(seconds=1)).isoformat()},
        {"until": (NOW - timedelta(seconds=1)).isoformat()},
        {"until": "2030-01-01T00:00:00"},
        {"accepted_at": None},
    ],
)
async def test_an_entry_that_does_not_say_so_itself_counts_not(changed: dict[str, object]) -> None:
    memory = PlainAnswers()
    entry = {"version": 1, "accepted_at": NOW.isoformat(), "until": (NOW + HOUR).isoformat()}
    memory.entries[key_of(ONE)] = (msgspec.json.encode(entry), NOW + HOUR)
    assert await ContractCache(memory).until(ONE, NOW) == NOW + HOUR
    memory.entries[key_of(ONE)] = (msgspec.json.encode(entry | changed), NOW + HOUR)
    assert await ContractCache(memory).until(ONE, NOW) is None


@pytest.mark.parametrize("words", list(itertools.product(["keep", "forget"], repeat=3)), ids="-".join)
async def test_the_last_word_holds_whichever_thread_comes_first(words: tuple[str, ...]) -> None:
    for turn in itertools.permutations(range(3)):
        cache = ContractCache(PlainAnswers())
        works = [cache.keep(ONE, NOW, NOW + HOUR) if word == "keep" else cache.forget(ONE) for word in words]
        for number in turn:
            await works[number]
        assert await cache.until(ONE, NOW) == (NOW + HOUR if words[-1] == "keep" else None), turn


async def test_while_something_cannot_be_forgotten_nothing_is_believed() -> None:
    memory = PlainAnswers()
    cache = ContractCache(memory)
    for one in (ONE, OTHER):
        await cache.keep(one, NOW, NOW + HOUR)
    memory.broken = {"forget"}
    assert not await cache.forget(ONE)
    assert [await cache.until(one, NOW) for one in (ONE, OTHER)] == [None, None]
    memory.broken = set()
    assert [await cache.until(one, NOW) for one in (ONE, OTHER)] == [None, NOW + HOUR]


async def test_a_word_that_is_not_waited_for_is_heard_all_the_same() -> None:
    memory = PlainAnswers()
    cache = ContractCache(memory)
    await cache.keep(ONE, NOW, NOW + HOUR)
    cache.forget(ONE).close()
    assert await cache.until(ONE, NOW) is None
    assert memory.entries == {}
