"""OCSP answers for a station through PyPI's `ocpp` as CSMS, from the test PKI's responder: kept, renewed, judged."""

import asyncio
import base64
import logging
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from chainpilot.clock import SYSTEM
from chainpilot.station.agent import ocsp_upkeep
from chainpilot.station.agent.ocsp_upkeep import FIRST_RETRY, LOOK_EVERY, OcspUpkeep
from chainpilot.station.layout import StoreConfig
from chainpilot.station.model import CaCertificateType, CertificateOCSP, LeafCertificateType
from chainpilot.station.service import EvseSecurity
from chainpilot.testpki.app import TestPki
from chainpilot.wire.pnc.dialects import Dialect
from clocks import SetClock
from forwarding import DIALECTS, TURNED_AWAY, Forwarder, Message, Reply, ask_responder, forwarder_at, signed_over_est
from programs import program
from stations import running_station
from stores import EVSE

pytestmark = pytest.mark.anyio

ASK = "GetCertificateStatus"
REFUSED = {Dialect.H: "Rejected", Dialect.O: "Failed", Dialect.V201: "Failed"}
"""The words for it."""


@dataclass
class Scene:
    """A station with an SECC leaf, the CSMS it is connected to, and the PKI behind that."""

    pki: TestPki
    csms: Forwarder
    clock: SetClock
    security: EvseSecurity
    """The store: before the station starts its maker's view, then the station's."""

    upkeep: Callable[[], OcspUpkeep] = field(init=False)
    """The running station's."""

    def entries(self) -> tuple[CertificateOCSP, ...]:
        """What a car is shown beside each certificate of the chain: leaf, Sub2, Sub1."""
        info = self.security.get_leaf_certificate_info(LeafCertificateType.V2G, include_ocsp=True).info
        assert info is not None
        assert info.ocsp is not None
        return info.ocsp

    def kept(self) -> list[ocsp.OCSPResponse | None]:
        """The answers beside each certificate of the chain."""
        paths = [one.ocsp_path for one in self.entries()]
        return [ocsp.load_der_ocsp_response(Path(path).read_bytes()) if path else None for path in paths]

    def good(self) -> list[bool]:
        """Whether there is an answer that says good, for each."""
        return [one is not None and one.certificate_status is ocsp.OCSPCertStatus.GOOD for one in self.kept()]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until that is so; the station works in threads, and nothing tells when an answer is on the disk."""
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - as said
                await asyncio.sleep(0.005)

    async def until_all_good(self) -> None:
        """Until every answer is kept and taken in, and the station waits to look again."""
        await self.until(lambda: self.good() == [True, True, True])
        await self.until(lambda: not any(case.is_owed for case in self.upkeep()._cases.values()))
        await self.clock.until_somebody_sleeps(until=LOOK_EVERY.total_seconds())

    def leaf(self) -> x509.Certificate:
        """The leaf in use."""
        info = self.security.get_leaf_certificate_info(LeafCertificateType.V2G).info
        assert info is not None
        return x509.load_pem_x509_certificate(Path(info.certificate_single or "").read_bytes())

    def authority(self, name: str) -> x509.Certificate:
        """A CA of the PKI."""
        return x509.load_der_x509_certificate(self.pki.issuers[name].certificate.der)

    def updated(self, place: int) -> datetime:
        """When the answer about that certificate of the chain was true."""
        kept = self.kept()[place]
        assert kept is not None
        return kept.this_update_utc

    def answered(
        self,
        certificate: x509.Certificate | None = None,
        *,
        issuer: str = "cpo_sub2",
        signer: str | None = None,
        status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
        since: datetime,
        until: datetime,
    ) -> bytes:
        """An answer, by default about the leaf and by its own CA, with times and a word that a test chooses."""
        key, by = self.pki.issuers[signer or issuer].key, self.authority(signer or issuer)
        revoked_at = since if status is ocsp.OCSPCertStatus.REVOKED else None
        response = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                certificate or self.leaf(),
                self.authority(issuer),
                hashes.SHA256(),
                status,
                since,
                until,
                revoked_at,
                None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, by)
            .sign(key, hashes.SHA256())
        )
        return response.public_bytes(Encoding.DER)

    async def openssl(self, place: int) -> str:
        """What OpenSSL says to the answer that is kept about that certificate of the chain."""
        info = self.security.get_leaf_certificate_info(LeafCertificateType.V2G).info
        assert info is not None
        names = [info.certificate_single or "", "cpo_sub2.pem", "cpo_sub1.pem", "v2g_root.pem"]
        at = str(int(self.clock.now().timestamp()))
        command = [program("openssl"), "ocsp", "-respin", self.entries()[place].ocsp_path or "", "-sha256"]
        command += ["-issuer", names[place + 1], "-cert", names[place], "-no_nonce", "-attime", at]
        command += ["-CAfile", "v2g_root.pem", "-verify_other", info.certificate or ""]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=self.pki.directory, capture_output=True, text=True, check=False
        )
        assert "Response verify OK" in done.stderr, done.stderr
        return done.stdout


async def forwarded(message: Message) -> Message:
    """The CSMS gives on what the responder says."""
    return told(await ask_responder(message["ocspRequestData"]))


def told(answer: bytes | str) -> Message:
    """The CSMS's Accepted with that answer."""
    text = answer if isinstance(answer, str) else base64.b64encode(answer).decode()
    return {"status": "Accepted", "ocspResult": text}


def but_for(certificate: x509.Certificate, answer: Callable[[], Message]) -> Reply:
    """The CSMS gives on what the responder says, and something else about that certificate."""

    async def reply(message: Message) -> Message:
        is_meant = int(message["ocspRequestData"]["serialNumber"], 16) == certificate.serial_number
        return answer() if is_meant else await forwarded(message)

    return reply


@asynccontextmanager
async def scene(
    folder: Path, dialect: Dialect, script: Callable[[Scene], Reply] = lambda _: forwarded
) -> AsyncIterator[Scene]:
    """All of it at work; the leaf was there before the station started. `script` makes what the CSMS answers."""
    clock = SetClock(SYSTEM.now())
    async with TestPki(folder / "pki", clock=clock) as pki, forwarder_at(dialect, clock) as csms:
        store = StoreConfig(folder / "certs", allow_test_pki=True)
        one = Scene(pki, csms, clock, EvseSecurity(store, clock=clock))
        root = (folder / "pki" / "v2g_root.pem").read_text()
        assert one.security.install_ca(root, CaCertificateType.V2G).accepted
        csr = one.security.generate_certificate_signing_request(LeafCertificateType.V2G, "DE", "Operator", EVSE).csr
        assert csr is not None
        assert one.security.update_leaf(await signed_over_est(pki, csr), LeafCertificateType.V2G).accepted
        csms.replies[ASK] = script(one)
        async with running_station(
            folder / "certs",
            csms.url,
            None,
            None,
            password="",
            clock=clock,
            store=store,
            installs=False,
            security_profile=0,
            allow_insecure=True,
            state_dir=folder / "state",
        ) as running:
            one.security = running.station.security
            one.upkeep = lambda: running.station.agent.flows.upkeep
            yield one


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.value)
async def test_at_the_start_all_certificates_of_the_chain_are_asked_about_and_openssl_takes_what_is_kept(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with scene(tmp_path, dialect) as one:
        messages = await one.csms.until_asked(ASK, 3)
        await one.until_all_good()
        assert all(message["ocspRequestData"]["responderURL"] == one.pki.ocsp_url for message in messages)
        for place in range(3):
            assert ": good" in await one.openssl(place)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.value)
async def test_after_a_new_leaf_all_are_asked_about_again(tmp_path: Path, dialect: Dialect) -> None:
    async with scene(tmp_path, dialect) as one:
        await one.until_all_good()
        old = one.leaf()
        one.clock.advance(60)
        await one.csms.trigger_secc_leaf(lambda csr: signed_over_est(one.pki, csr))
        asked = await one.csms.until_asked(ASK, 7)
        await one.until_all_good()
        new = one.leaf()
        serials = [int(message["ocspRequestData"]["serialNumber"], 16) for message in asked]
        assert {old.serial_number, new.serial_number} < set(serials[3:]), "the old leaf still holds, too"
        assert len(set(serials[3:])) == 4


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.value)
async def test_answers_are_renewed_before_they_end(tmp_path: Path, dialect: Dialect) -> None:
    async with scene(tmp_path, dialect) as one:
        await one.until_all_good()
        begun = one.clock.now()
        one.clock.advance(timedelta(days=7).total_seconds())
        await one.csms.until_asked(ASK, 6)
        await one.until(lambda: all(kept and kept.this_update_utc > begun for kept in one.kept()))
        assert one.csms.count(ASK) == 6


async def test_a_short_lived_answer_is_renewed_while_a_fifth_of_its_life_is_left(tmp_path: Path) -> None:
    def brief(one: Scene) -> Message:
        now = one.clock.now()
        return told(one.answered(since=now, until=now + timedelta(hours=10)))

    async with scene(tmp_path, Dialect.H, lambda one: but_for(one.leaf(), lambda: brief(one))) as one:
        await one.until_all_good()
        one.clock.advance(timedelta(hours=8).total_seconds())
        *_, asked = await one.csms.until_asked(ASK, 4)
        assert int(asked["ocspRequestData"]["serialNumber"], 16) == one.leaf().serial_number
        await one.until(lambda: one.updated(0) > one.updated(1))
        assert one.csms.count(ASK) == 4


def refused(dialect: Dialect) -> Message:
    return {"status": REFUSED[dialect]}


def broken(dialect: Dialect) -> Message:
    raise ConnectionError("the CSMS can't reach the responder")


def empty(dialect: Dialect) -> Message:
    return {"status": "Accepted"}


def too_long(dialect: Dialect) -> Message:
    return {"status": "Accepted", "ocspResult": "A" * 40_000}


def turned_away(dialect: Dialect) -> Message:
    return {TURNED_AWAY: "Rejected"}


FAILURES = [(failure, one) for failure in (refused, broken, empty, too_long) for one in DIALECTS]
FAILURES += [(turned_away, Dialect.H), (turned_away, Dialect.O)]


@pytest.mark.parametrize(
    ("failure", "dialect"), FAILURES, ids=[f"{failure.__name__}-{one.value}" for failure, one in FAILURES]
)
async def test_one_refusal_does_not_stop_the_others_and_is_asked_again_later(
    tmp_path: Path, failure: Callable[[Dialect], Message], dialect: Dialect, caplog: pytest.LogCaptureFixture
) -> None:
    def script(one: Scene) -> Reply:
        return but_for(one.authority("cpo_sub2"), lambda: failure(dialect))

    async with scene(tmp_path, dialect, script) as one:
        await one.until(lambda: one.good() == [True, False, True])
        await one.until(lambda: "no fresh OCSP answer" in caplog.text)
        one.csms.replies[ASK] = forwarded
        one.clock.advance(FIRST_RETRY.total_seconds())
        await one.until_all_good()
        assert one.csms.count(ASK) == 4, "what was answered is not asked again"


def stale(one: Scene) -> Message:
    now = one.clock.now()
    return told(one.answered(since=now - timedelta(days=8), until=now - timedelta(days=1)))


def early(one: Scene) -> Message:
    now = one.clock.now()
    return told(one.answered(since=now + timedelta(days=1), until=now + timedelta(days=8)))


def by_another_ca(one: Scene) -> Message:
    now = one.clock.now()
    return told(one.answered(signer="cpo_sub1", since=now, until=now + timedelta(days=8)))


def about_another(one: Scene) -> Message:
    now, sub2 = one.clock.now(), one.authority("cpo_sub2")
    return told(one.answered(sub2, issuer="cpo_sub1", since=now, until=now + timedelta(days=8)))


def unknown(one: Scene) -> Message:
    now = one.clock.now()
    return told(one.answered(status=ocsp.OCSPCertStatus.UNKNOWN, since=now, until=now + timedelta(days=8)))


def unauthorized(one: Scene) -> Message:
    return told(
        ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED).public_bytes(Encoding.DER)
    )


def tampered(one: Scene) -> Message:
    now = one.clock.now()
    good = one.answered(since=now, until=now + timedelta(days=8))
    return told(good[:-1] + bytes([good[-1] ^ 1]))


def garbage(one: Scene) -> Message:
    return told(b"<html>Bad Gateway</html>")


def no_base64(one: Scene) -> Message:
    return told("\N{PILE OF POO}" * 20)


def endless(one: Scene) -> Message:
    return told(b"0" * 40_000)


BAD = (stale, early, by_another_ca, about_another, unknown, unauthorized, tampered, garbage, no_base64, endless)
COMBINATIONS = [(bad, DIALECTS[number % 3]) for number, bad in enumerate(BAD)]


@pytest.mark.parametrize(("bad", "dialect"), COMBINATIONS, ids=[f"{bad.__name__}-{d.value}" for bad, d in COMBINATIONS])
async def test_an_answer_that_proves_nothing_is_refused_and_asked_for_again(
    tmp_path: Path, bad: Callable[[Scene], Message], dialect: Dialect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, ocsp_upkeep.__name__)
    async with scene(tmp_path, dialect, lambda one: but_for(one.leaf(), lambda: bad(one))) as one:
        number = f"{one.leaf().serial_number:x}"
        await one.until(lambda: one.good() == [False, True, True])
        await one.until(lambda: f"certificate with serial number {number}: " in caplog.text)
        assert one.kept()[0] is None
        assert len(list((tmp_path / "certs").rglob("*_ocsp.der"))) == 2
        one.clock.advance(FIRST_RETRY.total_seconds())
        await one.csms.until_asked(ASK, 4)
        await one.until(lambda: caplog.text.count(f"nothing new was kept about serial number {number}") == 2)
        one.csms.replies[ASK] = forwarded
        one.clock.advance(2 * FIRST_RETRY.total_seconds())
        await one.until_all_good()
        assert one.csms.count(ASK) == 5


async def test_what_is_kept_stays_while_the_next_answers_prove_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(tmp_path, Dialect.V201) as one:
        await one.until_all_good()
        before = {path: path.read_bytes() for path in (tmp_path / "certs").rglob("*_ocsp.*")}

        async def junk(message: Message) -> Message:
            return garbage(one)

        one.csms.replies[ASK] = junk
        caplog.set_level(logging.DEBUG, ocsp_upkeep.__name__)
        one.clock.advance(timedelta(days=7).total_seconds())
        await one.until(lambda: caplog.text.count("nothing new was kept") == 3)
        assert {path: path.read_bytes() for path in (tmp_path / "certs").rglob("*_ocsp.*")} == before
        assert one.good() == [True, True, True]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.value)
async def test_a_revoked_leaf_is_noticed_told_and_shown(
    tmp_path: Path, dialect: Dialect, caplog: pytest.LogCaptureFixture
) -> None:
    def revoked(one: Scene) -> Message:
        now = one.clock.now()
        return told(one.answered(status=ocsp.OCSPCertStatus.REVOKED, since=now, until=now + timedelta(days=8)))

    async with scene(tmp_path, dialect) as one:
        await one.until_all_good()
        one.csms.replies[ASK] = but_for(one.leaf(), lambda: revoked(one))
        one.clock.advance(timedelta(days=7).total_seconds())
        await one.until(lambda: one.good() == [False, True, True])
        await one.until(lambda: "is REVOKED since" in caplog.text)
        kept = one.kept()[0]
        assert kept is not None
        assert kept.certificate_status is ocsp.OCSPCertStatus.REVOKED
        assert "revoked" in await one.openssl(0)
        assert [record.levelno for record in caplog.records if "REVOKED" in record.message] == [logging.ERROR]
        await one.csms.until_asked(ASK, 6)
        await one.clock.until_somebody_sleeps(until=LOOK_EVERY.total_seconds())
        assert one.csms.count(ASK) == 6, "an answer is an answer, and asked for again in its time"
