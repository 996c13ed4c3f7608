"""Revocation lists: fetched where known CAs say they are, kept over restarts; a missing one never is good news.

A list counts only if a known CA signed it, the one that the address belongs to, and an older one never takes a newer
one's place: whoever is on the way of an http address can replay what was true once, or is true of others.
What a list says of a certificate is `pki.crl`'s matter.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from chainpilot.clock import Clock
from chainpilot.cpms.ports import KeptList, LedgerFailed, ListMissing, ListSource, TrustRecords
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import Crl, CrlError, load_crl
from chainpilot.pki.verify import Rules

__all__ = ["MAX_URLS", "ListPolicy", "ListState", "RevocationDesk", "due_at"]

MAX_URLS: Final = 200
"""Addresses that are watched; a PKI has one list for each of its CAs."""
_MOST_AGE: Final = timedelta(days=1)
"""A list is fetched anew after a day at the latest: a CA may publish before its nextUpdate."""
_LEAST_WAIT: Final = timedelta(minutes=5)
"""Between two tries at one address, successful or not."""
_PATIENCE: Final = timedelta(hours=1)
"""At the latest, what is due is looked at again: new CAs bring new addresses."""


class ListPolicy(Enum):
    """What revocation lists are to judgements; values as in the configuration."""

    OFF = "off"
    """None is fetched and none counts."""
    CHECK = "check"
    """What is there counts; a certificate without a list is taken for not revoked."""
    REQUIRE = "require"
    """Every certificate below an anchor needs its issuer's current list."""


@dataclass(frozen=True, slots=True)
class ListState:
    """One address, for people: what is there and how the last try ended."""

    url: str
    this_update: datetime | None
    next_update: datetime | None
    tried_at: datetime | None
    fault: str | None
    """Why the last try brought nothing; None when it did, or there was none."""


@dataclass(slots=True)
class _Watched:
    crl: Crl | None = None
    fetched_at: datetime | None = None
    tried_at: datetime | None = None
    fault: str | None = None


def due_at(crl: Crl, fetched_at: datetime) -> datetime:
    """When a list is to be fetched again: halfway to its nextUpdate, within a day, not within minutes."""
    half = (crl.next_update - fetched_at) / 2
    return fetched_at + max(_LEAST_WAIT, min(half, _MOST_AGE))


class RevocationDesk:
    """Implements the port `RevocationLists`.

    Args:
        records: where lists are kept over restarts.
        source: fetches them.
        policy: what they are to judgements.
        known: the CAs that count now.
        clock: says what is due.
        urls: addresses that the configuration names beside those in certificates.
        tell: told of every list that is new or can't be had, by address and sentence.
    """

    def __init__(
        self,
        records: TrustRecords,
        source: ListSource,
        policy: ListPolicy,
        *,
        known: Callable[[], tuple[Certificate, ...]],
        clock: Clock,
        urls: Iterable[str] = (),
        tell: Callable[[str, str], None] = lambda _url, _detail: None,
    ) -> None:
        self._store = records
        self._source = source
        self._policy = policy
        self._known = known
        self._clock = clock
        self._configured = tuple(urls)
        self._tell = tell
        self._watched: dict[str, _Watched] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._rules = Rules(needs_crls=policy is ListPolicy.REQUIRE)

    async def open(self) -> None:
        """Read what was kept. Raises LedgerFailed."""
        if self._policy is ListPolicy.OFF:
            return
        for kept in await self._store.lists():
            try:
                crl = load_crl(kept.der)
            except CrlError as error:
                self._tell(kept.url, error.why)
                continue
            self._watched[kept.url] = _Watched(crl, kept.fetched_at, kept.fetched_at)
        self._collect()

    async def close(self) -> None:
        """End what is being fetched."""
        for task in tuple(self._asking.values()):
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def rules(self) -> Rules:
        """The lists in hand; see `ports.RevocationLists`."""
        return self._rules

    def states(self) -> tuple[ListState, ...]:
        """Every address, for people."""
        return tuple(
            ListState(
                url,
                one.crl.this_update if one.crl is not None else None,
                one.crl.next_update if one.crl is not None else None,
                one.tried_at,
                one.fault,
            )
            for url, one in sorted(self._watched.items())
        )

    async def ready(self, certificates: Iterable[Certificate]) -> None:
        """Fetch what these name and isn't there or is due; of several addresses in a certificate the first will do."""
        if self._policy is ListPolicy.OFF:
            return
        certificates = tuple(certificates)
        await asyncio.gather(*(self._ready(one.extensions.crl_urls, certificates) for one in certificates))

    async def refresh(self) -> datetime:
        """Fetch all that is due; when to come again."""
        if self._policy is ListPolicy.OFF:
            return self._clock.now() + _PATIENCE
        named = (url for one in self._known() for url in one.extensions.crl_urls)
        for url in (*self._configured, *named):
            self._watch(url)
        due = [url for url in self._watched if self._is_due(url)]
        await asyncio.gather(*(self._fetch(url, ()) for url in due))
        moments = [self._due(url) for url in self._watched]
        return min([*moments, self._clock.now() + _PATIENCE])

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            due = await self.refresh()
            wait = max(1.0, (due - self._clock.now()).total_seconds())
            await self._clock.sleep_until(self._clock.monotonic() + wait)

    async def _ready(self, urls: tuple[str, ...], extra: tuple[Certificate, ...]) -> None:
        for url in urls:
            watched = self._watch(url)
            if watched is None:
                continue
            if self._is_due(url):
                await self._fetch(url, extra)
            if watched.crl is not None and watched.crl.is_current(self._clock.now()):
                return

    def _watch(self, url: str) -> _Watched | None:
        if url not in self._watched and len(self._watched) >= MAX_URLS:
            return None
        return self._watched.setdefault(url, _Watched())

    def _due(self, url: str) -> datetime:
        """A try that failed is repeated soon, whatever older list is there."""
        watched = self._watched[url]
        if watched.tried_at is None:
            return self._clock.now()
        if watched.crl is None or watched.fetched_at is None or watched.fault is not None:
            return watched.tried_at + _LEAST_WAIT
        return due_at(watched.crl, watched.fetched_at)

    def _is_due(self, url: str) -> bool:
        return self._due(url) <= self._clock.now()

    async def _fetch(self, url: str, extra: tuple[Certificate, ...]) -> None:
        """One request in flight for an address; who gives up waiting ends nobody else's."""
        task = self._asking.get(url)
        if task is None:
            task = self._asking[url] = asyncio.create_task(self._ask(url, extra))
            task.add_done_callback(lambda _: self._asking.pop(url, None))
        await asyncio.shield(task)

    async def _ask(self, url: str, extra: tuple[Certificate, ...]) -> None:
        watched = self._watched[url]
        watched.tried_at = self._clock.now()
        try:
            crl = self._judge(url, await self._source.fetch(url), watched.crl, extra)
            await self._store.keep_list(KeptList(url, crl.der, watched.tried_at))
        except (ListMissing, CrlError, LedgerFailed) as error:
            why = getattr(error, "why", str(error))
            watched.fault = why
            self._tell(url, why)
            return
        watched.crl, watched.fetched_at, watched.fault = crl, watched.tried_at, None
        self._collect()
        self._tell(url, f"in force until {crl.next_update.isoformat()}, {len(crl.revoked)} revoked")

    def _judge(self, url: str, body: bytes, former: Crl | None, extra: tuple[Certificate, ...]) -> Crl:
        """Raises CrlError unless it may count.

        1. it reads
        2. a known CA signed it
        3. where certificates name the address it is by the issuer of one: else another CA's list would push it out
        4. it is not older than what is there, whoever signed that
        """
        crl = load_crl(body)  # 1
        everybody = (*self._known(), *extra)
        signers = (one for one in everybody if one.is_ca and one.subject_key == crl.issuer_key)
        if not any(crl.was_signed_by(one) for one in signers):  # 2
            raise CrlError("no CA that is known here signed it")
        owners = {one.issuer_key for one in everybody if url in one.extensions.crl_urls}
        if owners and crl.issuer_key not in owners:  # 3
            raise CrlError("it is another CA's than that of the certificates which name the address")
        if former is not None and crl.this_update < former.this_update:  # 4
            raise CrlError(f"it is of {crl.this_update.isoformat()}, older than the one in hand")
        return crl

    def _collect(self) -> None:
        lists: Mapping[Crl, None] = dict.fromkeys(one.crl for one in self._watched.values() if one.crl is not None)
        self._rules = Rules(crls=tuple(lists), needs_crls=self._policy is ListPolicy.REQUIRE)
