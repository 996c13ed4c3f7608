"""Dialling a CSMS: whom the station trusts, what it shows of itself, and how a failure is told."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from socket import IPPROTO_TCP, SO_KEEPALIVE, SOL_SOCKET, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL
from typing import Any

import pytest
from cryptography import x509
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from certs import FROM, UNTIL, Pki, csms_pki, key_pem, v2g_pki
from chainpilot.errors import ChainpilotError
from chainpilot.link.ocpp import SocketClosed
from chainpilot.station import EvseSecurity
from chainpilot.station.adapters import ocpp_client
from chainpilot.station.adapters.ocpp_client import (
    CsmsSocket,
    DialRefused,
    DialUndecided,
    ProfileNotReady,
    Target,
    dial,
    tls_context,
)
from chainpilot.station.agent.itinerary import Mean
from chainpilot.station.model import CaCertificateType, LeafCertificateType, Secret
from chainpilot.wire.ocppj.frames import MAX_FRAME
from chainpilot.wire.version import OcppVersion
from forge import forge
from stores import enrol, open_store, store_with

pytestmark = pytest.mark.anyio

Admit = Callable[[ServerConnection, Request], Response | None]


@pytest.fixture(scope="module")
def back() -> Pki:
    return csms_pki()


@pytest.fixture
def store(tmp_path: Path, back: Pki) -> EvseSecurity:
    return store_with(tmp_path / "store", (CaCertificateType.CSMS, back))


def target(url: str, profile: int = 2) -> Target:
    return Target(url, profile, "CS-001", Secret("hunter2"))


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@asynccontextmanager
async def server(
    directory: Path,
    chain: str,
    key: bytes,
    *,
    admit: Admit | None = None,
    work: Any = echo,
    subprotocols: tuple[str, ...] = ("ocpp1.6",),
) -> AsyncIterator[str]:
    """A TLS WebSocket server on loopback; answers its URL by the name localhost."""
    (directory / "chain.pem").write_text(chain)
    (directory / "server.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "chain.pem", directory / "server.key")
    options: dict[str, Any] = {"subprotocols": subprotocols, "process_request": admit, "compression": None}
    async with serve(work, "127.0.0.1", 0, ssl=context, **options) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        yield f"wss://localhost:{port}/ocpp/CS-001"


async def test_a_certificate_without_alternative_names_is_checked_by_its_common_name(
    tmp_path: Path, back: Pki, store: EvseSecurity
) -> None:
    leaf = forge("localhost", back.issuing, begin=FROM, end=UNTIL)
    async with server(tmp_path, back.stack(leaf.certificate), key_pem(leaf.key)) as url:
        socket = await dial(target(url), store)
        await socket.send("hello")
        assert await socket.recv() == "hello"
        await socket.close(1000, "")
        with pytest.raises(SocketClosed):
            await socket.recv()
        with pytest.raises(SocketClosed):
            await socket.send("too late")
        with pytest.raises(DialRefused, match="for another name; not connected"):
            await dial(target(url.replace("localhost", "127.0.0.1")), store)


async def test_a_common_name_does_not_help_a_certificate_whose_alternative_names_differ(
    tmp_path: Path, back: Pki, store: EvseSecurity
) -> None:
    names = (x509.SubjectAlternativeName([x509.DNSName("another.example")]), False)
    leaf = forge("localhost", back.issuing, begin=FROM, end=UNTIL, extensions=(names,))
    async with server(tmp_path, back.stack(leaf.certificate), key_pem(leaf.key)) as url:
        with pytest.raises(DialRefused, match="another name"):
            await dial(target(url), store)


async def test_an_expired_server_certificate_is_not_trusted(tmp_path: Path, back: Pki, store: EvseSecurity) -> None:
    old = forge("localhost", back.issuing, begin=FROM, end=FROM.replace(month=2))
    async with server(tmp_path, back.stack(old.certificate), key_pem(old.key)) as url:
        with pytest.raises(DialRefused, match="certificate has expired"):
            await dial(target(url), store)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, "DialRefused: answers 301"),
        (401, "DialRefused: refuses the station CS-001 or its password (401)"),
        (404, "DialRefused: doesn't know the station CS-001 (404)"),
        (429, "DialUndecided: busy or broken (429)"),
        (503, "DialUndecided: busy or broken (503)"),
    ],
)
async def test_an_answer_instead_of_a_socket_is_told_in_words_and_no_redirect_is_followed(
    tmp_path: Path, back: Pki, store: EvseSecurity, status: int, expected: str
) -> None:
    asked: list[str] = []

    def admit(connection: ServerConnection, request: Request) -> Response:
        asked.append(request.path)
        response = connection.respond(HTTPStatus(status), "no\n")
        response.headers["Location"] = "/elsewhere"
        return response

    async with server(tmp_path, *back.server("localhost"), admit=admit) as url:
        with pytest.raises(ChainpilotError) as raised:
            await dial(target(f"{url}?token=hunter2"), store)
    kind, words = expected.split(": ")
    assert type(raised.value).__name__ == kind
    assert words in str(raised.value)
    assert f"the CSMS at {url} " in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert asked == ["/ocpp/CS-001?token=hunter2"]


async def test_a_server_that_speaks_another_protocol_is_refused(tmp_path: Path, back: Pki, store: EvseSecurity) -> None:
    async with server(tmp_path, *back.server("localhost"), subprotocols=("ocpp9",)) as url:
        with pytest.raises(ChainpilotError):
            await dial(target(url), store)


async def test_a_frame_over_the_bound_closes_the_connection_with_1009(
    tmp_path: Path, back: Pki, store: EvseSecurity
) -> None:
    async def flood(connection: ServerConnection) -> None:
        await connection.send("x" * MAX_FRAME)
        await connection.send("x" * (MAX_FRAME + 1))
        await connection.wait_closed()

    async with server(tmp_path, *back.server("localhost"), work=flood) as url:
        socket = await dial(target(url), store)
        assert len(await socket.recv()) == MAX_FRAME
        with pytest.raises(SocketClosed) as raised:
            await socket.recv()
    assert raised.value.code == 1009


async def test_an_unreachable_csms_is_told_in_words(store: EvseSecurity) -> None:
    with pytest.raises(DialUndecided, match="can't be reached"):
        await dial(target("wss://localhost:9/ocpp/CS-001"), store)


@pytest.mark.parametrize(
    ("url", "raised"),
    [
        ("wss://localhost:9/ocpp/CS-001#fragment", "InvalidURI"),
        ("wss://localhost:99999/ocpp/CS-001", "ValueError"),
        (f"wss://{'a' * 64}.example/ocpp/CS-001", "UnicodeError"),
    ],
)
async def test_whatever_the_libraries_raise_leaves_as_our_family(store: EvseSecurity, url: str, raised: str) -> None:
    with pytest.raises(DialUndecided) as failed:
        await dial(target(url), store)
    assert raised in str(failed.value)
    assert "hunter2" not in str(failed.value)


async def test_a_server_that_speaks_no_http_is_told_in_words(tmp_path: Path, back: Pki, store: EvseSecurity) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x00\xff no HTTP at all\r\n\r\n")
        writer.close()

    chain, key = back.server("localhost")
    (tmp_path / "chain.pem").write_text(chain)
    (tmp_path / "server.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "server.key")
    async with await asyncio.start_server(babble, "127.0.0.1", 0, ssl=context) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(DialUndecided, match="broke the handshake off"):
            await dial(target(f"wss://localhost:{port}/ocpp/CS-001"), store)


async def test_the_password_is_in_no_log_line_even_when_everything_is_logged(
    tmp_path: Path, back: Pki, store: EvseSecurity, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str | None] = []

    def admit(_: ServerConnection, request: Request) -> None:
        seen.append(request.headers.get("Authorization"))

    async with server(tmp_path, *back.server("localhost"), admit=admit) as url:
        await (await dial(target(url), store)).close(1000, "")
    assert seen[0] is not None
    ours = [record for record in caplog.records if not record.name.startswith("websockets.server")]
    assert not [record for record in ours if seen[0].split()[1] in record.getMessage()]


@pytest.mark.parametrize(
    ("url", "profile"), [("ws://localhost/a", 2), ("ws://localhost/a", 3), ("wss://localhost/a", 1), ("wss://h/a", 4)]
)
def test_a_url_must_fit_the_security_profile(store: EvseSecurity, url: str, profile: int) -> None:
    with pytest.raises(ProfileNotReady):
        tls_context(store, target(url, profile))


def test_a_test_root_makes_no_server_trusted_and_is_named(tmp_path: Path) -> None:
    pki = csms_pki(test=True)
    store_with(tmp_path, (CaCertificateType.CSMS, pki), allow_test_pki=True)
    with pytest.raises(ProfileNotReady, match="allow_test_pki"):
        tls_context(open_store(tmp_path), target("wss://localhost/a"))


def test_mutual_tls_needs_a_client_certificate_and_opens_an_encrypted_key(tmp_path: Path, back: Pki) -> None:
    store = store_with(
        tmp_path, (CaCertificateType.CSMS, back), (CaCertificateType.V2G, v2g_pki()), private_key_password="hunter2"
    )
    with pytest.raises(ProfileNotReady, match="no leaf is installed"):
        tls_context(store, target("wss://localhost/a", 3))
    enrol(store, back, LeafCertificateType.CSMS, "CS-001")
    context = tls_context(store, target("wss://localhost/a", 3))
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.options & ssl.OP_NO_COMPRESSION
    next((tmp_path / "client/csms").glob("*.key")).write_bytes(b"")
    with pytest.raises(ProfileNotReady):
        tls_context(store, target("wss://localhost/a", 3))


def test_a_client_certificate_that_openssl_does_not_take_is_blamed_so_that_the_one_before_is_tried(
    tmp_path: Path, back: Pki
) -> None:
    store = store_with(tmp_path, (CaCertificateType.CSMS, back))
    enrol(store, back, LeafCertificateType.CSMS, "CS-001")
    (leaf,) = store.usable_leaves(LeafCertificateType.CSMS)
    Path(leaf.key).write_bytes(b"")
    with pytest.raises(ProfileNotReady, match="the client certificate can't be used") as raised:
        tls_context(store, replace(target("wss://localhost/a", 3), client=leaf))
    assert raised.value.blame is Mean.CLIENT


async def test_the_system_looks_whether_an_idle_csms_is_still_there(
    tmp_path: Path, back: Pki, store: EvseSecurity, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[ClientConnection] = []

    class Noted(CsmsSocket):
        def __init__(self, connection: ClientConnection, version: OcppVersion) -> None:
            super().__init__(connection, version)
            opened.append(connection)

    monkeypatch.setattr(ocpp_client, "CsmsSocket", Noted)
    async with server(tmp_path, *back.server("localhost")) as url:
        socket = await dial(replace(target(url), ping_seconds=0), store)
        tcp = opened[0].transport.get_extra_info("socket")
        assert tcp.getsockopt(SOL_SOCKET, SO_KEEPALIVE) == 1
        probes = [tcp.getsockopt(IPPROTO_TCP, option) for option in (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT)]
        assert probes == [300, 30, 4]
        await socket.close(1000, "")


def test_every_context_holds_the_anchors_of_its_moment(tmp_path: Path, back: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.CSMS, back))
    first = tls_context(store, target("wss://localhost/a"))
    other = csms_pki()
    store.install_ca_certificate(other.root.certificate.to_pem(), CaCertificateType.CSMS)
    second = tls_context(store, target("wss://localhost/a"))
    assert first is not None
    assert second is not None
    assert (len(first.get_ca_certs()), len(second.get_ca_certs())) == (1, 2)


def test_a_target_shows_no_password() -> None:
    shown = f"{target('wss://localhost/a')!r} {target('wss://localhost/a').password}"
    assert "hunter2" not in shown
