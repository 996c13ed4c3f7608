"""What RFC 7030 and those after it ask of an EST server, a test a rule, each named by its clause.

Rules that need no connection are tried without one. curl and openssl do the same as strangers in tests/peers.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from certs import key_pem
from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import build_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, PrivateKey, generate_private_key
from chainpilot.pki.pkcs7 import read_certs_only
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.wire.est.bodies import encode_body
from chainpilot.wire.est.server import MAX_REQUEST
from clocks import SetClock
from forge import forge

EVSE = DistinguishedName("DE", "Operator", "DE*ICE*E123", "CPO")
STATION = DistinguishedName("DE", "Operator", "station-1", "CPO")
PKCS10 = {"Content-Type": "application/pkcs10"}


def path_of(operation: str, label: str = "cpo") -> str:
    return f"/.well-known/est/{label}/{operation}"


@dataclass
class Peer:
    """An EST client at a running test PKI; what it does in one test leaves nothing for another but issued leaves."""

    pki: TestPki
    folder: Path
    clock: SetClock
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.pki.directory / "web_root.pem")

    def client(
        self, *, auth: Any = None, shown: tuple[Certificate, PrivateKey] | None = None, **headers: str
    ) -> httpx.AsyncClient:
        """Logged in with `auth`, with a client certificate and its key, or not at all."""
        context = self.context()
        if shown is not None:
            file = self.folder / f"{shown[0].fingerprint}.pem"
            file.write_bytes(shown[0].to_pem().encode() + key_pem(shown[1]))
            context.load_cert_chain(file)
        made = httpx.AsyncClient(base_url=self.pki.est_url, auth=auth, verify=context, trust_env=False, headers=headers)
        self.clients.append(made)
        return made

    def user(self) -> httpx.AsyncClient:
        return self.client(auth=(EST_USER, self.pki.password))

    async def enrolled(self, name: DistinguishedName, label: str) -> tuple[Certificate, PrivateKey]:
        """A fresh certificate with its key."""
        key = generate_private_key(KeySpec.P256)
        answer = await self.post(self.user(), build_csr(key, name), label=label)
        return issued_in(answer), key

    async def post(
        self, client: httpx.AsyncClient, csr: bytes, operation: str = "simpleenroll", label: str = "cpo"
    ) -> httpx.Response:
        return await client.post(path_of(operation, label), content=encode_body(csr), headers=PKCS10)

    async def raw(self, request: str, body: bytes = b"") -> bytes:
        """Everything that comes back on a connection of its own, until the server closes it."""
        port = int(self.pki.est_url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=self.context())
        login = base64.b64encode(f"{EST_USER}:{self.pki.password}".encode()).decode()
        writer.write(f"{request}\r\nHost: here\r\nAuthorization: Basic {login}\r\n\r\n".encode() + body)
        async with asyncio.timeout(10):
            answer = await reader.read(-1)
        writer.close()
        return answer


@pytest.fixture(scope="module")
async def peer(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Peer]:
    """A client of one test PKI for all of these tests."""
    folder = Path(tmp_path_factory.mktemp("est"))
    clock = SetClock(SYSTEM.now())
    async with TestPki(folder / "pki", clock=clock) as pki:
        peer = Peer(pki, folder, clock)
        yield peer
        for client in peer.clients:
            await client.aclose()


def issued_in(response: httpx.Response) -> Certificate:
    assert response.status_code == 200, response.text
    (certificate,) = read_certs_only(base64.b64decode(response.content))
    return certificate


def request_for(name: x509.Name, *, curve: ec.EllipticCurve | None = None, san: str = "") -> bytes:
    builder = x509.CertificateSigningRequestBuilder(name)
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(san)]), critical=False)
    return builder.sign(ec.generate_private_key(curve or ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)


def a_request(name: DistinguishedName = EVSE) -> bytes:
    return build_csr(generate_private_key(KeySpec.P256), name)


async def test_rfc_7030_3_2_2_an_unknown_label_or_operation_is_404(peer: Peer) -> None:
    for path in (path_of("cacerts", "else"), path_of("fullcmc"), path_of("serverkeygen"), "/.well-known/est/cacerts"):
        assert (await peer.user().get(path)).status_code == 404


async def test_rfc_7030_3_2_3_basic_login_admits_and_a_wrong_one_is_401_with_both_challenges(peer: Peer) -> None:
    assert (await peer.user().get(path_of("cacerts"))).status_code == 200
    refused = await peer.client(auth=(EST_USER, "wrong")).get(path_of("cacerts"))
    assert refused.status_code == 401
    assert refused.headers.get_list("WWW-Authenticate") == [
        'Basic realm="chainpilot TEST PKI"',
        'Bearer realm="chainpilot TEST PKI"',
    ]


async def test_rfc_6750_2_1_a_bearer_token_admits_and_a_wrong_one_does_not(peer: Peer) -> None:
    token = peer.pki.token_file.read_text().strip()
    for field_value, status in ((f"Bearer {token}", 200), (f"bearer {token}", 200), ("Bearer wrong", 401)):
        answer = await peer.client(Authorization=field_value).get(path_of("cacerts"))
        assert answer.status_code == status


async def test_rfc_7030_3_3_2_a_client_certificate_admits_without_a_password(peer: Peer) -> None:
    shown = await peer.enrolled(STATION, "csms")
    answer = await peer.post(peer.client(shown=shown), a_request())
    assert issued_in(answer).subject == EVSE


async def test_rfc_7030_3_3_2_an_expired_client_certificate_is_told_so(peer: Peer) -> None:
    shown = await peer.enrolled(STATION, "csms")
    now = peer.clock.now()
    peer.clock.set(shown[0].not_after.replace(year=shown[0].not_after.year + 1))
    answer = await peer.client(shown=shown).get(path_of("cacerts"))
    peer.clock.set(now)
    assert (answer.status_code, "has expired on" in answer.text) == (401, True)


async def test_rfc_7030_3_3_2_a_client_certificate_that_is_not_yet_valid_is_told_so(peer: Peer) -> None:
    shown = await peer.enrolled(STATION, "csms")
    now = peer.clock.now()
    peer.clock.set(shown[0].not_before.replace(year=shown[0].not_before.year - 1))
    answer = await peer.client(shown=shown).get(path_of("cacerts"))
    peer.clock.set(now)
    assert (answer.status_code, "is valid from" in answer.text) == (401, True)


async def test_rfc_7030_3_3_2_a_foreign_client_certificate_ends_the_connection(peer: Peer) -> None:
    stranger = forge("stranger", forge("Stranger CA", ca=True))
    with pytest.raises(httpx.TransportError):
        await peer.client(shown=(stranger.certificate, stranger.key)).get(path_of("cacerts"))


async def test_rfc_8996_tls_1_1_is_refused(peer: Peer) -> None:
    context = peer.context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLS"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLS"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    port = int(peer.pki.est_url.rsplit(":", 1)[1])
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(peer.pki.host, port, ssl=context, server_hostname="localhost")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_rfc_7030_3_3_1_tls_1_2_and_1_3_are_spoken(version: ssl.TLSVersion, peer: Peer) -> None:
    context = peer.context()
    context.minimum_version = context.maximum_version = version
    async with httpx.AsyncClient(
        base_url=peer.pki.est_url, auth=(EST_USER, peer.pki.password), verify=context, trust_env=False
    ) as client:
        assert (await client.get(path_of("cacerts"))).status_code == 200


async def test_rfc_7030_4_1_3_cacerts_is_a_certs_only_bag_up_to_the_root(peer: Peer) -> None:
    answer = await peer.user().get(path_of("cacerts"))
    bag = read_certs_only(base64.b64decode(answer.content))
    assert answer.headers["Content-Type"] == "application/pkcs7-mime"
    assert [certificate.is_self_signed for certificate in bag].count(True) == 1
    assert all(certificate.is_ca for certificate in bag)


async def test_rfc_7030_4_2_3_the_answer_holds_the_issued_certificate_alone(peer: Peer) -> None:
    answer = await peer.post(peer.user(), a_request())
    assert answer.headers["Content-Type"] == "application/pkcs7-mime; smime-type=certs-only"
    assert not issued_in(answer).is_ca


async def test_rfc_8951_3_2_bodies_are_wrapped_base64_of_known_length_in_title_case_headers(peer: Peer) -> None:
    for raw in (
        await peer.raw(f"GET {path_of('cacerts')} HTTP/1.1\r\nConnection: close"),
        await peer.raw(f"GET {path_of('csrattrs')} HTTP/1.1\r\nConnection: close"),
    ):
        head, _, body = raw.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert b"Content-Transfer-Encoding: base64" in head
        assert b"\r\nContent-Type: " in head
        assert b"chunked" not in head
        assert all(0 < len(line) <= 64 for line in body.removesuffix(b"\n").split(b"\n"))


async def test_rfc_9112_9_6_connection_close_is_honoured(peer: Peer) -> None:
    closed = await peer.raw(f"GET {path_of('cacerts')} HTTP/1.1\r\nConnection: close")
    assert closed.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("operation", ["simpleenroll", "simplereenroll"])
async def test_rfc_7030_4_2_1_another_content_type_is_415(operation: str, peer: Peer) -> None:
    headers = {"Content-Type": "application/pkcs7-mime"}
    answer = await peer.user().post(path_of(operation), content=encode_body(a_request()), headers=headers)
    assert (answer.status_code, "application/pkcs10" in answer.text) == (415, True)


@pytest.mark.parametrize(
    ("method", "operation", "allowed"),
    [
        ("POST", "cacerts", "GET"),
        ("POST", "csrattrs", "GET"),
        ("GET", "simpleenroll", "POST"),
        ("PUT", "simplereenroll", "POST"),
    ],
)
async def test_rfc_9110_15_5_6_another_method_is_405_and_told_the_right_one(
    method: str, operation: str, allowed: str, peer: Peer
) -> None:
    answer = await peer.user().request(method, path_of(operation))
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


async def test_rfc_9110_15_5_14_a_body_over_64_kib_is_413(peer: Peer) -> None:
    body = encode_body(a_request()).ljust(MAX_REQUEST + 1, b"\n")
    answer = await peer.user().post(path_of("simpleenroll"), content=body, headers=PKCS10)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"no base64!", "base64"),
        (encode_body(a_request() + b"\x00"), "follow"),
        (encode_body(a_request()[:-9] + bytes(9)), "signed by its own key"),
        (encode_body(request_for(x509.Name([]))), "common name"),
        (encode_body(request_for(EVSE.to_name(), curve=ec.SECP192R1())), "weak"),
    ],
    ids=["bad base64", "trailing bytes", "signature", "empty subject", "weak key"],
)
@pytest.mark.parametrize("operation", ["simpleenroll", "simplereenroll"])
async def test_rfc_7030_4_2_1_a_bad_request_is_400_with_its_reason(
    operation: str, body: bytes, words: str, peer: Peer
) -> None:
    answer = await peer.user().post(path_of(operation), content=body, headers=PKCS10)
    assert (answer.status_code, words in answer.text) == (400, True), answer.text


async def test_rfc_7030_4_2_2_a_certificate_is_rekeyed_by_its_holder(peer: Peer) -> None:
    shown = await peer.enrolled(STATION, "csms")
    renewed = issued_in(await peer.post(peer.client(shown=shown), a_request(STATION), "simplereenroll", "csms"))
    assert renewed.subject == shown[0].subject
    assert renewed.spki_hash != shown[0].spki_hash


async def test_rfc_7030_4_2_2_a_certificate_is_renewed_with_the_request_it_came_from(peer: Peer) -> None:
    key = generate_private_key(KeySpec.P256)
    csr = build_csr(key, STATION)
    first = issued_in(await peer.post(peer.user(), csr, label="csms"))
    renewed = issued_in(await peer.post(peer.client(shown=(first, key)), csr, "simplereenroll", "csms"))
    assert renewed.spki_hash == first.spki_hash
    assert renewed.serial_number != first.serial_number


async def test_rfc_7030_4_2_2_renewal_without_the_client_certificate_is_403(peer: Peer) -> None:
    answer = await peer.post(peer.user(), a_request(), "simplereenroll")
    assert (answer.status_code, "TLS client certificate" in answer.text) == (403, True)


async def test_rfc_7030_4_2_2_renewal_of_another_ca_s_certificate_is_403(peer: Peer) -> None:
    shown = await peer.enrolled(STATION, "csms")
    answer = await peer.post(peer.client(shown=shown), a_request(STATION), "simplereenroll", "cpo")
    assert (answer.status_code, "not issued by the CA" in answer.text) == (403, True)


async def test_rfc_7030_4_2_2_renewal_under_another_subject_is_400(peer: Peer) -> None:
    shown = await peer.enrolled(EVSE, "cpo")
    other = DistinguishedName("DE", "Operator", "DE*ICE*E124", "CPO")
    answer = await peer.post(peer.client(shown=shown), a_request(other), "simplereenroll")
    assert (answer.status_code, "subject is not" in answer.text) == (400, True)


async def test_rfc_7030_4_2_2_renewal_with_alternative_names_it_did_not_have_is_400(peer: Peer) -> None:
    shown = await peer.enrolled(STATION, "csms")
    csr = request_for(STATION.to_name(), san="csms.example.org")
    answer = await peer.post(peer.client(shown=shown), csr, "simplereenroll", "csms")
    assert (answer.status_code, "alternative names" in answer.text) == (400, True)


async def test_rfc_9908_3_2_csr_attributes_name_the_curve_and_the_signature(peer: Peer) -> None:
    answer = await peer.user().get(path_of("csrattrs"))
    assert answer.headers["Content-Type"] == "application/csrattrs"
    assert base64.b64decode(answer.content) == bytes.fromhex(
        "3021"  # CsrAttrs
        "3015"
        "06072a8648ce3d0201"
        "310a"
        "06082a8648ce3d030107"  # id-ecPublicKey { secp256r1 }
        "06082a8648ce3d040302"  # ecdsa-with-SHA256
    )  # fmt: skip - a line a value


@pytest.mark.parametrize(
    ("label", "attributes"),
    [
        ("cpo20", "301e 3012 06072a8648ce3d0201 3107 06052b81040023 06082a8648ce3d040304"),
        ("cpo20ed", "3005 06032b6571"),
    ],
)
async def test_rfc_9908_3_2_csr_attributes_of_iso_15118_20_name_its_kinds_of_keys(
    label: str, attributes: str, peer: Peer
) -> None:
    answer = await peer.user().get(path_of("csrattrs", label))
    assert base64.b64decode(answer.content) == bytes.fromhex(attributes)


@pytest.mark.parametrize(("label", "spec"), [("cpo20", KeySpec.P521), ("cpo20ed", KeySpec.ED448)])
async def test_rfc_7030_4_2_1_keys_of_iso_15118_20_are_enrolled_under_their_label(
    label: str, spec: KeySpec, peer: Peer
) -> None:
    name = DistinguishedName("DE", "Operator", "DEABC" + "0" * 34, "CPO")
    key = generate_private_key(spec)
    leaf = issued_in(await peer.post(peer.user(), build_csr(key, name), label=label))
    assert leaf.was_signed_by(peer.pki.issuers[peer.pki.office.label(label).authority].certificate)
    refused = await peer.post(peer.user(), a_request(name), label=label)
    assert (refused.status_code, "sha256" in refused.text) == (400, True)


async def test_rfc_7030_3_3_2_a_revoked_client_certificate_is_told_so(peer: Peer) -> None:
    shown = await peer.enrolled(STATION, "csms")
    peer.pki.revoke(shown[0])
    answer = await peer.client(shown=shown).get(path_of("cacerts"))
    assert (answer.status_code, "was revoked on" in answer.text) == (401, True)
