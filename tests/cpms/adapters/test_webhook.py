"""The root pool's webhook over HTTP: signed, bounded, done with once, and nothing is trusted for being told."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from certs import key_pem
from chainpilot.cpms.adapters.sql import SqlLedger, SqlTrustRecords
from chainpilot.cpms.adapters.webhook import Webhook, WebhookSetupError
from chainpilot.cpms.config import ServerCertificate, WebhookConfig
from chainpilot.cpms.model import TrustSource, TrustState
from chainpilot.cpms.trust import PoolWatch, TrustDesk
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.trust import TrustAnchors, TrustDomain
from chainpilot.wire.opcp import MAX_EVENT, SIGNATURE_HEADER, signature_of
from clocks import SetClock
from forge import NOON, forge
from sims import v2g_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio

SECRET = "a secret of the pool's"
LADDER = v2g_ladder()
ROOT = LADDER.root.certificate


class Listening:
    """A webhook, the desk behind it, and a sender."""

    def __init__(self, desk: TrustDesk, webhook: Webhook, client: httpx.AsyncClient, clock: SetClock) -> None:
        self.clock = clock
        self.desk = desk
        self.webhook = webhook
        self.client = client

    async def send(self, body: bytes, *, signature: str | None = "", **options: Any) -> int:
        """POST a body, well signed unless said otherwise; the status."""
        header = signature_of(body, SECRET) if signature == "" else signature
        headers = {SIGNATURE_HEADER: header} if header is not None else {}
        return (await self.client.post("/events", content=body, headers=headers, **options)).status_code


@asynccontextmanager
async def listening(folder: Path, *configured: Certificate) -> AsyncIterator[Listening]:
    """A webhook on the loopback."""
    ledger = await SqlLedger.open(folder / "cpms.sqlite")
    records, clock = SqlTrustRecords(ledger), SetClock(NOON)
    desk = TrustDesk(records, {TrustDomain.V2G: TrustAnchors.admit(configured)}, clock=clock)
    await desk.open()
    webhook = Webhook(
        WebhookConfig("127.0.0.1", 0, "/events", SECRET), PoolWatch(desk, records, clock=clock).take, clock=clock
    )
    host, port = await webhook.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False) as client:
            yield Listening(desk, webhook, client, clock)
    finally:
        await webhook.stop()
        await desk.close()
        await ledger.close()


def event(kind: str, event_id: str = "e-1", **payload: object) -> bytes:
    """A body."""
    return json.dumps({"eventId": event_id, "eventType": kind, "payload": payload}).encode()


ADDED = event("root.cert.added", caCertificate=base64.b64encode(ROOT.der).decode(), rootType="V2G")


async def test_a_new_root_is_proposed_and_no_anchor(tmp_path: Path) -> None:
    async with listening(tmp_path) as there:
        assert await there.send(ADDED) == 204
        (record,) = there.desk.records()
        assert (record.certificate, record.state, record.source) == (ROOT, TrustState.PROPOSED, TrustSource.WEBHOOK)
        assert there.desk.known() == ()


@pytest.mark.parametrize(
    "signature",
    [None, "sha256=" + "0" * 64, signature_of(ADDED, "another secret"), "nonsense"],
    ids=["none", "zeros", "of another secret", "nonsense"],
)
async def test_without_the_body_s_own_signature_nothing_is_done(tmp_path: Path, signature: str | None) -> None:
    async with listening(tmp_path) as there:
        assert await there.send(ADDED, signature=signature) == 401
        assert there.desk.records() == ()


async def test_bodies_without_a_good_signature_fill_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with listening(tmp_path) as there:
        for _ in range(30):
            assert await there.send(b"{}", signature=None) == 401
        assert caplog.text.count("event_unsigned") == 20
        there.clock.advance(3601)
        await there.send(b"{}", signature=None)
        assert caplog.text.count("event_unsigned") == 21


async def test_an_event_that_comes_again_does_nothing_whatever_has_happened_meanwhile(tmp_path: Path) -> None:
    revoked = event("root.cert.revoked", fingerprint=ROOT.fingerprint)
    async with listening(tmp_path) as there:
        assert await there.send(revoked) == 204
        assert await there.send(ADDED.replace(b"e-1", b"e-2")) == 204
    async with listening(tmp_path) as there:
        assert await there.send(revoked) == 204
        assert there.desk.records()[0].state is TrustState.PROPOSED


async def test_a_proposal_that_the_pool_reports_revoked_is_taken_back(tmp_path: Path) -> None:
    async with listening(tmp_path) as there:
        await there.send(ADDED)
        assert await there.send(event("root.cert.revoked", "e-2", fingerprint=ROOT.fingerprint)) == 204
        assert there.desk.records()[0].state is TrustState.WITHDRAWN


async def test_an_anchor_reported_revoked_stays_one_and_says_so(tmp_path: Path) -> None:
    async with listening(tmp_path, ROOT) as there:
        assert await there.send(event("root.cert.revoked", fingerprint=ROOT.fingerprint)) == 204
        (record,) = there.desk.records()
        assert record.state is TrustState.APPROVED
        assert "was revoked" in record.notice
        assert there.desk.known() == (ROOT,)


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 400), (b"x" * MAX_EVENT, 400), (b"x" * (MAX_EVENT + 1), 413)]
)
async def test_bodies_are_judged_and_bounded(tmp_path: Path, body: bytes, status: int) -> None:
    async with listening(tmp_path) as there:
        assert await there.send(body) == status


async def test_a_body_without_a_length_is_bounded_too(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 8192

    async with listening(tmp_path) as there:
        answer = await there.client.post("/events", content=endless(), headers={SIGNATURE_HEADER: "sha256="})
        assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/events", 405), ("POST", "/", 404), ("POST", "/events/x", 404)]
)
async def test_only_one_path_takes_events(tmp_path: Path, method: str, path: str, status: int) -> None:
    async with listening(tmp_path) as there:
        assert (await there.client.request(method, path)).status_code == status


async def test_events_of_other_things_are_taken_and_passed_over(tmp_path: Path) -> None:
    async with listening(tmp_path) as there:
        assert await there.send(event("oem.contract.created", emaid="DE8AA1A2B3C4D5")) == 204
        assert there.desk.records() == ()


async def test_it_shows_its_certificate_over_tls(tmp_path: Path) -> None:
    leaf = forge("localhost", LADDER.root)
    (tmp_path / "server.pem").write_text(leaf.certificate.to_pem())
    (tmp_path / "server.key").write_bytes(key_pem(leaf.key))
    pair = ServerCertificate(tmp_path / "server.pem", tmp_path / "server.key")

    async def never(_: object) -> Any:
        raise AssertionError

    webhook = Webhook(WebhookConfig("127.0.0.1", 0, "/events", SECRET, pair), never)
    host, port = await webhook.start()
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:
        assert (await client.post(f"https://{host}:{port}/events", content=b"")).status_code == 401
    await webhook.stop()


async def test_what_can_not_listen_says_why(tmp_path: Path) -> None:
    async def never(_: object) -> Any:
        raise AssertionError

    nowhere = ServerCertificate(tmp_path / "no.pem", tmp_path / "no.key")
    for config in (WebhookConfig("203.0.113.1", 0, "/", SECRET), WebhookConfig("127.0.0.1", 0, "/", SECRET, nowhere)):
        with pytest.raises(WebhookSetupError, match=r"\[webhook\]"):
            await Webhook(config, never).start()
