"""Passwords: kept hashed, compared once, limited before anything is hashed."""

import asyncio
import hashlib
import threading
from typing import Any

import pytest

from chainpilot.cpms.passwords import (
    Attempts,
    PasswordChecker,
    PasswordFormatError,
    PasswordVerdict,
    hash_password,
    new_key,
)
from clocks import SetClock

__all__: list[str] = []

pytestmark = pytest.mark.anyio


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cost N of every scrypt made; a cheap one takes its place, since these tests count and don't time."""
    costs: list[int] = []

    def cheap(password: bytes, *, salt: bytes, n: int, **_: Any) -> bytes:
        costs.append(n)
        return hashlib.sha512(salt + password).digest()

    monkeypatch.setattr(hashlib, "scrypt", cheap)
    return costs


def test_a_key_has_160_random_bits() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(len(bytes.fromhex(key)) == 20 for key in keys)


@pytest.mark.parametrize("generated", [True, False])
def test_a_hash_is_salted_and_tells_nothing(*, generated: bool) -> None:
    hashes = {hash_password("password", generated=generated) for _ in range(3)}
    assert len(hashes) == 3
    assert not any("password" in one for one in hashes)


@pytest.mark.parametrize("generated", [True, False])
async def test_only_the_right_password_is_right(*, generated: bool) -> None:
    checker = PasswordChecker(SetClock())
    stored = hash_password("right", generated=generated)
    assert await checker.check("A", "::1", stored, "right") is PasswordVerdict.RIGHT
    assert await checker.check("A", "::1", stored, "right") is PasswordVerdict.RIGHT
    for wrong in ("", "wrong", "right ", "right" * 100):
        assert await checker.check("A", "::1", stored, wrong) is PasswordVerdict.WRONG
    checker.close()


async def test_nothing_is_right_for_an_unknown_station_or_one_without_a_password() -> None:
    checker = PasswordChecker(SetClock())
    for stored in (None, ""):
        for password in ("", "anything"):
            assert await checker.check("A", "::1", stored, password) is PasswordVerdict.WRONG
    checker.close()


async def test_a_remembered_success_ends_with_the_password() -> None:
    checker = PasswordChecker(SetClock())
    assert await checker.check("A", "::1", hash_password("old", generated=True), "old") is PasswordVerdict.RIGHT
    assert await checker.check("A", "::1", hash_password("new", generated=True), "old") is PasswordVerdict.WRONG
    checker.close()


async def test_every_wrong_attempt_costs_one_scrypt_whatever_is_kept(hashed: list[int]) -> None:
    chosen, generated = (hash_password("right", generated=generated) for generated in (False, True))
    hashed.clear()
    checker = PasswordChecker(SetClock())
    for station, stored in (("chosen", chosen), ("generated", generated), ("unknown", None), ("without", "")):
        for password in ("wrong", "", "x" * 200):
            assert await checker.check(station, "::1", stored, password) is PasswordVerdict.WRONG
            assert hashed == [1 << 14]
            hashed.clear()
    checker.close()


async def test_a_generated_key_that_is_right_costs_no_scrypt(hashed: list[int]) -> None:
    checker = PasswordChecker(SetClock())
    stored = hash_password("right", generated=True)
    assert await checker.check("A", "::1", stored, "right") is PasswordVerdict.RIGHT
    assert hashed == []
    checker.close()


async def test_attempts_are_limited_for_known_and_unknown_stations_alike(hashed: list[int]) -> None:
    for stored in (hash_password("right", generated=True), None):
        clock = SetClock()
        checker = PasswordChecker(clock)
        verdicts = [await checker.check("A", "::1", stored, "wrong") for _ in range(11)]
        assert verdicts == [PasswordVerdict.WRONG] * 10 + [PasswordVerdict.TOO_OFTEN]
        assert await checker.check("A", "::1", stored, "right") is PasswordVerdict.TOO_OFTEN
        assert len(hashed) == 10
        clock.advance(6)
        assert await checker.check("A", "::1", stored, "wrong") is PasswordVerdict.WRONG
        hashed.clear()
        checker.close()


async def test_a_stranger_at_another_address_does_not_lock_a_station_out(hashed: list[int]) -> None:
    checker = PasswordChecker(SetClock())
    stored = hash_password("right", generated=True)
    for _ in range(50):
        await checker.check("A", "192.0.2.1", stored, "wrong")
    assert len(hashed) == 10
    assert await checker.check("A", "192.0.2.2", stored, "right") is PasswordVerdict.RIGHT
    checker.close()


async def test_many_addresses_that_try_one_station_only_slow_it_down(hashed: list[int]) -> None:
    clock = SetClock()
    checker = PasswordChecker(clock)
    stored = hash_password("right", generated=True)
    for number in range(30):
        await checker.check("A", f"192.0.2.{number}", stored, "wrong")
    attempts = [asyncio.create_task(checker.check("A", f"198.51.100.{n}", stored, "wrong")) for n in range(100)]
    await asyncio.sleep(0)
    own = asyncio.create_task(checker.check("A", "203.0.113.1", stored, "right"))
    await asyncio.sleep(0)
    assert len(hashed) == 30
    clock.advance(4.9)
    await asyncio.sleep(0)
    assert not own.done()
    clock.advance(0.1)
    assert await own is PasswordVerdict.RIGHT
    await asyncio.gather(*attempts)
    clock.advance(30)
    assert await checker.check("A", "203.0.113.2", stored, "right") is PasswordVerdict.RIGHT
    checker.close()


async def test_one_address_can_not_try_every_station(hashed: list[int]) -> None:
    checker = PasswordChecker(SetClock())
    verdicts = [await checker.check(str(number), "192.0.2.1", None, "guess") for number in range(101)]
    assert verdicts[99:] == [PasswordVerdict.WRONG, PasswordVerdict.TOO_OFTEN]
    assert len(hashed) == 100
    assert await checker.check("100", "::ffff:192.0.2.1", None, "guess") is PasswordVerdict.TOO_OFTEN
    assert await checker.check("100", "192.0.2.2", None, "guess") is PasswordVerdict.WRONG
    checker.close()


async def test_an_ipv6_network_counts_as_one_address(hashed: list[int]) -> None:
    checker = PasswordChecker(SetClock())
    verdicts = [await checker.check("A", f"2001:db8::{number:x}", None, "guess") for number in range(11)]
    assert verdicts[9:] == [PasswordVerdict.WRONG, PasswordVerdict.TOO_OFTEN]
    assert await checker.check("A", "2001:db8:0:1::1", None, "guess") is PasswordVerdict.WRONG
    assert await checker.check("A", "fe80::1%eth0", None, "guess") is PasswordVerdict.WRONG
    assert await checker.check("A", "unknown", None, "guess") is PasswordVerdict.WRONG
    assert len(hashed) == 13
    checker.close()


async def test_the_line_for_scrypt_is_bounded_and_stations_with_keys_do_not_stand_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_go_on = threading.Event()

    def held(password: bytes, *, salt: bytes, **_: Any) -> bytes:
        assert may_go_on.wait(10)
        return hashlib.sha512(salt + password).digest()

    monkeypatch.setattr(hashlib, "scrypt", held)
    checker = PasswordChecker(SetClock())
    crowd = [asyncio.create_task(checker.check(str(n), f"192.0.2.{n % 200}", None, "guess")) for n in range(400)]
    await asyncio.sleep(0)
    assert await checker.check("one more", "198.51.100.1", None, "guess") is PasswordVerdict.TOO_OFTEN
    stored = hash_password("right", generated=True)
    assert await checker.check("A", "198.51.100.1", stored, "right") is PasswordVerdict.RIGHT
    may_go_on.set()
    assert set(await asyncio.gather(*crowd)) == {PasswordVerdict.WRONG}
    checker.close()


async def test_a_crowd_that_knows_its_passwords_is_never_limited() -> None:
    checker = PasswordChecker(SetClock())
    stored = hash_password("right", generated=True)
    for number in range(300):
        assert await checker.check(str(number), "::1", stored, "right") is PasswordVerdict.RIGHT
    checker.close()


@pytest.mark.parametrize("stored", ["plain", "md5$00$00", "sha256$zz$00", "sha256$00"])
async def test_a_stored_hash_of_no_known_form_is_our_error(stored: str) -> None:
    checker = PasswordChecker(SetClock())
    with pytest.raises(PasswordFormatError):
        await checker.check("A", "::1", stored, "x")
    checker.close()


def test_counting_forgets_the_longest_quiet_and_stays_bounded() -> None:
    attempts = Attempts(burst=1, refill=10)
    for number in range(30000):
        assert attempts.allow(str(number), 0.0)
    assert len(attempts._spent) == 20000
    assert not attempts.allow("29999", 0.0)
