"""The connection between a station and its CSMS cut anywhere in an enrolment: it completes, and once.

The middle that cuts counts bytes of TLS; where a cut is to hit one message, the station's own frames tell when.
"""

import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from certs import Pki, csms_pki, v2g_pki
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.config import load_config
from chainpilot.cpms.model import EnrolmentState, StationRecord, Step, StepTaken
from chainpilot.cpms.passwords import hash_password
from chainpilot.link.watch import FrameSeen
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import spki_hash
from chainpilot.station.model import CaCertificateType
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.version import OcppVersion
from cutting import Cut, Cutter, Kind, Way, cutter_to
from enrolling import PASSWORD, SPEECHES, TIMES, Enrolling, Speech, enrolling, secc_name
from fastclock import FastClock
from issuing import IssuingCsms, issuing_csms

__all__: list[str] = []

pytestmark = pytest.mark.anyio

FULL = 100
"""Enrolments, as the issue has it."""
IN_A_ROW = 4
"""Cuts at most."""
PINGS = {OcppVersion.V16: "WebSocketPingInterval", OcppVersion.V201: "OCPPCommCtrlr.WebSocketPingInterval"}
"""A setting that is always set, to be asked for."""
MOMENTS = {
    "boot sent": ("sent", "CALL", "BootNotification"),
    "boot answered": ("received", "CALLRESULT", "BootNotification"),
    "request sent": ("sent", "CALL", "SignCertificate"),
    "request answered": ("received", "CALLRESULT", "SignCertificate"),
    "certificate arrives, installing": ("received", "CALL", "CertificateSigned"),
    "certificate answered": ("sent", "CALLRESULT", "CertificateSigned"),
}
CONFIG = """
[[listener]]
name = "password"
profile = 2
host = "127.0.0.1"
port = {port}
certificate = "tls/tls_server.pem"
key = "tls/tls_server.key"
[database]
file = "cpms.sqlite"
[pki.cpo]
url = "{est_url}"
label = "cpo"
username = "{user}"
password_file = "{password_file}"
tls_ca = "{pki}/web_root.pem"
repost_safe = true
[pki.own]
url = "{est_url}"
label = "csms"
username = "{user}"
password_file = "{password_file}"
tls_ca = "{pki}/web_root.pem"
repost_safe = true
[issue]
v2g = "cpo"
csms = "own"
[trust]
v2g = ["{pki}/v2g_root.pem"]
csms = ["{pki}/csms_root.pem"]
allow_test_pki = true
"""


class BackEnd(Protocol):
    """A CSMS, and what it knows of a station."""

    @property
    def roots(self) -> Mapping[CaCertificateType, str]:
        """What a station must trust."""
        ...

    async def expect(self, name: str, speech: Speech) -> None:
        """A station of that name will come, and speak so."""
        ...

    def listen(self, one: Enrolling) -> None:
        """Nudge that station's test whenever something happens here."""
        ...

    def is_content(self, one: Enrolling) -> bool:
        """Whether nothing is left to be done for that station, as far as the CSMS can tell."""
        ...

    async def assert_issued_once(self, one: Enrolling) -> None:
        """The station asked with one key alone, and one certificate was issued for it."""
        ...


class PeerBackEnd:
    """PyPI's `ocpp`."""

    def __init__(self, csms: IssuingCsms, v2g: Pki, own: Pki) -> None:
        self.csms = csms
        self.roots = {
            CaCertificateType.V2G: v2g.root.certificate.to_pem(),
            CaCertificateType.CSMS: own.root.certificate.to_pem(),
        }

    async def expect(self, name: str, speech: Speech) -> None:
        """It takes every station; it knows one dialect of 1.6 at a time."""
        self.csms.known[name].password = PASSWORD
        self.csms.dialects = {Dialect.H, Dialect.O, Dialect.S} if speech.dialect is None else {speech.dialect}

    def listen(self, one: Enrolling) -> None:
        self.csms.changed = one.nudge

    def is_content(self, one: Enrolling) -> bool:
        """A CSMS that sends a certificate once never knows whether it arrived."""
        return not self.csms.redelivers or not self.csms.known[one.name].undelivered()

    async def assert_issued_once(self, one: Enrolling) -> None:
        (key,) = set(self.csms.known[one.name].asked)
        assert self.csms.issued[key] == 1


class CpmsBackEnd:
    """Ours, with the test PKI."""

    def __init__(self, pki: TestPki) -> None:
        files = {CaCertificateType.V2G: "v2g_root.pem", CaCertificateType.CSMS: "csms_root.pem"}
        self.roots = {kind: (pki.directory / name).read_text() for kind, name in files.items()}
        self.pki = pki
        self.cpms: Cpms
        self._listener: Enrolling | None = None
        self._done: Counter[str] = Counter()

    def watch(self, taken: StepTaken) -> None:
        """Note an enrolment that is done."""
        if taken.step is Step.INSTALL_RECORDED and taken.station_id is not None:
            self._done[taken.station_id] += 1
        if self._listener is not None:
            self._listener.nudge()

    async def expect(self, name: str, speech: Speech) -> None:
        """Its record."""
        del speech
        await self.cpms.add_station(
            StationRecord(
                station_id=StationId(name),
                password_hash=hash_password(PASSWORD, generated=True),
                allowed_names=frozenset({secc_name(name)}),
                organisation="Operator",
            )
        )

    def listen(self, one: Enrolling) -> None:
        self._listener = one

    def is_content(self, one: Enrolling) -> bool:
        return self._done[one.name] > 0

    async def assert_issued_once(self, one: Enrolling) -> None:
        (enrolment,) = await self.cpms.ledger.enrolments_of(StationId(one.name))
        assert enrolment.state is EnrolmentState.INSTALLED
        assert self._done[one.name] == 1
        keys = Counter(spki_hash(record.certificate.public_key) for record in self.pki.issued)
        assert keys[enrolment.spki_hash] == 1
        assert sum(_names(record.certificate.subject, one) for record in self.pki.issued) == 1


def _names(subject: object, one: Enrolling) -> bool:
    return one.name in str(subject) or secc_name(one.name) in str(subject)


class Ground:
    """A CSMS, the middle before it, and how many bytes an undisturbed enrolment takes."""

    def __init__(self, directory: Path, back: BackEnd, cutter: Cutter) -> None:
        self.directory = directory
        self.back = back
        self.cutter = cutter
        self._sizes: dict[Speech, tuple[int, int, int, int]] = {}
        self._number = 0

    @asynccontextmanager
    async def station(self, speech: Speech, *plan: Cut) -> AsyncIterator[Enrolling]:
        """One more station, whose first connections are cut so."""
        self._number += 1
        name = f"CS-{self._number:04}"
        await self.back.expect(name, speech)
        self.cutter.plan.clear()
        self.cutter.plan.extend(plan)
        async with enrolling(self.directory, name, speech, self.cutter.port, self.back.roots) as one:
            self.back.listen(one)
            yield one

    async def sizes(self, speech: Speech) -> tuple[int, int, int, int]:
        """Bytes up and down until there is a WebSocket, and of the whole, when nothing disturbs an enrolment."""
        if speech not in self._sizes:
            async with self.station(speech) as one:
                await one.until(lambda: one.connections > 0)
                carried = self.cutter.connections[-1]
                begun = carried.up, carried.down
                await self.enrol_once(one)
                self._sizes[speech] = *begun, carried.up, carried.down
        return self._sizes[speech]

    async def enrol_once(self, one: Enrolling) -> None:
        """Enrol, and come back once more afterwards: that changes nothing."""
        await one.station.enrol(one.speech.use)
        await one.until(lambda: one.installed > 0 and self.back.is_content(one))
        boots = one.boots
        self.cutter.plan.clear()
        self.cutter.cut_now()
        await one.until(lambda: one.boots > boots)
        one.assert_enrolled_once()
        await self.back.assert_issued_once(one)


@pytest.fixture(scope="module")
def pkis() -> tuple[Pki, Pki]:
    return v2g_pki(), csms_pki()


@asynccontextmanager
async def peer_ground(directory: Path, pkis: tuple[Pki, Pki]) -> AsyncIterator[tuple[Ground, IssuingCsms]]:
    """PyPI's `ocpp` as the CSMS."""
    async with issuing_csms(directory, *pkis) as csms, cutter_to(csms.port) as cutter:
        yield Ground(directory, PeerBackEnd(csms, *pkis), cutter), csms


@asynccontextmanager
async def cpms_ground(directory: Path) -> AsyncIterator[Ground]:
    """Our CPMS, which lives on while connections to it break."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    async with TestPki(directory / "pki", repost_safe=True) as pki:
        pki.issue_tls_server(("localhost",), directory / "tls")
        file = directory / "cpms.toml"
        words = {"port": port, "est_url": pki.est_url, "user": EST_USER, "password_file": pki.password_file}
        file.write_text(CONFIG.format(**words, pki=pki.directory))
        back = CpmsBackEnd(pki)
        async with Cpms(load_config(file, {}), clock=FastClock(TIMES), watch=back.watch) as cpms:
            back.cpms = cpms
            async with cutter_to(port) as cutter:
                yield Ground(directory, back, cutter)


@contextmanager
def told(seed: int, *what: object) -> Iterator[None]:
    """A failure inside says which seed it had."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"seed {seed}: {what}")
        raise


@pytest.mark.scaled
async def test_an_enrolment_cut_at_random_bytes_completes_once(
    tmp_path: Path, pkis: tuple[Pki, Pki], scale: float
) -> None:
    async with peer_ground(tmp_path, pkis) as (ground, csms):
        for seed in range(max(2 * len(SPEECHES), round(FULL * scale))):
            chance = random.Random(seed)
            speech = SPEECHES[seed % len(SPEECHES)]
            _, _, up, down = await ground.sizes(speech)
            csms.redelivers = chance.random() < 0.5
            plan = [Cut.anywhere(chance, up, down) for _ in range(chance.randint(1, IN_A_ROW))]
            with told(seed, str(speech), plan):
                async with ground.station(speech, *plan) as one:
                    await ground.enrol_once(one)
    assert ground.cutter.cuts > len(SPEECHES)


@pytest.mark.scaled
async def test_an_enrolment_with_our_cpms_cut_at_random_bytes_completes_once(tmp_path: Path, scale: float) -> None:
    async with cpms_ground(tmp_path) as ground:
        for seed in range(1000, 1000 + max(len(SPEECHES), round(FULL * scale))):
            chance = random.Random(seed)
            speech = SPEECHES[seed % len(SPEECHES)]
            _, _, up, down = await ground.sizes(speech)
            plan = [Cut.anywhere(chance, up, down) for _ in range(chance.randint(1, IN_A_ROW))]
            with told(seed, str(speech), plan):
                async with ground.station(speech, *plan) as one:
                    await ground.enrol_once(one)
    assert ground.cutter.cuts > 0


class Striker:
    """Cuts whenever a message of that name goes that way, as often as it is told."""

    def __init__(self, cutter: Cutter, moment: tuple[str, str, str], times: int) -> None:
        self.left = times
        self._cutter = cutter
        self._moment = moment
        self._names: dict[str, str] = {}

    def __call__(self, frame: FrameSeen) -> None:
        """A frame was seen."""
        key = frame.message_id or ""
        if frame.kind == "CALL":
            self._names[key] = frame.summary.rpartition("/")[2] or frame.action or ""
        if self.left and (frame.direction, frame.kind, self._names.get(key)) == self._moment:
            self.left -= 1
            self._cutter.cut_now()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("speech", SPEECHES, ids=str)
async def test_an_enrolment_cut_twice_at_one_message_completes_once(
    tmp_path: Path, pkis: tuple[Pki, Pki], speech: Speech, moment: str
) -> None:
    async with peer_ground(tmp_path, pkis) as (ground, csms):
        csms.redelivers = True
        async with ground.station(speech) as one:
            striker = Striker(ground.cutter, MOMENTS[moment], 2)
            one.on_frame = striker
            await ground.enrol_once(one)
            assert striker.left == (1 if moment == "request answered" else 0), "what was answered is not asked again"


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_csms_that_sends_a_certificate_once_is_asked_for_it_again(
    tmp_path: Path, pkis: tuple[Pki, Pki], moment: str
) -> None:
    async with peer_ground(tmp_path, pkis) as (ground, _), ground.station(SPEECHES[0]) as one:
        one.on_frame = Striker(ground.cutter, MOMENTS[moment], 1)
        await ground.enrol_once(one)


@pytest.mark.parametrize("version", [OcppVersion.V16, OcppVersion.V201])
@pytest.mark.parametrize("kind", Kind)
async def test_cuts_under_the_tls_handshake_and_the_upgrade_delay_an_enrolment_and_no_more(
    tmp_path: Path, pkis: tuple[Pki, Pki], version: OcppVersion, kind: Kind
) -> None:
    speech = next(one for one in SPEECHES if one.version is version)
    async with peer_ground(tmp_path, pkis) as (ground, _):
        up, down, _, _ = await ground.sizes(speech)
        assert up > 500
        assert down > 1000, "certificates went over"
        plan = [Cut(way, end * part // 4, kind) for way, end in ((Way.UP, up), (Way.DOWN, down)) for part in range(4)]
        for some in (plan[:4], plan[4:]):
            before = ground.cutter.cuts
            async with ground.station(speech, *some) as one:
                await ground.enrol_once(one)
                assert one.connections == 2, "none of those that were cut became one"
            assert ground.cutter.cuts == before + len(some)
