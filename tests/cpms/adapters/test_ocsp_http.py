"""Asking responders over real sockets: openssl's, and servers that misbehave."""

import asyncio
import ipaddress
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from certs import key_pem
from chainpilot.clock import SYSTEM
from chainpilot.cpms.adapters.ocsp_http import MAX_ANSWER, OcspHttp
from chainpilot.cpms.model import Reason
from chainpilot.cpms.ports import ResponderSilent
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.ocsp import Good, Revoked, build_request, judge_response
from forge import forge
from programs import program

__all__: list[str] = []

pytestmark = pytest.mark.anyio

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
REQUEST = b"0\x03\x02\x01\x00"
OCSP = "application/ocsp-response"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """An HTTP server on loopback."""
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/ocsp"
    finally:
        await runner.cleanup()


async def silence(url: str, *, seconds: float = 5.0, loopback: bool = True) -> ResponderSilent:
    async with OcspHttp(timeout=seconds, allow_networks=LOOPBACK if loopback else ()) as responders:
        with pytest.raises(ResponderSilent) as silent:
            await responders.ask(url, REQUEST)
    return silent.value


async def test_a_request_goes_out_as_the_standard_has_it_and_the_answer_comes_back() -> None:
    seen: list[web.BaseRequest] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request)
        return web.Response(body=await request.read(), content_type=OCSP)

    async with serving(handler) as url, OcspHttp(allow_networks=LOOPBACK) as responders:
        assert await responders.ask(url, REQUEST) == REQUEST
    (request,) = seen
    assert (request.method, request.path, request.content_type) == ("POST", "/ocsp", "application/ocsp-request")
    assert url == f"http://{request.headers['Host']}/ocsp"
    assert "Authorization" not in request.headers


async def test_a_redirect_is_not_followed() -> None:
    paths: list[str] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        paths.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with serving(handler) as url:
        assert (await silence(url)).reason is Reason.OCSP_REFUSED
    assert paths == ["/ocsp"]


async def answer_404(_: web.BaseRequest) -> web.Response:
    return web.Response(status=404)


async def answer_html(_: web.BaseRequest) -> web.Response:
    return web.Response(text="<html>", content_type="text/html")


async def answer_too_long(_: web.BaseRequest) -> web.Response:
    return web.Response(body=bytes(MAX_ANSWER + 1), content_type=OCSP)


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (answer_404, Reason.OCSP_REFUSED),
        (answer_html, Reason.OCSP_UNREADABLE),
        (answer_too_long, Reason.OCSP_UNREADABLE),
    ],
)
async def test_what_is_no_answer_is_told_by_its_reason(handler: Handler, reason: Reason) -> None:
    async with serving(handler) as url:
        assert (await silence(url)).reason is reason


async def test_a_responder_that_drips_is_given_up_in_time() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": OCSP})
        await response.prepare(request)
        while True:
            await response.write(b"0")
            await asyncio.sleep(0.02)

    async with serving(handler) as url:
        silent = await silence(url, seconds=0.3)
    assert (silent.reason, silent.why) == (Reason.OCSP_UNREACHABLE, "127.0.0.1 gives no answer within 0.3 s")


async def test_a_connection_that_ends_is_no_answer() -> None:
    async def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(end, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert (await silence(f"http://127.0.0.1:{port}/")).reason is Reason.OCSP_UNREACHABLE


class _DeadWay(httpx.AsyncBaseTransport):
    """The way to the first address it is asked for is dead; the next answers."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx's own, which waits for no longer than it is told."""
        self.hosts.append(request.url.host)
        if len(self.hosts) > 1:
            return httpx.Response(200, headers={"Content-Type": OCSP}, stream=httpx.ByteStream(REQUEST))
        async with asyncio.timeout(request.extensions["timeout"]["connect"]):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                raise httpx.ConnectTimeout("no answer") from error
        raise AssertionError


async def test_where_the_way_to_one_address_is_dead_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("8.8.8.8", 80))]

    async def found(*_: object, **__: object) -> object:
        return both

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
    way = _DeadWay()
    async with OcspHttp(timeout=0.2, transport=way) as responders:
        assert await responders.ask("http://ocsp.example/", REQUEST) == REQUEST
    assert way.hosts == ["93.184.216.34", "8.8.8.8"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
async def test_nobody_is_connected_to_inside_unless_allowed(host: str) -> None:
    async def handler(_: web.BaseRequest) -> web.Response:
        raise AssertionError("it was connected to")

    async with serving(handler) as url:
        silent = await silence(url.replace("127.0.0.1", host), loopback=False)
    assert silent.reason is Reason.OCSP_RESPONDER_NOT_ALLOWED


@asynccontextmanager
async def openssl_responder(folder: Path) -> AsyncIterator[str]:
    """`openssl ocsp` as the responder of a CA with a good and a revoked certificate, serial numbers 1 and 2."""
    command = ["ocsp", "-port", "0", "-index", "index.txt", "-CA", "ca.pem", "-rkey", "ca.key", "-rsigner", "ca.pem"]
    process = await asyncio.create_subprocess_exec(
        program("openssl"),
        *command,
        "-ndays",
        "8",
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            line = await process.stdout.readline()
        found = re.search(rb"ACCEPT .*:(\d+)", line)
        assert found is not None, line
        yield f"http://127.0.0.1:{int(found[1])}/"
    finally:
        process.terminate()
        await process.wait()


async def test_openssl_s_responder_is_asked_and_its_answers_judged(tmp_path: Path) -> None:
    begin = SYSTEM.now().replace(year=2020)
    end = begin.replace(year=2090)
    ca = forge("CA", ca=True, begin=begin, end=end)
    good, revoked = (forge(f"Leaf {n}", ca, serial=n, begin=begin, end=end).certificate for n in (1, 2))
    (tmp_path / "ca.pem").write_text(ca.certificate.to_pem())
    (tmp_path / "ca.key").write_bytes(key_pem(ca.key))
    (tmp_path / "index.txt").write_text(
        "V\t900101000000Z\t\t01\tunknown\t/CN=Leaf 1\n"
        "R\t900101000000Z\t250101000000Z,keyCompromise\t02\tunknown\t/CN=Leaf 2\n"
    )
    async with openssl_responder(tmp_path) as url, OcspHttp(allow_networks=LOOPBACK) as responders:
        for leaf, word in ((good, Good), (revoked, Revoked)):
            subject = hash_data(leaf, ca.certificate)
            der = await responders.ask(url, build_request(subject, ca.certificate))
            assert isinstance(judge_response(der, subject, ca.certificate, SYSTEM.now()), word)
