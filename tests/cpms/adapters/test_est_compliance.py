"""EST over real sockets, a rule a test: TLS, logins, bounds, and what a broken exchange leaves open."""

import asyncio
import ssl
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs import FROM, UNTIL, key_pem
from chainpilot.clock import SYSTEM
from chainpilot.cpms.adapters.est_http import EstExchange, EstHttp
from chainpilot.cpms.config import PkiConfig
from chainpilot.cpms.ports import CaRefused, CaUndecided, IssuedBag, Reason
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.chain import MAX_CERTIFICATES
from chainpilot.pki.csr import Csr, build_csr, inspect_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.pkcs7 import write_certs_only
from chainpilot.pki.trust import TrustAnchors
from chainpilot.testpki.est_app import tls_server_context
from chainpilot.wire.est.bodies import encode_body
from chainpilot.wire.est.client import MAX_ANSWER
from chainpilot.wire.est.paths import RFC7030
from forge import Forged, forge, v2g_hierarchy
from rawserver import Played, Script, ServerIdentity, answering, http_answer, make_identity, raw_server

TYPE = {"Content-Type": "application/pkcs7-mime"}
BAG = encode_body(write_certs_only(v2g_hierarchy().certificates))
GOOD = http_answer(200, TYPE, BAG)
WEB = forge("Web Root", ca=True, begin=FROM, end=UNTIL)
NOW, DAY = SYSTEM.now(), timedelta(days=1)


def new_csr() -> Csr:
    name = DistinguishedName("DE", "Operator", "DE*ICE*E123", "CPO")
    return inspect_csr(build_csr(generate_private_key(KeySpec.P256), name))


CSR = new_csr()


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> ServerIdentity:
    """A server certificate for 127.0.0.1."""
    return make_identity(tmp_path_factory.mktemp("identity"), "127.0.0.1")


def config_for(url: str, identity: ServerIdentity | None = None, **changes: Any) -> PkiConfig:
    anchors = TrustAnchors.admit([WEB.certificate])
    if identity is not None:
        anchors = TrustAnchors.admit(load_certificates(identity.anchors.read_text()), allow_test_pki=True)
    config = PkiConfig("played", url, RFC7030.fill(label=""), "cpms", "hush", tls_anchors=anchors, timeout=3.0)
    return replace(config, **changes)


async def doubt_of(config: PkiConfig) -> CaUndecided:
    async with EstHttp(config) as authority:
        with pytest.raises(CaUndecided) as caught:
            await authority.simpleenroll(CSR)
    return caught.value


def web_server(tmp_path: Path, *, address: str = "127.0.0.1", issuer: Forged = WEB, **changes: Any) -> ssl.SSLContext:
    names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))])
    usage = (ExtendedKeyUsageOID.SERVER_AUTH,)
    validity = {"begin": FROM, "end": UNTIL, **changes}
    server = forge("server", issuer, eku=usage, extensions=((names, False),), **validity)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_text(server.certificate.to_pem())
    key.write_bytes(key_pem(server.key))
    return tls_server_context(chain, key)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_rfc8996_4_and_5_tls_below_1_2_is_refused_before_anything_is_said(
    version: ssl.TLSVersion, tmp_path: Path
) -> None:
    context = web_server(tmp_path)
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with raw_server(answering(GOOD), context) as server:
        doubt = await doubt_of(config_for(server.url))
        assert server.requests == []
    assert not doubt.sent
    assert "TLS 1.2 or later" in doubt.detail


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_rfc7030_3_3_tls_1_2_and_1_3_are_spoken(version: ssl.TLSVersion, tmp_path: Path) -> None:
    context = web_server(tmp_path)
    context.minimum_version = context.maximum_version = version
    async with raw_server(answering(GOOD), context) as server, EstHttp(config_for(server.url)) as authority:
        assert isinstance(await authority.simpleenroll(CSR), IssuedBag)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"address": "192.0.2.7"}, "IP address mismatch"),
        ({"begin": NOW - 9 * DAY, "end": NOW - DAY}, "certificate has expired"),
        ({"begin": NOW + DAY, "end": NOW + 9 * DAY}, "certificate is not yet valid"),
        ({"issuer": forge("Foreign Root", ca=True, begin=FROM, end=UNTIL)}, "unable to get local issuer certificate"),
    ],
    ids=["another name", "expired", "not yet valid", "foreign CA"],
)
async def test_rfc7030_3_6_a_server_that_does_not_prove_its_name_gets_neither_login_nor_csr(
    changes: dict[str, Any], why: str, tmp_path: Path
) -> None:
    async with raw_server(answering(GOOD), web_server(tmp_path, **changes)) as server:
        doubt = await doubt_of(config_for(server.url))
        assert server.requests == []
    assert not doubt.sent
    assert "its TLS certificate is not accepted" in doubt.detail
    assert why in doubt.detail


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["another origin", "the same"])
async def test_rfc7030_3_2_1_no_redirect_is_followed_and_the_login_stays(
    status: int, place: str, identity: ServerIdentity
) -> None:
    async with raw_server(answering(GOOD), identity.context) as other:

        async def redirecting(played: Played) -> None:
            await played.read_request()
            target = f"{other.url}/x" if place == "another origin" else "/x"
            await played.say(http_answer(status, {"Location": target}))

        async with raw_server(redirecting, identity.context) as server:
            async with EstHttp(config_for(server.url, identity)) as authority:
                for ask in (authority.simpleenroll(CSR), authority.cacerts()):
                    with pytest.raises(CaRefused, match="redirects are not followed"):
                        await ask
            assert len(server.requests) == 2
        assert other.connections == 0


async def test_rfc7030_3_2_3_the_login_goes_out_with_the_first_request_over_tls(identity: ServerIdentity) -> None:
    """Not after a 401: where a certificate may cost money, a CSR is posted once."""
    async with raw_server(answering(GOOD), identity.context) as server:
        async with EstHttp(config_for(server.url, identity)) as authority:
            await authority.simpleenroll(CSR)
        (request,) = server.requests
    assert b"\r\nAuthorization: Basic Y3BtczpodXNo\r\n" in request


# ---- stages at which a connection may break, and whether the CSR may have arrived


async def at_once(played: Played) -> None:
    """Close without a word."""


async def behind_the_handshake(played: Played) -> None:
    await played.reader.read(1)


async def within_the_request(played: Played) -> None:
    await played.reader.readuntil(b"\r\n\r\n")


def after(head: bytes) -> Script:
    async def script(played: Played) -> None:
        await played.read_request()
        await played.say(head)

    return script


STAGES: dict[str, Script] = {
    "behind the handshake": behind_the_handshake,
    "within the request": within_the_request,
    "before the status": after(b""),
    "within the status": after(b"HTTP/1."),
    "within a field": after(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "before the body": after(GOOD.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"),
    "within the body": after(GOOD[:-1]),
    "within a chunk": after(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\nMII"),
    "with no HTTP": after(b"\x16\x03\x01garbage\r\n\r\n"),
    "with two answers' lengths": after(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nMIIxxx"),
}


@pytest.mark.parametrize("stage", STAGES)
async def test_a_connection_cut_behind_the_handshake_leaves_the_outcome_open(
    stage: str, identity: ServerIdentity
) -> None:
    async with raw_server(STAGES[stage], identity.context) as server:
        doubt = await doubt_of(config_for(server.url, identity))
        assert server.connections == 1
    assert doubt.sent


async def test_a_connection_cut_before_tls_stands_has_sent_nothing(identity: ServerIdentity) -> None:
    async with raw_server(at_once, None) as server:
        doubt = await doubt_of(config_for(server.url.replace("http:", "https:"), identity))
    assert not doubt.sent


async def dripping_head(played: Played) -> None:
    await played.read_request()
    await played.say(b"HTTP/1.1 200 OK\r\n")
    while not played.reader.at_eof():
        await played.say(b"X: y\r\n")
        await asyncio.sleep(0.01)


async def endless_interim(played: Played) -> None:
    await played.read_request()
    while not played.reader.at_eof():
        await played.say(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(0.01)


async def never_reading(played: Played) -> None:
    played.writer.transport.pause_reading()  # type: ignore[attr-defined] # - that of a socket has it
    await asyncio.sleep(30)


@pytest.mark.parametrize("script", [dripping_head, endless_interim, never_reading])
async def test_whoever_answers_slowly_is_left_at_the_time_out(script: Script, identity: ServerIdentity) -> None:
    async with raw_server(script, identity.context) as server:
        doubt = await doubt_of(config_for(server.url, identity, timeout=0.4))
        assert server.connections == 1
    assert doubt.sent


# ---- bodies


async def test_a_bag_of_100_kb_is_read(identity: ServerIdentity) -> None:
    filler = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), bytes(4000))
    one = forge("large", WEB, extensions=((filler, False),))
    many = [forge(f"CA {number}", WEB, extensions=((filler, False),)).certificate for number in range(20)]
    body = encode_body(write_certs_only([one.certificate, *many]))
    assert 100_000 < len(body) < MAX_ANSWER
    assert len(many) < MAX_CERTIFICATES
    async with (
        raw_server(answering(http_answer(200, TYPE, body)), identity.context) as server,
        EstHttp(config_for(server.url, identity)) as authority,
    ):
        assert len(await authority.cacerts()) == 21


@pytest.mark.parametrize("size", [MAX_ANSWER + 1, 10_000_000])
async def test_a_larger_body_is_not_read_to_its_end(size: int, identity: ServerIdentity) -> None:
    seen: list[EstExchange] = []
    async with (
        raw_server(answering(http_answer(200, TYPE, b"A" * size)), identity.context) as server,
        EstHttp(config_for(server.url, identity), watch=seen.append) as authority,
    ):
        with pytest.raises(CaRefused) as caught:
            await authority.cacerts()
    assert caught.value.reason is Reason.PKI_ANSWER_UNREADABLE
    assert seen[0].bytes_received == MAX_ANSWER + 1


async def test_a_refusal_of_100_kb_is_quoted_in_short(identity: ServerIdentity) -> None:
    answer = http_answer(400, {"Content-Type": "text/plain"}, b"no " * 33_000)
    async with (
        raw_server(answering(answer), identity.context) as server,
        EstHttp(config_for(server.url, identity)) as authority,
    ):
        with pytest.raises(CaRefused) as caught:
            await authority.simpleenroll(CSR)
    assert len(caught.value.detail) < 1200


async def test_rfc9112_7_1_an_answer_in_chunks_is_read(identity: ServerIdentity) -> None:
    pieces = [BAG[start : start + 100] for start in range(0, len(BAG), 100)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/pkcs7-mime\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with (
        raw_server(after(head + chunks + b"0\r\n\r\n"), identity.context) as server,
        EstHttp(config_for(server.url, identity)) as authority,
    ):
        assert isinstance(await authority.simpleenroll(CSR), IssuedBag)


async def test_rfc9112_9_6_connection_close_is_honoured_where_connections_are_kept(identity: ServerIdentity) -> None:
    closing = http_answer(200, {**TYPE, "Connection": "close"}, BAG)

    async def script(played: Played) -> None:
        await played.read_request()
        await played.say(closing)
        await played.reader.read()

    async with raw_server(script, identity.context) as server:
        async with EstHttp(config_for(server.url, identity, repost_safe=True)) as authority:
            for _ in range(3):
                assert await authority.cacerts()
        assert server.connections == 3


async def test_a_403_names_what_must_be_registered_and_where(identity: ServerIdentity) -> None:
    async with (
        raw_server(answering(http_answer(403, {})), identity.context) as server,
        EstHttp(config_for(server.url, identity)) as authority,
    ):
        with pytest.raises(CaRefused) as caught:
            await authority.simpleenroll(CSR)
    assert caught.value.reason is Reason.PKI_NAME_NOT_REGISTERED
    assert "DE*ICE*E123 must be registered with the PKI's registration authority beforehand" in caught.value.detail


async def test_the_trace_of_a_failure_that_leaves_the_outcome_open_is_kept(identity: ServerIdentity) -> None:
    body = b'{"errorMessages":["database gone"],"traceId":"4bf92f"}'
    answer = http_answer(500, {"Content-Type": "application/json"}, body)
    async with raw_server(answering(answer), identity.context) as server:
        doubt = await doubt_of(config_for(server.url, identity))
    assert doubt.sent
    assert "database gone (trace 4bf92f)" in doubt.detail


async def test_the_server_s_date_is_told_to_who_watches(identity: ServerIdentity) -> None:
    seen: list[EstExchange] = []
    dated = http_answer(200, {**TYPE, "Date": "Mon, 01 Jun 2026 12:00:00 GMT"}, BAG)
    async with (
        raw_server(answering(dated), identity.context) as server,
        EstHttp(config_for(server.url, identity), watch=seen.append) as authority,
    ):
        await authority.cacerts()
    assert seen[0].date is not None
    assert seen[0].date.isoformat() == "2026-06-01T12:00:00+00:00"
