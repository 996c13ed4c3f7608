"""Where revocation lists are fetched from: no private address by whatever name, no redirect, bounded."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from chainpilot.cpms.adapters.crl_http import CrlHttp, url_objection
from chainpilot.cpms.ports import ListMissing
from chainpilot.pki.crl import MAX_CRL_BYTES

__all__: list[str] = []

pytestmark = pytest.mark.anyio

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "ldap://host/x",
        "ftp://host/x",
        "//host/x",
        "http://",
        "http://user@host/",
        "http://h:0/",
        "http://h:99999/",
        "http://h/" + "x" * 2000,
        "http://hö/",
        "http://h/\n",
    ],
)
def test_what_is_no_address_of_a_list_is_refused(url: str) -> None:
    assert url_objection(url) is not None


@asynccontextmanager
async def answering(head: bytes, body: bytes = b"") -> AsyncIterator[int]:
    """A server on the loopback that answers so; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + head + b"\r\nConnection: close\r\n\r\n" + body)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_body_is_fetched_from_an_allowed_address() -> None:
    async with answering(b"200 OK", b"list") as port, CrlHttp(LOOPBACK) as http:
        assert await http.fetch(f"http://127.0.0.1:{port}/x.crl") == b"list"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "0x7f000001", "2130706433"])
async def test_nothing_private_is_asked_by_whatever_name(host: str) -> None:
    async with answering(b"200 OK", b"list") as port, CrlHttp() as http:
        with pytest.raises(ListMissing, match=r"no public address|gaierror"):
            await http.fetch(f"http://{host}:{port}/")


async def test_a_redirect_is_not_followed() -> None:
    async with answering(b"200 OK", b"list") as other:
        head = b"302 Found\r\nLocation: http://127.0.0.1:%d/" % other
        async with answering(head) as port, CrlHttp(LOOPBACK) as http:
            with pytest.raises(ListMissing, match="302"):
                await http.fetch(f"http://127.0.0.1:{port}/")


async def test_an_answer_is_bounded() -> None:
    async with answering(b"200 OK", bytes(MAX_CRL_BYTES + 1)) as port, CrlHttp(LOOPBACK) as http:
        with pytest.raises(ListMissing, match="longer than"):
            await http.fetch(f"http://127.0.0.1:{port}/")


async def test_an_answer_that_does_not_come_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server, CrlHttp(LOOPBACK, seconds=0.1) as http:
        with pytest.raises(ListMissing, match="no answer within"):
            await http.fetch(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")


@pytest.mark.parametrize("head", [b"nonsense", b"200 OK\r\nTransfer-Encoding: chunked"])
async def test_what_is_no_http_is_one_family_of_errors(head: bytes) -> None:
    async with answering(head, b"zz\r\n") as port, CrlHttp(LOOPBACK) as http:
        with pytest.raises(ListMissing):
            await http.fetch(f"http://127.0.0.1:{port}/")
