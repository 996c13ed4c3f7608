"""The back office as a whole: it starts or leaves nothing behind, and goes on where it stopped."""

import asyncio
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from backoffice import EVSE, STATION, open_back_office
from chainpilot.cpms.adapters.gateway import ListenerSetupError
from chainpilot.cpms.adapters.sql import DatabaseInUseError, SqlLedger
from chainpilot.cpms.app import Cpms, StationRecordError, patience_of
from chainpilot.cpms.config import CpmsConfig, DatabaseConfig, PkiConfig, ServerCertificate
from chainpilot.cpms.model import EnrolmentState, StationRecord, Step
from chainpilot.cpms.passwords import hash_password
from chainpilot.cpms.ports import CaPending, IssuedBag
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.csr import Csr
from chainpilot.pki.identity import StationId, parse_station_id
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import TrustAnchors
from chainpilot.wire.est.paths import RFC7030
from sims import SimulatedCa, csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


async def test_a_listener_that_can_not_be_started_leaves_nothing_open(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        good = office.cpms.config
    for listener in (
        replace(good.listeners[0], certificates=(ServerCertificate(tmp_path / "ecdsa.pem", tmp_path / "nowhere.key"),)),
        replace(good.listeners[0], certificates=()),
        replace(good.listeners[1], client_anchors=TrustAnchors()),
        replace(good.listeners[0], host="203.0.113.1"),
    ):
        with pytest.raises(ListenerSetupError, match=listener.name):
            async with Cpms(replace(good, listeners=(good.listeners[0], listener))):
                pass
    async with Cpms(good) as cpms:
        assert set(cpms.listeners) == {"profile-2", "profile-3"}


async def test_a_second_back_office_on_the_same_database_is_refused(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        with pytest.raises(DatabaseInUseError):
            async with Cpms(office.cpms.config):
                pass


async def test_outside_its_context_it_has_no_records(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        cpms = office.cpms
    with pytest.raises(RuntimeError, match="not running"):
        _ = cpms.ledger


async def ask_for_a_certificate(socket: ClientConnection) -> None:
    """SignCertificate, answered."""
    csr = csr_text(generate_private_key(KeySpec.P256), EVSE)
    data = {"vendorId": "iso15118", "messageId": "SignCertificate", "data": json.dumps({"csr": csr})}
    await socket.send(json.dumps([2, "1", "DataTransfer", data]))
    answer = json.loads(await socket.recv())
    assert json.loads(answer[2]["data"])["status"] == "Accepted"


async def answer_to(socket: ClientConnection, message: str, inner: dict[str, Any] | None) -> dict[str, Any]:
    """Answer the next call, which must carry this message; what it carried. None: the station doesn't know it."""
    call = json.loads(await socket.recv())
    assert (call[0], call[3]["messageId"]) == (2, message)
    known = {"status": "Accepted", "data": json.dumps(inner)}
    await socket.send(json.dumps([3, call[1], {"status": "UnknownMessageId"} if inner is None else known]))
    carried: dict[str, Any] = json.loads(call[3]["data"])
    return carried


async def test_a_delivery_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        async with office.dial() as socket:
            await ask_for_a_certificate(socket)
            await office.steps.until(Step.DELIVERY_RECORDED)
        await office.steps.until(Step.WAITS_FOR_STATION)
        (waiting,) = await office.cpms.ledger.enrolments_of(STATION)
        assert waiting.state is EnrolmentState.DELIVERED
        first = office
    cpms = Cpms(first.cpms.config, clock=first.clock, watch=first.steps, authorities=first.authorities)
    async with cpms:
        again = replace(first, cpms=cpms)
        async with again.dial() as socket:
            await socket.send(json.dumps([2, "2", "BootNotification", BOOT]))
            assert json.loads(await socket.recv())[2]["status"] == "Accepted"
            # it may have been installed before the restart, so the station is asked first
            await answer_to(socket, "GetInstalledCertificateIds", {"status": "NotFound"})
            signed = await answer_to(socket, "CertificateSigned", {"status": "Accepted"})
            await answer_to(socket, "GetInstalledCertificateIds", None)
            await again.steps.until(Step.INSTALL_RECORDED)
        (installed,) = await cpms.ledger.enrolments_of(STATION)
        assert installed.enrolment_id == waiting.enrolment_id
        assert installed.state is EnrolmentState.INSTALLED
        (leaf, *_) = load_certificates(signed["cert"])
        assert leaf.fingerprint == waiting.fingerprint
        assert first.ca.posts == 1


class SlowCa(SimulatedCa):
    """Signs once it may go on."""

    asked: asyncio.Event
    may_answer: asyncio.Event

    async def simpleenroll(self, csr: Csr) -> IssuedBag | CaPending:
        """Wait, then sign."""
        self.asked.set()
        await self.may_answer.wait()
        return await super().simpleenroll(csr)


async def test_an_orderly_stop_waits_for_the_answer_of_a_pki_and_writes_it_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    SlowCa.asked, SlowCa.may_answer = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with open_back_office(tmp_path, make_ca=SlowCa) as office:
            async with office.dial() as socket:
                await ask_for_a_certificate(socket)
            await SlowCa.asked.wait()

    life = asyncio.create_task(live())
    async with asyncio.timeout(10):
        while "running jobs get up to 35 s" not in caplog.text:
            await asyncio.wait({life}, timeout=0.05)
    assert not life.done()
    SlowCa.may_answer.set()
    await life
    ledger = await SqlLedger.open(tmp_path / "cpms.sqlite")
    (enrolment,) = await ledger.enrolments_of(STATION)
    assert enrolment.answer is not None
    await ledger.close()


def test_a_stop_has_more_patience_than_the_slowest_pki() -> None:
    config = CpmsConfig(listeners=(), database=DatabaseConfig(Path("cpms.sqlite")))
    assert patience_of(config) > 30
    pkis = {
        name: PkiConfig(name, "https://pki.example", RFC7030.fill(label=""), timeout=timeout)
        for name, timeout in (("fast", 3.0), ("slow", 300.0))
    }
    assert patience_of(replace(config, pkis=pkis)) > 300


async def test_a_station_that_no_password_can_let_in_is_not_added_with_one(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        station = parse_station_id("urn:station:1")
        with pytest.raises(StationRecordError, match="colon") as refused:
            await office.cpms.add_station(StationRecord(station, hash_password("x", generated=True)))
        assert refused.value.station_id == station
        assert await office.cpms.ledger.station(station) is None
        await office.cpms.add_station(StationRecord(station, ""))
        assert await office.cpms.ledger.station(StationId(station)) is not None


async def test_a_password_that_is_no_hash_is_refused_and_not_written(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        with pytest.raises(StationRecordError, match="hash_password"):
            await office.cpms.add_station(StationRecord(StationId("BER-9"), "plainpassword"))
        written = b"".join(path.read_bytes() for path in tmp_path.glob("cpms.sqlite*"))
        assert b"plainpassword" not in written
