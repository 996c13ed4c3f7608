"""What happens in each flow: the station's acts, and the steps that are waited for between them."""

from chainpilot.cpms.model import Step
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.pki.trust import LeafUse
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    AuthorizeRequest,
    Get15118EVCertificateRequest,
    IdToken,
    OcspRequestData,
    PncRequest,
)
from flows.stage import Cast, Stage
from flows.station import DialectStation

__all__ = [
    "ask_for_what_is_not_allowed",
    "ask_what_is_not_served",
    "enrol",
    "enrol_and_return",
    "enrol_while_pending",
    "leave_and_come_back",
    "reject_and_ask_again",
]


async def enrol(stage: Stage, cast: Cast) -> None:
    """The certificate is asked for, issued, delivered and recorded."""
    await stage.station.come()
    await stage.station.enrol(_use(cast))
    await stage.recorder.until(Step.INSTALL_RECORDED)


async def enrol_and_return(stage: Stage, cast: Cast) -> None:
    """The client certificate, and the connection that proves it."""
    await stage.station.come()
    await stage.station.enrol(LeafUse.CSMS)
    await stage.recorder.until(Step.INSTALL_RECORDED)
    await stage.recorder.until_ends_agree()
    await stage.station.return_with_certificate()
    await stage.recorder.until(Step.CLIENT_CERTIFICATE_SEEN)


async def enrol_while_pending(stage: Stage, cast: Cast) -> None:
    """The PKI has not decided when it is asked first."""
    await stage.station.come()
    await stage.station.enrol(_use(cast))
    await stage.recorder.until(Step.POSTPONED)
    await stage.clock.until_somebody_sleeps(until=_WAIT)
    stage.let_time_pass(_WAIT, "time passes until the recorded moment")
    await stage.recorder.until(Step.INSTALL_RECORDED)


_WAIT = 5.0
"""Seconds: the CPMS's own least wait, longer than the test PKI's Retry-After."""


async def ask_for_what_is_not_allowed(stage: Stage, cast: Cast) -> None:
    """The request names another operator than the station's record."""
    await stage.station.come()
    await stage.station.enrol(_use(cast))
    await stage.recorder.until(Step.REQUEST_REFUSED)


async def leave_and_come_back(stage: Stage, cast: Cast) -> None:
    """The station is gone when its certificate is there."""
    use = _use(cast)
    door = stage.held[use].door
    door.clear()
    await stage.station.come()
    await stage.station.enrol(use)
    await stage.recorder.until(Step.SUBMIT_RECORDED)
    await stage.recorder.until_ends_agree()
    await stage.station.leave()
    await stage.until_gone()
    door.set()
    await stage.recorder.until(Step.WAITS_FOR_STATION)
    await stage.station.come()
    await stage.recorder.until(Step.INSTALL_RECORDED)


async def reject_and_ask_again(stage: Stage, cast: Cast) -> None:
    """The station can't verify the certificate, is given the root it lacks, and asks again."""
    use = _use(cast)
    await stage.station.come()
    await stage.station.enrol(use)
    await stage.recorder.until(Step.FAILED)
    stage.install_root(CaCertificateType.V2G)
    await stage.station.enrol(use)
    await stage.recorder.until(Step.INSTALL_RECORDED)


async def ask_what_is_not_served(stage: Stage, cast: Cast) -> None:
    """The calls of a contract's driver and vehicle."""
    station = stage.station
    assert isinstance(station, DialectStation)
    await station.come()
    for request in _UNSERVED:
        await station.ask(request)


_HASH = OcspRequestData(CertificateHashData(HashAlgorithm.SHA256, "aa", "bb", "1"), "http://ocsp.example.org")
_UNSERVED: tuple[PncRequest, ...] = (
    AuthorizeRequest(IdToken("DE8AA1A2B3C4D5"), certificate_hash_data=(_HASH,)),
    Get15118EVCertificateRequest("urn:iso:15118:2:2013:MsgDef", "gAA="),
)


def _use(cast: Cast) -> LeafUse:
    """The SECC certificate, where the dialect has words for it."""
    return LeafUse.CSMS if cast.dialect is Dialect.S else LeafUse.V2G
