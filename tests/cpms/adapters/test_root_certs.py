"""OPCP's root pool over HTTPS: what it offers is proposed, and what it does wrong is one family of errors."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from certs import csms_pki
from chainpilot.cpms.adapters.root_certs import RootCerts
from chainpilot.cpms.adapters.sql import SqlLedger, SqlTrustRecords
from chainpilot.cpms.config import RootPoolConfig
from chainpilot.cpms.model import TrustSource, TrustState
from chainpilot.cpms.ports import LedgerConflict, OfferedRoot, RootsMissing, TrustEntry
from chainpilot.cpms.trust import PoolWatch, TrustDesk
from chainpilot.pki.trust import TrustAnchors, TrustDomain
from chainpilot.wire.opcp import MAX_COLLECTION, RootEvent, RootEventKind
from clocks import SetClock
from forge import NOON
from sims import v2g_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio

WEB = csms_pki()
V2G, MO = v2g_ladder().root.certificate, v2g_ladder("MO Root").root.certificate
TOKEN = "token-1"


@dataclass
class Pool:
    """A root pool, and how it is to answer."""

    asked: list[str] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    port: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        """One answer."""
        self.asked.append(request.path_qs)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        if self.body is not None or self.status != 200:
            return web.Response(status=self.status, body=self.body or b"", headers={"Location": "/elsewhere"})
        kind = request.query["rootType"]
        der = (V2G if kind == "V2G" else MO).der
        entries = [{"caCertificate": base64.b64encode(der).decode(), "rootType": kind}]
        return web.Response(body=json.dumps({"RootCertificateCollection": {"rootCertificates": entries}}).encode())


@asynccontextmanager
async def pool(folder: Path) -> AsyncIterator[Pool]:
    """A pool on the loopback."""
    stack, key = WEB.server("localhost")
    (folder / "pool.pem").write_text(stack + key.decode())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "pool.pem")
    played = Pool()
    app = web.Application()
    app.router.add_get("/v1/root/rootCerts", played.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    played.port = runner.addresses[0][1]
    yield played
    await runner.cleanup()


def source(played: Pool, *, token: str = TOKEN, trusted: bool = True) -> RootCerts:
    """A client of it."""
    anchors = TrustAnchors.admit([(WEB if trusted else csms_pki()).root.certificate])
    domains = (TrustDomain.V2G, TrustDomain.MO)
    return RootCerts(RootPoolConfig(f"https://localhost:{played.port}/", token, domains, anchors))


async def test_what_the_pool_has_is_offered_for_its_domains(tmp_path: Path) -> None:
    async with pool(tmp_path) as played, source(played) as client:
        assert await client.offered() == (OfferedRoot(V2G, TrustDomain.V2G), OfferedRoot(MO, TrustDomain.MO))
        assert played.asked == ["/v1/root/rootCerts?rootType=V2G", "/v1/root/rootCerts?rootType=MO"]


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (500, b"", "500"),
        (403, b"", "may not read"),
        (302, b"", "302"),
        (200, b"<html>", "no JSON"),
        (200, b"x" * (MAX_COLLECTION + 1), "longer"),
    ],
    ids=["fails", "forbids", "redirects", "garbage", "too long"],
)
async def test_what_the_pool_does_wrong_is_said(tmp_path: Path, status: int, body: bytes, why: str) -> None:
    async with pool(tmp_path) as played, source(played) as client:
        played.status, played.body = status, body
        with pytest.raises(RootsMissing, match=why):
            await client.offered()


async def test_a_refused_token_is_named(tmp_path: Path) -> None:
    async with pool(tmp_path) as played, source(played, token="old") as client:
        with pytest.raises(RootsMissing, match="renew it"):
            await client.offered()


async def test_a_pool_that_can_not_prove_who_it_is_gets_no_token(tmp_path: Path) -> None:
    async with pool(tmp_path) as played, source(played, trusted=False) as client:
        with pytest.raises(RootsMissing, match="can't be asked"):
            await client.offered()
        assert played.asked == []


async def test_the_pool_is_asked_at_once_and_again_when_an_event_says_that_something_is_new(tmp_path: Path) -> None:
    ledger = await SqlLedger.open(tmp_path / "cpms.sqlite")
    records, clock = SqlTrustRecords(ledger), SetClock(NOON)
    desk = TrustDesk(records, {}, clock=clock)
    await desk.open()
    told: asyncio.Queue[str] = asyncio.Queue()
    async with pool(tmp_path) as played, source(played) as client:
        watch = PoolWatch(desk, records, clock=clock, source=client, every=timedelta(days=1), tell=told.put_nowait)
        running = asyncio.create_task(watch.run())
        assert await told.get() == "2 new, 0 known"
        assert {(one.state, one.source) for one in desk.records()} == {(TrustState.PROPOSED, TrustSource.ROOT_POOL)}
        assert desk.known() == ()
        await watch.take(RootEvent("e-1", RootEventKind.ADDED))
        assert await told.get() == "0 new, 2 known"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await desk.close()
    await ledger.close()


class TakenFirst(SqlTrustRecords):
    """Other processes write what this one is about to, time and again."""

    async def write(self, entry: TrustEntry) -> None:
        """Never."""
        del entry
        raise LedgerConflict("the record of a root")


async def test_the_pool_is_asked_again_where_other_processes_decided_first(tmp_path: Path) -> None:
    ledger = await SqlLedger.open(tmp_path / "cpms.sqlite")
    records, clock = TakenFirst(ledger), SetClock(NOON)
    desk = TrustDesk(records, {}, clock=clock)
    await desk.open()
    told: asyncio.Queue[str] = asyncio.Queue()
    async with pool(tmp_path) as played, source(played) as client:
        watch = PoolWatch(desk, records, clock=clock, source=client, tell=told.put_nowait)
        running = asyncio.create_task(watch.run())
        async with asyncio.timeout(10):
            assert "meanwhile" in await told.get()
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await desk.close()
    await ledger.close()
