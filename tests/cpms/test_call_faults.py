"""Calls when something goes wrong: in the station, in the ledger, in a watcher, in between."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from answering import SILENCE, Replies, Reply, Said, answering, carried_out, ended
from backoffice import EVSE, STATION, BackOffice, open_back_office
from chainpilot.cpms.adapters.sql.files import open_engine
from chainpilot.cpms.calls import DemandRefused
from chainpilot.cpms.model import CallEvent, CallId, CallState, Entry, Exchange, Reason, Step
from chainpilot.cpms.model.demands import (
    ChangeConfiguration,
    ChangePassword,
    DeleteCertificate,
    GetLog,
    InstallCertificate,
    Reset,
    SendCertificate,
    SetVariables,
    SignedUpdateFirmware,
    TriggerMessage,
    VariableName,
    VariableValue,
)
from chainpilot.pki.encoding import PemLabel, TextEncoding, recognise
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import LeafUse
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.pnc.codec import encode_request
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    CertificateSignedResponse,
    GetInstalledCertificateIdsResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
    SignCertificateRequest,
    TriggerMessageResponse,
)
from chainpilot.wire.pnc.words import (
    CertificateUse,
    GenericStatus,
    GetInstalledCertificateStatus,
    InstallCertificateStatus,
    MessageTrigger,
    TriggerMessageStatus,
)
from chainpilot.wire.security import LogType
from forge import NOON
from sims import CaFault, csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio

RENEW = TriggerMessage(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE)
TRIGGERED = TriggerMessageResponse(TriggerMessageStatus.ACCEPTED)
INSTALLED = InstallCertificateResponse(InstallCertificateStatus.ACCEPTED)
CSMS_ROOT = CertificateUse.CSMS_ROOT_CERTIFICATE


def always(reply: Reply) -> Replies:
    """One answer to everything."""
    return lambda said, text: reply


def reason(call: Any) -> Reason | None:
    """Why it ended so."""
    return call.end.reason if call.end else None


@pytest.mark.parametrize("step", [Step.CALL_SENT, Step.CALL_ANSWERED])
async def test_a_reset_is_said_once_whatever_breaks_on_our_side(tmp_path: Path, step: Step) -> None:
    said_yes = always({"status": "Accepted"})
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.S], said_yes) as station:
        office.steps.broken[step] = 1
        call = await carried_out(office, Reset())
        assert len(station.frames) == (1 if step is Step.CALL_ANSWERED else 0)
        assert call.state is (CallState.DONE if step is Step.CALL_ANSWERED else CallState.OUTCOME_UNKNOWN)


async def test_a_call_that_breaks_for_a_fault_of_ours_is_given_up_after_five_tries(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.V201], always(TRIGGERED)) as station:
        office.steps.broken[Step.CALL_SENT] = 99
        order = await office.cpms.calls.order(STATION, RENEW)
        for times in range(1, 5):
            await office.steps.until(Step.CALL_PUT_OFF, times)
            await office.clock.until_somebody_sleeps(until=5.0 * 2 ** (times - 1))
            office.clock.advance(5 * 2 ** (times - 1))
        call = await ended(office, order.call_id)
        assert (call.state, reason(call)) == (CallState.FAILED, Reason.CALL_BROKEN)
        assert not station.frames


@pytest.mark.parametrize(
    ("demand", "answer", "state"),
    [
        (Reset(), None, CallState.OUTCOME_UNKNOWN),
        (Reset(), "Accepted", CallState.DONE),
        (Reset(), "Rejected", CallState.REFUSED),
        (
            SignedUpdateFirmware("https://user:pw@h/fw", NOON, "PEM", "c2ln"),
            None,
            CallState.OUTCOME_UNKNOWN,
        ),
    ],
    ids=["no-answer", "yes", "no", "firmware-with-a-secret"],
)
async def test_what_a_dead_process_had_sent_is_concluded_from_its_record(
    tmp_path: Path, demand: Any, answer: str | None, state: CallState
) -> None:
    """Its time being over, or its secret lost, changes nothing of that."""
    async with open_back_office(tmp_path) as office:
        if isinstance(demand, SignedUpdateFirmware):
            demand = replace_certificate(demand, office)
        order = await office.cpms.calls.order(STATION, demand, lifetime=timedelta(hours=1))
        await office.steps.until(Step.CALL_PUT_OFF)
        waiting = await office.cpms.ledger.call(order.call_id)
        assert waiting is not None
        sent = waiting.after(CallEvent.SEND, NOON)
        exchange = Exchange("Reset", "ocpp1.6", NOON, {}, answer=answer)
        await office.cpms.ledger.commit(Entry(calls=(replace(sent, exchanges=(exchange,)),)))
    async with open_back_office(tmp_path) as office:
        office.clock.advance(7200)
        office.cpms._nudged.set()
        assert (await ended(office, order.call_id)).state is state


def replace_certificate(demand: SignedUpdateFirmware, office: BackOffice) -> SignedUpdateFirmware:
    """Signed by somebody whose certificate is in force."""
    pem = office.csms.root.certificate.to_pem()
    return SignedUpdateFirmware(demand.location, demand.retrieve_date_time, pem, demand.signature)


async def test_a_call_behind_another_ends_with_its_time_too(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        await office.cpms.calls.order(STATION, RENEW)
        behind = await office.cpms.calls.order(STATION, RENEW, lifetime=timedelta(hours=1))
        await office.steps.until(Step.CALL_PUT_OFF)
        await office.clock.until_somebody_sleeps(until=3600.0)
        office.clock.advance(3600)
        call = await ended(office, behind.call_id)
        assert reason(call) is Reason.CALL_EXPIRED


async def test_a_record_that_can_not_be_read_holds_up_nobody(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        broken = await office.cpms.calls.order(STATION, RENEW)
        await office.steps.until(Step.CALL_PUT_OFF)
        spoil = sa.text("UPDATE calls SET demand = '{}'")
        await office.cpms.ledger._write(lambda connection: connection.execute(spoil))
        behind = await office.cpms.calls.order(STATION, RENEW)
        async with answering(office, [Dialect.V201], always(TRIGGERED)):
            await office.steps.until(Step.CALL_ENDED)
        call = await office.cpms.ledger.call(behind.call_id)
        assert call is not None
        assert call.state is CallState.DONE
        with open_engine(tmp_path / "cpms.sqlite", writes=False).connect() as records:
            state = records.execute(sa.text("SELECT state FROM calls WHERE call_id = :id"), {"id": broken.call_id})
            assert state.scalar_one() == CallState.FAILED.value


async def enrols(station: Any, name: str = EVSE, use: LeafUse = LeafUse.V2G) -> None:
    """A certificate request of the station's own."""
    csr = csr_text(generate_private_key(KeySpec.P256), name, domain="CPO" if use is LeafUse.V2G else None)
    call = encode_request(SignCertificateRequest(csr, use), Dialect.V201)
    assert (await station.call(call.action, call.payload))[2]["status"] == "Accepted"


def takes_certificates(said: Said, text: str) -> Reply:
    """Whatever it is sent."""
    if type(said).__name__ == "CertificateSignedRequest":
        return CertificateSignedResponse(GenericStatus.ACCEPTED)
    return GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.NOT_FOUND)


async def test_a_certificate_is_not_sent_while_a_newer_request_of_its_slot_is_open(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.V201], takes_certificates) as station:
        await enrols(station)
        await office.steps.until(Step.INSTALL_RECORDED)
        office.ca.faults.add(CaFault.PENDING)
        await enrols(station)
        await office.steps.until(Step.POSTPONED)
        older = (await office.cpms.ledger.enrolments_of(STATION))[0]
        call = await carried_out(office, SendCertificate(older.enrolment_id))
        assert (call.state, reason(call)) == (CallState.REFUSED, Reason.CERTIFICATE_NOT_SENT)
        assert office.steps.count(Step.CALL_PUT_OFF) == 0


async def test_a_trigger_whose_answer_got_lost_is_not_said_again_once_its_request_came(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        async with answering(office, [Dialect.V201], always(SILENCE)) as station:
            order = await office.cpms.calls.order(STATION, RENEW)
            await station.came.wait()
            await enrols(station, STATION, LeafUse.CSMS)
        await office.steps.until(Step.CALL_PUT_OFF)
        async with answering(office, [Dialect.V201], takes_certificates) as station:
            call = await ended(office, order.call_id)
            assert call.state is CallState.DONE
            assert len(call.exchanges) == 1


async def test_a_station_that_takes_a_password_and_drops_out_is_given_no_other(tmp_path: Path) -> None:
    taken: list[str] = []

    def takes(said: Said, text: str) -> Reply:
        assert isinstance(said, ocpp201.SetVariables)
        taken.append(said.set_variable_data[0].attribute_value)
        return SILENCE

    async with open_back_office(tmp_path) as office:
        async with answering(office, [Dialect.V201], takes) as station:
            order = await office.cpms.calls.order(STATION, ChangePassword())
            await station.came.wait()
        await office.steps.until(Step.CALL_PUT_OFF)
        async with answering(office, [Dialect.V201], takes, password=taken[0]):
            call = await ended(office, order.call_id)
        assert (call.state, call.findings) == (CallState.DONE, {"in_force": "at once"})
        assert len(taken) == 1


PASSWORD = VariableName("SecurityCtrlr", "BasicAuthPassword")
OTHER = {"component": {"name": "Other"}, "variable": {"name": "Thing"}}
OWN = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
ACCEPTED = {"attributeStatus": "Accepted"}


@pytest.mark.parametrize(
    "results",
    [[], [{**ACCEPTED, **OTHER}], [{**ACCEPTED, **OWN}, {**ACCEPTED, **OWN}]],
    ids=["none", "another", "two"],
)
async def test_an_answer_that_leaves_the_variable_out_says_nothing_of_it(
    tmp_path: Path, results: list[dict[str, Any]]
) -> None:
    reply = always({"setVariableResult": results})
    async with open_back_office(tmp_path) as office:
        async with answering(office, [Dialect.V201], reply):
            await office.cpms.calls.order(STATION, ChangePassword())
            await office.steps.until(Step.CALL_PUT_OFF)
        async with office.dial():
            pass  # with its old password


async def test_known_hex_is_for_the_data_transfers_alone(tmp_path: Path) -> None:
    texts: list[TextEncoding] = []

    def reads(said: Said, text: str) -> Reply:
        assert isinstance(said, InstallCertificateRequest)
        texts.append(recognise(said.certificate, PemLabel.CERTIFICATE).encoding)
        return INSTALLED

    async with open_back_office(tmp_path) as office:
        demand = InstallCertificate(CSMS_ROOT, office.csms.root.certificate.to_pem())
        for dialect in (Dialect.S, Dialect.V201):
            async with answering(office, [dialect], reads):
                await office.cpms.ledger.note_encoding(STATION, TextEncoding.HEX_DER)
                await carried_out(office, demand)
        assert texts == [TextEncoding.PEM, TextEncoding.PEM]


async def test_pem_taken_in_ocpp_s_own_message_says_nothing_of_the_data_transfers(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.S], always(INSTALLED)):
        await carried_out(office, InstallCertificate(CSMS_ROOT, office.csms.root.certificate.to_pem()))
        record = await office.cpms.ledger.station(STATION)
        assert record is not None
        assert record.csr_encoding is None


@pytest.mark.parametrize("code", ["InternalError", "GenericError", "FormationViolation", "ProtocolError"])
async def test_a_station_that_answers_what_it_does_not_know_with_any_error_is_asked_in_h(
    tmp_path: Path, code: str
) -> None:
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.H], always(TRIGGERED)) as station:
        station.unknown = [4, code, "", {}]
        call = await carried_out(office, RENEW)
        assert call.state is CallState.DONE
        assert [one.spoken for one in call.exchanges] == ["S", "H"]


async def test_nothing_was_asked_to_be_deleted_that_was_never_sent(tmp_path: Path) -> None:
    """A try that did not leave is no reason to believe that it is done."""
    async with open_back_office(tmp_path) as office:
        root = office.csms.root.certificate.to_pem()
        order = await office.cpms.calls.order(STATION, DeleteCertificate(certificate=root))
        await office.steps.until(Step.CALL_PUT_OFF)
        waiting = await office.cpms.ledger.call(order.call_id)
        assert waiting is not None
        exchange = Exchange("DeleteCertificate", "2.0.1", NOON, {}, answer="not sent", is_unsent=True)
        changed = replace(waiting.after(CallEvent.PUT_OFF, NOON), exchanges=(exchange,))
        await office.cpms.ledger.commit(Entry(calls=(changed,)))
        nothing = GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.NOT_FOUND)
        async with answering(office, [Dialect.V201], always(nothing)):
            call = await ended(office, order.call_id)
        assert reason(call) is Reason.CERTIFICATE_NOT_LISTED


async def test_progress_is_told_of_logs_and_firmware_alone_and_once(tmp_path: Path) -> None:
    accepted = always({"status": "Accepted"})
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.V201], accepted) as station:
        trigger = await carried_out(office, RENEW)
        log = await office.cpms.calls.order(STATION, GetLog(LogType.SECURITY_LOG, "https://h/log"))
        log = await ended(office, log.call_id)
        for call_id in (trigger.call_id, log.call_id, log.call_id, CallId(99), CallId(2**40)):
            told = {"status": "Uploading", "requestId": call_id}
            assert (await station.call("LogStatusNotification", told))[0] == 3
        assert office.steps.count(Step.CALL_PROGRESS) == 1
        kept = await office.cpms.ledger.call(trigger.call_id)
        assert kept is not None
        assert kept.progress is None


SECRET = "s3cr3t-value"
VENDOR = VariableName("VendorCtrlr", "ApiKey")


@pytest.mark.parametrize("code", ["NotSupported", "PropertyConstraintViolation", "InternalError"])
@pytest.mark.parametrize(
    ("dialect", "demand"),
    [
        (Dialect.S, ChangeConfiguration("VendorApiKey", SECRET)),
        (Dialect.S, ChangePassword()),
        (Dialect.V201, SetVariables((VariableValue(VENDOR, SECRET),))),
        (Dialect.V201, ChangePassword()),
        (Dialect.V201, GetLog(LogType.SECURITY_LOG, f"https://u:{SECRET}@h/log")),
    ],
    ids=["key", "1.6-password", "variable", "2.0.1-password", "log"],
)
async def test_a_station_that_repeats_a_secret_puts_it_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, dialect: Dialect, demand: Any, code: str
) -> None:
    secrets: list[str] = [SECRET]

    def repeats(said: Said, text: str) -> Reply:
        secrets.extend(_values(said))
        return [4, code, f"the value {secrets[-1]} is not valid", {"value": secrets[-1]}]

    caplog.set_level("DEBUG")
    async with open_back_office(tmp_path) as office, answering(office, [dialect], repeats):
        order = await office.cpms.calls.order(STATION, demand)
        await office.steps.until(Step.CALL_ENDED if code == "NotSupported" else Step.CALL_PUT_OFF)
        call = await office.cpms.ledger.call(order.call_id)
        written = b"".join(path.read_bytes() for path in tmp_path.glob("cpms.sqlite*")).decode("latin-1")
        log = "\n".join(one.getMessage() for one in caplog.records if not one.name.startswith("websockets.client"))
        for secret in secrets:
            for text in (repr(call), str(office.steps.taken), written, log):
                assert secret not in text


def _values(said: Said) -> list[str]:
    match said:
        case ocpp201.SetVariables(data):
            return [one.attribute_value for one in data]
        case ocpp16.ChangeConfiguration(_, value):
            return [value]
        case _:
            return []


@pytest.mark.parametrize("status", [SECRET, {"reasonCode": SECRET}])
async def test_an_unreadable_answer_puts_no_secret_anywhere(tmp_path: Path, status: Any) -> None:
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.S], always({"status": status})):
        await office.cpms.calls.order(STATION, ChangeConfiguration("VendorApiKey", SECRET))
        await office.steps.until(Step.CALL_PUT_OFF)
        assert SECRET not in str(office.steps.taken)


@pytest.mark.parametrize("told", [f"https://u:{SECRET}@h/a.log", f"a.log?k={SECRET}", f"\\\\u:{SECRET}\\share\\a.log"])
async def test_of_a_log_s_name_the_last_part_alone_is_kept(tmp_path: Path, told: str) -> None:
    answer = always({"status": "Accepted", "filename": told})
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.V201], answer):
        call = await carried_out(office, GetLog(LogType.SECURITY_LOG, "https://h/"))
        assert call.findings["filename"] == "a.log"


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-1), timedelta(days=366), timedelta.max])
async def test_a_call_s_life_has_bounds(tmp_path: Path, lifetime: timedelta) -> None:
    async with open_back_office(tmp_path) as office:
        with pytest.raises(DemandRefused, match="lifetime"):
            await office.cpms.calls.order(STATION, RENEW, lifetime=lifetime)
        await office.cpms.calls.order(STATION, RENEW, lifetime=timedelta(days=365))


async def test_text_that_is_no_unicode_is_refused(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        with pytest.raises(DemandRefused, match="Unicode"):
            await office.cpms.calls.order(STATION, ChangeConfiguration("CpoName", "\ud800"))


WRONG: list[tuple[Any, str]] = [
    (Reset, "no demand"),
    ("Reset", "no demand"),
    (Reset("Hard"), "Invalid enum value 'Hard'"),  # type: ignore[arg-type]  # - as people write it
    (TriggerMessage("Bogus"), "Invalid enum value 'Bogus'"),  # type: ignore[arg-type]  # - as people write it
    (ChangeConfiguration("Key", 300), "Expected `str`, got `int`"),  # type: ignore[arg-type]  # - as people write it
    (InstallCertificate(CSMS_ROOT, Path("/x")), "another type"),  # type: ignore[arg-type]  # - as people write it
]


@pytest.mark.parametrize(("demand", "why"), WRONG, ids=[why for _, why in WRONG])
async def test_what_is_of_another_type_is_refused_in_words(tmp_path: Path, demand: Any, why: str) -> None:
    async with open_back_office(tmp_path) as office:
        with pytest.raises(DemandRefused, match=why):
            await office.cpms.calls.order(STATION, demand)
        with pytest.raises(DemandRefused, match="lifetime"):
            await office.cpms.calls.order(STATION, RENEW, lifetime=60)  # type: ignore[arg-type]  # - as people write it


async def test_a_word_may_stand_for_the_member_of_an_enumeration(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        demand: Any = TriggerMessage("SignV2GCertificate")  # type: ignore[arg-type]  # - as people write it
        call = await office.cpms.calls.order(STATION, demand)
        assert call.demand == TriggerMessage(MessageTrigger.SIGN_V2G_CERTIFICATE)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ([3], "its answer cannot be read"),
        ({"status": "Foo"}, "status is no word of its enumeration"),
        ([4, "InternalError", "try later", {}], "CALLERROR InternalError: try later"),
    ],
    ids=["no-frame", "no-word", "error"],
)
async def test_what_is_no_answer_stands_in_the_record_and_a_reset_s_outcome_is_unknown(
    tmp_path: Path, reply: Any, said: str
) -> None:
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.S], always(reply)) as station:
        call = await carried_out(office, Reset())
        assert call.state is CallState.OUTCOME_UNKNOWN
        assert said in (call.exchanges[-1].answer or "")
        assert len(station.frames) == 1


async def test_of_several_settings_the_record_tells_each(tmp_path: Path) -> None:
    names = [VariableName("SecurityCtrlr", "OrganizationName"), VariableName("Other", "Thing")]

    def knows_one(said: Said, text: str) -> Reply:
        assert isinstance(said, ocpp201.SetVariables)
        statuses = ("Accepted", "UnknownComponent")
        results = [
            {"attributeStatus": status, "component": {"name": name.component}, "variable": {"name": name.variable}}
            for name, status in zip(names, statuses, strict=True)
        ]
        return {"setVariableResult": results}

    async with open_back_office(tmp_path) as office, answering(office, [Dialect.V201], knows_one):
        call = await carried_out(office, SetVariables(tuple(VariableValue(name, "x") for name in names)))
        assert call.state is CallState.REFUSED
        told = {"SecurityCtrlr.OrganizationName": "Accepted", "Other.Thing": "UnknownComponent"}
        assert call.findings == {"variables": told}
