"""The stations' side over real TLS sockets: who gets in, who does not, and what a socket survives."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from backoffice import EVSE, KEY, OPERATOR, STATION, BackOffice, open_back_office
from chainpilot.cpms.adapters.gateway.sessions import QUIET
from chainpilot.cpms.config import ServerConfig
from chainpilot.cpms.enrolment import Policy
from chainpilot.cpms.model import EnrolmentState, Proof, SecurityProfile, StationRecord, Step
from chainpilot.cpms.passwords import hash_password
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import KeySpec, generate_private_key
from forge import NOON
from sims import csms_ladder, csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio


async def call(socket: ClientConnection, action: str, payload: dict[str, Any], number: str = "1") -> list[Any]:
    """One CALL and the frame that answers it."""
    await socket.send(json.dumps([2, number, action, payload]))
    answer: list[Any] = json.loads(await socket.recv())
    return answer


def data_transfer(message: str, data: object, vendor: str = "iso15118") -> dict[str, Any]:
    """A DataTransfer payload with JSON inside its string."""
    return {"vendorId": vendor, "messageId": message, "data": json.dumps(data)}


async def turned_away(dialling: connect) -> int:
    """The HTTP status with which the door stayed shut."""
    with pytest.raises(InvalidStatus) as refused:
        await dialling
    return refused.value.response.status_code


async def test_a_station_with_its_password_gets_in_and_boots(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office, office.dial() as socket:
        assert socket.subprotocol == "ocpp1.6"
        boot = await call(socket, "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
        assert boot == [3, "1", {"status": "Accepted", "currentTime": "2026-06-01T12:00:00Z", "interval": 300}]
        assert await call(socket, "Heartbeat", {}, "2") == [3, "2", {"currentTime": "2026-06-01T12:00:00Z"}]
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        assert await call(socket, "StatusNotification", status, "3") == [3, "3", {}]
        empty = await call(socket, "MeterValues", {"connectorId": 1, "meterValue": []}, "4")
        assert empty[:3] == [4, "4", "OccurenceConstraintViolation"]
        start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-06-01T12:00:00Z"}
        first, second = [await call(socket, "StartTransaction", start, number) for number in "56"]
        assert first[2]["idTagInfo"] == second[2]["idTagInfo"] == {"status": "Invalid"}
        assert second[2]["transactionId"] == first[2]["transactionId"] + 1 > 0
        unknown = await call(socket, "RemoteStartTransaction", {"idTag": "TAG"}, "7")
        assert unknown[:3] == [4, "7", "NotImplemented"]


@pytest.mark.parametrize(
    ("user", "password", "path"),
    [
        (STATION, "wrong", f"/ocpp/{STATION}"),
        (STATION, "", f"/ocpp/{STATION}"),
        (STATION, None, f"/ocpp/{STATION}"),
        (STATION, "x" * 200, f"/ocpp/{STATION}"),
        ("CS-0002", KEY, f"/ocpp/{STATION}"),
        ("CS-0002", KEY, "/ocpp/CS-0002"),
        (STATION, KEY, "/ocpp/CS-0002"),
        ("*", KEY, "/ocpp/*"),
        ("..", KEY, "/ocpp/.."),
        ("../CS-0001", KEY, "/ocpp/..%2FCS-0001"),
        ("", KEY, "/ocpp/"),
        ("a\nb", KEY, "/ocpp/a%0Ab"),
        ("\u00ff", KEY, "/ocpp/%FF"),
        ("x" * 49, KEY, "/ocpp/" + "x" * 49),
    ],
)
async def test_whoever_is_not_a_known_station_with_its_password_gets_401_and_no_socket(
    tmp_path: Path, user: str, password: str | None, path: str
) -> None:
    async with open_back_office(tmp_path) as office:
        assert await turned_away(office.dial(user=user, password=password, path=path)) == 401
        (told,) = office.steps.taken
        assert told.step is Step.TURNED_AWAY
        assert told.station_id in {path.removeprefix("/ocpp/"), None}
        assert (told.facts["address"], told.facts["listener"]) == ("127.0.0.1", "profile-2")
        assert told.facts["reason"]


async def test_a_guesser_is_limited_before_anything_is_hashed_and_the_station_still_gets_in(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        async with office.dial():
            pass
        statuses = [await turned_away(office.dial(password="wrong")) for _ in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        async with office.dial() as socket:
            assert (await call(socket, "Heartbeat", {}))[0] == 3


async def test_a_stranger_does_not_lock_a_station_out_that_comes_from_another_address(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        statuses = [await turned_away(office.dial(password="wrong")) for _ in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        async with office.dial(local_addr=("127.0.0.2", 0)) as socket:
            assert (await call(socket, "Heartbeat", {}))[0] == 3


async def test_a_chosen_password_is_checked_too(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        await office.cpms.add_station(StationRecord(STATION, hash_password("chosen", generated=False)))
        assert await turned_away(office.dial()) == 401
        async with office.dial(password="chosen"):
            pass


async def test_a_frame_over_the_bound_closes_with_1009(tmp_path: Path) -> None:
    async with open_back_office(tmp_path, server=ServerConfig(max_frame=20000)) as office:
        async with office.dial() as socket:
            await socket.send("x" * 20001)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        async with office.dial() as socket:
            await socket.send("[2," + " " * 19997)
            assert json.loads(await socket.recv())[0] == 4


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        ("", ["-1", "FormationViolation", "not JSON: Input data was truncated"]),
        ("hello", ["-1", "FormationViolation", "not JSON: JSON is malformed: invalid character (byte 0)"]),
        ("[]", ["-1", "TypeConstraintViolation", "a frame begins with the number of its message type"]),
        ("[2]", ["-1", "ProtocolError", "the message id is missing"]),
        ('[2,"7"]', ["7", "ProtocolError", "the frame has 2 elements instead of 4"]),
        ('{"a":1}', ["-1", "FormationViolation", "a frame is a JSON array"]),
        ('[2,"7","Heartbeat",[]]', ["7", "TypeConstraintViolation", "the payload is not a JSON object"]),
        ("[" * 500, ["-1", "FormationViolation", "too deep: more than 32 arrays and objects inside each other"]),
        ('[9,"7","Heartbeat",{}]', ["7", "ProtocolError", "this message type number is none of 2, 3 and 4"]),
    ],
)
async def test_a_malformed_frame_is_answered_with_callerror_and_leaves_the_connection_open(
    tmp_path: Path, frame: str, answer: list[str]
) -> None:
    async with open_back_office(tmp_path) as office, office.dial() as socket:
        await socket.send(frame)
        await socket.send(json.dumps([2, "8", "Heartbeat", {}]))
        assert json.loads(await socket.recv()) == [4, *answer, {}]
        assert json.loads(await socket.recv())[:2] == [3, "8"]


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("BootNotification", {}, "ProtocolError"),
        ("BootNotification", {"chargePointVendor": 5, "chargePointModel": "m"}, "TypeConstraintViolation"),
        ("Heartbeat", {"now": 1}, "FormationViolation"),
        ("StatusNotification", {"connectorId": "no"}, "TypeConstraintViolation"),
        (
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "s3cr3t"},
            "PropertyConstraintViolation",
        ),
        ("DataTransfer", {"vendorId": 5}, "TypeConstraintViolation"),
    ],
)
async def test_a_message_that_breaks_its_schema_is_answered_with_callerror_and_told(
    tmp_path: Path, action: str, payload: dict[str, Any], code: str
) -> None:
    async with open_back_office(tmp_path) as office, office.dial() as socket:
        answer = await call(socket, action, payload)
        assert answer[:3] == [4, "1", code]
        assert "s3cr3t" not in str(answer)
        told = await office.steps.until(Step.MESSAGE_REFUSED)
        assert told.station_id == STATION
        assert told.facts == {"kind": action, "reason": code, "detail": answer[3]}
        assert (await call(socket, "Heartbeat", {}, "2"))[0] == 3


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (data_transfer("SignCertificate", {}, vendor="nobody"), "UnknownVendorId"),
        (data_transfer("Dance", {}), "UnknownMessageId"),
        (data_transfer("CertificateSigned", {"cert": "00", "typeOfCertificate": "V2GCertificate"}), "UnknownMessageId"),
        ({"vendorId": "iso15118", "messageId": "SignCertificate", "data": "{"}, "Rejected"),
        ({"vendorId": "iso15118", "messageId": "SignCertificate"}, "Rejected"),
    ],
)
async def test_a_data_transfer_that_says_nothing_known_is_answered_in_its_layer(
    tmp_path: Path, payload: dict[str, Any], status: str
) -> None:
    async with open_back_office(tmp_path) as office, office.dial() as socket:
        answer = await call(socket, "DataTransfer", payload)
        assert (answer[0], answer[2]["status"]) == (3, status)
        told = [taken.facts["reason"] for taken in office.steps.taken if taken.step is Step.MESSAGE_REFUSED]
        assert told == [status]


PLAIN = pytest.mark.parametrize("profile", [0, 1])


@PLAIN
async def test_a_station_without_tls_gets_in_where_its_record_allows_it(tmp_path: Path, profile: int) -> None:
    minimum = SecurityProfile(profile)
    async with open_back_office(tmp_path, profiles=[profile], minimum=minimum) as office:
        password = KEY if minimum is SecurityProfile.BASIC else None
        async with office.dial(profile=profile, password=password) as socket:
            assert socket.subprotocol == "ocpp1.6"
            assert (await call(socket, "Heartbeat", {}))[0] == 3
            connected = await office.steps.until(Step.STATION_CONNECTED)
            assert connected.facts == {"profile": str(profile)}


@PLAIN
async def test_a_station_that_has_reached_tls_is_turned_away_without_it(tmp_path: Path, profile: int) -> None:
    async with open_back_office(tmp_path, profiles=[profile]) as office:
        assert await turned_away(office.dial(profile=profile)) == 401
        (told,) = office.steps.taken
        assert told.facts["reason"] == f"security profile {profile}; the station has reached 2"


async def test_a_station_without_tls_needs_a_known_name_on_profile_0_and_its_password_on_profile_1(
    tmp_path: Path,
) -> None:
    async with open_back_office(tmp_path, profiles=[0, 1], minimum=SecurityProfile.UNSECURED) as office:
        assert await turned_away(office.dial(profile=0, password=None, path="/ocpp/CS-0002")) == 401
        for password in ("wrong", None):
            with pytest.raises(InvalidStatus) as refused:
                await office.dial(profile=1, password=password)
            headers = refused.value.response.headers
            assert headers["WWW-Authenticate"] == 'Basic realm="ocpp", charset="UTF-8"'
        statuses = [await turned_away(office.dial(profile=1, password="wrong")) for _ in range(10)]
        assert statuses == [401] * 9 + [429]


async def test_a_station_that_comes_with_tls_is_refused_without_it_from_then_on(tmp_path: Path) -> None:
    async with open_back_office(tmp_path, profiles=[0, 1, 2], minimum=SecurityProfile.UNSECURED) as office:
        for profile in (0, 1, 2):
            async with office.dial(profile=profile):
                await _until(office, _reached(profile))
        assert [await turned_away(office.dial(profile=profile)) for profile in (0, 1)] == [401, 401]


async def test_a_listener_without_tls_is_warned_of_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "chainpilot.cpms")
    async with open_back_office(tmp_path, profiles=[0, 2]):
        warned = [json.loads(record.message) for record in caplog.records]
    assert warned == [{"event": "insecure_listener", "listener": "profile-0", "profile": "0"}]


async def _sign(office: BackOffice, profile: int) -> Any:
    """What a request for an ISO 15118 certificate is answered on that listener."""
    async with office.dial(profile=profile) as socket:
        request = data_transfer("SignCertificate", {"csr": csr_text(generate_private_key(KeySpec.P256), EVSE)})
        answer = await call(socket, "DataTransfer", request)
        return json.loads(answer[2]["data"])["status"]


@PLAIN
async def test_a_csr_without_tls_is_rejected_and_costs_the_station_nothing(tmp_path: Path, profile: int) -> None:
    async with open_back_office(tmp_path, profiles=[profile], minimum=SecurityProfile(profile)) as office:
        assert await _sign(office, profile) == "Rejected"
        refused = await office.steps.until(Step.REQUEST_REFUSED)
        assert refused.station_id == STATION
        assert refused.facts == {
            "reason": "InsecureConnection",
            "detail": f"it came over security profile {profile}; allow_insecure_csr in [policy] would take it",
        }
        assert await office.cpms.ledger.refusals_of(STATION) == ()
        assert await office.cpms.ledger.requests_since(STATION, NOON) == 0


@PLAIN
async def test_a_csr_without_tls_is_taken_where_the_policy_says_so(tmp_path: Path, profile: int) -> None:
    policy = Policy(allow_insecure_csr=True)
    minimum = SecurityProfile(profile)
    async with open_back_office(tmp_path, profiles=[profile], minimum=minimum, policy=policy) as office:
        assert await _sign(office, profile) == "Accepted"


async def test_a_refused_csr_is_an_inner_rejected(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office, office.dial() as socket:
        csr = csr_text(generate_private_key(KeySpec.P256), "DE*ICE*E0002")
        answer = await call(socket, "DataTransfer", data_transfer("SignCertificate", {"csr": csr}))
        assert answer[2]["status"] == "Accepted"
        assert json.loads(answer[2]["data"])["status"] == "Rejected"
        assert office.ca.posts == 0


async def test_the_newer_of_two_sockets_wins(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        older = await office.dial()
        newer = await office.dial()
        with pytest.raises(ConnectionClosed) as closed:
            await older.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "a newer connection of this station")
        assert (await call(newer, "Heartbeat", {}))[0] == 3
        await newer.close()


async def test_a_client_without_the_subprotocol_gets_no_socket(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        assert await turned_away(office.dial(subprotocols=None)) == 400


async def test_a_station_gets_in_by_its_client_certificate_alone(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        async with office.dial(profile=3, client=office.client(), password=None) as socket:
            assert (await call(socket, "Heartbeat", {}))[0] == 3
            record = await _until(office, lambda record: record.minimum_profile is SecurityProfile.MUTUAL_TLS)
        assert record.minimum_profile is SecurityProfile.MUTUAL_TLS
        assert await turned_away(office.dial()) == 401
        async with office.dial(profile=3, client=office.client(), password=None):
            pass


def _reached(profile: int) -> Callable[[StationRecord], bool]:
    return lambda record: record.minimum_profile == profile


async def _until(office: BackOffice, true: Callable[[StationRecord], bool]) -> StationRecord:
    async with asyncio.timeout(5):
        while True:
            record = await office.cpms.ledger.station(STATION)
            assert record is not None
            if true(record):
                return record


@pytest.mark.parametrize(("common_name", "organization"), [("CS-0002", OPERATOR), (STATION, "Rival"), (EVSE, OPERATOR)])
async def test_a_client_certificate_for_somebody_else_gets_401(
    tmp_path: Path, common_name: str, organization: str
) -> None:
    async with open_back_office(tmp_path) as office:
        client = office.client(common_name, organization)
        assert await turned_away(office.dial(profile=3, client=client)) == 401


async def test_a_client_certificate_of_a_station_nobody_knows_gets_401(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        dialling = office.dial(profile=3, client=office.client("CS-0002"), path="/ocpp/CS-0002")
        assert await turned_away(dialling) == 401


@pytest.mark.parametrize("stranger", [True, False])
async def test_a_client_certificate_from_elsewhere_or_none_gets_no_tls(tmp_path: Path, stranger: bool) -> None:
    async with open_back_office(tmp_path) as office:
        client = office.client(issuer=csms_ladder().issuing) if stranger else None
        with pytest.raises((OSError, InvalidMessage, ConnectionClosed)):
            async with office.dial(profile=3, client=client) as socket:
                await socket.recv()


async def leave_a_delivery_waiting(office: BackOffice) -> None:
    """The station asks for a certificate and is gone before it comes."""
    async with office.dial() as socket:
        request = data_transfer("SignCertificate", {"csr": csr_text(generate_private_key(KeySpec.P256), EVSE)})
        await socket.send(json.dumps([2, "1", "DataTransfer", request]))
        await socket.close()
    await office.steps.until(Step.WAITS_FOR_STATION)


@pytest.mark.parametrize("silent", [False, True])
async def test_a_delivery_that_waited_goes_out_when_its_station_has_booted_or_stays_silent(
    tmp_path: Path, silent: bool
) -> None:
    async with open_back_office(tmp_path) as office:
        await leave_a_delivery_waiting(office)
        async with office.dial() as socket:
            await office.steps.until(Step.STATION_CONNECTED, times=2)
            assert office.steps.count(Step.DELIVERY_RECORDED) == 0
            if silent:
                await office.clock.until_somebody_sleeps(until=QUIET)
                office.clock.advance(QUIET)
            else:
                boot = {"chargePointVendor": "V", "chargePointModel": "M"}
                assert (await call(socket, "BootNotification", boot))[0] == 3
            sent = json.loads(await socket.recv())
            assert (sent[0], sent[3]["messageId"]) == (2, "CertificateSigned")
            await socket.send(json.dumps([3, sent[1], {"status": "Accepted", "data": '{"status":"Accepted"}'}]))
            listed = json.loads(await socket.recv())
            assert listed[3]["messageId"] == "GetInstalledCertificateIds"
            await socket.send(json.dumps([3, listed[1], {"status": "UnknownMessageId"}]))
            await office.steps.until(Step.INSTALL_RECORDED)
        (enrolment,) = await office.cpms.ledger.enrolments_of(StationId(STATION))
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.INSTALLED, Proof.UNPROVEN)
