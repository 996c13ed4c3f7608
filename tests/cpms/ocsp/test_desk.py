"""A station's question, what a responder says, and what the station is told of it."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from chainpilot.cpms.model import Reason, Step, StepTaken
from chainpilot.cpms.ocsp import StatusDesk, Targets
from chainpilot.cpms.ocsp.desk import LOOK_AGAIN_SECONDS, QUESTIONS_AN_HOUR
from chainpilot.cpms.ocsp.shelf import FAILURE_SECONDS, MAX_FLIGHTS
from chainpilot.cpms.ports import LedgerFailed, ResponderSilent
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data
from chainpilot.pki.identity import StationId
from chainpilot.pki.ocsp import CertIdDigest, OcspRequestSummary, read_request
from chainpilot.wire.pnc.messages import GetCertificateStatusRequest, GetCertificateStatusResponse, OcspRequestData
from chainpilot.wire.pnc.words import GetCertificateStatusStatus
from clocks import SetClock
from derwriter import sequence, tlv
from forge import NOON, Forged, Hierarchy, v2g_hierarchy
from issuers import ShownIssuers
from ocsp_answers import NEXT, SINCE, answer, cert_id, delegate, single

__all__: list[str] = []

pytestmark = pytest.mark.anyio

URL = "http://ocsp.example.org/"
STATION = StationId("CS-0001")
V2G = v2g_hierarchy()
ACCEPTED, FAILED = GetCertificateStatusStatus.ACCEPTED, GetCertificateStatusStatus.FAILED
UNAUTHORIZED = sequence(tlv(0x0A, b"\x06"))
TRY_LATER = sequence(tlv(0x0A, b"\x03"))
Script = Callable[[bytes], bytes]


def said(
    *leaves: Certificate, pki: Hierarchy = V2G, signer: Forged | None = None, digest: str = "sha256", **changes: object
) -> bytes:
    """An answer about these certificates by their issuer."""
    names = [cert_id(leaf, pki.sub2.certificate, digest) for leaf in leaves or (pki.leaf.certificate,)]
    return answer(signer or pki.sub2, *(single(name, **changes) for name in names))  # type: ignore[arg-type]  # - as is


class Responder:
    """Says what a test wrote, and keeps what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[tuple[str, OcspRequestSummary]] = []
        self.open = asyncio.Event()
        self.open.set()
        self._more = asyncio.Event()

    async def ask(self, url: str, request: bytes) -> bytes:
        """As a responder does."""
        summary = read_request(request)
        assert isinstance(summary, OcspRequestSummary)
        self.asked.append((url, summary))
        self._more.set()
        await self.open.wait()
        return self.script(request)

    async def until_asked(self, count: int) -> None:
        """Until so many requests came."""
        async with asyncio.timeout(10):
            while len(self.asked) < count:
                self._more.clear()
                await self._more.wait()


class Bench:
    """A desk, its responder and its clock."""

    def __init__(self, script: Script | None = None, *, shows: tuple[Certificate, ...] | None = None) -> None:
        self.clock = SetClock(NOON)
        self.responder = Responder(script or (lambda _: said()))
        self.shown = list(shows if shows is not None else (V2G.sub1.certificate, V2G.sub2.certificate))
        self.steps: list[StepTaken] = []
        self.looks = 0
        self.finds: tuple[Certificate, ...] = ()
        self.look_fails = False
        self.looking = asyncio.Event()
        self.may_find = asyncio.Event()
        self.may_find.set()
        issuers = ShownIssuers((V2G.root.certificate,), lambda: tuple(self.shown))
        targets = Targets(allowed=frozenset({("ocsp.example.org", 80)}))
        self.desk = StatusDesk(
            issuers, self.responder, targets, self.clock, self.steps.append, look_again=self._look_again
        )

    async def _look_again(self) -> None:
        self.looks += 1
        self.looking.set()
        await self.may_find.wait()
        if self.look_fails:
            raise LedgerFailed("disk full")
        self.shown.extend(self.finds)

    async def ask(self, *questions: OcspRequestData) -> GetCertificateStatusResponse:
        """The station asks; about its leaf unless said otherwise."""
        return await self.desk.status(STATION, GetCertificateStatusRequest(questions or (question(),)))

    async def reason(self, *questions: OcspRequestData) -> str:
        """Why it is not answered."""
        response = await self.ask(*questions)
        assert (response.status, response.ocsp_result) == (FAILED, None)
        refused = self.steps[-1]
        assert (refused.step, refused.facts["reason"]) == (Step.STATUS_REFUSED, response.reason)
        assert refused.facts["detail"]
        return response.reason or ""


def question(
    certificate: Certificate = V2G.leaf.certificate,
    issuer: Certificate = V2G.sub2.certificate,
    *,
    algorithm: HashAlgorithm = HashAlgorithm.SHA256,
    url: str | None = URL,
) -> OcspRequestData:
    return OcspRequestData(hash_data(certificate, issuer, algorithm), url)


@pytest.mark.parametrize("algorithm", HashAlgorithm)
async def test_the_responder_s_answer_is_passed_on_as_it_is(algorithm: HashAlgorithm) -> None:
    der = said(digest=algorithm.value.lower())
    bench = Bench(lambda _: der)
    response = await bench.ask(question(algorithm=algorithm))
    assert response.status is ACCEPTED
    assert base64.b64decode(response.ocsp_result or "") == der
    ((url, summary),) = bench.responder.asked
    assert (url, summary.nonce) == (URL, None)
    assert [one.algorithm for one in summary.asked] == [CertIdDigest.of(algorithm).value]
    assert bench.steps[-1].facts["answer"] == "Good"


@pytest.mark.parametrize(("changes", "word"), [({"revoked": SINCE}, "Revoked"), ({"unknown": True}, "Unknown")])
async def test_a_signed_revoked_or_unknown_is_an_answer(changes: dict[str, object], word: str) -> None:
    bench = Bench(lambda _: said(**changes))  # type: ignore[arg-type]  # - as is
    assert (await bench.ask()).status is ACCEPTED
    assert bench.steps[-1].facts["answer"] == word


DELEGATE = delegate(V2G.sub2)
STRANGER = delegate(V2G.sub1)
LONG = delegate(
    V2G.sub2,
    extensions=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), bytes(4000)), False),),
)
BAD: dict[str, tuple[Script, Reason]] = {
    "stale": (lambda _: said(until=NOON - timedelta(minutes=1)), Reason.OCSP_STALE),
    "not yet in force": (lambda _: said(since=NOON + timedelta(days=1)), Reason.OCSP_STALE),
    "signed by the CA above": (lambda _: said(signer=V2G.sub1), Reason.OCSP_WRONG_SIGNER),
    "signed by the leaf": (lambda _: said(signer=V2G.leaf), Reason.OCSP_WRONG_SIGNER),
    "signed by another CA's delegate": (
        lambda _: answer(STRANGER, single(cert_id(V2G.leaf.certificate, V2G.sub2.certificate))),
        Reason.OCSP_WRONG_SIGNER,
    ),
    "a bit changed": (lambda _: said()[:-1] + bytes([said()[-1] ^ 1]), Reason.OCSP_WRONG_SIGNER),
    "about another certificate": (
        lambda _: answer(V2G.sub2, single(cert_id(V2G.leaf.certificate, V2G.sub2.certificate, serial=1))),
        Reason.OCSP_UNREADABLE,
    ),
    "try later": (lambda _: TRY_LATER, Reason.OCSP_REFUSED),
    "not responsible": (lambda _: UNAUTHORIZED, Reason.OCSP_REFUSED),
    "garbage": (lambda _: b"<html>Bad Gateway</html>", Reason.OCSP_UNREADABLE),
    "nothing": (lambda _: b"", Reason.OCSP_UNREADABLE),
    "too long for stations": (
        lambda _: answer(
            DELEGATE,
            single(cert_id(V2G.leaf.certificate, V2G.sub2.certificate)),
            included=[DELEGATE.certificate, LONG.certificate],
        ),
        Reason.OCSP_ANSWER_TOO_LONG,
    ),
}


@pytest.mark.parametrize(("script", "reason"), BAD.values(), ids=list(BAD))
async def test_what_nobody_may_believe_is_not_passed_on(script: Script, reason: Reason) -> None:
    assert await Bench(script).reason() == reason.value


async def test_a_delegate_s_answer_is_one() -> None:
    named = cert_id(V2G.leaf.certificate, V2G.sub2.certificate)
    bench = Bench(lambda _: answer(DELEGATE, single(named), included=[DELEGATE.certificate]))
    assert (await bench.ask()).status is ACCEPTED


async def test_a_responder_that_knows_sha_1_alone_is_asked_in_it() -> None:
    def script(request: bytes) -> bytes:
        summary = read_request(request)
        assert isinstance(summary, OcspRequestSummary)
        return said(digest="sha1") if summary.asked[0].algorithm == "sha1" else UNAUTHORIZED

    assert (await Bench(script).ask()).status is ACCEPTED


@pytest.mark.parametrize("reason", [Reason.OCSP_UNREACHABLE, Reason.OCSP_RESPONDER_NOT_ALLOWED])
async def test_a_responder_that_gives_nothing_is_told_by_its_reason(reason: Reason) -> None:
    def script(_: bytes) -> bytes:
        raise ResponderSilent(reason, "ocsp.example.org gives no answer")

    assert await Bench(script).reason() == reason.value


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ([question(url="http://127.0.0.1:22/")], Reason.OCSP_RESPONDER_NOT_ALLOWED),
        ([question(url=None)], Reason.OCSP_NO_RESPONDER),
        (
            [OcspRequestData(CertificateHashData(HashAlgorithm.SHA256, "0" * 64, "0" * 64, "1"), URL)],
            Reason.OCSP_ISSUER_UNKNOWN,
        ),
        (
            [OcspRequestData(replace(question().certificate_hash_data, serial_number="1" * 41), URL)],
            Reason.OCSP_UNREADABLE,
        ),
        ([question(), question(V2G.sub2.certificate, V2G.sub1.certificate)], Reason.OCSP_SEVERAL_ISSUERS),
        ([question(), question(url="http://ocsp.example.org/other")], Reason.OCSP_SEVERAL_ISSUERS),
    ],
)
async def test_a_question_that_can_not_be_put_is_told_why(asked: list[OcspRequestData], reason: Reason) -> None:
    bench = Bench()
    assert await bench.reason(*asked) == reason.value
    assert not bench.responder.asked


async def test_several_certificates_of_one_issuer_are_asked_about_at_once() -> None:
    other = replace(question().certificate_hash_data, serial_number="7")
    names = [cert_id(V2G.leaf.certificate, V2G.sub2.certificate, serial=one) for one in (None, 7)]
    bench = Bench(lambda _: answer(V2G.sub2, *map(single, names)))
    assert (await bench.ask(question(), OcspRequestData(other, URL))).status is ACCEPTED
    ((_, summary),) = bench.responder.asked
    assert len(summary.asked) == 2
    only_one = Bench()
    assert await only_one.reason(question(), OcspRequestData(other, URL)) == Reason.OCSP_UNREADABLE.value


async def test_an_answer_is_kept_until_half_of_its_life_is_left() -> None:
    bench = Bench()
    life = (NEXT - SINCE).total_seconds()
    first = await bench.ask()
    bench.clock.set(SINCE + timedelta(seconds=0.5 * life - 1))
    assert await bench.ask() == first
    assert len(bench.responder.asked) == 1
    bench.clock.advance(2)
    bench.responder.script = lambda _: said(since=bench.clock.now(), until=bench.clock.now() + timedelta(days=8))
    assert (await bench.ask()).ocsp_result != first.ocsp_result
    assert len(bench.responder.asked) == 2


async def test_spellings_of_one_question_are_one() -> None:
    bench = Bench()
    await bench.ask()
    plain = question().certificate_hash_data
    await bench.ask(OcspRequestData(replace(plain, serial_number=f"0x0{plain.serial_number.upper()}"), URL))
    assert len(bench.responder.asked) == 1


async def test_an_answer_that_holds_still_stands_in_for_one_that_can_not_be_had() -> None:
    bench = Bench()
    first = await bench.ask()
    bench.responder.script = lambda _: TRY_LATER
    bench.clock.set(NEXT - timedelta(hours=1))
    assert await bench.ask() == first
    assert await bench.ask() == first
    assert len(bench.responder.asked) == 2, "a failure is kept for a moment"
    bench.clock.set(NEXT + timedelta(seconds=1))
    assert await bench.reason() == Reason.OCSP_REFUSED.value


async def test_a_failure_is_kept_for_a_moment() -> None:
    bench = Bench(lambda _: TRY_LATER)
    await bench.reason()
    bench.clock.advance(FAILURE_SECONDS - 1)
    await bench.reason()
    assert len(bench.responder.asked) == 1
    bench.clock.advance(1)
    bench.responder.script = lambda _: said()
    assert (await bench.ask()).status is ACCEPTED


async def test_one_request_is_under_way_for_all_who_ask_the_same() -> None:
    bench = Bench()
    bench.responder.open.clear()
    asking = [asyncio.create_task(bench.ask()) for _ in range(20)]
    await bench.responder.until_asked(1)
    asking[0].cancel()
    bench.responder.open.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert {one.status for one in answers[1:] if isinstance(one, GetCertificateStatusResponse)} == {ACCEPTED}
    assert len(bench.responder.asked) == 1


async def test_so_many_questions_are_under_way_and_no_more() -> None:
    bench = Bench()
    bench.responder.open.clear()
    plain = question().certificate_hash_data
    questions = [OcspRequestData(replace(plain, serial_number=f"{n:x}"), URL) for n in range(1, MAX_FLIGHTS + 1)]
    asking = [asyncio.create_task(bench.ask(one)) for one in questions]
    await bench.responder.until_asked(MAX_FLIGHTS)
    assert await bench.reason() == Reason.OCSP_BUSY.value
    await bench.desk.close()
    await asyncio.gather(*asking, return_exceptions=True)


async def test_a_station_that_asks_without_end_is_told_to_stop() -> None:
    bench = Bench()
    for _ in range(QUESTIONS_AN_HOUR):
        assert (await bench.ask()).status is ACCEPTED
    assert await bench.reason() == Reason.TOO_MANY_REQUESTS.value


async def test_a_station_that_goes_on_all_the_same_is_told_of_once_until_it_has_credit_again() -> None:
    bench = Bench()
    answers = [await bench.ask() for _ in range(QUESTIONS_AN_HOUR + 50)]
    assert (answers[-1].status, answers[-1].reason) == (FAILED, Reason.TOO_MANY_REQUESTS.value)
    assert [one.step for one in bench.steps].count(Step.STATUS_REFUSED) == 1
    bench.clock.advance(3600 / QUESTIONS_AN_HOUR + 0.1)
    assert (await bench.ask()).status is ACCEPTED
    await bench.ask()
    assert [one.step for one in bench.steps].count(Step.STATUS_REFUSED) == 2


async def test_a_station_that_hangs_up_ends_no_look_and_begins_no_other() -> None:
    bench = Bench(shows=())
    bench.finds = (V2G.sub1.certificate, V2G.sub2.certificate)
    bench.may_find.clear()
    first = asyncio.create_task(bench.ask())
    async with asyncio.timeout(10):
        await bench.looking.wait()
    first.cancel()
    await asyncio.wait({first})
    second = asyncio.create_task(bench.ask())
    asyncio.get_running_loop().call_soon(bench.may_find.set)
    assert (await second).status is ACCEPTED
    assert bench.looks == 1


async def test_a_look_that_fails_is_not_begun_anew_by_the_next_question() -> None:
    bench = Bench(shows=())
    bench.look_fails = True
    with pytest.raises(LedgerFailed):
        await bench.ask()
    assert await bench.reason() == Reason.OCSP_ISSUER_UNKNOWN.value
    assert bench.looks == 1


async def test_for_an_unknown_ca_the_pkis_are_asked_once_in_a_while() -> None:
    bench = Bench(shows=())
    answers = await asyncio.gather(*(bench.ask() for _ in range(5)))
    assert {one.reason for one in answers} == {Reason.OCSP_ISSUER_UNKNOWN.value}
    assert bench.looks == 1
    bench.clock.advance(LOOK_AGAIN_SECONDS)
    bench.finds = (V2G.sub1.certificate, V2G.sub2.certificate)
    assert (await bench.ask()).status is ACCEPTED
    assert bench.looks == 2
