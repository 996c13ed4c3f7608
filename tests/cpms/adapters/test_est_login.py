"""Logins at a PKI over real TLS: tokens fetched, kept, shared, renewed once, and shown to nobody else."""

import asyncio
import json
import logging
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs import FROM, UNTIL, key_pem
from chainpilot.cpms.adapters.est_http import EstHttp
from chainpilot.cpms.adapters.est_transport import EstSetupError
from chainpilot.cpms.config import ClientCertificate, OAuthConfig, PkiConfig
from chainpilot.cpms.ports import CaRefused, CaUndecided, IssuedBag, Reason, RetryClass
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.csr import Csr, build_csr, inspect_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.pkcs7 import write_certs_only
from chainpilot.pki.trust import TrustAnchors
from chainpilot.wire.est.bodies import encode_body
from chainpilot.wire.est.oauth import ClientCredentials, TokenBody
from chainpilot.wire.est.paths import PRESETS, RFC7030
from clocks import SetClock
from forge import Forged, forge, v2g_hierarchy
from rawserver import Played, RawServer, ServerIdentity, answering, http_answer, make_identity, raw_server

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECRET = "s3cret-of-ours"
JSON = {"Content-Type": "application/json"}
BAG = encode_body(write_certs_only(v2g_hierarchy().certificates))
GOOD = http_answer(200, {"Content-Type": "application/pkcs7-mime"}, BAG)
OPCP = PRESETS["opcp"].fill(ca="cpo", iso="ISO15118-2", algorithm="secp256r1")


def new_csr() -> Csr:
    name = DistinguishedName("DE", "Operator", "DE*ICE*E123", "CPO")
    return inspect_csr(build_csr(generate_private_key(KeySpec.P256), name))


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> ServerIdentity:
    """A server certificate for 127.0.0.1."""
    return make_identity(tmp_path_factory.mktemp("identity"), "127.0.0.1")


def anchors_of(identity: ServerIdentity) -> TrustAnchors:
    return TrustAnchors.admit(load_certificates(identity.anchors.read_text()), allow_test_pki=True)


@dataclass
class TokenService:
    """Gives token1, token2 and so on, or what it is told to."""

    lifetime: int = 3600
    answers: list[bytes] = field(default_factory=list)
    """Said first, one each."""
    gate: asyncio.Event | None = None
    """Waited for before an answer."""
    asked: list[bytes] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    same: bool = False
    """Always token1."""

    async def play(self, played: Played) -> None:
        self.asked.append(await played.read_request())
        self.arrived.set()
        number = 1 if self.same else len(self.asked)
        if self.gate is not None:
            await self.gate.wait()
        given = {"access_token": f"token{number}", "token_type": "Bearer", "expires_in": self.lifetime}
        said = http_answer(200, JSON, json.dumps(given).encode())
        await played.say(self.answers.pop(0) if self.answers else said)


@dataclass
class Pki:
    """An EST server that takes some tokens."""

    good: set[str] = field(default_factory=set)
    refusal: int = 401
    fields: list[str | None] = field(default_factory=list)
    """The Authorization of each request."""
    paths: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    async def play(self, played: Played) -> None:
        head = (await played.read_request()).partition(b"\r\n\r\n")[0].decode()
        first, *lines = head.split("\r\n")
        given = dict(line.split(": ", 1) for line in lines).get("Authorization")
        self.fields.append(given)
        self.paths.append(first)
        self.heads.append(head)
        await played.say(GOOD if given in self.good else http_answer(self.refusal, {}, b"not you"))


@dataclass
class Stage:
    config: PkiConfig
    service: TokenService
    pki: Pki
    server: RawServer


@asynccontextmanager
async def stage(
    identity: ServerIdentity, service: TokenService | None = None, pki: Pki | None = None, **changes: Any
) -> AsyncIterator[Stage]:
    service, pki = service or TokenService(), pki or Pki({"Bearer token1"})
    async with (
        raw_server(service.play, identity.context) as tokens,
        raw_server(pki.play, identity.context) as server,
    ):
        oauth = OAuthConfig(
            f"{tokens.url}/oauth/token",
            ClientCredentials("us", SECRET, "https://pki.example"),
            changes.pop("body", TokenBody.JSON),
            anchors_of(identity),
        )
        config = PkiConfig("played", server.url, OPCP, oauth=oauth, tls_anchors=anchors_of(identity), timeout=5.0)
        yield Stage(replace(config, **changes), service, pki, server)


@pytest.mark.parametrize("body", list(TokenBody))
async def test_a_token_is_fetched_before_the_first_request_and_then_kept(
    body: TokenBody, identity: ServerIdentity
) -> None:
    async with stage(identity, body=body) as on, EstHttp(on.config, clock=SetClock(AT)) as authority:
        for _ in range(3):
            assert await authority.cacerts()
    (asked,) = on.service.asked
    assert asked.startswith(b"POST /oauth/token HTTP/1.1\r\n")
    assert b"Authorization" not in asked
    assert on.pki.fields == ["Bearer token1"] * 3


async def test_opcp_gets_its_own_header_fields(identity: ServerIdentity) -> None:
    async with stage(identity) as on, EstHttp(on.config) as authority:
        await authority.cacerts()
        await authority.simpleenroll(new_csr())
    asked, enrolled = on.pki.heads
    assert asked.startswith("GET /cpo/cacerts/ISO15118-2/secp256r1/ HTTP/1.1\r\n")
    assert "\r\nAccept: application/pkcs10, application/pkcs7\r\n" in asked
    assert "\r\nContent-Transfer-Encoding: application/pkcs10\r\n" in asked
    assert enrolled.startswith("POST /.well-known/est/cpo/simpleenroll/ISO15118-2 HTTP/1.1\r\n")
    assert "\r\nContent-Transfer-Encoding: base64\r\n" in enrolled


@pytest.mark.parametrize(("seconds", "fetched"), [(3539, 1), (3540, 2)])
async def test_a_token_is_used_until_60_seconds_before_its_end(
    seconds: int, fetched: int, identity: ServerIdentity
) -> None:
    clock = SetClock(AT)
    pki = Pki({"Bearer token1", "Bearer token2"})
    async with stage(identity, pki=pki) as on, EstHttp(on.config, clock=clock) as authority:
        await authority.cacerts()
        clock.advance(seconds)
        await authority.cacerts()
    assert len(on.service.asked) == fetched
    assert on.pki.fields[-1] == f"Bearer token{fetched}"


async def test_many_who_need_a_token_share_one_request_for_it(identity: ServerIdentity) -> None:
    gate = asyncio.Event()
    async with stage(identity, TokenService(gate=gate)) as on, EstHttp(on.config) as authority:
        asking = [asyncio.create_task(authority.cacerts()) for _ in range(8)]
        await on.service.arrived.wait()
        gate.set()
        assert all(await asyncio.gather(*asking))
    assert len(on.service.asked) == 1
    assert on.pki.fields == ["Bearer token1"] * 8


async def test_who_gives_up_waiting_takes_the_token_from_nobody(identity: ServerIdentity) -> None:
    gate = asyncio.Event()
    async with stage(identity, TokenService(gate=gate)) as on, EstHttp(on.config) as authority:
        first, second = (asyncio.create_task(authority.cacerts()) for _ in range(2))
        await on.service.arrived.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        gate.set()
        assert await second
    assert len(on.service.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_is_renewed_once_and_the_request_sent_again(
    status: int, identity: ServerIdentity
) -> None:
    async with stage(identity, pki=Pki({"Bearer token2"}, status)) as on, EstHttp(on.config) as authority:
        assert isinstance(await authority.simpleenroll(new_csr()), IssuedBag)
    assert on.pki.fields == ["Bearer token1", "Bearer token2"]


@pytest.mark.parametrize(("status", "reason"), [(401, Reason.PKI_LOGIN_REFUSED), (403, Reason.PKI_NAME_NOT_REGISTERED)])
async def test_a_refusal_of_a_fresh_token_stands(status: int, reason: Reason, identity: ServerIdentity) -> None:
    clock = SetClock(AT)
    async with stage(identity, pki=Pki(set(), status)) as on, EstHttp(on.config, clock=clock) as authority:
        for _ in range(3):
            with pytest.raises(CaRefused) as caught:
                await authority.simpleenroll(new_csr())
            assert (caught.value.reason, caught.value.retry) == (reason, RetryClass.AFTER_A_CHANGE)
        assert len(on.service.asked) == 2
        assert on.pki.fields == ["Bearer token1", *["Bearer token2"] * 3]
        clock.advance(60)
        with pytest.raises(CaRefused):
            await authority.simpleenroll(new_csr())
    assert len(on.service.asked) == 3


async def test_the_same_token_again_is_not_sent_again(identity: ServerIdentity) -> None:
    async with stage(identity, TokenService(same=True), Pki(set())) as on, EstHttp(on.config) as authority:
        with pytest.raises(CaRefused):
            await authority.simpleenroll(new_csr())
    assert on.pki.fields == ["Bearer token1"]


async def test_a_token_that_another_request_renewed_meanwhile_is_used(identity: ServerIdentity) -> None:
    async with stage(identity, pki=Pki({"Bearer token2"})) as on, EstHttp(on.config) as authority:
        assert all(await asyncio.gather(*(authority.cacerts() for _ in range(4))))
    assert len(on.service.asked) == 2


@pytest.mark.parametrize(
    ("answer", "reason", "retry"),
    [
        (http_answer(401, JSON, b'{"error":"invalid_client"}'), Reason.PKI_LOGIN_REFUSED, "after-a-change"),
        (http_answer(307, {"Location": "https://127.0.0.1:1/x"}), Reason.PKI_LOGIN_REFUSED, "after-a-change"),
        (http_answer(200, JSON, b"{}"), Reason.PKI_LOGIN_REFUSED, "after-a-change"),
        (http_answer(200, JSON, b"x" * 100_000), Reason.PKI_LOGIN_REFUSED, "after-a-change"),
        (http_answer(429, {"Retry-After": "9"}), Reason.PKI_RATE_LIMITED, "by-itself"),
        (http_answer(503, {}), Reason.PKI_UNAVAILABLE, "by-itself"),
    ],
)
async def test_a_service_that_gives_no_token_is_a_refusal_before_the_pki_is_asked(
    answer: bytes, reason: Reason, retry: str, identity: ServerIdentity
) -> None:
    async with stage(identity, TokenService(answers=[answer])) as on, EstHttp(on.config) as authority:
        with pytest.raises(CaRefused) as caught:
            await authority.simpleenroll(new_csr())
        assert on.server.connections == 0
    assert (caught.value.reason, caught.value.retry) == (reason, RetryClass(retry))
    assert "gives no token for played" in caught.value.detail


async def test_a_service_that_stays_silent_leaves_nothing_sent(identity: ServerIdentity) -> None:
    never = asyncio.Event()
    async with stage(identity, TokenService(gate=never), timeout=0.3) as on, EstHttp(on.config) as authority:
        with pytest.raises(CaUndecided) as caught:
            await authority.simpleenroll(new_csr())
        assert on.server.connections == 0
    assert not caught.value.sent


async def test_a_401_with_no_new_token_to_be_had_leaves_nothing_open(identity: ServerIdentity) -> None:
    async with stage(identity, pki=Pki(set())) as on, EstHttp(on.config) as authority:
        await authority.login()
        on.service.answers = [b""]
        with pytest.raises(CaUndecided) as caught:
            await authority.simpleenroll(new_csr())
    assert not caught.value.sent


async def test_a_service_of_another_name_gets_no_secret(tmp_path: Path, identity: ServerIdentity) -> None:
    elsewhere = make_identity(tmp_path, "elsewhere.example")
    async with raw_server(answering(http_answer(200, JSON)), elsewhere.context) as tokens:
        oauth = OAuthConfig(f"{tokens.url}/t", ClientCredentials("us", SECRET), TokenBody.FORM, anchors_of(elsewhere))
        async with EstHttp(PkiConfig("played", "https://127.0.0.1:1", OPCP, oauth=oauth)) as authority:
            with pytest.raises(CaUndecided) as caught:
                await authority.cacerts()
        assert tokens.requests == []
    assert not caught.value.sent
    assert "certificate is not accepted" in caught.value.detail


async def test_secret_and_token_show_nowhere_even_if_a_server_echoes_them(
    identity: ServerIdentity, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echoes = [http_answer(400, JSON, json.dumps({"error": f"bad {SECRET}"}).encode())]
    shown = []
    async with stage(identity, TokenService(answers=echoes)) as on, EstHttp(on.config) as authority:
        with pytest.raises(CaRefused) as refused:
            await authority.cacerts()
        shown += [str(refused.value), repr(refused.value)]
        body = b'{"errorMessages":["no Bearer token2 here"],"traceId":"token2"}'
        async with raw_server(answering(http_answer(400, JSON, body)), identity.context) as echo:
            other = EstHttp(replace(on.config, url=echo.url))
            with pytest.raises(CaRefused) as refused:
                await other.cacerts()
            shown += [str(refused.value), repr(refused.value), repr(other), repr(vars(other)), repr(on.config)]
            await other.aclose()
    for text in (*shown, caplog.text):
        assert SECRET not in text
        assert "token2" not in text


async def test_a_token_that_stays_is_sent_as_bearer_and_refused_at_once(identity: ServerIdentity) -> None:
    pki = Pki({"Bearer abc"})
    async with raw_server(pki.play, identity.context) as server:
        config = PkiConfig("played", server.url, RFC7030.fill(label=""), token="abc", tls_anchors=anchors_of(identity))
        async with EstHttp(config) as right, EstHttp(replace(config, token="xyz")) as wrong:
            assert await right.cacerts()
            with pytest.raises(CaRefused, match="401"):
                await wrong.cacerts()
    assert pki.fields == ["Bearer abc", "Bearer xyz"]


@dataclass
class Client:
    """A client certificate on disk, and a server that wants it."""

    shown: ClientCertificate
    server: ssl.SSLContext
    issuer: Forged


@pytest.fixture
def client(tmp_path: Path, identity: ServerIdentity, tmp_path_factory: pytest.TempPathFactory) -> Client:
    root = forge("Client Root", ca=True, begin=FROM, end=UNTIL)
    files = ClientCertificate(tmp_path / "client.pem", tmp_path / "client.key")
    write_client(files, forge("us", root, eku=(ExtendedKeyUsageOID.CLIENT_AUTH,), begin=FROM, end=UNTIL))
    own = make_identity(tmp_path_factory.mktemp("mutual"), "127.0.0.1")
    own.context.load_verify_locations(cadata=root.certificate.to_pem())
    own.context.verify_mode = ssl.CERT_REQUIRED
    own.context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    files.file.with_suffix(".anchors").write_bytes(own.anchors.read_bytes())
    return Client(files, own.context, root)


def write_client(files: ClientCertificate, forged: Forged) -> None:
    files.file.write_text(forged.certificate.to_pem())
    files.key.write_bytes(key_pem(forged.key))


def mutual(url: str, of: Client, **changes: Any) -> PkiConfig:
    anchors = load_certificates(of.shown.file.with_suffix(".anchors").read_text())
    tls = TrustAnchors.admit(anchors, allow_test_pki=True)
    config = PkiConfig("played", url, RFC7030.fill(label=""), client=of.shown, tls_anchors=tls, timeout=3.0)
    return replace(config, **changes)


def subject_seen(played: Played) -> str:
    shown = x509.load_der_x509_certificate(played.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
    return shown.subject.rfc4514_string()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, None),
        ({"token": "abc"}, "Authorization: Bearer abc"),
        ({"username": "u", "password": "p"}, "Authorization: Basic dTpw"),
    ],
)
async def test_a_client_certificate_is_shown_alone_or_beside_a_login(
    changes: dict[str, Any], field: str | None, client: Client
) -> None:
    seen: list[str] = []

    async def looking(played: Played) -> None:
        await played.read_request()
        seen.append(subject_seen(played))
        await played.say(GOOD)

    async with raw_server(looking, client.server) as server:
        async with EstHttp(mutual(server.url, client, **changes)) as authority:
            assert await authority.cacerts()
        (request,) = server.requests
    assert "CN=us" in seen[0]
    lines = [line for line in request.decode().split("\r\n") if line.startswith("Authorization")]
    assert lines == ([field] if field is not None else [])


async def test_a_client_certificate_that_was_renewed_on_disk_is_shown_after_a_reload(client: Client) -> None:
    seen: list[str] = []

    async def looking(played: Played) -> None:
        await played.read_request()
        seen.append(subject_seen(played))
        await played.say(GOOD)

    async with raw_server(looking, client.server) as server, EstHttp(mutual(server.url, client)) as authority:
        await authority.cacerts()
        write_client(client.shown, forge("us, newer", client.issuer, begin=FROM, end=UNTIL))
        authority.reload()
        await authority.cacerts()
    assert "newer" not in seen[0]
    assert "newer" in seen[1]


async def test_half_a_renewal_changes_nothing(client: Client) -> None:
    async with raw_server(answering(GOOD), client.server) as server, EstHttp(mutual(server.url, client)) as authority:
        client.shown.key.write_bytes(key_pem(generate_private_key(KeySpec.P256)))
        with pytest.raises(EstSetupError, match="is not the key of"):
            authority.reload()
        assert await authority.cacerts()


@contextmanager
def blocking_server(tls: ssl.SSLContext) -> Iterator[tuple[str, list[bytes]]]:
    """One connection, on Python's blocking TLS: unlike asyncio's, it says with an alert why it breaks off."""
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as wrapped:
            try:
                wrapped.do_handshake()
                heard.append(wrapped.recv(4096))
            except ssl.SSLError:
                # closed with bytes unread, a connection is reset, and the alert lost
                while socket.socket.recv(wrapped, 4096):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", heard
        thread.join()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_misses_a_client_certificate_says_so_and_has_read_nothing(
    version: ssl.TLSVersion, client: Client
) -> None:
    client.server.maximum_version = version
    with blocking_server(client.server) as (url, heard):
        async with EstHttp(mutual(url, client, client=None)) as authority:
            with pytest.raises(CaUndecided) as caught:
                await authority.simpleenroll(new_csr())
    assert heard == []
    assert not caught.value.sent
    assert "client certificate" in caught.value.detail


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_certificate_of_another_ca_is_refused_in_words(version: ssl.TLSVersion, client: Client) -> None:
    client.server.maximum_version = version
    write_client(client.shown, forge("us", begin=FROM, end=UNTIL))
    with blocking_server(client.server) as (url, heard):
        async with EstHttp(mutual(url, client)) as authority:
            with pytest.raises(CaUndecided) as caught:
                await authority.simpleenroll(new_csr())
    assert heard == []
    assert not caught.value.sent
    assert "our client certificate" in caught.value.detail


def broken(client: Client, what: str) -> None:
    if what == "missing":
        client.shown.file.unlink()
    elif what == "garbage":
        client.shown.file.write_text("hello")
    elif what == "another key":
        client.shown.key.write_bytes(key_pem(generate_private_key(KeySpec.P256)))


@pytest.mark.parametrize("what", ["missing", "garbage", "another key"])
def test_a_client_certificate_that_can_not_be_used_is_told_at_the_start(what: str, client: Client) -> None:
    broken(client, what)
    with pytest.raises(EstSetupError) as caught:
        EstHttp(mutual("https://pki.example", client))
    assert "client.pem" in caught.value.why


async def test_re_enrolment_shows_the_certificate_that_it_renews(client: Client) -> None:
    paths: list[bytes] = []

    async def looking(played: Played) -> None:
        paths.append((await played.read_request()).split(b"\r\n")[0])
        await played.say(GOOD)

    async with raw_server(looking, client.server) as server, EstHttp(mutual(server.url, client)) as authority:
        assert isinstance(await authority.simplereenroll(new_csr()), IssuedBag)
    assert paths == [b"POST /.well-known/est/simplereenroll HTTP/1.1"]


@pytest.mark.parametrize(("changes", "why"), [({"client": None}, "client_certificate"), ({"paths": OPCP}, "paths")])
async def test_re_enrolment_is_refused_where_it_can_not_be(changes: dict[str, Any], why: str, client: Client) -> None:
    async with EstHttp(mutual("https://127.0.0.1:1", client, **changes)) as authority:
        with pytest.raises(EstSetupError, match=why):
            await authority.simplereenroll(new_csr())
