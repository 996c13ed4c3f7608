"""The EST server's login and its patience."""

import asyncio
import base64
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.clock import SYSTEM
from chainpilot.testpki.authorities import Authorities
from chainpilot.testpki.est_app import EstApp
from chainpilot.testpki.est_desk import EstDesk
from chainpilot.testpki.http import serve
from chainpilot.testpki.logins import BasicLogin, BearerLogin
from chainpilot.testpki.register import Register

LOGIN = BasicLogin("cpms", "s:ecret")
TOKEN = BearerLogin("token")


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_the_right_login_is_admitted_whatever_the_scheme_s_case() -> None:
    assert LOGIN.admits(basic("cpms:s:ecret"))
    assert LOGIN.admits(basic("cpms:s:ecret").replace("Basic", "bASIC"))


@pytest.mark.parametrize(
    "field",
    [
        None,
        "",
        "Basic",
        "Basic ?",
        basic("cpms:wrong"),
        basic("other:s:ecret"),
        basic(""),
        "Bearer x",
    ],
)
def test_every_other_login_is_not(field: str | None) -> None:
    assert not LOGIN.admits(field)


@given(st.text())
def test_no_field_escapes(field: str) -> None:
    assert not LOGIN.admits(field)
    assert not LOGIN.admits(f"Basic {field}")
    assert not TOKEN.admits(field)
    assert not TOKEN.admits(f"Bearer {field}")


def test_a_token_s_octets_beyond_ascii_are_only_wrong() -> None:
    assert not TOKEN.admits("Bearer t\udcffoken")
    assert TOKEN.admits("bEARER  token ")


@pytest.mark.parametrize("cut", [False, True], ids=["silent", "cut off"])
async def test_a_body_that_does_not_arrive_is_given_up(tmp_path: Path, issuers: Authorities, *, cut: bool) -> None:
    desk = EstDesk(issuers, Register(tmp_path / "issued"), repost_safe=True)
    listener = socket.create_server(("127.0.0.1", 0))
    runner = await serve(EstApp(desk, [LOGIN], SYSTEM, read_seconds=0.2).handle, listener)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    fields = f"Host: here\r\nAuthorization: {basic('cpms:s:ecret')}\r\nContent-Type: application/pkcs10"
    writer.write(
        f"POST /.well-known/est/cpo/simpleenroll HTTP/1.1\r\n{fields}\r\nContent-Length: 400\r\n\r\nMIIB".encode()
    )
    if cut:
        writer.write_eof()
    answer = await reader.read(4096)
    assert answer.startswith(b"HTTP/1.1 408 ") or (cut and answer == b"")
    writer.close()
    await runner.cleanup()
    assert Register(tmp_path / "issued").records == ()
