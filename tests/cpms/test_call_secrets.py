"""No secret of a call gets out: not into the log, the steps, the records or a repr; passwords above all."""

import base64
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from answering import SILENCE, Replies, Reply, Said, answering
from backoffice import KEY, STATION, BackOffice, open_back_office
from chainpilot.cpms.calls.secrecy import without_secrets
from chainpilot.cpms.model import CallState, Reason, StationCall, Step
from chainpilot.cpms.model.demands import (
    ChangeConfiguration,
    ChangePassword,
    Demand,
    GetConfiguration,
    GetLog,
    GetVariables,
    SetNetworkProfile,
    SetVariables,
    SignedUpdateFirmware,
    VariableName,
    VariableValue,
    demand_from_json,
    demand_to_json,
)
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.security import LogType
from forge import NOON
from sims import csms_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio

SECRET = "s3cr3t-value"
NUMBER = 48_151_623
"""A SIM's PIN."""
VENDOR = VariableName("VendorCtrlr", "ApiKey")
URL = f"https://user:{SECRET}@files.example.org/log"
CONNECTION = ocpp201.ConnectionData(
    ocpp201.ProfileVersion.OCPP20,
    ocpp201.Transport.JSON,
    f"wss://csms.example.org/?token={SECRET}",
    30,
    2,
    ocpp201.NetworkInterface.WIRED0,
    apn=ocpp201.Apn("apn", ocpp201.ApnAuthentication.CHAP, apn_password=SECRET, sim_pin=NUMBER),
    vpn=ocpp201.Vpn("vpn", "user", SECRET, SECRET, ocpp201.VpnType.IKEV2),
)
PEM = csms_ladder().root.certificate.to_pem()
SECRETIVE: list[tuple[Dialect, Demand]] = [
    (Dialect.S, ChangeConfiguration("VendorApiKey", SECRET)),
    (Dialect.S, GetConfiguration(("VendorApiKey",))),
    (Dialect.S, GetLog(LogType.SECURITY_LOG, URL)),
    (Dialect.S, SignedUpdateFirmware(URL, NOON, PEM, "c2ln")),
    (Dialect.V201, SetVariables((VariableValue(VENDOR, SECRET),))),
    (Dialect.V201, GetVariables((VENDOR,))),
    (Dialect.V201, SetNetworkProfile(1, CONNECTION)),
    (Dialect.V201, GetLog(LogType.SECURITY_LOG, URL)),
    (Dialect.V201, SignedUpdateFirmware(URL, NOON, PEM, "c2ln")),
]
NAMED = [(demand, f"{dialect.value}-{type(demand).__name__}") for dialect, demand in SECRETIVE]


def tells_secrets(said: Said, text: str) -> Reply:
    """Done, with the secret wherever the answer has a place for one."""
    done = {"status": "Accepted", "statusInfo": {"reasonCode": "ok"}}
    match said:
        case ocpp16.GetConfiguration():
            return {"configurationKey": [{"key": "VendorApiKey", "readonly": False, "value": SECRET}]}
        case ocpp201.GetVariables(data):
            named = {"component": {"name": VENDOR.component}, "variable": {"name": VENDOR.variable}}
            return {"getVariableResult": [{"attributeStatus": "Accepted", "attributeValue": SECRET, **named}]}
        case ocpp201.SetVariables(data):
            (one,) = data
            result = ocpp201.SetVariableResult(ocpp201.SetVariableStatus.ACCEPTED, one.component, one.variable)
            return ocpp201.SetVariablesResponse((result,))
        case _:
            return done


async def ended(office: BackOffice, demand: Demand) -> StationCall:
    """Ordered and carried out."""
    ordered = await office.cpms.calls.order(STATION, demand)
    await office.steps.until(Step.CALL_ENDED)
    call = await office.cpms.ledger.call(ordered.call_id)
    assert call is not None
    return call


def written(folder: Path) -> str:
    """Everything in the database's files."""
    return b"".join(path.read_bytes() for path in folder.glob("cpms.sqlite*")).decode("latin-1")


def known_log(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged but by the test's own WebSocket client."""
    return "\n".join(
        f"{record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
        if not record.name.startswith("websockets.client")
    )


@pytest.mark.parametrize(("dialect", "demand"), SECRETIVE, ids=[name for _, name in NAMED])
async def test_a_secret_reaches_the_station_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, dialect: Dialect, demand: Demand
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_back_office(tmp_path) as office, answering(office, [dialect], tells_secrets) as station:
        call = await ended(office, demand)
        assert call.state is CallState.DONE, call.end
        sent = str(station.frames[-1])
        assert SECRET in sent or isinstance(demand, GetConfiguration | GetVariables)
        shown = [repr(demand), repr(call), str(office.steps.taken), known_log(caplog), written(tmp_path)]
    for text in (*shown, written(tmp_path)):
        assert SECRET not in text
        assert str(NUMBER) not in text


@pytest.mark.parametrize("demand", [demand for demand, _ in NAMED], ids=[name for _, name in NAMED])
def test_what_is_written_down_is_read_again_as_it_was(demand: Demand) -> None:
    shown = without_secrets(demand)
    assert demand_from_json(demand_to_json(shown)) == shown
    assert without_secrets(shown) == shown


@pytest.mark.parametrize(
    "url",
    [
        "user:s3cr3t@host/x",
        "ftp:user:s3cr3t@host/x",
        "https:\\\\user:s3cr3t@host/x",
        "sftp:///user:s3cr3t@host/x",
        "https://host/x;token=s3cr3t",
        "https://host/x?token=s3cr3t",
        "https://host/x#s3cr3t",
        "https://user:s3cr3t@host/x",
        "https://[broken/s3cr3t",
        "s3cr3t",
    ],
)
def test_a_url_that_is_not_plainly_without_secrets_is_withheld(url: str) -> None:
    shown = without_secrets(GetLog(LogType.SECURITY_LOG, url))
    assert "s3cr3t" not in demand_to_json(shown)


def test_harmless_settings_are_written_down() -> None:
    for demand in (
        ChangeConfiguration("CPONAME", "Operator"),
        SetVariables((VariableValue(VariableName("SecurityCtrlr", "OrganizationName"), "Operator"),)),
        GetLog(LogType.SECURITY_LOG, "https://files.example.org/log"),
    ):
        assert without_secrets(demand) == demand


async def test_a_secret_that_died_with_its_process_is_asked_for_again(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        ordered = await office.cpms.calls.order(STATION, ChangeConfiguration("VendorApiKey", SECRET))
        await office.steps.until(Step.CALL_PUT_OFF)
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.S], always({})) as station:
        await office.steps.until(Step.CALL_ENDED)
        call = await office.cpms.ledger.call(ordered.call_id)
        assert call is not None
        assert (call.state, call.end and call.end.reason) == (CallState.FAILED, Reason.CALL_SECRET_LOST)
        assert not station.frames


def always(reply: Reply) -> Replies:
    """One answer to everything."""
    return lambda said, text: reply


class Passwords:
    """A station that takes passwords, and answers what it is told to."""

    def __init__(self, status: str | object) -> None:
        self.status = status
        self.taken: list[str] = []

    def __call__(self, said: Said, text: str) -> Reply:
        match said:
            case ocpp16.ChangeConfiguration(key, value):
                assert key == "AuthorizationKey"
                self.taken.append(value)
                return self.status if self.status is SILENCE else {"status": self.status}
            case ocpp201.SetVariables(data):
                (one,) = data
                assert (one.component.name, one.variable.name) == ("SecurityCtrlr", "BasicAuthPassword")
                self.taken.append(one.attribute_value)
                if self.status is SILENCE:
                    return SILENCE
                named = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
                return {"setVariableResult": [{"attributeStatus": self.status, **named}]}
            case _:
                return [4, "NotSupported", "", {}]


VERSIONS = pytest.mark.parametrize("dialect", [Dialect.S, Dialect.V201], ids=["1.6", "2.0.1"])


async def comes_in(office: BackOffice, password: str) -> bool:
    """Whether the password lets it in."""
    try:
        async with office.dial(password=password):
            return True
    except InvalidStatus as refused:
        return bool(refused.response.status_code != 401)


@VERSIONS
async def test_an_accepted_password_is_the_only_one_from_then_on_and_is_written_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, dialect: Dialect
) -> None:
    caplog.set_level(logging.DEBUG)
    takes = Passwords("Accepted")
    async with open_back_office(tmp_path) as office:
        async with answering(office, [dialect], takes):
            assert (await ended(office, ChangePassword())).state is CallState.DONE
        (password,) = takes.taken
        assert re.fullmatch("[0-9a-f]{40}", password)
        assert not await comes_in(office, KEY)
        assert await comes_in(office, password)
        for text in (str(office.steps.taken), known_log(caplog), written(tmp_path)):
            assert password not in text
            assert bytes.fromhex(password).decode("latin-1") not in text


@VERSIONS
async def test_a_refused_password_changes_nothing(tmp_path: Path, dialect: Dialect) -> None:
    takes = Passwords("Rejected")
    async with open_back_office(tmp_path) as office:
        async with answering(office, [dialect], takes):
            assert (await ended(office, ChangePassword())).state is CallState.REFUSED
        assert not await comes_in(office, takes.taken[0])
        assert await comes_in(office, KEY)


@VERSIONS
@pytest.mark.parametrize("status", ["RebootRequired", SILENCE], ids=["reboot", "no-answer"])
async def test_until_it_is_known_which_one_it_took_both_let_it_in(
    tmp_path: Path, dialect: Dialect, status: Any
) -> None:
    takes = Passwords(status)
    async with open_back_office(tmp_path) as office:
        async with answering(office, [dialect], takes) as station:
            await office.cpms.calls.order(STATION, ChangePassword())
            await station.came.wait()
            await office.steps.until(Step.CALL_SENT if status is SILENCE else Step.CALL_ENDED)
        assert await comes_in(office, KEY)
        assert await comes_in(office, takes.taken[0])
        await office.steps.until(Step.PASSWORD_CHANGED)
        assert not await comes_in(office, KEY)
        assert await comes_in(office, takes.taken[0])


@pytest.mark.parametrize("spell", [str.encode, bytes.fromhex], ids=["text", "bytes"])
async def test_a_station_of_1_6_logs_in_with_the_key_or_the_bytes_that_it_spells(
    tmp_path: Path, spell: Callable[[str], bytes]
) -> None:
    takes = Passwords("Accepted")
    async with open_back_office(tmp_path) as office:
        async with answering(office, [Dialect.S], takes):
            await ended(office, ChangePassword())
        credentials = base64.b64encode(f"{STATION}:".encode() + spell(takes.taken[0])).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        async with office.dial(password=None, additional_headers=headers) as socket:
            assert socket.subprotocol == "ocpp1.6"
