"""The doors of the listeners: no session of yesterday opens them, and nobody can stand in them all."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from websockets.exceptions import InvalidHandshake

from backoffice import BackOffice, open_back_office
from chainpilot.cpms.adapters.gateway import knocking
from chainpilot.cpms.model import SecurityProfile
from programs import program

__all__: list[str] = []

pytestmark = pytest.mark.anyio

LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
Loop = Callable[[], asyncio.AbstractEventLoop]


def _twice(context: ssl.SSLContext, port: int) -> tuple[ssl.SSLSession, bool]:
    """Connect, and again with the first connection's session; that session, and whether the server resumed it."""
    session: ssl.SSLSession | None = None
    resumed = None
    for _ in range(2):
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as secured,
        ):
            secured.sendall(b"GET / HTTP/1.1\r\n\r\n")
            secured.recv(100)
            session, resumed = secured.session, secured.session_reused
    assert session is not None
    assert resumed is not None
    return session, resumed


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_no_tls_session_is_resumed_where_the_client_certificate_is_the_proof(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    async with open_back_office(tmp_path) as office:
        context = office.context(office.client())
        context.minimum_version = context.maximum_version = version
        session, resumed = await asyncio.to_thread(_twice, context, office.port(3))
        assert not resumed
        assert not session.has_ticket


async def test_openssl_can_not_resume_a_session_either(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        office.context(office.client())
        chain = str(tmp_path / "client.pem")
        command = [program("openssl"), "s_client", "-connect", f"127.0.0.1:{office.port(3)}", "-tls1_2", "-reconnect"]
        command += ["-cert", chain, "-cert_chain", chain, "-key", str(tmp_path / "client.key")]
        told = await asyncio.to_thread(
            subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        )
    lines = [line.split(b",")[0] for line in told.stdout.splitlines() if line.startswith((b"New,", b"Reused,"))]
    assert lines == [b"New"] * 6


async def test_certificate_and_key_are_needed_at_the_start_only(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        for name in ("ecdsa.pem", "ecdsa.key"):
            (tmp_path / name).unlink()
        async with office.dial(), office.dial(profile=3, client=office.client(), password=None):
            pass


async def _is_closed(raw: socket.socket) -> bool:
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(raw, 1), 10) == b""
    except ConnectionResetError:
        return True


async def _knock(office: BackOffice, saying: bytes = b"", *, profile: int = 2) -> socket.socket:
    raw = socket.socket()
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", office.port(profile)))
    await asyncio.get_running_loop().sock_sendall(raw, saying)
    return raw


async def _gets_in(office: BackOffice, *, profile: int = 2) -> None:
    """Sooner or later, as a station that tries again: the server may not have seen yet that others went away."""
    async with asyncio.timeout(10):
        while True:
            try:
                async with office.dial(profile=profile):
                    return
            except (OSError, InvalidHandshake, EOFError):
                continue


def _run(loop: Loop, folder: Path, act: Callable[[BackOffice], Awaitable[None]], **settings: Any) -> None:
    async def main() -> None:
        async with open_back_office(folder, **settings) as office:
            await act(office)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


@LOOPS
def test_who_stalls_is_counted_and_the_excess_is_closed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: Loop
) -> None:
    monkeypatch.setattr(knocking, "MAX_KNOCKING", 5)

    async def act(office: BackOffice) -> None:
        stalled = [await _knock(office) for _ in range(5)]
        excess = await _knock(office)
        assert await _is_closed(excess)
        for raw in (excess, *stalled):
            raw.close()
        await _gets_in(office)

    _run(loop, tmp_path, act)


@LOOPS
def test_a_stalled_connection_counts_until_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: Loop
) -> None:
    monkeypatch.setattr(knocking, "MAX_KNOCKING", 3)

    async def act(office: BackOffice) -> None:
        stalled = [await _knock(office) for _ in range(3)]
        excess = await _knock(office)
        assert await _is_closed(excess)
        office.clock.advance(knocking.TLS_HANDSHAKE + knocking.OPENING + 1)
        async with office.dial():
            pass
        for raw in (excess, *stalled):
            raw.close()

    _run(loop, tmp_path, act)


@LOOPS
def test_neither_noise_nor_refusals_nor_stations_inside_take_a_place_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: Loop
) -> None:
    monkeypatch.setattr(knocking, "MAX_KNOCKING", 2)

    async def act(office: BackOffice) -> None:
        for saying in [b"GET / HTTP/1.1\r\n\r\n"] * 5:
            raw = await _knock(office, saying)
            while not await _is_closed(raw):
                pass
            raw.close()
        for _ in range(5):
            with pytest.raises(InvalidHandshake):
                await office.dial(password="wrong")
        inside = [await office.dial() for _ in range(4)]
        for connection in inside:
            await connection.close()

    _run(loop, tmp_path, act)


@LOOPS
def test_without_tls_who_stalls_is_counted_too_until_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: Loop
) -> None:
    monkeypatch.setattr(knocking, "MAX_KNOCKING", 3)

    async def act(office: BackOffice) -> None:
        inside = [await office.dial(profile=1) for _ in range(4)]
        stalled = [await _knock(office, profile=1) for _ in range(3)]
        excess = await _knock(office, profile=1)
        assert await _is_closed(excess)
        for raw in (excess, *stalled):
            raw.close()
        await _gets_in(office, profile=1)
        for connection in inside:
            await connection.close()

    _run(loop, tmp_path, act, profiles=[1], minimum=SecurityProfile.BASIC)
