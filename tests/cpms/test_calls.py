"""What is wanted of a station: ordered, said in its dialect over a real WebSocket, answered, recorded."""

from datetime import timedelta
from pathlib import Path

import pytest

from answering import SILENCE, Replies, Reply, Said, answering, carried_out, ended
from backoffice import STATION, open_back_office
from chainpilot.cpms.calls import DemandRefused
from chainpilot.cpms.model import CallId, CallState, Reason, SecurityProfile, Step
from chainpilot.cpms.model.demands import (
    ChangeConfiguration,
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    Reset,
    TriggerMessage,
)
from chainpilot.cpms.ports import TooManyCalls
from chainpilot.pki.encoding import PemLabel, TextEncoding, recognise
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data
from chainpilot.wire import ocpp201
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import Quirk
from chainpilot.wire.pnc.messages import (
    CertificateHashDataChain,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
    TriggerMessageRequest,
    TriggerMessageResponse,
)
from chainpilot.wire.pnc.words import (
    CertificateUse,
    DeleteCertificateStatus,
    GetInstalledCertificateStatus,
    InstallCertificateStatus,
    MessageTrigger,
    TriggerMessageStatus,
)

__all__: list[str] = []

pytestmark = pytest.mark.anyio

SPOKEN = [Dialect.H, Dialect.O, Dialect.S, Dialect.V201]
DIALECT = pytest.mark.parametrize("dialect", SPOKEN, ids=lambda dialect: dialect.value)
CSMS_ROOT = CertificateUse.CSMS_ROOT_CERTIFICATE
V2G_ROOT = CertificateUse.V2G_ROOT_CERTIFICATE
RENEW = TriggerMessage(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE)
RENEW_V2G = TriggerMessage(MessageTrigger.SIGN_V2G_CERTIFICATE)
TRIGGERED = TriggerMessageResponse(TriggerMessageStatus.ACCEPTED)
INSTALLED = InstallCertificateResponse(InstallCertificateStatus.ACCEPTED)


def always(reply: Reply) -> Replies:
    """One answer to everything."""
    return lambda said, text: reply


@DIALECT
async def test_a_trigger_is_said_in_the_station_s_dialect_and_recorded(tmp_path: Path, dialect: Dialect) -> None:
    async with open_back_office(tmp_path) as office, answering(office, [dialect], always(TRIGGERED)) as station:
        call = await carried_out(office, RENEW)
        assert station.heard == [TriggerMessageRequest(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE)]
        assert call.state is CallState.DONE
        exchange = call.exchanges[-1]
        assert (exchange.action, exchange.spoken, exchange.answer) == ("TriggerMessage", dialect.value, "Accepted")
        assert exchange.sent == {"requestedMessage": "SignChargingStationCertificate"}


@DIALECT
@pytest.mark.parametrize("use", [CSMS_ROOT, V2G_ROOT], ids=lambda use: use.value)
async def test_a_root_is_installed(tmp_path: Path, dialect: Dialect, use: CertificateUse) -> None:
    async with open_back_office(tmp_path) as office, answering(office, [dialect], always(INSTALLED)) as station:
        root = (office.csms if use is CSMS_ROOT else office.v2g).root.certificate
        call = await carried_out(office, InstallCertificate(use, root.to_pem()))
        if dialect is Dialect.S and use is V2G_ROOT:
            assert call.state is CallState.REFUSED
            assert not station.heard
            return
        (asked,) = station.heard
        assert isinstance(asked, InstallCertificateRequest)
        assert asked.certificate_type is use
        assert recognise(asked.certificate, PemLabel.CERTIFICATE).blocks == (root.der,)
        assert call.state is CallState.DONE
        told = {"certificateType": use.value, "fingerprint": root.fingerprint, "encoding": TextEncoding.PEM.value}
        assert call.exchanges[-1].sent == told


@DIALECT
@pytest.mark.parametrize("status", [InstallCertificateStatus.REJECTED, InstallCertificateStatus.FAILED])
async def test_a_refused_root_is_not_sent_again_and_again(
    tmp_path: Path, dialect: Dialect, status: InstallCertificateStatus
) -> None:
    """Of dialect H alone once more, in the encoding of its text (pnc-messages.md section 4)."""
    said = InstallCertificateResponse(status)
    async with open_back_office(tmp_path) as office, answering(office, [dialect], always(said)) as station:
        call = await carried_out(office, InstallCertificate(CSMS_ROOT, office.csms.root.certificate.to_pem()))
        assert call.state is CallState.REFUSED
        assert call.end is not None
        assert call.end.reason is Reason.CALL_REFUSED
        assert status.value in call.end.detail
        assert len(station.heard) == (2 if dialect is Dialect.H else 1)


async def test_a_root_refused_as_pem_is_sent_once_as_hex_der_and_that_is_remembered(tmp_path: Path) -> None:
    def reads_hex(said: Said, text: str) -> Reply:
        assert isinstance(said, InstallCertificateRequest)
        is_hex = recognise(said.certificate, PemLabel.CERTIFICATE).encoding is TextEncoding.HEX_DER
        return INSTALLED if is_hex else InstallCertificateResponse(InstallCertificateStatus.REJECTED)

    async with open_back_office(tmp_path) as office, answering(office, [Dialect.H], reads_hex) as station:
        demand = InstallCertificate(CSMS_ROOT, office.csms.root.certificate.to_pem())
        call = await carried_out(office, demand)
        assert (call.state, call.findings) == (CallState.DONE, {"encoding": TextEncoding.HEX_DER.value})
        record = await office.cpms.ledger.station(STATION)
        assert record is not None
        assert record.csr_encoding is TextEncoding.HEX_DER
        before = len(station.heard)
        await carried_out(office, demand)
        assert len(station.heard) == before + 1


@pytest.mark.parametrize(
    "refusal",
    [
        TriggerMessageResponse(TriggerMessageStatus.NOT_IMPLEMENTED),
        TriggerMessageResponse(TriggerMessageStatus.REJECTED),
        {"status": "Rejected"},
    ],
    ids=["not-implemented", "rejected", "carrier"],
)
async def test_a_trigger_is_said_once_more_in_the_text_s_misspelling_and_that_is_remembered(
    tmp_path: Path, refusal: Reply
) -> None:
    """pnc-messages.md section 3 row 1."""

    def knows_the_misspelling(said: Said, text: str) -> Reply:
        return TRIGGERED if "SignV2GCertifcate" in text else refusal

    async with open_back_office(tmp_path) as office, answering(office, [Dialect.H], knows_the_misspelling) as station:
        call = await carried_out(office, RENEW_V2G)
        assert call.state is CallState.DONE
        assert [one.sent.get("spelling") for one in call.exchanges[-2:]] == [None, "SignV2GCertifcate"]
        record = await office.cpms.ledger.station(STATION)
        assert record is not None
        assert record.quirks == {Quirk.MISSPELT_TRIGGER}
        before = len(station.heard)
        assert (await carried_out(office, RENEW_V2G)).state is CallState.DONE
        assert len(station.heard) == before + 1


async def test_a_station_that_learned_to_spell_is_asked_rightly_again(tmp_path: Path) -> None:
    def knows_the_word(said: Said, text: str) -> Reply:
        return {"status": "Rejected"} if "SignV2GCertifcate" in text else TRIGGERED

    async with open_back_office(tmp_path) as office, answering(office, [Dialect.H], knows_the_word):
        await office.cpms.ledger.note_quirks(STATION, frozenset({Quirk.MISSPELT_TRIGGER}))
        assert (await carried_out(office, RENEW_V2G)).state is CallState.DONE
        record = await office.cpms.ledger.station(STATION)
        assert record is not None
        assert record.quirks == frozenset()


async def test_a_v2g_root_is_named_in_the_schema_s_misspelling_where_the_word_is_refused(tmp_path: Path) -> None:
    """Row 2; a refusal of the root itself is none of its word."""

    def knows_the_misspelling(said: Said, text: str) -> Reply:
        return INSTALLED if "V2GRootCertficate" in text else {"status": "Rejected"}

    async with open_back_office(tmp_path) as office, answering(office, [Dialect.H], knows_the_misspelling) as station:
        call = await carried_out(office, InstallCertificate(V2G_ROOT, office.v2g.root.certificate.to_pem()))
        assert (call.state, len(station.heard)) == (CallState.DONE, 2)


async def test_a_station_never_heard_is_asked_in_what_it_turns_out_to_serve(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.O], always(TRIGGERED)) as station:
        call = await carried_out(office, RENEW)
        assert [exchange.spoken for exchange in call.exchanges] == ["S", "H", "O"]
        assert call.state is CallState.DONE
        record = await office.cpms.ledger.station(STATION)
        assert record is not None
        assert record.dialects == (Dialect.O,)
        assert [one.spoken for one in (await carried_out(office, RENEW)).exchanges] == ["O"]
        assert len(station.heard) == 2


async def test_a_station_that_serves_nothing_is_given_up_at_once_with_all_it_said(tmp_path: Path) -> None:
    deaf = always([4, "NotImplemented", "", {}])
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.S], deaf):
        call = await carried_out(office, RENEW_V2G)
        assert call.state is CallState.REFUSED
        assert call.end is not None
        assert "UnknownVendorId" in call.end.detail


LETTERS = CertificateHashData(HashAlgorithm.SHA384, "AbCd01", "0xEF02", "00Ab")
"""Hash data in a station's own handwriting."""


@DIALECT
@pytest.mark.parametrize("algorithm", HashAlgorithm, ids=lambda algorithm: algorithm.value)
async def test_a_deletion_echoes_what_the_station_wrote(
    tmp_path: Path, dialect: Dialect, algorithm: HashAlgorithm
) -> None:
    entry = CertificateHashData(algorithm, "AbCd01", "0xEF02", "00Ab")
    wanted = CertificateHashData(algorithm, "abcd01", "ef02", "ab")
    other = CertificateHashData(algorithm, "11", "22", "33")

    def holds_it(said: Said, text: str) -> Reply:
        if isinstance(said, DeleteCertificateRequest):
            return DeleteCertificateResponse(DeleteCertificateStatus.ACCEPTED)
        listed = tuple(CertificateHashDataChain(CSMS_ROOT, one) for one in (other, entry))
        return GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.ACCEPTED, listed)

    async with open_back_office(tmp_path) as office, answering(office, [dialect], holds_it) as station:
        call = await carried_out(office, DeleteCertificate(certificate_hash_data=wanted, certificate_type=CSMS_ROOT))
        assert call.state is CallState.DONE
        assert station.heard == [
            GetInstalledCertificateIdsRequest((CSMS_ROOT,)),
            DeleteCertificateRequest(entry),
        ]


async def test_a_root_is_deleted_by_itself_whatever_its_hash_algorithm(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        root = office.csms.root.certificate
        held = [hash_data(root, root, HashAlgorithm.SHA512)]

        def holds_it(said: Said, text: str) -> Reply:
            if isinstance(said, DeleteCertificateRequest):
                held.remove(said.certificate_hash_data)
                return DeleteCertificateResponse(DeleteCertificateStatus.ACCEPTED)
            listed = tuple(CertificateHashDataChain(CSMS_ROOT, one) for one in held)
            found = GetInstalledCertificateStatus.ACCEPTED if held else GetInstalledCertificateStatus.NOT_FOUND
            return GetInstalledCertificateIdsResponse(found, listed)

        async with answering(office, [Dialect.V201], holds_it):
            demand = DeleteCertificate(certificate=root.to_pem())
            assert (await carried_out(office, demand)).state is CallState.DONE
            again = await carried_out(office, demand)
            assert again.state is CallState.REFUSED
            assert again.end is not None
            assert again.end.reason is Reason.CERTIFICATE_NOT_LISTED


@DIALECT
async def test_everything_installed_is_listed_with_its_type(tmp_path: Path, dialect: Dialect) -> None:
    """H and S are asked one type a call (row 7)."""

    def holds_a_root(said: Said, text: str) -> Reply:
        assert isinstance(said, GetInstalledCertificateIdsRequest)
        if said.certificate_types not in {(), (CSMS_ROOT,)}:
            return GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.NOT_FOUND)
        return GetInstalledCertificateIdsResponse(
            GetInstalledCertificateStatus.ACCEPTED, (CertificateHashDataChain(CSMS_ROOT, LETTERS),)
        )

    async with open_back_office(tmp_path) as office, answering(office, [dialect], holds_a_root) as station:
        call = await carried_out(office, GetInstalledCertificateIds())
        assert call.state is CallState.DONE
        assert call.findings["certificates"] == [
            {
                "certificateType": "CSMSRootCertificate",
                "hashAlgorithm": "SHA384",
                "issuerNameHash": "AbCd01",
                "issuerKeyHash": "0xEF02",
                "serialNumber": "00Ab",
            }
        ]
        untold = call.findings["refused"]
        assert isinstance(untold, dict)
        assert (dialect is Dialect.S) == bool(untold)
        assert len(station.heard) == {Dialect.V201: 1, Dialect.S: 2}.get(dialect, 5)


async def test_calls_of_a_station_go_one_after_the_other_in_their_order(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        orders = [
            await office.cpms.calls.order(
                STATION, InstallCertificate(CSMS_ROOT, office.csms.root.certificate.to_pem())
            ),
            await office.cpms.calls.order(STATION, RENEW),
            await office.cpms.calls.order(STATION, Reset()),
        ]

        def reply(said: Said, text: str) -> Reply:
            match said:
                case InstallCertificateRequest():
                    return INSTALLED
                case ocpp201.Reset():
                    return ocpp201.ResetResponse(ocpp201.ResetStatus.ACCEPTED)
                case _:
                    return TRIGGERED

        async with answering(office, [Dialect.V201], reply) as station:
            done = [await ended(office, order.call_id) for order in orders]
            assert [call.state for call in done] == [CallState.DONE] * 3
            assert [type(said).__name__ for said in station.heard] == [
                "InstallCertificateRequest",
                "TriggerMessageRequest",
                "Reset",
            ]


async def test_a_silent_station_is_told_five_times_and_no_more(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.V201], always(SILENCE)) as station:
        order = await office.cpms.calls.order(STATION, RENEW)
        for times in range(1, 6):
            await office.steps.until(Step.CALL_SENT, times)
            await office.clock.until_somebody_sleeps(until=30.0)
            office.clock.advance(30)
            if times < 5:
                await office.steps.until(Step.CALL_PUT_OFF, times)
                await office.clock.until_somebody_sleeps(until=5.0 * 2 ** (times - 1))
                office.clock.advance(5 * 2 ** (times - 1))
        call = await ended(office, order.call_id)
        assert call.state is CallState.FAILED
        assert call.end is not None
        assert call.end.reason is Reason.STATION_SILENT
        assert len(station.frames) == 5


async def test_a_reset_without_an_answer_is_not_said_twice(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        async with answering(office, [Dialect.S], always(SILENCE)):
            order = await office.cpms.calls.order(STATION, Reset())
            await office.steps.until(Step.CALL_SENT)
        call = await ended(office, order.call_id)
        assert call.state is CallState.OUTCOME_UNKNOWN
        async with answering(office, [Dialect.S], always(SILENCE)) as station:
            assert await station.call("Heartbeat", {})
            assert not station.frames


async def test_a_call_waits_for_its_station_and_is_given_up_in_the_end(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        order = await office.cpms.calls.order(STATION, RENEW, lifetime=timedelta(hours=1))
        await office.steps.until(Step.CALL_PUT_OFF)
        waiting = await office.cpms.ledger.call(order.call_id)
        assert waiting is not None
        assert (waiting.state, waiting.attempts) == (CallState.WAITING, 0)
        await office.clock.until_somebody_sleeps(until=3600.0)
        office.clock.advance(3600)
        call = await ended(office, order.call_id)
        assert call.state is CallState.FAILED
        assert call.end is not None
        assert call.end.reason is Reason.CALL_EXPIRED


async def test_a_connection_that_breaks_in_mid_call_costs_nothing(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        async with answering(office, [Dialect.V201], always(SILENCE)) as station:
            order = await office.cpms.calls.order(STATION, RENEW)
            await office.steps.until(Step.CALL_SENT)
            await station.socket.close()
        await office.steps.until(Step.CALL_PUT_OFF)
        async with answering(office, [Dialect.V201], always(TRIGGERED)):
            call = await ended(office, order.call_id)
        assert call.state is CallState.DONE
        assert [one.answer for one in call.exchanges] == [None, "Accepted"]


async def test_a_cancelled_call_is_not_said(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        order = await office.cpms.calls.order(STATION, RENEW)
        await office.steps.until(Step.CALL_PUT_OFF)
        cancelled = await office.cpms.calls.cancel(order.call_id)
        assert cancelled is not None
        assert cancelled.state is CallState.CANCELLED
        assert await office.cpms.calls.cancel(order.call_id) == cancelled
        async with answering(office, [Dialect.V201], always(TRIGGERED)) as station:
            await station.call("Heartbeat", {})
            assert not station.frames


async def test_a_call_cancelled_while_it_is_at_work_stays_cancelled(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.V201], always(SILENCE)) as station:
        order = await office.cpms.calls.order(STATION, RENEW)
        await station.came.wait()
        await office.cpms.calls.cancel(order.call_id)
        station.reply = always(TRIGGERED)
        await station.socket.send(f'[3,"{station.frames[0][1]}",{{"status":"Accepted"}}]')
        assert (await carried_out(office, RENEW_V2G)).state is CallState.DONE
        call = await office.cpms.ledger.call(order.call_id)
        assert call is not None
        assert (call.state, call.exchanges[-1].answer) == (CallState.CANCELLED, None)


async def test_a_station_has_so_many_open_calls_and_no_more(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        for _ in range(100):
            await office.cpms.calls.order(STATION, RENEW)
        with pytest.raises(TooManyCalls):
            await office.cpms.calls.order(STATION, RENEW)


async def test_a_call_is_found_again_by_another_process_and_carried_out(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        order = await office.cpms.calls.order(STATION, RENEW)
        await office.steps.until(Step.CALL_PUT_OFF)
    async with open_back_office(tmp_path) as office, answering(office, [Dialect.V201], always(TRIGGERED)):
        assert (await ended(office, order.call_id)).state is CallState.DONE


async def test_what_can_not_be_wanted_is_refused_before_it_is_a_call(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        leaf = office.client().certificate.to_pem()
        with pytest.raises(DemandRefused, match="can't be a root"):
            await office.cpms.calls.order(STATION, InstallCertificate(CSMS_ROOT, leaf))
        assert await office.cpms.ledger.calls_of(STATION) == ()


async def test_what_can_not_be_wanted_any_more_when_its_time_comes_is_not_said(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        await office.cpms.calls.order(STATION, ChangeConfiguration("SecurityProfile", "2"))
        await office.steps.until(Step.CALL_PUT_OFF)
        await office.cpms.ledger.raise_profile(STATION, SecurityProfile.MUTUAL_TLS)
        async with answering(office, [Dialect.S], always({}), profile=3, client=office.client()) as station:
            call = await ended(office, CallId(1))
            assert (call.state, call.end and call.end.reason) == (CallState.REFUSED, Reason.CALL_UNFIT)
            assert not station.frames
