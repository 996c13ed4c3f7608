"""The gateway's desk over an in-memory connection: what each native message of both versions is answered."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chainpilot.cpms.adapters.gateway.answers import SERVED
from chainpilot.cpms.adapters.gateway.transactions import MAX_TRANSACTION_ID, TransactionNumbers
from chainpilot.cpms.model import Step
from chainpilot.cpms.ports import LedgerFailed, TokenVerdict
from chainpilot.pki.identity import StationId
from chainpilot.wire.ocpp201 import AuthorizationStatus, IdTokenType
from chainpilot.wire.version import OcppVersion
from desks import OF_STATIONS, open_desk
from offices import STATION
from payloads import CALLED, Known, example

__all__: list[str] = []

pytestmark = pytest.mark.anyio

NOON = "2026-06-01T12:00:00Z"
TOKEN = "S3CR3T-TAG"
START = {"connectorId": 1, "idTag": TOKEN, "meterStart": 0, "timestamp": NOON}
EVENT = {
    "eventType": "Started",
    "timestamp": NOON,
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "t-1"},
}


@dataclass
class SimulatedTokens:
    """A judge with one opinion of every token, who remembers what was shown."""

    status: AuthorizationStatus
    shown: list[tuple[StationId, str, IdTokenType | None]] = field(default_factory=list)

    async def judge(self, station_id: StationId, token: str, kind: IdTokenType | None) -> TokenVerdict:
        """The opinion."""
        self.shown.append((station_id, token, kind))
        return TokenVerdict(self.status, "the simulation says so")


class BrokenTokens:
    """A judge whose records can't be read."""

    async def judge(self, station_id: StationId, token: str, kind: IdTokenType | None) -> TokenVerdict:
        """Nothing."""
        raise LedgerFailed("disk full")


def test_every_native_message_a_station_sends_is_served() -> None:
    of_the_csms = {"ChangeConfiguration", "GetConfiguration", "Reset", "GetLog", "SignedUpdateFirmware"}
    of_the_csms |= {"SetVariables", "GetVariables", "SetNetworkProfile", "UpdateFirmware"}
    assert {(known.version, known.action) for known in CALLED if known.action not in of_the_csms} == set(SERVED)


@pytest.mark.parametrize("known", OF_STATIONS, ids=str)
async def test_a_native_message_is_answered_by_its_schema(tmp_path: Path, known: Known) -> None:
    async with open_desk(tmp_path, known.version) as counter:
        answer = await counter.told(known.action, example(known.schema))
        assert known.answer.accepts(answer), answer
        await asyncio.wait_for(counter.session.heard.wait(), 5)


@pytest.mark.parametrize("known", OF_STATIONS, ids=str)
async def test_a_breach_of_the_schema_is_a_callerror_in_the_words_of_the_version(tmp_path: Path, known: Known) -> None:
    async with open_desk(tmp_path, known.version) as counter:
        answer = await counter.ask(known.action, {**example(known.schema), "s3cr3t": 1})
        code = "FormationViolation" if known.version is OcppVersion.V16 else "FormatViolation"
        assert answer == [4, "1", code, f"a member that {known.action} does not have", {}]
        (told,) = counter.scene.watcher.steps
        assert told.step is Step.MESSAGE_REFUSED
        assert told.facts == {"kind": known.action, "reason": code, "detail": answer[3]}


@pytest.mark.parametrize("version", [OcppVersion.V16, OcppVersion.V201])
async def test_the_time_is_told_in_whole_seconds_of_utc(tmp_path: Path, version: OcppVersion) -> None:
    boot = next(known for known in OF_STATIONS if (known.version, known.action) == (version, "BootNotification"))
    async with open_desk(tmp_path, version) as counter:
        counter.scene.clock.advance(0.75)
        booted = await counter.told("BootNotification", example(boot.schema))
        assert booted == {"currentTime": NOON, "interval": 300, "status": "Accepted"}
        assert await counter.told("Heartbeat", {}) == {"currentTime": NOON}


@pytest.mark.parametrize(
    ("version", "action"),
    [
        (OcppVersion.V16, "TransactionEvent"),
        (OcppVersion.V16, "NotifyReport"),
        (OcppVersion.V201, "StartTransaction"),
        (OcppVersion.V201, "DiagnosticsStatusNotification"),
        (OcppVersion.V201, "Reset"),
        (OcppVersion.V16, "ChangeConfiguration"),
    ],
)
async def test_what_the_other_version_or_the_other_side_says_is_not_served(
    tmp_path: Path, version: OcppVersion, action: str
) -> None:
    async with open_desk(tmp_path, version) as counter:
        assert (await counter.ask(action, {}))[:3] == [4, "1", "NotImplemented"]


async def test_a_token_nobody_knows_may_not_charge_and_the_reason_is_told_without_it(tmp_path: Path) -> None:
    async with open_desk(tmp_path, OcppVersion.V16) as counter:
        assert await counter.told("Authorize", {"idTag": TOKEN}) == {"idTagInfo": {"status": "Invalid"}}
        (told,) = counter.refusals
        assert told.station_id == STATION
        facts = {"kind": "Authorize", "reason": "Invalid", "detail": "no list of tokens is kept here"}
        assert told.facts == facts
        assert TOKEN not in str(told)


async def test_a_transaction_gets_its_number_whatever_holds_of_its_token(tmp_path: Path) -> None:
    async with open_desk(tmp_path, OcppVersion.V16) as counter:
        answers = [await counter.told("StartTransaction", START) for _ in range(3)]
        assert [answer["transactionId"] for answer in answers] == [7, 8, 9]
        assert {answer["idTagInfo"]["status"] for answer in answers} == {"Invalid"}
        assert len(counter.refusals) == 3
        stop = {"transactionId": 7, "meterStop": 0, "timestamp": NOON, "idTag": TOKEN}
        assert await counter.told("StopTransaction", stop) == {}


async def test_a_transaction_event_is_taken_and_its_token_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path, OcppVersion.V201) as counter:
        token = {"idToken": TOKEN, "type": "ISO14443"}
        answer = await counter.told("TransactionEvent", {**EVENT, "idToken": token})
        assert answer == {"idTokenInfo": {"status": "Invalid"}}
        (told,) = counter.refusals
        assert told.facts["kind"] == "TransactionEvent"
        assert await counter.told("TransactionEvent", EVENT) == {}
        assert len(counter.refusals) == 1


async def test_the_judge_hears_who_shows_what_and_decides(tmp_path: Path) -> None:
    tokens = SimulatedTokens(AuthorizationStatus.ACCEPTED)
    async with open_desk(tmp_path, OcppVersion.V201, tokens) as counter:
        token = {"idToken": TOKEN, "type": "KeyCode", "customData": {"vendorId": "v"}}
        answer = await counter.told("TransactionEvent", {**EVENT, "idToken": token})
        assert answer == {"idTokenInfo": {"status": "Accepted"}}
        assert not counter.refusals
    assert tokens.shown == [(STATION, TOKEN, IdTokenType.KEY_CODE)]


@pytest.mark.parametrize("status", list(AuthorizationStatus))
async def test_every_verdict_has_a_word_in_16_that_lets_charge_only_who_may(
    tmp_path: Path, status: AuthorizationStatus
) -> None:
    tokens = SimulatedTokens(status)
    authorize = next(known for known in OF_STATIONS if known.action == "Authorize")
    async with open_desk(tmp_path, OcppVersion.V16, tokens) as counter:
        answer = await counter.told("Authorize", {"idTag": TOKEN})
        assert authorize.answer.accepts(answer)
        assert (answer["idTagInfo"]["status"] == "Accepted") == (status is AuthorizationStatus.ACCEPTED)
        assert len(counter.refusals) == (status is not AuthorizationStatus.ACCEPTED)
    assert tokens.shown == [(STATION, TOKEN, None)]


async def test_a_judge_that_fails_lets_nobody_charge(tmp_path: Path) -> None:
    async with open_desk(tmp_path, OcppVersion.V16, BrokenTokens()) as counter:
        answer = await counter.ask("Authorize", {"idTag": TOKEN})
        assert answer[:3] == [4, "1", "InternalError"]
        assert "disk" not in answer[3]


def test_transaction_numbers_are_positive_in_32_bits_and_each_given_once() -> None:
    numbers = TransactionNumbers(MAX_TRANSACTION_ID - 1)
    assert [numbers.take() for _ in range(4)] == [2**31 - 2, 2**31 - 1, 1, 2]
    assert [TransactionNumbers(first).take() for first in (0, -5, 1, 2**31)] == [2**31 - 1, 2**31 - 6, 1, 1]


def test_a_process_started_later_goes_on_beyond_the_numbers_of_the_last_one() -> None:
    start = datetime(2026, 6, 1, 12, tzinfo=UTC)
    before = TransactionNumbers.of_process_started(start)
    given = {before.take() for _ in range(3600)}
    assert TransactionNumbers.of_process_started(start + timedelta(hours=1)).take() == max(given) + 1
    assert 1 <= TransactionNumbers.of_process_started(datetime(2025, 1, 1, tzinfo=UTC)).take() <= MAX_TRANSACTION_ID
