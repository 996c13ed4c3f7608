"""What happens in the flows that the CPMS begins: what is wanted of the station, and what the station does then."""

from chainpilot.cpms.model import SecurityProfile, Step
from chainpilot.cpms.model.demands import (
    ChangePassword,
    DeleteCertificate,
    Demand,
    GetLog,
    InstallCertificate,
    Reset,
    SendCertificate,
    SetNetworkProfile,
    SetVariables,
    TriggerMessage,
    VariableName,
    VariableValue,
)
from chainpilot.pki.trust import LeafUse
from chainpilot.station.model import CaCertificateType
from chainpilot.wire import ocpp201
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.words import CertificateUse, MessageTrigger
from chainpilot.wire.security import LogType
from flows.stage import STATION, Cast, Stage
from flows.station import DialectStation

__all__ = [
    "ask_for_renewal",
    "ask_in_the_other_spelling",
    "change_password",
    "delete_root",
    "fetch_log",
    "install_root_as_hex",
    "install_roots",
    "meet",
    "raise_to_profile_3",
    "reset_without_answer",
    "send_again",
    "stay_silent",
    "wait_for_station",
]

_ANSWER_TIME = 30.0
"""Seconds that a station has to answer, by default."""
CSMS_ROOT, V2G_ROOT = CertificateUse.CSMS_ROOT_CERTIFICATE, CertificateUse.V2G_ROOT_CERTIFICATE


async def ask_for_renewal(stage: Stage, cast: Cast) -> None:
    """A station with a certificate is told to ask for the next one."""
    is_plain_16 = cast.dialect is Dialect.S
    await stage.station.come()
    await stage.station.enrol(LeafUse.CSMS if is_plain_16 else LeafUse.V2G)
    await stage.recorder.until(Step.INSTALL_RECORDED)
    await stage.recorder.leave_out("the station is connected, and has the certificate of an earlier enrolment")
    trigger = MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE if is_plain_16 else MessageTrigger.SIGN_V2G_CERTIFICATE
    await _carry_out(stage, TriggerMessage(trigger))
    await stage.recorder.until(Step.INSTALL_RECORDED, 2)


async def ask_in_the_other_spelling(stage: Stage, cast: Cast) -> None:
    """The station knows the trigger as the text of H spells it."""
    await stage.station.come()
    await _carry_out(stage, TriggerMessage(MessageTrigger.SIGN_V2G_CERTIFICATE))
    await stage.recorder.until(Step.INSTALL_RECORDED)


async def install_roots(stage: Stage, cast: Cast) -> None:
    """The store has room for one of two roots."""
    await stage.station.come()
    await _carry_out(stage, _root_of(stage, cast))
    second = (
        InstallCertificate(CSMS_ROOT, stage.other_root("Third Root"))
        if cast.dialect is Dialect.S
        else InstallCertificate(CertificateUse.MO_ROOT_CERTIFICATE, stage.root(CaCertificateType.MO))
    )
    await _carry_out(stage, second)


async def install_root_as_hex(stage: Stage, cast: Cast) -> None:
    """The station reads hexadecimal DER alone."""
    await stage.station.come()
    await _carry_out(stage, _root_of(stage, cast))


async def delete_root(stage: Stage, cast: Cast) -> None:
    """A root that is needed no more."""
    if cast.dialect is Dialect.S:
        use, pem = CSMS_ROOT, stage.other_root("Former Root")
        stage.install_root(CaCertificateType.CSMS, pem)
    else:
        use, pem = V2G_ROOT, stage.root(CaCertificateType.V2G)
    await stage.station.come()
    await _carry_out(stage, DeleteCertificate(certificate=pem, certificate_type=use))


async def meet(stage: Stage, cast: Cast) -> None:
    """Something is wanted of a station that has said nothing yet by which its dialect could be told."""
    await stage.station.come()
    await _carry_out(stage, InstallCertificate(CSMS_ROOT, stage.other_root("Next Root")))


async def wait_for_station(stage: Stage, cast: Cast) -> None:
    """Something is wanted of a station that is not connected."""
    call = await stage.cpms.calls.order(STATION, _root_of(stage, cast))
    await stage.recorder.until(Step.CALL_PUT_OFF)
    await stage.station.come()
    await stage.recorder.until(Step.CALL_ENDED, call=str(call.call_id))


async def change_password(stage: Stage, cast: Cast) -> None:
    """The station takes a new password, and comes with it."""
    await stage.station.come()
    await _carry_out(stage, ChangePassword())
    if cast.dialect is Dialect.V201:
        await _carry_out(stage, Reset())
    await _start_again(stage)
    if cast.dialect is Dialect.V201:
        await stage.recorder.until(Step.PASSWORD_CHANGED)


async def raise_to_profile_3(stage: Stage, cast: Cast) -> None:
    """A station with a client certificate is told the way to the listener that wants it."""
    await stage.station.come()
    await stage.station.enrol(LeafUse.CSMS)
    await stage.recorder.until(Step.INSTALL_RECORDED)
    await stage.recorder.leave_out("the station is connected by password, and has its client certificate")
    host, port = stage.cpms.listeners["3"]
    data = ocpp201.ConnectionData(
        ocpp201.ProfileVersion.OCPP20,
        ocpp201.Transport.JSON,
        f"wss://{host}:{port}/ocpp/{STATION}",
        message_timeout=30,
        security_profile=3,
        ocpp_interface=ocpp201.NetworkInterface.WIRED0,
    )
    priority = VariableName("OCPPCommCtrlr", "NetworkConfigurationPriority")
    await _carry_out(stage, SetNetworkProfile(2, data))
    await _carry_out(stage, SetVariables((VariableValue(priority, "2,1"),)))
    await _carry_out(stage, Reset())
    await _start_again(stage)
    await stage.recorder.until(Step.CLIENT_CERTIFICATE_SEEN)
    await stage.until_reached(SecurityProfile.MUTUAL_TLS)


async def fetch_log(stage: Stage, cast: Cast) -> None:
    """The station uploads its security log, and tells how far it is."""
    await stage.station.come()
    await _carry_out(stage, GetLog(LogType.SECURITY_LOG, "https://logs.example.org/stations"))
    await _by_hand(stage).upload_log()


async def stay_silent(stage: Stage, cast: Cast) -> None:
    """The station is there and answers nothing."""
    await stage.station.come()
    call = await stage.cpms.calls.order(STATION, _root_of(stage, cast))
    for tries in range(1, 6):
        await _let_answer_time_pass(stage, tries)
        if tries < 5:
            await stage.recorder.until(Step.CALL_PUT_OFF, tries)
            wait = 5.0 * 2 ** (tries - 1)
            await stage.clock.until_somebody_sleeps(until=wait)
            stage.let_time_pass(wait, f"{wait:.0f} seconds pass")
    await stage.recorder.until(Step.CALL_ENDED, call=str(call.call_id))


async def reset_without_answer(stage: Stage, cast: Cast) -> None:
    """The station starts again and has not answered."""
    await stage.station.come()
    call = await stage.cpms.calls.order(STATION, Reset())
    await _let_answer_time_pass(stage, 1)
    await stage.recorder.until(Step.CALL_ENDED, call=str(call.call_id))
    await _start_again(stage)


async def send_again(stage: Stage, cast: Cast) -> None:
    """The station is sent the certificate that it was sent before."""
    await stage.station.come()
    await stage.station.enrol(LeafUse.CSMS if cast.dialect is Dialect.S else LeafUse.V2G)
    await stage.recorder.until(Step.INSTALL_RECORDED)
    await stage.recorder.leave_out("the station is connected, and has been sent its certificate before")
    (enrolment,) = await stage.cpms.ledger.enrolments_of(STATION)
    await _carry_out(stage, SendCertificate(enrolment.enrolment_id))


async def _let_answer_time_pass(stage: Stage, times: int) -> None:
    """Until a message that was sent counts as not answered."""
    await stage.recorder.until(Step.CALL_SENT, times)
    await stage.clock.until_somebody_sleeps(until=_ANSWER_TIME)
    await stage.recorder.until_ends_agree()
    stage.let_time_pass(_ANSWER_TIME, f"{_ANSWER_TIME:.0f} seconds pass, and no answer comes")


async def _carry_out(stage: Stage, demand: Demand) -> None:
    call = await stage.cpms.calls.order(STATION, demand)
    await stage.recorder.until(Step.CALL_ENDED, call=str(call.call_id))


async def _start_again(stage: Stage) -> None:
    await stage.recorder.until_ends_agree()
    await _by_hand(stage).start_again()


def _by_hand(stage: Stage) -> DialectStation:
    assert isinstance(stage.station, DialectStation)
    return stage.station


def _root_of(stage: Stage, cast: Cast) -> InstallCertificate:
    """A root that the station lacks, of a kind that its dialect has a word for."""
    if cast.dialect is Dialect.S:
        return InstallCertificate(CSMS_ROOT, stage.other_root("Next Root"))
    return InstallCertificate(V2G_ROOT, stage.root(CaCertificateType.V2G))
