"""Trust put together from its parts, for `app` alone: the desk, revocation lists, the root pool and its webhook.

What is decided about certificates is the parts' own matter; that it reaches the log is seen to here.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from chainpilot.clock import Clock
from chainpilot.cpms.adapters.ca_files import read_ca_files
from chainpilot.cpms.adapters.crl_http import CrlHttp
from chainpilot.cpms.adapters.root_certs import RootCerts
from chainpilot.cpms.adapters.sql import DatabaseInUseError, SqlLedger, SqlTrustRecords
from chainpilot.cpms.adapters.webhook import Webhook
from chainpilot.cpms.background import keep_going
from chainpilot.cpms.config import CpmsConfig
from chainpilot.cpms.journal import journal
from chainpilot.cpms.model import TrustChange, TrustSource
from chainpilot.cpms.ports import LedgerFailed, ListMissing
from chainpilot.cpms.trust import PoolWatch, Proposals, RevocationDesk, TrustDesk, TrustPolicy
from chainpilot.pki.trust import LeafUse, TrustAnchors, TrustDomain
from chainpilot.pki.verify import Rules

__all__ = ["AnchorsInForce", "Imported", "TrustOffice", "import_files", "open_desk"]

_log: Final = journal("chainpilot.cpms.trust")

_FOLLOWING: Final = 2.0
"""Seconds until a decision of another process is in force here, at most."""

Imported = tuple[tuple[Path, Proposals], ...]
"""What became of the certificates of each file."""


class AnchorsInForce(Mapping[LeafUse, TrustAnchors]):
    """The anchors of each use as they are at the moment of looking; each look-up is one consistent set."""

    def __init__(self, desk: TrustDesk) -> None:
        self._desk = desk

    def __getitem__(self, use: LeafUse) -> TrustAnchors:
        return self._desk.pool.anchors_of(use.domain)

    def __iter__(self) -> Iterator[LeafUse]:
        return iter(LeafUse)

    def __len__(self) -> int:
        return len(LeafUse)


class TrustOffice:
    """What operators and programs ask about trust; made by `open`.

    Decisions are `desk.approve`, `desk.reject` and `desk.withdraw`; all need the certificate's whole fingerprint.
    """

    def __init__(self, desk: TrustDesk, lists: RevocationDesk, pool_watch: PoolWatch) -> None:
        self.desk = desk
        self.lists = lists
        self.pool_watch = pool_watch
        self.anchors = AnchorsInForce(desk)
        self.listeners: Mapping[str, tuple[str, int]] = {}
        """The webhook's address, if there is one."""

    @classmethod
    @asynccontextmanager
    async def open(cls, config: CpmsConfig, ledger: SqlLedger, clock: Clock) -> AsyncIterator["TrustOffice"]:
        """Read what is on record and begin to fetch, ask and listen. Raises LedgerFailed, WebhookSetupError."""
        records = SqlTrustRecords(ledger)
        async with AsyncExitStack() as stack:
            source = await stack.enter_async_context(CrlHttp(config.revocation.allow_networks))

            def rules() -> Rules:
                return lists.rules()  # made below: desk and lists need each other

            desk = TrustDesk(
                records,
                config.anchors,
                clock=clock,
                policy=_policy_of(config),
                domains_of=_domains_of(config),
                tell=_tell_change,
                rules=rules,
            )
            lists = RevocationDesk(
                records,
                source,
                config.revocation.policy,
                known=desk.known,
                clock=clock,
                urls=config.revocation.urls,
                tell=lambda url, detail: _log.info("revocation_list", address=url, detail=detail),
            )
            await lists.open()
            stack.push_async_callback(lists.close)
            stack.push_async_callback(desk.close)
            await desk.open()
            pool = await stack.enter_async_context(RootCerts(config.roots)) if config.roots is not None else None
            every = timedelta(hours=config.roots.hours) if config.roots is not None else timedelta(days=1)
            office = cls(desk, lists, PoolWatch(desk, records, clock=clock, source=pool, every=every, tell=_tell_pool))
            works = {
                "revocation-lists": lists.run(),
                "root-pool": office.pool_watch.run(),
                "trust-records": _follow(desk, clock),
            }
            for name, work in works.items():
                keep_going(stack, name, work)
            if config.webhook is not None:
                webhook = Webhook(config.webhook, office.pool_watch.take, clock=clock)
                office.listeners = {"webhook": await webhook.start()}
                stack.push_async_callback(webhook.stop)
            yield office

    async def import_files(self, *paths: Path, domain: TrustDomain) -> tuple[Imported, tuple[str, ...]]:
        """As `import_files` of this module, by this office's desk."""
        return await import_files(self.desk, *paths, domain=domain)


@asynccontextmanager
async def open_desk(config: CpmsConfig, clock: Clock) -> AsyncIterator[TrustDesk]:
    """The desk alone, for a command: also beside a running back office, which takes a decision over in seconds.

    Nothing is fetched. Raises LedgerFailed.
    """
    async with AsyncExitStack() as stack:
        try:
            ledger = await SqlLedger.open(config.database.file)
        except DatabaseInUseError:
            ledger = await SqlLedger.open_beside(config.database.file)
        stack.push_async_callback(ledger.close)
        records = SqlTrustRecords(ledger)

        def rules() -> Rules:
            return lists.rules()  # made below: desk and lists need each other

        desk = TrustDesk(records, config.anchors, clock=clock, policy=_policy_of(config), rules=rules)
        lists = RevocationDesk(records, _NoSource(), config.revocation.policy, known=desk.known, clock=clock)
        await lists.open()
        await desk.open()
        stack.push_async_callback(desk.close)
        yield desk


class _NoSource:
    """`ListSource` of a command, which goes by the lists in hand."""

    async def fetch(self, url: str) -> bytes:
        raise ListMissing(url, "a command fetches nothing")


async def import_files(desk: TrustDesk, *paths: Path, domain: TrustDomain) -> tuple[Imported, tuple[str, ...]]:
    """Propose the CA certificates of files and folders for a domain; none counts before it is approved.

    Returned are what became of each file's, and a sentence for each file or block that can't be read.
    Raises LedgerFailed.
    """
    found, faults = await asyncio.to_thread(read_ca_files, *paths)
    files = dict.fromkeys(one.file for one in found)
    ended = [
        (
            file,
            await desk.propose(
                (one.certificate for one in found if one.file == file), domain, TrustSource.FILE, str(file)
            ),
        )
        for file in files
    ]
    return tuple(ended), faults


def _policy_of(config: CpmsConfig) -> TrustPolicy:
    """Whether test PKIs are allowed is said in one place of the configuration."""
    return replace(config.trust, allow_test_pki=config.allow_test_pki)


def _domains_of(config: CpmsConfig) -> dict[str, frozenset[TrustDomain]]:
    """The domains that each PKI issues for."""
    return {
        name: frozenset(use.domain for use, chosen in config.issue.items() if chosen == name)
        for name in config.issue.values()
    }


def _tell_change(change: TrustChange) -> None:
    _log.warning(
        "trust_changed",
        fingerprint=change.fingerprint,
        kind=change.domain.value,
        state=change.after.value,
        detail=f"by {change.by}: {change.why}" if change.why else f"by {change.by}",
    )


def _tell_pool(detail: str) -> None:
    _log.info("root_pool", detail=detail)


async def _follow(desk: TrustDesk, clock: Clock) -> None:
    """Take over what commands beside this process decide."""
    while True:
        await clock.sleep_until(clock.monotonic() + _FOLLOWING)
        try:
            await desk.refresh()
        except LedgerFailed as error:
            _log.error("trust_unread", detail=error.why)
