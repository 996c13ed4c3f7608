"""A configured PKI tried step by step: each way to fail has its step, its words and its advice."""

import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs import FROM, UNTIL, key_pem
from chainpilot.clock import SYSTEM
from chainpilot.cpms.checkup import Finding, Grade, Step, TestRequest, check_pki
from chainpilot.cpms.checkup.trust import written
from chainpilot.cpms.config import ClientCertificate, CpmsConfig, DatabaseConfig, OAuthConfig, PkiConfig
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.pkcs7 import write_certs_only
from chainpilot.pki.trust import LeafUse, TrustAnchors, TrustDomain
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.testpki.est_app import tls_server_context
from chainpilot.wire.est.bodies import encode_body
from chainpilot.wire.est.oauth import ClientCredentials
from chainpilot.wire.est.paths import RFC7030
from derwriter import oid, sequence, tlv
from forge import Forged, forge
from rawserver import Played, Script, ServerIdentity, answering, http_answer, make_identity, raw_server
from sims import Ladder, v2g_ladder

PKCS7 = {"Content-Type": "application/pkcs7-mime"}
LADDER = v2g_ladder()
REQUEST = TestRequest("DE*ICE*E0001", "Operator", "DE", LeafUse.V2G)
NAMES = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> ServerIdentity:
    """A server certificate for 127.0.0.1."""
    return make_identity(tmp_path_factory.mktemp("identity"), "127.0.0.1")


def anchors_of(file: Path) -> TrustAnchors:
    return TrustAnchors.admit(load_certificates(file.read_text()), allow_test_pki=True)


def config_of(pki: PkiConfig, v2g: TrustAnchors, *, issue: bool = True) -> CpmsConfig:
    return CpmsConfig(
        listeners=(),
        database=DatabaseConfig(Path("x")),
        pkis={pki.name: pki},
        issue={LeafUse.V2G: pki.name} if issue else {},
        anchors={TrustDomain.V2G: v2g},
    )


async def findings(
    pki: PkiConfig, v2g: TrustAnchors | None = None, request: TestRequest | None = None
) -> list[Finding]:
    config = config_of(pki, LADDER.anchors if v2g is None else v2g)
    return [finding async for finding in check_pki(config, pki, SYSTEM, request)]


def pki_at(url: str, identity: ServerIdentity, **changes: Any) -> PkiConfig:
    paths = RFC7030.fill(label="")
    pki = PkiConfig("played", url, paths, tls_anchors=anchors_of(identity.anchors), timeout=2.0)
    return replace(pki, **changes)


def bag(*certificates: Certificate, date: datetime | None = None) -> bytes:
    at = format_datetime((date or SYSTEM.now()).replace(tzinfo=UTC), usegmt=True)
    return http_answer(200, {**PKCS7, "Date": at}, encode_body(write_certs_only(certificates)))


GOOD = bag(*LADDER.certificates)


def by_path(**answers: bytes) -> Script:
    """Answers by the last word of the path; what is not told is 404."""

    async def script(played: Played) -> None:
        operation = (await played.read_request()).split(b" ")[1].rpartition(b"/")[2].decode()
        await played.say(answers.get(operation, http_answer(404, {})))

    return script


async def asked(script: Script, identity: ServerIdentity, **changes: Any) -> list[Finding]:
    request, v2g = changes.pop("request", None), changes.pop("v2g", None)
    async with raw_server(script, identity.context) as server:
        return await findings(pki_at(server.url, identity, **changes), v2g, request)


def end_of(found: list[Finding]) -> Finding:
    """The finding that ended the check; all before it went well."""
    assert all(not one.grade.is_end for one in found[:-1])
    return found[-1]


@asynccontextmanager
async def running(tmp_path: Path) -> AsyncIterator[tuple[TestPki, PkiConfig, TrustAnchors]]:
    async with TestPki(tmp_path / "pki") as pki:
        web, v2g = (anchors_of(pki.directory / f"{name}_root.pem") for name in ("web", "v2g"))
        paths = RFC7030.fill(label="cpo")
        yield pki, PkiConfig("cpo", pki.est_url, paths, EST_USER, pki.password, tls_anchors=web), v2g


async def test_where_nothing_is_wrong_every_step_says_so_and_nothing_is_issued(tmp_path: Path) -> None:
    async with running(tmp_path) as (pki, config, v2g):
        found = await findings(config, v2g)
        assert pki.issued == ()
    assert {one.grade for one in found} == {Grade.OK}
    assert [one.step for one in found] == [step for step in Step if step is not Step.ENROLMENT]


async def test_a_certificate_is_asked_for_in_earnest_only_if_that_is_wanted(tmp_path: Path) -> None:
    async with running(tmp_path) as (pki, config, v2g):
        last = (await findings(config, v2g, REQUEST))[-1]
        assert len(pki.issued) == 1
    assert (last.step, last.grade) == (Step.ENROLMENT, Grade.OK)
    assert "issued for DE*ICE*E0001" in last.seen


async def test_a_wrong_password_is_refused_with_the_key_to_look_at(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, config, v2g):
        last = end_of(await findings(replace(config, password="wrong"), v2g))
    assert (last.step, last.grade) == (Step.CACERTS, Grade.REFUSED)
    assert "401" in last.seen
    assert "password_file" in last.do


async def test_a_pki_that_signs_nothing_is_told() -> None:
    pki = PkiConfig("idle", "https://127.0.0.1:1", RFC7030.fill(label=""))
    found = [one async for one in check_pki(config_of(pki, TrustAnchors(), issue=False), pki, SYSTEM)]
    assert found[0].grade is Grade.WARNING
    assert 'v2g = "idle"' in found[0].do


async def test_a_setting_that_can_not_work_ends_the_check(identity: ServerIdentity) -> None:
    last = end_of(await findings(pki_at("https://127.0.0.1:1", identity, username="a:b", password="x")))
    assert (last.step, last.grade) == (Step.CONFIGURATION, Grade.FAILED)


async def test_a_name_without_an_address_is_told(identity: ServerIdentity) -> None:
    last = end_of(await findings(pki_at("https://nowhere.invalid", identity)))
    assert (last.step, last.grade) == (Step.ADDRESS, Grade.UNREACHED)
    assert "DNS" in last.do


async def test_a_port_where_nobody_listens_is_told(identity: ServerIdentity) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    last = end_of(await findings(pki_at(f"https://127.0.0.1:{port}", identity)))
    assert (last.step, last.grade) == (Step.CONNECTION, Grade.UNREACHED)
    assert last.seen == f"port {port}: connection refused"


def server_with(tmp_path: Path, forged: Forged) -> ssl.SSLContext:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_text(forged.certificate.to_pem())
    key.write_bytes(key_pem(forged.key))
    return tls_server_context(chain, key)


WEB = forge("Web Root", ca=True, begin=FROM, end=UNTIL)
NOW = SYSTEM.now()
DAY = timedelta(days=1)


def tls_server(begin: datetime, end: datetime, names: x509.SubjectAlternativeName = NAMES) -> Forged:
    usage = (ExtendedKeyUsageOID.SERVER_AUTH,)
    return forge("server", WEB, eku=usage, extensions=((names, False),), begin=begin, end=end)


@pytest.mark.parametrize(
    ("pair", "seen", "do"),
    [
        ((tls_server(NOW - 9 * DAY, NOW - DAY), WEB), "ended on", "clock"),
        ((tls_server(NOW + DAY, NOW + 9 * DAY), WEB), "begins on", "clock"),
        (
            (tls_server(FROM, UNTIL, x509.SubjectAlternativeName([x509.DNSName("pki.example")])), WEB),
            "is for pki.example, not for 127.0.0.1",
            "url",
        ),
        ((tls_server(FROM, UNTIL), LADDER.root), "issued by CN=Web Root", "tls_ca"),
    ],
    ids=["expired", "not yet valid", "another name", "another CA"],
)
async def test_a_server_certificate_that_is_not_accepted_is_explained(
    pair: tuple[Forged, Forged], seen: str, do: str, tmp_path: Path, identity: ServerIdentity
) -> None:
    forged, anchor = pair
    anchors = TrustAnchors.admit([anchor.certificate])
    async with raw_server(answering(GOOD), server_with(tmp_path, forged)) as server:
        last = end_of(await findings(pki_at(server.url, identity, tls_anchors=anchors, token="abc")))
        assert server.requests == []
    assert (last.step, last.grade) == (Step.TLS, Grade.FAILED)
    assert seen in last.seen
    assert do in last.do


async def test_a_server_certificate_that_ends_soon_is_warned_of(tmp_path: Path, identity: ServerIdentity) -> None:
    anchors = TrustAnchors.admit([WEB.certificate])
    forged = tls_server(NOW - DAY, NOW + 13 * DAY)
    async with raw_server(answering(GOOD), server_with(tmp_path, forged)) as server:
        found = await findings(pki_at(server.url, identity, tls_anchors=anchors))
    assert {one.step: one.grade for one in found}[Step.TLS] is Grade.WARNING


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_rfc_8996_a_server_with_tls_1_1_alone_is_refused_in_words(
    tmp_path: Path, identity: ServerIdentity
) -> None:
    context = server_with(tmp_path, tls_server(FROM, UNTIL))
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    anchors = TrustAnchors.admit([WEB.certificate])
    async with raw_server(answering(GOOD), context) as server:
        last = end_of(await findings(pki_at(server.url, identity, tls_anchors=anchors)))
    assert (last.step, last.grade) == (Step.TLS, Grade.FAILED)
    assert "TLS 1.2 or later" in last.seen


async def test_a_server_without_tls_is_told(identity: ServerIdentity) -> None:
    async def http(played: Played) -> None:
        await played.say(http_answer(400, {}, b"speak HTTP"))

    async with raw_server(http, None) as server:
        last = end_of(await findings(pki_at(server.url.replace("http:", "https:"), identity)))
    assert (last.step, last.grade) == (Step.TLS, Grade.FAILED)
    assert "speaks no TLS" in last.seen


@pytest.mark.parametrize(
    ("answer", "grade", "seen", "do"),
    [
        (http_answer(401, {}), Grade.REFUSED, "401", "configure a login"),
        (http_answer(403, {}), Grade.REFUSED, "403", "ask the PKI to allow it"),
        (http_answer(404, {}), Grade.FAILED, "404", "preset"),
        (http_answer(302, {"Location": "https://else.example"}), Grade.FAILED, "else.example", "never followed"),
        (http_answer(200, {"Content-Type": "text/html"}, b"<html>"), Grade.FAILED, "text/html", "no EST server"),
        (http_answer(429, {}), Grade.FAILED, "429", "wait"),
        (http_answer(500, {}), Grade.UNREACHED, "500", "try again later"),
        (b"", Grade.UNREACHED, "played at https://", "try again"),
    ],
)
async def test_an_answer_without_ca_certificates_is_explained(
    answer: bytes, grade: Grade, seen: str, do: str, identity: ServerIdentity
) -> None:
    last = end_of(await asked(answering(answer), identity))
    assert (last.step, last.grade) == (Step.CACERTS, grade)
    assert seen in last.seen
    assert do in last.do


@pytest.mark.parametrize(
    ("answer", "grade", "do"),
    [
        (http_answer(401, {"Content-Type": "application/json"}, b'{"error":"x"}'), Grade.REFUSED, "client_id"),
        (b"", Grade.UNREACHED, "try again"),
    ],
)
async def test_a_token_service_that_gives_none_is_explained(
    answer: bytes, grade: Grade, do: str, identity: ServerIdentity
) -> None:
    async with raw_server(answering(answer), identity.context) as tokens:
        credentials = ClientCredentials("us", "hush")
        oauth = OAuthConfig(f"{tokens.url}/oauth/token", credentials, tls_anchors=anchors_of(identity.anchors))
        last = end_of(await asked(answering(GOOD), identity, oauth=oauth))
    assert (last.step, last.grade) == (Step.LOGIN, grade)
    assert do in last.do


@pytest.mark.parametrize("seconds", [-3600, 3600])
async def test_a_clock_that_differs_is_told(seconds: int, identity: ServerIdentity) -> None:
    answer = bag(*LADDER.certificates, date=SYSTEM.now() + timedelta(seconds=seconds))
    found = {one.step: one for one in await asked(by_path(cacerts=answer), identity)}
    assert found[Step.CLOCK].grade is Grade.WARNING
    assert ("ahead of" if seconds < 0 else "behind") in found[Step.CLOCK].seen


def grade_of(found: list[Finding], step: Step) -> Finding:
    return next(one for one in found if one.step is step)


async def test_cas_that_lead_nowhere_are_told_with_the_root_s_fingerprint_and_nothing_is_believed(
    identity: ServerIdentity,
) -> None:
    stranger = v2g_ladder("Other Root")
    found = await asked(by_path(cacerts=bag(*stranger.certificates)), identity)
    trust = grade_of(found, Step.TRUST)
    assert trust.grade is Grade.FAILED
    assert written(stranger.root.certificate) in trust.do
    assert "trust.v2g" in trust.do


async def test_no_anchor_at_all_is_told_as_such(identity: ServerIdentity) -> None:
    trust = grade_of(await asked(by_path(cacerts=GOOD), identity, v2g=TrustAnchors()), Step.TRUST)
    assert trust.grade is Grade.FAILED
    assert trust.seen == "no anchor is configured for SECC certificates"


async def test_a_new_root_in_cacerts_is_shown_and_not_trusted(identity: ServerIdentity) -> None:
    newer = forge("V2G Root 2", ca=True, domain="V2G", end=UNTIL)
    trust = grade_of(await asked(by_path(cacerts=bag(*LADDER.certificates, newer.certificate)), identity), Step.TRUST)
    assert trust.grade is Grade.WARNING
    assert written(newer.certificate) in trust.seen


async def test_an_issuing_ca_that_has_ended_is_told(identity: ServerIdentity) -> None:
    old: Ladder = v2g_ladder(sub2_until=datetime(2026, 1, 2, tzinfo=UTC))
    trust = grade_of(await asked(by_path(cacerts=bag(*old.certificates)), identity, v2g=old.anchors), Step.TRUST)
    assert trust.grade is Grade.FAILED
    assert "CPO Sub2" in trust.seen
    assert "to 2026-01-02" in trust.seen


async def test_rfc_9908_csr_attributes_are_told_by_name(identity: ServerIdentity) -> None:
    attribute = sequence(oid("1.2.840.10045.2.1"), tlv(0x31, oid("1.2.840.10045.3.1.7")))
    body = encode_body(sequence(attribute, oid("1.2.840.10045.4.3.2")))
    answer = http_answer(200, {"Content-Type": "application/csrattrs"}, body)
    found = await asked(by_path(cacerts=GOOD, csrattrs=answer), identity)
    assert grade_of(found, Step.CSRATTRS).seen == "the PKI wants EC keys, ecdsa-with-SHA256"


@pytest.mark.parametrize("answer", [http_answer(204, {}), http_answer(404, {}), http_answer(501, {}), b""])
async def test_csr_attributes_that_are_not_offered_are_no_fault(answer: bytes, identity: ServerIdentity) -> None:
    found = await asked(by_path(cacerts=GOOD, csrattrs=answer), identity)
    assert grade_of(found, Step.CSRATTRS).grade is Grade.OK


async def test_a_name_that_is_not_registered_is_explained_by_the_registration_authority(
    identity: ServerIdentity,
) -> None:
    refusal = http_answer(403, {"Content-Type": "application/json"}, json.dumps({"traceId": "t-17"}).encode())
    last = (await asked(by_path(cacerts=GOOD, simpleenroll=refusal), identity, request=REQUEST))[-1]
    assert (last.step, last.grade) == (Step.ENROLMENT, Grade.REFUSED)
    assert "DE*ICE*E0001 must be registered with the PKI's registration authority beforehand" in last.seen
    assert "trace t-17" in last.seen
    assert "registration authority" in last.do


async def test_a_certificate_that_no_station_would_get_is_told(identity: ServerIdentity) -> None:
    stranger = bag(forge("DE*ICE*E0001", LADDER.issuing).certificate)
    last = (await asked(by_path(cacerts=GOOD, simpleenroll=stranger), identity, request=REQUEST))[-1]
    assert (last.step, last.grade) == (Step.ENROLMENT, Grade.FAILED)
    assert "LeafKeyMismatch" in last.seen


async def test_a_request_that_the_pki_keeps_waiting_is_told(identity: ServerIdentity) -> None:
    pending = http_answer(202, {"Retry-After": "60"})
    last = (await asked(by_path(cacerts=GOOD, simpleenroll=pending), identity, request=REQUEST))[-1]
    assert (last.step, last.grade) == (Step.ENROLMENT, Grade.WARNING)


async def test_a_request_whose_answer_is_lost_sends_somebody_to_look(identity: ServerIdentity) -> None:
    last = (await asked(by_path(cacerts=GOOD, simpleenroll=b""), identity, request=REQUEST))[-1]
    assert (last.step, last.grade) == (Step.ENROLMENT, Grade.UNREACHED)
    assert "look for the certificate at the PKI" in last.do


async def test_the_looks_at_a_server_send_nothing_but_handshakes(identity: ServerIdentity) -> None:
    async with raw_server(by_path(cacerts=GOOD), identity.context) as server:
        await findings(pki_at(server.url, identity))
        assert [request.split(b" ")[1].rpartition(b"/")[2] for request in server.requests] == [b"cacerts", b"csrattrs"]


@pytest.mark.parametrize(("days", "grade"), [(-1, Grade.WARNING), (29, Grade.WARNING), (31, Grade.OK)])
async def test_our_own_client_certificate_is_told_of_in_time(
    days: int, grade: Grade, tmp_path: Path, identity: ServerIdentity
) -> None:
    files = ClientCertificate(tmp_path / "us.pem", tmp_path / "us.key")
    ours = forge("us", WEB, begin=FROM, end=NOW + timedelta(days=days))
    files.file.write_text(ours.certificate.to_pem())
    files.key.write_bytes(key_pem(ours.key))
    found = await findings(pki_at("https://nowhere.invalid", identity, client=files))
    assert (found[0].step, found[0].grade) == (Step.CONFIGURATION, grade)
    assert ("renew-login played" in found[0].do) is (grade is Grade.WARNING)


async def test_a_server_that_wants_a_client_certificate_says_so(tmp_path: Path, identity: ServerIdentity) -> None:
    wanting = make_identity(tmp_path, "127.0.0.1")
    wanting.context.load_verify_locations(cadata=WEB.certificate.to_pem())
    wanting.context.verify_mode = ssl.CERT_REQUIRED
    wanting.context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with raw_server(answering(GOOD), wanting.context) as server:
        last = end_of(await findings(pki_at(server.url, wanting)))
    assert (last.step, last.grade) == (Step.TLS, Grade.FAILED)
    assert "may want a client certificate" in last.seen
