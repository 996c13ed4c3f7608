"""Every named fault, switched on in a running test PKI, does what its name says and is over when it is off."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import build_csr, inspect_csr
from chainpilot.pki.extensions import EkuOid, KeyUsageBit
from chainpilot.pki.hashdata import HashAlgorithm, hash_data
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.ocsp import Good, Indeterminate, OcspDefect, OcspVerdict, Unknown, build_request, judge_response
from chainpilot.pki.pkcs7 import read_certs_only
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.testpki.est_faults import FOREIGN_ORIGIN
from chainpilot.testpki.faults import Fault, Faults, NoSuchFault
from chainpilot.testpki.http import SLOW_SECONDS
from chainpilot.wire.est.bodies import decode_body, encode_body
from chainpilot.wire.est.paths import Operation
from clocks import SetClock

NAME = DistinguishedName("DE", "Operator", "DE*ICE*E123", "CPO")
CACERTS = "/.well-known/est/cpo/cacerts"
ENROLL = "/.well-known/est/cpo/simpleenroll"


@dataclass
class Asker:
    """Asks a running test PKI whose clock only the test moves."""

    pki: TestPki
    clock: SetClock
    est: httpx.AsyncClient
    ocsp: httpx.AsyncClient
    csr: bytes = b""

    async def cacerts(self) -> httpx.Response:
        return await self.est.get(CACERTS)

    async def enroll(self, csr: bytes | None = None) -> httpx.Response:
        self.csr = csr or build_csr(generate_private_key(KeySpec.P256), NAME)
        return await self.est.post(
            ENROLL, content=encode_body(self.csr), headers={"Content-Type": "application/pkcs10"}
        )

    async def leaf(self) -> Certificate:
        """What is issued for a fresh request."""
        (certificate,) = bag_of(await self.enroll())
        return certificate

    async def verdict(self) -> OcspVerdict:
        """What our judge makes of the answer about Sub2."""
        sub2, sub1 = self.pki.issuers["cpo_sub2"].certificate, self.pki.issuers["cpo_sub1"].certificate
        asked = build_request(hash_data(sub2, sub1, HashAlgorithm.SHA256), sub1)
        answer = await self.ocsp.post("/", content=asked, headers={"Content-Type": "application/ocsp-request"})
        answer.raise_for_status()
        data = hash_data(sub2, sub1, HashAlgorithm.SHA256)
        return judge_response(answer.content, data, sub1, self.clock.now())


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asker]:
    """One test PKI for all faults."""
    clock = SetClock(SYSTEM.now())
    async with TestPki(Path(tmp_path_factory.mktemp("faults")) / "pki", clock=clock) as pki:
        context = ssl.create_default_context(cafile=pki.directory / "web_root.pem")
        async with (
            httpx.AsyncClient(
                base_url=pki.est_url, auth=(EST_USER, pki.password), verify=context, trust_env=False
            ) as est,
            httpx.AsyncClient(base_url=pki.ocsp_url, trust_env=False) as ocsp,
        ):
            yield Asker(pki, clock, est, ocsp)


@pytest.fixture
def asker(running: Asker) -> Asker:
    """Nothing is wrong yet."""
    running.pki.faults.clear()
    return running


def bag_of(response: httpx.Response) -> tuple[Certificate, ...]:
    assert response.status_code == 200, response.text
    return read_certs_only(base64.b64decode(response.content))


async def wrong_key(asker: Asker) -> None:
    assert (await asker.leaf()).spki_hash != inspect_csr(asker.csr).spki_hash


async def other_subject(asker: Asker) -> None:
    assert (await asker.leaf()).subject.common_name not in {None, NAME.common_name}


async def ca_leaf(asker: Asker) -> None:
    assert (await asker.leaf()).is_ca


async def wider_usage(asker: Asker) -> None:
    leaf = await asker.leaf()
    assert KeyUsageBit.KEY_CERT_SIGN in (leaf.extensions.key_usage or ())
    assert EkuOid.OCSP_SIGNING.value in (leaf.extensions.extended_key_usage or ())


async def extra_san(asker: Asker) -> None:
    assert (await asker.leaf()).extensions.has_alternative_names


async def ended_leaf(asker: Asker) -> None:
    assert (await asker.leaf()).not_after < asker.clock.now()


async def future_leaf(asker: Asker) -> None:
    assert (await asker.leaf()).not_before > asker.clock.now()


async def foreign_issuer(asker: Asker) -> None:
    sub2 = asker.pki.issuers["cpo_sub2"].certificate
    leaf = await asker.leaf()
    assert (leaf.issuer_der, leaf.was_signed_by(sub2)) == (sub2.subject_der, False)


async def shuffled_bag(asker: Asker) -> None:
    chain = set(asker.pki.office.authorities.ca_certificates("cpo_sub2"))
    for response, extra in ((await asker.cacerts(), 0), (await asker.enroll(), 1)):
        bag = bag_of(response)
        assert len(bag) == len(chain) + extra
        assert set(bag) >= chain
        first = min(bag, key=lambda certificate: certificate.der)
        assert bag[0] != first
        der = decode_body(response.content, limit=65536)
        assert sorted(der.count(certificate.der) for certificate in bag) == [1] * (len(bag) - 1) + [2]


async def missing_sub2(asker: Asker) -> None:
    assert asker.pki.issuers["cpo_sub2"].certificate not in bag_of(await asker.cacerts())


async def new_root(asker: Asker) -> None:
    strangers = set(bag_of(await asker.cacerts())) - set(asker.pki.office.authorities.certificates())
    assert [(stranger.is_self_signed, stranger.is_ca) for stranger in strangers] == [(True, True)]


async def pending_first(asker: Asker) -> None:
    first = await asker.enroll()
    assert (first.status_code, first.headers["Retry-After"]) == (202, "1")
    assert bag_of(await asker.enroll(asker.csr))


async def unauthorized(asker: Asker) -> None:
    assert (await asker.cacerts()).status_code == 401


async def forbidden(asker: Asker) -> None:
    answer = await asker.enroll()
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/json")
    assert answer.json()["traceId"]


async def busy(asker: Asker) -> None:
    answer = await asker.enroll()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


async def server_error(asker: Asker) -> None:
    issued = len(asker.pki.issued)
    assert (await asker.enroll()).status_code == 500
    assert len(asker.pki.issued) == issued


async def slow(asker: Asker) -> None:
    await comes_late(asker, asker.cacerts)


async def comes_late(asker: Asker, ask: Callable[[], Awaitable[object]]) -> None:

    asking = asyncio.ensure_future(ask())
    await asker.clock.until_somebody_sleeps(until=SLOW_SECONDS)
    assert not asking.done()
    asker.clock.advance(SLOW_SECONDS)
    assert await asking


async def cut(asker: Asker) -> None:
    issued = len(asker.pki.issued)
    with pytest.raises(httpx.RemoteProtocolError):
        await asker.enroll()
    assert len(asker.pki.issued) == issued + 1
    asker.pki.faults.off("cut")
    (leaf,) = bag_of(await asker.enroll(asker.csr))
    assert leaf == asker.pki.issued[-1].certificate


async def redirect(asker: Asker) -> None:
    answer = await asker.enroll()
    assert (answer.status_code, answer.headers["Location"]) == (307, FOREIGN_ORIGIN + ENROLL)


async def garbage(asker: Asker) -> None:
    answer = await asker.cacerts()
    assert answer.headers["Content-Type"] == "application/pkcs7-mime"
    with pytest.raises(Exception, match="PKCS#7"):
        read_certs_only(base64.b64decode(answer.content))


async def other_type(asker: Asker) -> None:
    answer = await asker.cacerts()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")


async def same_bag_in_another_form(asker: Asker, begins: bytes) -> None:
    answer = await asker.cacerts()
    assert answer.content.startswith(begins)
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert len(read_certs_only(decode_body(answer.content, limit=65536))) == 3


async def pem_body(asker: Asker) -> None:
    await same_bag_in_another_form(asker, b"-----BEGIN PKCS7-----\n")


async def raw_body(asker: Asker) -> None:
    await same_bag_in_another_form(asker, b"\x30\x82")


async def unwrapped_body(asker: Asker) -> None:
    await same_bag_in_another_form(asker, b"MII")
    assert (await asker.cacerts()).content.endswith(b"\x00")


async def defect(asker: Asker) -> OcspDefect:
    verdict = await asker.verdict()
    assert isinstance(verdict, Indeterminate)
    return verdict.why


async def stale_ocsp(asker: Asker) -> None:
    assert await defect(asker) is OcspDefect.STALE


async def wrong_ocsp_signer(asker: Asker) -> None:
    assert await defect(asker) is OcspDefect.WRONG_SIGNER


async def ocsp_other_certificate(asker: Asker) -> None:
    assert await defect(asker) is OcspDefect.NOT_FOR_THIS


async def ocsp_unknown(asker: Asker) -> None:
    assert isinstance(await asker.verdict(), Unknown)


async def ocsp_try_later(asker: Asker) -> None:
    assert isinstance(await asker.verdict(), Indeterminate)


async def ocsp_garbage(asker: Asker) -> None:
    assert await defect(asker) is OcspDefect.MALFORMED


async def ocsp_server_error(asker: Asker) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="500"):
        await asker.verdict()


async def ocsp_slow(asker: Asker) -> None:
    await comes_late(asker, asker.verdict)


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.word)
async def test_a_fault_does_what_its_name_says_and_ends(fault: Fault, asker: Asker) -> None:
    shown: Callable[[Asker], Awaitable[None]] = globals()[fault.word.replace("-", "_")]
    asker.pki.faults.on(fault.word)
    await shown(asker)
    asker.pki.faults.off(fault.word)
    sub2 = asker.pki.issuers["cpo_sub2"].certificate
    leaf = await asker.leaf()
    assert leaf.was_signed_by(sub2)
    assert leaf.valid_at(asker.clock.now())
    assert (leaf.subject, leaf.spki_hash) == (NAME, inspect_csr(asker.csr).spki_hash)
    assert sub2 in bag_of(await asker.cacerts())
    assert isinstance(await asker.verdict(), Good)


async def test_what_was_wrong_on_purpose_is_no_answer_to_the_same_request_later(asker: Asker) -> None:
    asker.pki.faults.on(Fault.WRONG_KEY, times=1)
    wrong = await asker.leaf()
    (right,) = bag_of(await asker.enroll(asker.csr))
    assert right.spki_hash != wrong.spki_hash


async def test_a_fault_may_concern_one_operation(asker: Asker) -> None:
    asker.pki.faults.on("server-error", only="simpleenroll")
    assert (await asker.cacerts()).status_code == 200
    assert (await asker.enroll()).status_code == 500


def test_a_fault_may_be_over_after_some_times() -> None:
    faults = Faults()
    faults.on("busy", times=2, only=Operation.CACERTS)
    struck = [faults.strikes(Fault.BUSY, Operation.CACERTS) for _ in range(3)]
    assert (struck, faults.active) == ([True, True, False], ())


def test_what_is_no_fault_is_told_with_those_that_are() -> None:
    with pytest.raises(NoSuchFault, match="there is no fault 'x'; there are wrong-key, "):
        Faults().on("x")
    with pytest.raises(NoSuchFault):
        Faults().off("x")


def test_a_slow_answer_is_later_than_any_client_waits() -> None:
    assert timedelta(seconds=SLOW_SECONDS) > timedelta(seconds=20)
