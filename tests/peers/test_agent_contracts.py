"""Contracts over the wire to PyPI's `ocpp` as CSMS: Authorize (C07) and Get15118EVCertificate (M01), good and bad.

Which answer means what is tested where it is decided, in tests/station/agent.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agents_contracts import EMAID, URL, contract, mo_pki
from certs import Pki
from chainpilot.clock import SYSTEM
from chainpilot.station.agent.contracts.authorization import DEADLINE_SECONDS, RESERVE_SECONDS
from chainpilot.station.agent.contracts.ev_certificate import DEADLINE_SECONDS as EV_SECONDS
from chainpilot.station.agent.contracts.rules import Ground
from chainpilot.station.app import Station
from chainpilot.station.model import CaCertificateType
from chainpilot.station.watch import Booted
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.words import CertificateAction, Iso15118EvCertificateStatus
from clocks import SetClock
from forwarding import DIALECTS, TURNED_AWAY, Forwarder, Message, forwarder_at
from stations import running_station

pytestmark = pytest.mark.anyio

T = TypeVar("T")
SCHEMA = "urn:iso:15118:2:2013:MsgDef"
EXI = base64.b64encode(b"the vehicle's own words" * 40).decode()
FOR_THE_VEHICLE = base64.b64encode(b"the contract pool's own words" * 90).decode()
HASHES = {Dialect.H: "15118CertificateHashData"}
SCHEMA_VERSIONS = {Dialect.H: "15118SchemaVersion"}


@pytest.fixture(scope="module")
def mo() -> Pki:
    return mo_pki()


def token(status: str, chain: str | None) -> Message:
    said: Message = {"idTokenInfo": {"status": status}}
    return said if chain is None else {**said, "certificateStatus": chain}


def broken() -> Message:
    raise ConnectionError("the CSMS's own fault")


class Table:
    """A CSMS and a station that trusts the mobility operator's root, connected."""

    def __init__(self, csms: Forwarder, station: Station, clock: SetClock) -> None:
        self.csms = csms
        self.station = station
        self.clock = clock

    def answers(self, action: str, said: Any) -> None:
        """What the CSMS says to that action: a message, or what a call makes."""

        async def reply(message: Message) -> Message:
            made: Message = said() if callable(said) else said
            return made

        self.csms.replies[action] = reply

    def stays_silent(self, action: str) -> None:
        """The CSMS takes that action and never answers."""

        async def reply(message: Message) -> Message:
            await asyncio.Event().wait()
            return {}

        self.csms.replies[action] = reply

    async def silence(self, action: str, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """What comes of the work when the CSMS has let that time pass."""
        self.stays_silent(action)
        task = asyncio.create_task(work)
        await self.csms.until_asked(action, 1)
        self.clock.advance(seconds)
        return await asyncio.wait_for(task, 10)


@asynccontextmanager
async def table(folder: Path, mo: Pki, dialect: Dialect) -> AsyncIterator[Table]:
    clock = SetClock(SYSTEM.now())
    async with (
        forwarder_at(dialect, clock) as csms,
        running_station(
            folder / "certs",
            csms.url,
            None,
            None,
            password="",
            clock=clock,
            installs=False,
            prepare=lambda store: store.install_ca(mo.root.certificate.to_pem(), CaCertificateType.MO),
            security_profile=0,
            allow_insecure=True,
        ) as running,
    ):
        await running.until(Booted, accepted=True)
        async with asyncio.timeout(20):
            while running.station.agent.flows.voices.present is None:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0)
        yield Table(csms, running.station, clock)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.value)
async def test_a_contract_that_the_csms_accepts_may_charge(tmp_path: Path, mo: Pki, dialect: Dialect) -> None:
    leaf = contract(mo).certificate
    async with table(tmp_path, mo, dialect) as one:
        one.answers("Authorize", token("Accepted", "Accepted"))
        decision = await one.station.agent.authorize_contract(mo.stack(leaf), EMAID)
        assert decision.accepted
        ((_, message),) = one.csms.asked
        entries = message[HASHES.get(dialect, "iso15118CertificateHashData")]
        path = (leaf, mo.issuing.certificate, mo.sub1.certificate)
        assert [entry["serialNumber"] for entry in entries] == [f"{each.serial_number:x}" for each in path]
        assert {entry["responderURL"] for entry in entries} == {URL}
        assert message["idToken"] == {"idToken": EMAID, "type": "eMAID"}


REFUSALS = {
    "blocked": (token("Blocked", "ContractCancelled"), Ground.CSMS_REFUSED),
    "revoked": (token("Invalid", "CertificateRevoked"), Ground.CSMS_REFUSED),
    "chain not judged": (token("Accepted", None), Ground.CHAIN_UNANSWERED),
    "another word": (token("Yes", "Accepted"), Ground.CSMS_FAULT),
    "nothing": ({}, Ground.CSMS_FAULT),
    "CALLERROR": (broken, Ground.CSMS_FAULT),
    "turned away": ({TURNED_AWAY: "Rejected"}, Ground.CSMS_FAULT),
}
CASES = [
    (name, dialect) for name in REFUSALS for dialect in DIALECTS if name != "turned away" or dialect is not Dialect.V201
]


@pytest.mark.parametrize(("name", "dialect"), CASES, ids=[f"{name}-{one.value}" for name, one in CASES])
async def test_whatever_else_the_csms_says_is_no_yes(tmp_path: Path, mo: Pki, name: str, dialect: Dialect) -> None:
    said, ground = REFUSALS[name]
    async with table(tmp_path, mo, dialect) as one:
        one.answers("Authorize", said)
        decision = await one.station.agent.authorize_contract(mo.stack(contract(mo).certificate), EMAID)
        assert (decision.accepted, decision.ground) == (False, ground)
        assert one.csms.count("Authorize") == 1


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.value)
async def test_a_csms_that_says_nothing_keeps_no_vehicle_waiting(tmp_path: Path, mo: Pki, dialect: Dialect) -> None:
    async with table(tmp_path, mo, dialect) as one:
        asked = one.station.agent.authorize_contract(mo.stack(contract(mo).certificate), EMAID)
        decision = await one.silence("Authorize", DEADLINE_SECONDS - RESERVE_SECONDS, asked)
        assert (decision.accepted, decision.ground) == (False, Ground.OFFLINE_NOT_ALLOWED)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.value)
@pytest.mark.parametrize("action", CertificateAction)
async def test_a_vehicle_gets_its_contract_letter_by_letter(
    tmp_path: Path, mo: Pki, dialect: Dialect, action: CertificateAction
) -> None:
    async with table(tmp_path, mo, dialect) as one:
        one.answers("Get15118EVCertificate", {"status": "Accepted", "exiResponse": FOR_THE_VEHICLE})
        answer = await one.station.agent.install_ev_certificate(SCHEMA, EXI, action)
        assert (answer.status, answer.exi_response) == (Iso15118EvCertificateStatus.ACCEPTED, FOR_THE_VEHICLE)
        ((_, message),) = one.csms.asked
        assert message[SCHEMA_VERSIONS.get(dialect, "iso15118SchemaVersion")] == SCHEMA
        assert message["exiRequest"] == EXI
        assert message.get("action") == (None if dialect is Dialect.H else action.value)


FAILURES = {
    "failed": {"status": "Failed", "exiResponse": ""},
    "no EXI": {"status": "Accepted", "exiResponse": ""},
    "no base64": {"status": "Accepted", "exiResponse": "<exi>"},
    "endless": {"status": "Accepted", "exiResponse": "A" * 40_000},
    "another word": {"status": "Perhaps", "exiResponse": ""},
    "CALLERROR": broken,
    "turned away": {TURNED_AWAY: "Rejected"},
}
EV_CASES = [
    (name, dialect) for name in FAILURES for dialect in DIALECTS if name != "turned away" or dialect is not Dialect.V201
]


@pytest.mark.parametrize(("name", "dialect"), EV_CASES, ids=[f"{name}-{one.value}" for name, one in EV_CASES])
async def test_a_vehicle_is_told_that_there_is_no_contract(
    tmp_path: Path, mo: Pki, name: str, dialect: Dialect
) -> None:
    async with table(tmp_path, mo, dialect) as one:
        one.answers("Get15118EVCertificate", FAILURES[name])
        answer = await one.station.agent.install_ev_certificate(SCHEMA, EXI, CertificateAction.INSTALL)
        assert (answer.status, answer.exi_response) == (Iso15118EvCertificateStatus.FAILED, "")
        assert answer.reason


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.value)
async def test_a_vehicle_has_its_answer_in_its_time(tmp_path: Path, mo: Pki, dialect: Dialect) -> None:
    async with table(tmp_path, mo, dialect) as one:
        asked = one.station.agent.install_ev_certificate(SCHEMA, EXI, CertificateAction.INSTALL)
        answer = await one.silence("Get15118EVCertificate", EV_SECONDS, asked)
        assert answer.status is Iso15118EvCertificateStatus.FAILED
