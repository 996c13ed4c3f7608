"""Passwords: kept hashed, compared once, limited before anything is hashed."""

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


async def test_attempts_are_limited_for_known_and_unknown_stations_alike() -> None:
    for stored in (hash_password("right", generated=True), None):
        clock = SetClock()
        checker = PasswordChecker(clock)
        verdicts = [await checker.check("A", "::1", stored, "wrong") for _ in range(11)]
        assert verdicts == [PasswordVerdict.WRONG] * 10 + [PasswordVerdict.TOO_OFTEN]
        assert await checker.check("A", "::1", stored, "right") is PasswordVerdict.TOO_OFTEN
        clock.advance(6)
        assert await checker.check("A", "::1", stored, "wrong") is PasswordVerdict.WRONG
        checker.close()


async def test_one_address_can_not_try_every_station() -> None:
    checker = PasswordChecker(SetClock())
    verdicts = [await checker.check(str(number), "::1", None, "guess") for number in range(101)]
    assert verdicts[99:] == [PasswordVerdict.WRONG, PasswordVerdict.TOO_OFTEN]
    assert await checker.check("100", "::2", None, "guess") is PasswordVerdict.WRONG
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
