"""The test PKI as a whole, over its real protocols."""

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.chain import chain_from_stack
from chainpilot.pki.crl import RevocationReason, load_crl, revocation
from chainpilot.pki.crl import Revoked as CrlRevoked
from chainpilot.pki.csr import build_csr, inspect_csr
from chainpilot.pki.hashdata import HashAlgorithm, hash_data
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.ocsp import build_request, judge_response
from chainpilot.pki.ocsp import verdicts as ocsp_verdicts
from chainpilot.pki.pkcs7 import read_certs_only
from chainpilot.testpki.address import ListenError, NameMissingError
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.testpki.cabinet import FolderInUseError
from chainpilot.testpki.declaration import packaged
from chainpilot.testpki.http import Served
from chainpilot.testpki.responder import MAX_OCSP_REQUEST
from chainpilot.wire.est.bodies import encode_body
from chainpilot.wire.est.server import MAX_REQUEST
from clocks import SetClock

AUTHORITIES = packaged().authorities
ENROLL = "/.well-known/est/cpo/simpleenroll"
CACERTS = "/.well-known/est/cpo/cacerts"
PKCS10 = {"Content-Type": "application/pkcs10"}


def new_csr(common_name: str = "DE*ICE*E123") -> bytes:
    return build_csr(generate_private_key(KeySpec.P256), DistinguishedName("DE", "Operator", common_name, "CPO"))


def client_of(pki: TestPki, *, password: str | None = None) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=pki.directory / "web_root.pem")
    return httpx.AsyncClient(
        base_url=pki.est_url, auth=(EST_USER, password or pki.password), verify=context, trust_env=False
    )


def issued_in(response: httpx.Response) -> Certificate:
    assert response.status_code == 200, response.text
    (certificate,) = read_certs_only(base64.b64decode(response.content))
    return certificate


@pytest.fixture
async def pki(tmp_path: Path) -> AsyncIterator[TestPki]:
    """A running test PKI."""
    async with TestPki(tmp_path / "pki") as running:
        yield running


@pytest.fixture
async def client(pki: TestPki) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is logged in."""
    async with client_of(pki) as open_client:
        yield open_client


async def test_every_ca_s_certificate_lies_in_the_directory(pki: TestPki) -> None:
    for authority in AUTHORITIES:
        (certificate,) = load_certificates((pki.directory / f"{authority.name}.pem").read_bytes())
        assert certificate == pki.issuers[authority.name].certificate


async def test_cacerts_gives_sub2_sub1_and_the_root(pki: TestPki, client: httpx.AsyncClient) -> None:
    response = await client.get(CACERTS)
    expected = {pki.issuers[name].certificate for name in ("cpo_sub2", "cpo_sub1", "v2g_root")}
    assert response.headers["content-type"] == "application/pkcs7-mime"
    assert set(read_certs_only(base64.b64decode(response.content))) == expected


async def test_headers_go_out_as_they_were_written(client: httpx.AsyncClient) -> None:
    raw = (await client.get(CACERTS)).headers.raw
    names = [name for name, _ in raw]
    assert {b"Content-Type", b"Content-Transfer-Encoding", b"Content-Length"} <= set(names)
    assert b"Transfer-Encoding" not in names


async def test_a_request_gets_its_certificate(pki: TestPki, client: httpx.AsyncClient) -> None:
    csr = new_csr()
    leaf = issued_in(await client.post(ENROLL, content=encode_body(csr), headers=PKCS10))
    assert leaf.spki_hash == inspect_csr(csr).spki_hash
    assert leaf.was_signed_by(pki.issuers["cpo_sub2"].certificate)
    assert leaf.ocsp_urls == (pki.ocsp_url,)
    assert [record.certificate for record in pki.issued] == [leaf]


async def test_the_other_label_s_ca_signs_stations_client_certificates(pki: TestPki, client: httpx.AsyncClient) -> None:
    path = "/.well-known/est/csms/simpleenroll"
    leaf = issued_in(await client.post(path, content=encode_body(new_csr("station-1")), headers=PKCS10))
    assert leaf.was_signed_by(pki.issuers["csms_issuing"].certificate)
    assert pki.issued[0].label == "csms"


@pytest.mark.parametrize("repost_safe", [True, False])
async def test_a_request_posted_again_is_answered_as_declared(tmp_path: Path, *, repost_safe: bool) -> None:
    async with TestPki(tmp_path, repost_safe=repost_safe) as pki, client_of(pki) as client:
        csr = encode_body(new_csr())
        one = issued_in(await client.post(ENROLL, content=csr, headers=PKCS10))
        other = issued_in(await client.post(ENROLL, content=csr, headers=PKCS10))
        assert (one == other) is repost_safe
        assert len(pki.issued) == (1 if repost_safe else 2)


async def test_a_request_put_off_is_decided_when_it_comes_again(tmp_path: Path) -> None:
    async with TestPki(tmp_path, pending_first=True) as pki, client_of(pki) as client:
        csr = encode_body(new_csr())
        first = await client.post(ENROLL, content=csr, headers=PKCS10)
        assert (first.status_code, first.headers["Retry-After"]) == (202, "1")
        assert list(pki.issued) == []
        leaf = issued_in(await client.post(ENROLL, content=csr, headers=PKCS10))
        assert [record.certificate for record in pki.issued] == [leaf]


async def test_without_the_right_login_nothing_is_told(pki: TestPki) -> None:
    async with client_of(pki, password="wrong") as client:
        for path in (CACERTS, ENROLL, "/nothing"):
            response = await client.get(path)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("method", "path", "content_type", "body", "status"),
    [
        ("GET", "/", "", b"", 404),
        ("GET", "/.well-known/est/else/cacerts", "", b"", 404),
        ("GET", ENROLL, "", b"", 405),
        ("POST", ENROLL, "text/plain", b"MAA=", 415),
        ("POST", ENROLL, "application/pkcs10", b"garbage!", 400),
        ("POST", ENROLL, "application/pkcs10", encode_body(new_csr("my charger")), 400),
        ("POST", ENROLL, "application/pkcs10", b"A" * (MAX_REQUEST + 1), 413),
    ],
)
async def test_bad_requests_are_refused(
    *, method: str, path: str, content_type: str, body: bytes, status: int, client: httpx.AsyncClient, pki: TestPki
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    response = await client.request(method, path, content=body or None, headers=headers)
    assert response.status_code == status
    assert response.text.strip()
    assert pki.issued == ()


async def test_a_chunked_body_over_the_bound_is_refused(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"A" * MAX_REQUEST

    response = await client.post(ENROLL, content=endless(), headers=PKCS10)
    assert response.status_code == 413


async def test_what_was_served_is_told(tmp_path: Path) -> None:
    told: list[Served] = []
    async with TestPki(tmp_path, watch=told.append) as pki, client_of(pki) as client:
        body = encode_body(new_csr())
        answer = await client.post(ENROLL, content=body, headers=PKCS10)
    assert told == [Served("est", "simpleenroll", "cpo", 200, len(body), len(answer.content))]


async def test_a_directory_opened_again_continues(tmp_path: Path) -> None:
    async with TestPki(tmp_path) as pki, client_of(pki) as client:
        body = encode_body(new_csr())
        leaf = issued_in(await client.post(ENROLL, content=body, headers=PKCS10))
        before = pki.password, {name: issuer.certificate for name, issuer in pki.issuers.items()}
        address = pki.est_url, pki.ocsp_url
    async with TestPki(tmp_path) as pki, client_of(pki) as client:
        assert before == (pki.password, {name: issuer.certificate for name, issuer in pki.issuers.items()})
        assert address == (pki.est_url, pki.ocsp_url)
        assert issued_in(await client.post(ENROLL, content=body, headers=PKCS10)) == leaf
        assert len(pki.issued) == 1


async def test_a_port_taken_meanwhile_is_replaced_but_an_asked_one_is_not(tmp_path: Path) -> None:
    async with TestPki(tmp_path) as pki:
        port = int(pki.est_url.rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", port)):
        async with TestPki(tmp_path) as pki:
            assert not pki.est_url.endswith(f":{port}")
        with pytest.raises(ListenError) as caught:
            await TestPki(tmp_path, est_port=port).__aenter__()
    assert caught.value.port == port


async def test_a_second_test_pki_on_a_directory_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with TestPki(tmp_path) as pki:
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        with pytest.raises(FolderInUseError):
            await TestPki(tmp_path).__aenter__()
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        async with client_of(pki) as client:
            assert (await client.get(CACERTS)).status_code == 200
    async with TestPki(tmp_path):
        pass


async def test_the_first_name_stands_in_addresses_and_all_in_the_certificate(tmp_path: Path) -> None:
    names = ("pki.example.org", "localhost", "2001:db8::7")
    async with TestPki(tmp_path, host="0.0.0.0", names=names) as pki:
        _, port = pki.est_url.rsplit(":", 1)
        assert pki.est_url == f"https://pki.example.org:{port}"
        assert pki.ocsp_url.startswith("http://pki.example.org:")
        context = ssl.create_default_context(cafile=pki.directory / "web_root.pem")
        login = (EST_USER, pki.password)
        base = f"https://localhost:{port}"
        async with httpx.AsyncClient(base_url=base, auth=login, verify=context, trust_env=False) as client:
            leaf = issued_in(await client.post(ENROLL, content=encode_body(new_csr()), headers=PKCS10))
        assert leaf.ocsp_urls == (pki.ocsp_url,)
        assert pki.issuers["cpo_sub2"].certificate.ocsp_urls == (pki.ocsp_url,)
        server = x509.load_pem_x509_certificate((tmp_path / "keys" / "est_server.pem").read_bytes())
        alternative = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert alternative.get_values_for_type(x509.DNSName) == ["pki.example.org", "localhost"]
        assert list(map(str, alternative.get_values_for_type(x509.IPAddress))) == ["2001:db8::7"]


async def test_every_address_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NameMissingError):
        await TestPki(tmp_path, host="0.0.0.0").__aenter__()


async def test_a_name_longer_than_a_common_name_makes_a_certificate_too(tmp_path: Path) -> None:
    long = ".".join(["a" * 60] * 4)
    async with TestPki(tmp_path, names=(long, "127.0.0.1")) as pki:
        context = ssl.create_default_context(cafile=pki.directory / "web_root.pem")
        port = int(pki.est_url.rsplit(":", 1)[1])
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=long)
        writer.close()
        await writer.wait_closed()


async def test_a_seed_makes_the_same_certificates_twice(tmp_path: Path) -> None:
    at, csr, host = SYSTEM.now().replace(microsecond=0), encode_body(new_csr()), "127.83.69.68"
    runs: list[dict[str, bytes]] = []
    est_port = ocsp_port = 0
    for name in ("one", "other"):
        folder = tmp_path / name
        async with TestPki(
            folder, clock=SetClock(at), seed=b"seed", host=host, est_port=est_port, ocsp_port=ocsp_port
        ) as pki:
            async with client_of(pki) as client:
                issued_in(await client.post(ENROLL, content=csr, headers=PKCS10))
            runs.append({path.name: path.read_bytes() for path in [*folder.glob("*.pem"), folder / "issued.jsonl"]})
            est_port, ocsp_port = (int(address.rsplit(":", 1)[1]) for address in (pki.est_url, pki.ocsp_url))
    assert len(runs[0]) == len(AUTHORITIES) + 1
    assert runs[0] == runs[1]


async def test_a_server_certificate_for_the_cpms_leads_to_the_csms_root(pki: TestPki, tmp_path: Path) -> None:
    chain_file, key_file = pki.issue_tls_server(("localhost", "127.0.0.1"), tmp_path / "cpms")
    chain = chain_from_stack(load_certificates(chain_file.read_bytes()))
    assert chain.intermediates == (pki.issuers["csms_issuing"].certificate,)
    assert key_file.stat().st_mode & 0o777 == 0o600
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain_file, key_file)
    assert pki.issued == ()


async def ocsp_status(response: httpx.Response) -> ocsp.OCSPResponse:
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/ocsp-response"
    return ocsp.load_der_ocsp_response(response.content)


async def test_the_responder_answers_get_and_post_alike(pki: TestPki, client: httpx.AsyncClient) -> None:
    leaf = issued_in(await client.post(ENROLL, content=encode_body(new_csr()), headers=PKCS10))
    parsed = [x509.load_der_x509_certificate(each.der) for each in (leaf, pki.issuers["cpo_sub2"].certificate)]
    request = ocsp.OCSPRequestBuilder().add_certificate(parsed[0], parsed[1], hashes.SHA256()).build()
    der = request.public_bytes(Encoding.DER)
    async with httpx.AsyncClient(base_url=leaf.ocsp_urls[0], trust_env=False) as plain:
        posted = await plain.post("/", content=der, headers={"Content-Type": "application/ocsp-request"})
        text = base64.b64encode(der).decode()
        careful = text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
        for response in (posted, await plain.get(f"/{text}"), await plain.get(f"/{careful}")):
            assert (await ocsp_status(response)).certificate_status is ocsp.OCSPCertStatus.GOOD


@pytest.mark.parametrize("path", ["/", "/not-base64!", "/AAAA"])
async def test_a_get_that_holds_no_request_is_malformed(path: str, pki: TestPki) -> None:
    async with httpx.AsyncClient(base_url=pki.ocsp_url, trust_env=False) as plain:
        answer = await ocsp_status(await plain.get(path))
    assert answer.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


@pytest.mark.parametrize(
    ("method", "content_type", "size", "status"),
    [
        ("PUT", "application/ocsp-request", 1, 405),
        ("POST", "text/plain", 1, 415),
        ("POST", "application/ocsp-request", MAX_OCSP_REQUEST + 1, 413),
        ("POST", "application/ocsp-request", MAX_OCSP_REQUEST, 200),
    ],
)
async def test_the_responder_s_http_is_bounded(
    method: str, content_type: str, size: int, status: int, pki: TestPki
) -> None:
    async with httpx.AsyncClient(base_url=pki.ocsp_url, trust_env=False) as plain:
        headers = {"Content-Type": content_type}
        response = await plain.request(method, "/", content=bytes(size), headers=headers)
    assert response.status_code == status


async def test_a_revoked_leaf_is_revoked_by_ocsp_and_in_the_list_that_is_served(
    pki: TestPki, client: httpx.AsyncClient
) -> None:
    leaf = issued_in(await client.post(ENROLL, content=encode_body(new_csr()), headers=PKCS10))
    pki.revoke(leaf, RevocationReason.KEY_COMPROMISE)
    sub2 = pki.issuers["cpo_sub2"].certificate
    async with httpx.AsyncClient(base_url=pki.ocsp_url, trust_env=False) as plain:
        data = hash_data(leaf, sub2, HashAlgorithm.SHA256)
        headers = {"Content-Type": "application/ocsp-request"}
        answer = await plain.post("/", content=build_request(data, sub2), headers=headers)
        listed = await plain.get("/crl/cpo_sub2.crl")
        assert (await plain.get("/crl/nobody.crl")).status_code == 404
    verdict = judge_response(answer.content, data, sub2, SYSTEM.now())
    assert isinstance(verdict, ocsp_verdicts.Revoked)
    assert verdict.reason is RevocationReason.KEY_COMPROMISE
    assert listed.headers["Content-Type"] == "application/pkix-crl"
    assert isinstance(revocation([load_crl(listed.content)], leaf, sub2, SYSTEM.now()), CrlRevoked)


async def test_a_rollover_at_run_time_reaches_every_server(pki: TestPki, client: httpx.AsyncClient) -> None:
    before = issued_in(await client.post(ENROLL, content=encode_body(new_csr()), headers=PKCS10))
    new = pki.roll_over("cpo_sub2")
    after = issued_in(await client.post(ENROLL, content=encode_body(new_csr()), headers=PKCS10))
    assert (before.was_signed_by(new), after.was_signed_by(new)) == (False, True)
    assert new in read_certs_only(base64.b64decode((await client.get(CACERTS)).content))
    async with httpx.AsyncClient(base_url=pki.ocsp_url, trust_env=False) as plain:
        for leaf, signer in zip((after, before), pki.office.authorities.generations("cpo_sub2"), strict=True):
            asked = build_request(leaf, signer.certificate)
            answer = await plain.post("/", content=asked, headers={"Content-Type": "application/ocsp-request"})
            data = hash_data(leaf, signer.certificate, HashAlgorithm.SHA256)
            assert isinstance(
                judge_response(answer.content, data, signer.certificate, SYSTEM.now()), ocsp_verdicts.Good
            )


async def test_a_client_certificate_of_a_ca_that_rolled_over_admits(pki: TestPki, tmp_path: Path) -> None:
    pki.roll_over("csms_root")
    pki.roll_over("csms_issuing")
    issued = pki.issue("csms", "station-1")
    context = ssl.create_default_context(cafile=pki.directory / "web_root.pem")
    files = issued.write(tmp_path / "client")
    assert files[1] is not None
    context.load_cert_chain(*files)
    async with httpx.AsyncClient(base_url=pki.est_url, verify=context, trust_env=False) as client:
        assert (await client.get(CACERTS)).status_code == 200


async def test_a_ca_that_ends_at_run_time_is_what_cacerts_gives(pki: TestPki, client: httpx.AsyncClient) -> None:
    before = pki.issuers["cpo_sub2"].certificate
    ended = pki.expire("cpo_sub2")
    bag = read_certs_only(base64.b64decode((await client.get(CACERTS)).content))
    assert (ended in bag, before in bag, ended.not_after < SYSTEM.now()) == (True, False, True)
    assert pki.issued == ()
