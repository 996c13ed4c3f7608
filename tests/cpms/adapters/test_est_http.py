"""A PKI over EST and HTTPS: good answers, every fault a server can play, and where the login never goes."""

import asyncio
import base64
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs import FROM, UNTIL, key_pem
from chainpilot.cpms.adapters.est_http import EstExchange, EstHttp
from chainpilot.cpms.adapters.est_transport import EstSetupError, Progress, client_context
from chainpilot.cpms.config import PkiConfig
from chainpilot.cpms.ports import (
    CaPending,
    CaRefused,
    CaUndecided,
    CertificateAuthority,
    IssuedBag,
    Reason,
    RetryClass,
)
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.csr import Csr, build_csr, inspect_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import TrustAnchors
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.testpki.est_app import tls_server_context
from chainpilot.wire.est import client as est_client
from chainpilot.wire.est.client import MAX_ANSWER
from chainpilot.wire.est.paths import RFC7030
from clocks import SetClock
from forge import forge
from rawserver import Played, Script, ServerIdentity, answering, http_answer, make_identity, raw_server

PASSWORD = "correct-horse-battery"
PKCS7 = {"Content-Type": "application/pkcs7-mime"}
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def new_csr(common_name: str = "DE*ICE*E123") -> Csr:
    name = DistinguishedName("DE", "Operator", common_name, "CPO")
    return inspect_csr(build_csr(generate_private_key(KeySpec.P256), name))


def config_for(url: str, anchors: Path | None, *, password: str = PASSWORD, timeout: float = 5.0) -> PkiConfig:
    given = load_certificates(anchors.read_text()) if anchors else None
    return PkiConfig(
        name="played",
        url=url,
        paths=RFC7030.fill(label="cpo"),
        username=EST_USER,
        password=password,
        tls_anchors=TrustAnchors.admit(given, allow_test_pki=True) if given else None,
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> ServerIdentity:
    """A server certificate for 127.0.0.1."""
    return make_identity(tmp_path_factory.mktemp("identity"), "127.0.0.1")


@pytest.fixture
async def pki(tmp_path: Path) -> AsyncIterator[TestPki]:
    """A running test PKI."""
    async with TestPki(tmp_path / "pki") as running:
        yield running


def config_of(pki: TestPki) -> PkiConfig:
    return config_for(pki.est_url, pki.directory / "web_root.pem", password=pki.password)


async def refusal_of(answer: bytes, identity: ServerIdentity, *, clock: SetClock | None = None) -> CaRefused:
    async with raw_server(answering(answer), identity.context) as server:
        config = config_for(server.url, identity.anchors)
        async with EstHttp(config, clock=clock or SetClock(AT)) as authority:
            with pytest.raises(CaRefused) as caught:
                await authority.simpleenroll(new_csr())
    return caught.value


async def doubt_of(config: PkiConfig) -> CaUndecided:
    async with EstHttp(config) as authority:
        with pytest.raises(CaUndecided) as caught:
            await authority.simpleenroll(new_csr())
    return caught.value


async def test_cacerts_and_a_certificate_come_from_a_real_server(pki: TestPki) -> None:
    seen: list[EstExchange] = []
    async with EstHttp(config_of(pki), watch=seen.append) as authority:
        port: CertificateAuthority = authority
        certificates, csr = await port.cacerts(), new_csr()
        issued = await port.simpleenroll(csr)
    assert set(certificates) == {pki.issuers[name].certificate for name in ("cpo_sub2", "cpo_sub1", "v2g_root")}
    assert isinstance(issued, IssuedBag)
    assert [each.spki_hash for each in issued.certificates] == [csr.spki_hash]
    assert [(each.operation, each.status) for each in seen] == [("cacerts", 200), ("simpleenroll", 200)]
    assert seen[0].bytes_sent == 0 < min(seen[0].bytes_received, seen[1].bytes_sent, seen[1].bytes_received)


async def test_a_sub_ca_named_as_tls_ca_is_an_anchor(tmp_path: Path) -> None:
    root = forge("Web Root", ca=True, begin=FROM, end=UNTIL)
    sub = forge("Web Sub", root, ca=True, begin=FROM, end=UNTIL)
    names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    usage = (ExtendedKeyUsageOID.SERVER_AUTH,)
    server = forge("127.0.0.1", sub, eku=usage, extensions=((names, False),), begin=FROM, end=UNTIL)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_text(server.certificate.to_pem())
    key.write_bytes(key_pem(server.key))
    anchors = TrustAnchors.admit([sub.certificate])
    async with raw_server(answering(http_answer(401, {})), tls_server_context(chain, key)) as played:
        authority = EstHttp(replace(config_for(played.url, None), tls_anchors=anchors))
        with pytest.raises(CaRefused, match="401"):
            await authority.cacerts()
        await authority.aclose()


async def test_many_requests_at_once_share_the_connections(pki: TestPki) -> None:
    async with EstHttp(config_of(pki)) as authority:
        bags = await asyncio.gather(*(authority.simpleenroll(new_csr(f"DE*ICE*E{n}")) for n in range(20)))
    assert len({bag.certificates for bag in bags if isinstance(bag, IssuedBag)}) == 20


async def test_whether_a_post_may_be_repeated_comes_from_the_configuration(identity: ServerIdentity) -> None:
    config = config_for("https://127.0.0.1:1", identity.anchors)
    async with EstHttp(config) as careful, EstHttp(replace(config, repost_safe=True)) as safe:
        assert not careful.repost_safe
        assert safe.repost_safe


async def test_a_wrong_password_is_a_refused_login(pki: TestPki) -> None:
    async with EstHttp(replace(config_of(pki), password="wrong")) as authority:
        for ask in (authority.cacerts(), authority.simpleenroll(new_csr())):
            with pytest.raises(CaRefused) as caught:
                await ask
            assert caught.value.reason is Reason.PKI_LOGIN_REFUSED
            assert caught.value.retry is RetryClass.AFTER_A_CHANGE
    assert pki.issued == ()


async def test_a_name_outside_the_profile_is_refused_with_the_server_s_words(pki: TestPki) -> None:
    async with EstHttp(config_of(pki)) as authority:
        with pytest.raises(CaRefused) as caught:
            await authority.simpleenroll(new_csr("my charger"))
    assert (caught.value.reason, caught.value.retry) == (Reason.PKI_REFUSED, RetryClass.NEVER)
    assert "my charger" in caught.value.detail


async def test_the_request_goes_out_as_the_strictest_server_reads_it(identity: ServerIdentity) -> None:
    csr = new_csr()
    async with raw_server(answering(http_answer(403, {})), identity.context) as server:
        async with EstHttp(config_for(server.url, identity.anchors)) as authority:
            with pytest.raises(CaRefused):
                await authority.simpleenroll(csr)
        (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert first == "POST /.well-known/est/cpo/simpleenroll HTTP/1.1"
    assert fields["Content-Type"] == "application/pkcs10"
    assert fields["Content-Length"] == str(len(body))
    assert fields["Authorization"] == "Basic " + base64.b64encode(f"{EST_USER}:{PASSWORD}".encode()).decode()
    assert len(fields) == len(lines)
    assert all(name == "-".join(word.capitalize() for word in name.split("-")) for name in fields)
    assert all(len(line) <= 64 for line in body.split(b"\n"))
    assert base64.b64decode(body) == csr.der


@pytest.mark.parametrize(
    ("answer", "reason", "retry"),
    [
        (http_answer(200, {"Content-Type": "text/html"}, b"<html>"), Reason.PKI_ANSWER_UNREADABLE, "after-a-change"),
        (http_answer(200, {}, b"MAA="), Reason.PKI_ANSWER_UNREADABLE, "after-a-change"),
        (http_answer(200, PKCS7, b"garbage!"), Reason.PKI_ANSWER_UNREADABLE, "after-a-change"),
        (http_answer(200, PKCS7, b"MAA="), Reason.PKI_ANSWER_UNREADABLE, "after-a-change"),
        (http_answer(200, PKCS7, b""), Reason.PKI_ANSWER_UNREADABLE, "after-a-change"),
        (http_answer(204, {}), Reason.PKI_ANSWER_UNREADABLE, "after-a-change"),
        (http_answer(400, {}, b"bad"), Reason.PKI_REFUSED, "never"),
        (http_answer(401, {}), Reason.PKI_LOGIN_REFUSED, "after-a-change"),
        (http_answer(403, {}), Reason.PKI_NAME_NOT_REGISTERED, "after-a-change"),
        (http_answer(404, {}), Reason.PKI_REFUSED, "after-a-change"),
        (http_answer(429, {}), Reason.PKI_RATE_LIMITED, "by-itself"),
        (http_answer(425, {}), Reason.PKI_UNAVAILABLE, "by-itself"),
        (http_answer(503, {"Retry-After": "5"}), Reason.PKI_UNAVAILABLE, "by-itself"),
    ],
)
async def test_an_answer_that_is_no_certificate_has_its_reason(
    answer: bytes, reason: Reason, retry: str, identity: ServerIdentity
) -> None:
    refusal = await refusal_of(answer, identity)
    assert (refusal.reason, refusal.retry) == (reason, RetryClass(retry))
    assert refusal.detail.startswith("played answers simpleenroll with ")


async def test_the_server_s_words_and_trace_are_kept(identity: ServerIdentity) -> None:
    body = b'{"errorMessages":["CN is not registered"],"traceId":"4bf92f"}'
    refusal = await refusal_of(http_answer(403, {"Content-Type": "application/json"}, body), identity)
    assert "CN is not registered" in refusal.detail
    assert refusal.trace == "4bf92f"


async def test_a_server_that_names_a_time_is_believed(identity: ServerIdentity) -> None:
    refusal = await refusal_of(http_answer(429, {"Retry-After": "90"}), identity, clock=SetClock(AT))
    assert refusal.retry_at == AT + timedelta(seconds=90)


async def test_202_is_pending_until_the_named_time(identity: ServerIdentity) -> None:
    async with (
        raw_server(answering(http_answer(202, {"Retry-After": "3600"})), identity.context) as server,
        EstHttp(config_for(server.url, identity.anchors), clock=SetClock(AT)) as authority,
    ):
        assert await authority.simpleenroll(new_csr()) == CaPending(AT + timedelta(hours=1))


@pytest.mark.parametrize("status", [408, 500, 501, 502, 503, 504, 505, 599])
async def test_a_pki_or_its_proxy_that_failed_may_have_signed(status: int, identity: ServerIdentity) -> None:
    async with raw_server(answering(http_answer(status, {})), identity.context) as server:
        config = config_for(server.url, identity.anchors)
        assert (await doubt_of(config)).sent
        async with EstHttp(config) as authority:
            with pytest.raises(CaRefused) as caught:
                await authority.cacerts()
    assert caught.value.reason is Reason.PKI_UNAVAILABLE


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_and_no_login_goes_elsewhere(status: int, identity: ServerIdentity) -> None:
    async with raw_server(answering(http_answer(200, PKCS7)), identity.context) as other:
        refusal = await refusal_of(http_answer(status, {"Location": f"{other.url}/x"}), identity)
        assert other.connections == 0
    assert refusal.reason is Reason.PKI_REFUSED
    assert other.url in refusal.detail


async def test_an_endless_answer_is_cut_at_the_bound(identity: ServerIdentity) -> None:
    said = 0

    async def endless(played: Played) -> None:
        nonlocal said
        await played.read_request()
        await played.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/pkcs7-mime\r\n\r\n")
        while True:
            await played.say(b"A" * 65536)
            said += 65536

    async with (
        raw_server(endless, identity.context) as server,
        EstHttp(config_for(server.url, identity.anchors)) as authority,
    ):
        with pytest.raises(CaRefused, match="at most") as caught:
            await authority.simpleenroll(new_csr())
    assert caught.value.reason is Reason.PKI_ANSWER_UNREADABLE
    assert said < 64 * MAX_ANSWER


async def silent(played: Played) -> None:
    await played.read_request()
    await played.reader.read()


async def dripping(played: Played) -> None:
    await played.read_request()
    await played.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not played.reader.at_eof():
        await played.say(b"A")
        await asyncio.sleep(0.01)


async def cutting(played: Played) -> None:
    await played.read_request()


async def truncating(played: Played) -> None:
    await played.read_request()
    await played.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/pkcs7-mime\r\nContent-Length: 900\r\n\r\nMIIC")


async def babbling(played: Played) -> None:
    await played.read_request()
    await played.say(b"I am no web server\r\n\r\n")


async def boasting(played: Played) -> None:
    await played.read_request()
    await played.say(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 500_000 + b"\r\n\r\n")


@pytest.mark.parametrize("script", [silent, dripping, cutting, truncating, babbling, boasting])
async def test_an_exchange_broken_after_the_request_may_have_arrived(script: Script, identity: ServerIdentity) -> None:
    async with raw_server(script, identity.context) as server:
        doubt = await doubt_of(config_for(server.url, identity.anchors, timeout=2.0))
        assert len(server.requests) == 1
    assert doubt.sent
    assert doubt.detail.startswith("played at https://127.0.0.1:")


async def test_a_server_with_another_name_gets_nothing(tmp_path: Path) -> None:
    elsewhere = make_identity(tmp_path, "elsewhere.example")
    async with raw_server(answering(http_answer(200, PKCS7)), elsewhere.context) as server:
        doubt = await doubt_of(config_for(server.url, elsewhere.anchors))
        assert server.requests == []
    assert not doubt.sent
    assert "certificate is not accepted" in doubt.detail
    assert "mismatch" in doubt.detail


async def test_a_server_of_another_root_gets_nothing(tmp_path: Path, identity: ServerIdentity) -> None:
    stranger = make_identity(tmp_path, "127.0.0.1")
    async with raw_server(answering(http_answer(200, PKCS7)), stranger.context) as server:
        doubt = await doubt_of(config_for(server.url, identity.anchors))
        assert server.requests == []
    assert not doubt.sent
    assert "certificate is not accepted" in doubt.detail


async def test_a_server_without_tls_gets_nothing(identity: ServerIdentity) -> None:
    async with raw_server(answering(http_answer(200, PKCS7)), None) as server:
        doubt = await doubt_of(config_for(server.url.replace("http:", "https:"), identity.anchors, timeout=1.0))
        assert server.requests == []
    assert not doubt.sent


async def test_a_handshake_that_never_ends_sends_nothing(identity: ServerIdentity) -> None:
    async def listening(played: Played) -> None:
        await played.reader.readexactly(1 << 20)

    async with raw_server(listening, None) as server:
        doubt = await doubt_of(config_for(server.url.replace("http:", "https:"), identity.anchors, timeout=0.3))
    assert not doubt.sent
    assert "no answer in time" in doubt.detail


async def test_nobody_listening_sends_nothing(identity: ServerIdentity) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert not (await doubt_of(config_for(f"https://127.0.0.1:{port}", identity.anchors))).sent


async def test_where_a_post_may_not_be_repeated_every_request_has_its_own_connection(
    identity: ServerIdentity,
) -> None:
    async with (
        raw_server(answering(http_answer(403, {})), identity.context) as server,
        EstHttp(config_for(server.url, identity.anchors)) as authority,
    ):
        for count in range(1, 4):
            with pytest.raises(CaRefused):
                await authority.simpleenroll(new_csr())
            assert server.connections == count
    assert all(b"\r\nConnection: close\r\n" in request for request in server.requests)


async def test_where_a_post_may_be_repeated_a_connection_is_kept(identity: ServerIdentity) -> None:
    async def patient(played: Played) -> None:
        while True:
            await played.read_request()
            await played.say(http_answer(403, {}))

    async with (
        raw_server(patient, identity.context) as server,
        EstHttp(replace(config_for(server.url, identity.anchors), repost_safe=True)) as authority,
    ):
        for _ in range(3):
            with pytest.raises(CaRefused):
                await authority.simpleenroll(new_csr())
        assert server.connections == 1


class OddError(Exception):
    """What a library might raise that nobody thought of."""


class Raising(httpx.AsyncBaseTransport):
    """A transport that fails in one way."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise self._error


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (OddError(f"with {PASSWORD}"), True),
        (ValueError(PASSWORD), True),
        (KeyError("x"), True),
        (RecursionError(), True),
        (OSError("disk"), True),
        (ssl.SSLError(1, "odd"), True),
        (httpx.ReadError("cut"), True),
        (httpx.WriteError("cut"), True),
        (httpx.ReadTimeout("late"), True),
        (httpx.RemoteProtocolError("odd"), True),
        (httpx.ConnectError("refused"), False),
        (httpx.ConnectTimeout("late"), False),
        (httpx.PoolTimeout("full"), False),
    ],
)
async def test_every_foreign_exception_leaves_as_ours(
    error: Exception, *, sent: bool, identity: ServerIdentity
) -> None:
    config = config_for("https://127.0.0.1:1", identity.anchors)
    async with EstHttp(config, transport=Raising(error)) as authority:
        with pytest.raises(CaUndecided) as caught:
            await authority.simpleenroll(new_csr())
    assert caught.value.sent is sent
    assert PASSWORD not in str(caught.value)


async def test_cancelling_is_no_answer_of_the_pki(identity: ServerIdentity) -> None:
    arrived = asyncio.Event()

    async def announcing(played: Played) -> None:
        await played.read_request()
        arrived.set()
        await played.reader.read()

    async with (
        raw_server(announcing, identity.context) as server,
        EstHttp(config_for(server.url, identity.anchors)) as authority,
    ):
        task = asyncio.ensure_future(authority.simpleenroll(new_csr()))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_password_shows_nowhere(identity: ServerIdentity, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with raw_server(cutting, identity.context) as server:
        config = config_for(server.url, identity.anchors)
        async with EstHttp(config) as authority:
            with pytest.raises(CaUndecided) as caught:
                await authority.cacerts()
            shown = [repr(config), repr(authority), repr(vars(authority)), str(caught.value), repr(caught.value)]
    packed = base64.b64encode(f"{EST_USER}:{PASSWORD}".encode()).decode()
    for text in (*shown, caplog.text):
        assert PASSWORD not in text
        assert packed not in text


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"url": "http://pki.example"}, "https"),
        ({"url": "https://"}, "https"),
        ({"url": f"https://cpms:{PASSWORD}@pki.example"}, "login"),
        ({"url": "https://pki.example/?a=b"}, "query"),
        ({"username": "a:b"}, "colon"),
        ({"tls_anchors": TrustAnchors()}, "tls_ca"),
    ],
)
def test_a_configuration_that_can_not_work_is_told_at_the_start(
    changes: dict[str, Any], why: str, identity: ServerIdentity
) -> None:
    config = replace(config_for("https://pki.example", identity.anchors), **changes)
    with pytest.raises(EstSetupError) as caught:
        EstHttp(config)
    assert why in caught.value.why
    assert PASSWORD not in str(caught.value)


def test_tls_is_1_2_or_later_with_name_and_chain_checked(identity: ServerIdentity) -> None:
    context = client_context("played", config_for("https://pki.example", identity.anchors).tls_anchors)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


CONNECTING = ("connection.connect_tcp.started", "connection.start_tls.started")
SENDING = "http11.send_request_headers.started"


@pytest.mark.parametrize(
    ("steps", "sent"),
    [
        ((), True),
        (CONNECTING[:1], False),
        (CONNECTING, False),
        ((*CONNECTING, SENDING), True),
        ((SENDING,), True),
        ((*CONNECTING, "a step of another name"), True),
        ((*CONNECTING, SENDING, "connection.close.started"), True),
    ],
)
async def test_a_request_may_have_arrived_unless_the_connection_was_still_being_made(
    steps: tuple[str, ...], *, sent: bool
) -> None:
    progress = Progress()
    progress.begin()
    for step in steps:
        await progress.note(step, {})
    assert progress.may_have_arrived(TimeoutError()) is sent


def test_retry_classes_mean_the_same_on_both_sides() -> None:
    assert {each.value for each in est_client.RetryClass} == {each.value for each in RetryClass}
