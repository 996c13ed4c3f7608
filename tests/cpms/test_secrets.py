"""No secret gets out: each goes through every message and door we have, then logs, records and errors are searched.

The log is searched at DEBUG, with everything the libraries say.
"""

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from backoffice import EVSE, KEY, STATION, BackOffice, open_back_office
from chainpilot.cpms.adapters.est_http import EstHttp
from chainpilot.cpms.config import PkiConfig
from chainpilot.cpms.model import Step
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.csr import build_csr, inspect_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import TrustAnchors
from chainpilot.wire.est.paths import RFC7030
from rawserver import answering, http_answer, make_identity, raw_server
from sims import csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio

SECRET = "s3cr3t-value"
EST_PASSWORD = "est-s3cr3t-password"
USER = "cpms"
FORMS = tuple(
    form
    for secret in (SECRET, EST_PASSWORD, KEY)
    for form in (
        secret,
        base64.b64encode(secret.encode()).decode().rstrip("="),
        base64.b64encode(f"{USER}:{secret}".encode()).decode(),
        base64.b64encode(f"{STATION}:{secret}".encode()).decode(),
    )
)
"""Each secret as it is, and as HTTP Basic carries it."""


def transfer(data: object, message: str = "SignCertificate", vendor: str = "iso15118") -> dict[str, Any]:
    """A DataTransfer's payload; text goes into `data` as it is."""
    return {"vendorId": vendor, "messageId": message, "data": data if isinstance(data, str) else json.dumps(data)}


BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
MOMENT = "2026-06-01T12:00:00Z"
START = {"connectorId": 1, "idTag": SECRET, "meterStart": 0, "timestamp": MOMENT}
STOP = {"transactionId": 1, "meterStop": 0, "timestamp": MOMENT}
SAMPLE = {"timestamp": MOMENT, "sampledValue": [{"value": SECRET}]}
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("BootNotification", {**BOOT, "chargeBoxSerialNumber": SECRET}),
    ("BootNotification", {**BOOT, "chargePointVendor": SECRET * 3}),
    ("BootNotification", {**BOOT, "chargePointModel": [SECRET]}),
    ("BootNotification", {**BOOT, SECRET: SECRET}),
    ("Heartbeat", {SECRET: SECRET}),
    ("StatusNotification", {**STATUS, "info": SECRET}),
    ("StatusNotification", {**STATUS, "status": SECRET}),
    ("StatusNotification", {**STATUS, "connectorId": SECRET}),
    ("StatusNotification", {**STATUS, "timestamp": SECRET}),
    ("Authorize", {"idTag": SECRET}),
    ("Authorize", {"idTag": SECRET * 3}),
    ("StartTransaction", START),
    ("StartTransaction", {**START, "timestamp": SECRET}),
    ("StopTransaction", {**STOP, "idTag": SECRET, "transactionData": [SAMPLE]}),
    ("StopTransaction", {**STOP, "transactionData": [{**SAMPLE, SECRET: SECRET}]}),
    ("MeterValues", {"connectorId": 1, "meterValue": [SAMPLE]}),
    ("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": MOMENT, "sampledValue": [{"unit": SECRET}]}]}),
    ("SecurityEventNotification", {"type": SECRET, "timestamp": MOMENT, "techInfo": SECRET}),
    ("LogStatusNotification", {"status": SECRET}),
    ("ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}),
    ("SetVariables", {"setVariableData": [{"attributeValue": SECRET}]}),
    ("DataTransfer", {"vendorId": [SECRET]}),
    ("DataTransfer", transfer(SECRET, vendor=SECRET)),
    ("DataTransfer", transfer(SECRET, message=SECRET)),
    ("DataTransfer", transfer(SECRET)),
    ("DataTransfer", transfer({"csr": SECRET})),
    ("DataTransfer", transfer({"csr": f"-----BEGIN CERTIFICATE REQUEST-----\n{SECRET}\n"})),
    ("DataTransfer", transfer({"csr": [SECRET]})),
    ("DataTransfer", transfer({"csr": "", SECRET: SECRET})),
    ("DataTransfer", transfer({"csr": SECRET, "typeOfCertificate": SECRET})),
    ("DataTransfer", transfer({"cert": SECRET}, "CertificateSigned")),
    ("DataTransfer", transfer({"typeOfCertificate": [SECRET]}, "GetInstalledCertificateIds")),
)
FRAMES = (
    SECRET,
    json.dumps([2, SECRET * 9, "Heartbeat", {}]),
    json.dumps([2, "1", SECRET * 9, {}]),
    json.dumps([3, "1", {"data": SECRET}]),
    json.dumps([4, "1", "GenericError", SECRET, {"data": SECRET}]),
    json.dumps([9, "1", SECRET]),
)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it came from, as a traceback would print them."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def assert_clean(*texts: str) -> None:
    """None of the secrets, in none of its forms."""
    for text in texts:
        for form in FORMS:
            assert form not in text


async def say_everything(socket: ClientConnection) -> None:
    """Every call and frame; the answers are searched too."""
    for number, (action, payload) in enumerate(CALLS):
        await socket.send(json.dumps([2, str(number), action, payload]))
        assert_clean(str(await socket.recv()))
    for frame in FRAMES:
        await socket.send(frame)
    await socket.send(json.dumps([2, "end", "Heartbeat", {}]))
    answer = ""
    while not answer.startswith('[3,"end"'):
        answer = str(await socket.recv())
        assert_clean(answer)


async def answer_everything(office: BackOffice) -> None:
    """The station is asked to install a certificate, and answers with secrets wherever it isn't asked for a word."""
    answers: tuple[Callable[[str], list[Any]], ...] = (
        lambda number: [3, number, {"status": "Accepted", "data": SECRET}],
        lambda number: [3, number, {"status": [SECRET], "data": [SECRET]}],
        lambda number: [4, number, "GenericError", "no", {"data": SECRET}],
        lambda number: [3, number, {"status": "Rejected", "data": json.dumps({"status": SECRET})}],
    )
    for make in answers:
        async with office.dial() as socket:
            csr = csr_text(generate_private_key(KeySpec.P256), EVSE)
            await socket.send(json.dumps([2, "ask", "DataTransfer", transfer({"csr": csr})]))
            while (frame := json.loads(await socket.recv()))[0] != 2:
                continue
            await socket.send(json.dumps(make(frame[1])))
            await socket.send(json.dumps([2, "end", "Heartbeat", {}]))
            while json.loads(await socket.recv())[:2] != [3, "end"]:
                continue


def known_log(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged but by the tests' own WebSocket client."""
    return "\n".join(
        f"{record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
        if not record.name.startswith("websockets.client")
    )


async def test_no_secret_that_stations_send_or_show_gets_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_back_office(tmp_path) as office:
        async with office.dial() as socket:
            await say_everything(socket)
        await answer_everything(office)
        for options in (
            {"password": SECRET},
            {"path": f"/ocpp/CS-0002?key={SECRET}"},
            {"path": f"/a%20b?key={SECRET}"},
        ):
            with pytest.raises(InvalidStatus) as refused:
                await office.dial(**options)  # type: ignore[arg-type]  # - a table
            assert_clean(str(refused.value.response))
        written = b"".join(path.read_bytes() for path in tmp_path.glob("cpms.sqlite*")).decode("latin-1")
    assert office.steps.count(Step.TURNED_AWAY) == 3
    assert office.steps.count(Step.MESSAGE_REFUSED) > 10
    assert "turned-away" in caplog.text
    assert_clean(written, str(office.steps.taken), known_log(caplog))


async def test_the_est_password_of_a_refused_login_gets_out_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    identity = make_identity(tmp_path / "pki", "127.0.0.1")
    anchors = TrustAnchors.admit(load_certificates(identity.anchors.read_text()), allow_test_pki=True)
    refusal = http_answer(
        401, {"WWW-Authenticate": 'Basic realm="est"', "Content-Type": "text/plain"}, b"no such login"
    )
    async with raw_server(answering(refusal), identity.context) as server:
        config = PkiConfig("played", server.url, RFC7030.fill(label="cpo"), USER, EST_PASSWORD, tls_anchors=anchors)
        async with EstHttp(config) as authority, open_back_office(tmp_path, authorities={"v2g": authority}) as office:
            csr = build_csr(generate_private_key(KeySpec.P256), DistinguishedName("DE", "Operator", EVSE, "CPO"))
            errors = await asyncio.gather(
                authority.cacerts(), authority.simpleenroll(inspect_csr(csr)), return_exceptions=True
            )
            assert all(isinstance(error, Exception) for error in errors)
            async with office.dial() as socket:
                request = transfer({"csr": csr_text(generate_private_key(KeySpec.P256), EVSE)})
                await socket.send(json.dumps([2, "1", "DataTransfer", request]))
                assert_clean(str(await socket.recv()))
                failed = await office.steps.until(Step.FAILED)
            assert failed.facts["reason"] == "PkiLoginRefused"
            (enrolment,) = await office.cpms.ledger.enrolments_of(STATION)
            shown = [repr(config), repr(authority), repr(office.cpms.config), str(enrolment), str(failed)]
            written = b"".join(path.read_bytes() for path in tmp_path.glob("cpms.sqlite*")).decode("latin-1")
        assert any(base64.b64encode(f"{USER}:{EST_PASSWORD}".encode()) in request for request in server.requests)
    assert_clean(written, known_log(caplog), *shown)
    for error in errors:
        if isinstance(error, BaseException):
            assert_clean(*(f"{cause} {cause!r}" for cause in causes(error)))
