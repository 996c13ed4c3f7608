"""Passwords of stations: how they are kept, and checked without letting guessers or crowds cost us much.

Keys that we generate have 160 random bits, so one salted SHA-256 keeps them; what people choose goes through scrypt,
in a bounded pool of threads. A success is remembered under a key of this process. Every wrong attempt costs one scrypt,
whatever is kept for the station and whether there is one, so that its time tells nothing.

Attempts are limited before anything is hashed (pnc-messages.md section 4): per address, and per station and address.
What others try in a station's name never shuts the station out; it only makes first attempts in that name wait.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from chainpilot.clock import Clock
from chainpilot.errors import OwnError

__all__ = [
    "Attempts",
    "NewKey",
    "PasswordChecker",
    "PasswordFormatError",
    "PasswordVerdict",
    "hash_password",
    "is_password_hash",
    "new_key",
]

_SCRYPT_N: Final = 1 << 14
_SCRYPT_R: Final = 8
_SCRYPT_P: Final = 1
"""16 MiB and about 40 ms each; two threads bound what a crowd can cost."""
_THREADS: Final = 2
_MOST_WAITING: Final = 400
"""Attempts in line for scrypt: what two threads do in some ten seconds, half of what the opening handshake may take."""
_LONGEST_SLOWDOWN: Final = 5.0
"""Seconds that an attempt in a much tried name waits at most; a station's own patience is some ten."""
_REMEMBERED: Final = 20000
"""Successes kept: more than the stations of one process."""
_WATCHED: Final = 20000
"""Addresses, and stations, whose attempts are counted; the longest quiet ones are forgotten first."""
_MAX_PASSWORD: Final = 128
"""Characters; OCPP's keys have 40 at most, longer ones are refused unhashed."""


class PasswordFormatError(OwnError):
    """A stored hash is of no form we write."""

    def __init__(self) -> None:
        super().__init__("a stored password hash is of no known form")


class PasswordVerdict(Enum):
    """The answer to one attempt."""

    RIGHT = "right"
    WRONG = "wrong"
    TOO_OFTEN = "too often"
    """Not looked at; the same for a right password, a wrong one and a station nobody knows."""


def new_key() -> str:
    """A key for a station: 160 random bits as 40 hex characters, AuthorizationKey's longest (OCPP 1.6)."""
    return secrets.token_hex(20)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new password for a station that has one, and what is kept of it."""

    text: str = field(repr=False)
    """40 hex characters: within BasicAuthPassword's 16 to 40 characters, and AuthorizationKey's 20 bytes."""
    hashes: tuple[str, ...] = field(repr=False)
    """Of the text as it stands, and of the bytes that it spells: stations of OCPP 1.6 log in with either."""

    @classmethod
    def make(cls) -> "NewKey":
        """A key whose bytes are no UTF-8, so that they are read back as the Latin-1 they are hashed as."""
        while True:
            text = new_key()
            raw = bytes.fromhex(text)
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError:
                break
        spelled = raw.decode("latin-1")
        return cls(text, (hash_password(text, generated=True), hash_password(spelled, generated=True)))


def hash_password(password: str, *, generated: bool) -> str:
    """The form to keep. `generated`: it came from `new_key`; anything a person chose must say False."""
    salt = secrets.token_bytes(16)
    if generated:
        return f"sha256${salt.hex()}${_sha256(salt, password).hex()}"
    return f"scrypt${salt.hex()}${_scrypt(salt, password).hex()}"


def is_password_hash(stored: str) -> bool:
    """Whether it is of a form that `hash_password` writes."""
    kind, _, rest = stored.partition("$")
    sizes = {"sha256": 64, "scrypt": 128}
    salt, dollar, digest = rest.partition("$")
    return bool(dollar) and kind in sizes and len(digest) == sizes[kind] and _is_hex(salt) and _is_hex(digest)


def _is_hex(text: str) -> bool:
    return bool(text) and not set(text) - set("0123456789abcdef")


def _sha256(salt: bytes, password: str) -> bytes:
    return hashlib.sha256(salt + password.encode()).digest()


def _scrypt(salt: bytes, password: str) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P, maxmem=1 << 26)


def _matches(stored: str, password: str) -> bool:
    """Compared in constant time. Raises PasswordFormatError."""
    try:
        kind, salt, digest = stored.split("$")
        compute = {"sha256": _sha256, "scrypt": _scrypt}[kind]
        return hmac.compare_digest(compute(bytes.fromhex(salt), password), bytes.fromhex(digest))
    except (ValueError, KeyError) as error:
        raise PasswordFormatError from error


_NOBODY: Final = f"scrypt${'00' * 16}${'00' * 64}"
"""What a password is compared with where no scrypt hash is kept, so that it costs what one does; nothing matches it."""


class Attempts:
    """A bucket per name: `burst` attempts at once, one more every `refill` seconds (monotonic)."""

    def __init__(self, burst: int, refill: float) -> None:
        self._burst = burst
        self._refill = refill
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, name: str, at: float) -> bool:
        """Whether one more attempt is allowed now; it counts."""
        spent = self._spent_at(name, at)
        if spent + 1 > self._burst:
            return False
        self._note(name, spent + 1, at)
        return True

    def debt(self, name: str, at: float) -> float:
        """Count one more attempt; the seconds until it would have been allowed, 0 if it is.

        At most `burst` attempts are owed, so that a name which is left alone recovers soon.
        """
        spent = min(self._spent_at(name, at) + 1, 2.0 * self._burst)
        self._note(name, spent, at)
        return max(0.0, (spent - self._burst) * self._refill)

    def forgive(self, name: str, at: float) -> None:
        """The attempt was right: it doesn't count."""
        self._spent[name] = (max(0.0, self._spent_at(name, at) - 1), at)

    def _note(self, name: str, spent: float, at: float) -> None:
        self._spent[name] = (spent, at)
        self._spent.move_to_end(name)
        if len(self._spent) > _WATCHED:
            self._spent.popitem(last=False)

    def _spent_at(self, name: str, at: float) -> float:
        spent, since = self._spent.get(name, (0.0, at))
        return max(0.0, spent - (at - since) / self._refill)


class PasswordChecker:
    """Checks attempts; one per process. Passwords are neither kept nor told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="scrypt")
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._by_address = Attempts(burst=100, refill=0.5)
        self._by_both = Attempts(burst=10, refill=6.0)
        self._by_station = Attempts(burst=30, refill=1.0)
        self._waiting = 0

    async def check(
        self, station: str, address: str, stored: str | None, password: str, offered: tuple[str, ...] = ()
    ) -> PasswordVerdict:
        """Judge one attempt. Raises PasswordFormatError.

        Args:
            station: the name that was given.
            address: where the attempt came from.
            stored: None for an unknown station.
            password: what was given.
            offered: hashes of generated keys that are right too.
        """
        if len(password) > _MAX_PASSWORD:
            password, stored, offered = "", None, ()
        seal = self._seal(station, password, stored, *offered)
        if seal in self._right:
            self._right.move_to_end(seal)
            return PasswordVerdict.RIGHT
        at, network = self._clock.monotonic(), _network(address)
        both = f"{network}\0{station}"
        if not (self._by_address.allow(network, at) and self._by_both.allow(both, at)):
            return PasswordVerdict.TOO_OFTEN
        await self._slow_down(station, at)
        right = self.matching(offered, password) is not None or await self._is_right(stored or _NOBODY, password)
        if not right:
            return PasswordVerdict.TOO_OFTEN if right is None else PasswordVerdict.WRONG
        at = self._clock.monotonic()
        self._by_address.forgive(network, at)
        self._by_both.forgive(both, at)
        self._by_station.forgive(station, at)
        self._right[seal] = None
        if len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)
        return PasswordVerdict.RIGHT

    def matching(self, offered: tuple[str, ...], password: str) -> str | None:
        """Which of these hashes of generated keys is the password's. Raises PasswordFormatError."""
        return next((one for one in offered if _matches(one, password)), None)

    def _seal(self, *parts: str | None) -> bytes:
        return hmac.digest(self._key, "\0".join(map(str, parts)).encode("utf-8", "replace"), "sha256")

    async def _slow_down(self, station: str, at: float) -> None:
        """A name that many addresses try has its first attempts wait, the station's own too; it is never refused."""
        wait = min(self._by_station.debt(station, at), _LONGEST_SLOWDOWN)
        if wait:
            await self._clock.sleep_until(at + wait)

    async def _is_right(self, stored: str, password: str) -> bool | None:
        """None: too many are in line. A wrong one has cost one scrypt when this returns, whatever is stored."""
        if stored.startswith("scrypt$"):
            return await self._in_line(stored, password)
        if _matches(stored, password):
            return True
        return await self._in_line(_NOBODY, password)

    async def _in_line(self, stored: str, password: str) -> bool | None:
        if self._waiting >= _MOST_WAITING:
            return None
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, _matches, stored, password)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _network(address: str) -> str:
    """Whom an address stands for: IPv6 hands out 2^64 of them at once, and may carry an IPv4 one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((parsed, 64), strict=False))
