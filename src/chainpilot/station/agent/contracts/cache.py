"""The authorization cache for contracts: the CSMS's last yes to a certificate, for as long as it counts.

An entry belongs to an eMAID and one leaf certificate, so that no answer covers a certificate that the CSMS was never
asked about. Its key is a digest: whoever reads the memory learns nobody's eMAID. Whether an entry may be used is
`contracts`' to say.
"""

import asyncio
import hashlib
import itertools
import logging
import threading
from collections.abc import Coroutine
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from chainpilot.station.agent.contracts.decisions import Contract
from chainpilot.station.agent.ports import Memory, MemoryFault

__all__ = ["ContractCache", "key_of"]

_VERSION: Final = 1

_log = logging.getLogger(__name__)

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Kept(msgspec.Struct, frozen=True):
    version: int
    accepted_at: _Moment
    until: _Moment


def key_of(contract: Contract) -> str:
    """Under what a contract's entry is kept."""
    named = f"{contract.normal}\n{contract.fingerprint}"
    return f"contract/{hashlib.sha256(named.encode()).hexdigest()}"


class ContractCache:
    """Keeps and forgets in the order in which it is called, though each is a thread's work and some come late.

    An answer that ought to be forgotten and couldn't be, since the memory failed, counts no more: it is forgotten
    before anything is read again, or else nothing is.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._numbers = itertools.count()
        self._latest: dict[str, int] = {}
        self._unforgotten: set[str] = set()
        self._guard = threading.Lock()

    def keep(self, contract: Contract, accepted_at: datetime, until: datetime) -> Coroutine[Any, Any, bool]:
        """Awaited, remember a yes of the CSMS until that moment, or not: the answer."""
        key = key_of(contract)
        data = msgspec.json.encode(_Kept(_VERSION, accepted_at, until))
        return asyncio.to_thread(self._keep, key, self._number(key), data, until)

    def forget(self, contract: Contract) -> Coroutine[Any, Any, bool]:
        """Believe an earlier yes no more, at once; awaited, it is forgotten in the memory too, or not: the answer."""
        key = key_of(contract)
        number = self._number(key)
        self._unforgotten.add(key)
        return asyncio.to_thread(self._forget, key, number)

    async def until(self, contract: Contract, at: datetime) -> datetime | None:
        """Until when a yes counts that counts at that moment; None without one, or where it can't be read."""
        return await asyncio.to_thread(self._until, key_of(contract), at)

    def _number(self, key: str) -> int:
        self._latest[key] = number = next(self._numbers)
        return number

    def _is_latest(self, key: str, number: int) -> bool:
        """Whether nothing was said of that entry since; if so, nobody else needs its number."""
        if self._latest.get(key) != number:
            return False
        del self._latest[key]
        return True

    def _keep(self, key: str, number: int, data: bytes, until: datetime) -> bool:
        with self._guard:
            if not self._is_latest(key, number):
                return False
            try:
                self._memory.keep(key, data, until)
            except MemoryFault as fault:
                _log.warning("the CSMS's answer about a contract isn't kept: %s", fault.why)
                return False
            self._unforgotten.discard(key)
            return True

    def _forget(self, key: str, number: int) -> bool:
        with self._guard:
            return self._is_latest(key, number) and self._catch_up()

    def _catch_up(self) -> bool:
        """Forget all that is to be forgotten; whether that worked."""
        try:
            for key in tuple(self._unforgotten):
                self._memory.forget(key)
                self._unforgotten.discard(key)
        except MemoryFault as fault:
            _log.error("an answer about a contract can't be forgotten, so none is believed: %s", fault.why)
            return False
        return True

    def _until(self, key: str, at: datetime) -> datetime | None:
        with self._guard:
            if not self._catch_up():
                return None
            try:
                data = self._memory.kept(key, at)
            except MemoryFault as fault:
                _log.warning("what the CSMS said of a contract can't be read: %s", fault.why)
                return None
        return _counting(data, at) if data is not None else None


def _counting(data: bytes, at: datetime) -> datetime | None:
    """Of an entry that says so itself; one from the future was made by another clock."""
    try:
        kept = msgspec.json.decode(data, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _log.warning("an answer about a contract can't be read in the memory, and counts as none")
        return None
    return kept.until if kept.version == _VERSION and kept.accepted_at <= at <= kept.until else None
