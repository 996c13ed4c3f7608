"""Orders to a test PKI, as the command line gives them, and what they answer. NEVER for production.

The same order is carried out on a folder whose PKI is stopped and, by `control`, in one that runs.
"""

from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec

from chainpilot.errors import OwnError
from chainpilot.pki.crl import RevocationReason
from chainpilot.testpki.cabinet import key_pem
from chainpilot.testpki.faults import Fault, Faults
from chainpilot.testpki.hierarchy import ORGANIZATION
from chainpilot.testpki.office import Issued, Office
from chainpilot.wire.est.paths import Operation

__all__ = [
    "Answer",
    "ExpireOrder",
    "FaultOrder",
    "IssueOrder",
    "NotRunning",
    "Order",
    "RevokeOrder",
    "RollOverOrder",
    "StatusOrder",
    "carry_out",
]

_MAX_DAYS: Final = 365 * 60


class NotRunning(OwnError):
    """A fault is switched in a test PKI that is stopped, whose servers answer nobody."""

    def __init__(self) -> None:
        super().__init__("no test PKI runs in this folder: start it, or start it with `--fault NAME`")


class IssueOrder(msgspec.Struct, frozen=True, tag="issue"):
    """Issue a leaf."""

    label: str
    common_name: str = ""
    csr: str | None = None
    organization: str = ORGANIZATION
    days: Annotated[int, msgspec.Meta(ge=-_MAX_DAYS, le=_MAX_DAYS)] | None = None


class RevokeOrder(msgspec.Struct, frozen=True, tag="revoke"):
    """Revoke what is meant."""

    target: str
    reason: RevocationReason = RevocationReason.UNSPECIFIED


class RollOverOrder(msgspec.Struct, frozen=True, tag="rollover"):
    """Give a CA another key."""

    name: str


class ExpireOrder(msgspec.Struct, frozen=True, tag="expire"):
    """End what is meant."""

    target: str


class StatusOrder(msgspec.Struct, frozen=True, tag="status"):
    """Tell how things stand."""


class FaultOrder(msgspec.Struct, frozen=True, tag="fault"):
    """Switch a fault on or off."""

    name: str
    is_on: bool = True
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    only: Operation | None = None


Order = IssueOrder | RevokeOrder | RollOverOrder | ExpireOrder | StatusOrder | FaultOrder


class Answer(msgspec.Struct, frozen=True):
    """What came of an order: sentences for people, and what was made."""

    said: tuple[str, ...] = ()
    name: str = ""
    """The stem for files of what was made."""
    stack: str = ""
    """PEM certificates, leaf first."""
    key: str = ""
    """The PEM private key, when one was made."""
    refused: str = ""
    """Why nothing was done; empty when it was."""


def carry_out(order: Order, office: Office, faults: Faults | None, at: datetime) -> Answer:
    """Carry out an order at `at` (UTC).

    Args:
        order: which.
        office: open.
        faults: those of the running PKI; None when none runs.
        at: now.

    Raises:
        ChainpilotError: it can't be carried out; nothing was changed.
    """
    match order:
        case IssueOrder():
            return _issue(order, office, at)
        case RevokeOrder(target=target, reason=reason):
            revoked = office.revoke(target, at=at, reason=reason)
            return Answer(tuple(f"revoked {each.subject.common_name}, {each.serial_number:x}" for each in revoked))
        case RollOverOrder(name=name):
            new = office.roll_over(name, at=at)
            return Answer((f"{name} has a new key and certificate, {new.serial_number:x}",), stack=new.to_pem())
        case ExpireOrder(target=target):
            ended = office.expire(target, at=at)
            name = f"{ended.serial_number:x}"
            said = f"{ended.subject.common_name}, {name}, has ended on {ended.not_after:%Y-%m-%d %H:%M} UTC"
            return Answer((said,), name="" if ended.is_ca else name, stack=ended.to_pem())
        case StatusOrder():
            return _status(office, faults, at)
        case FaultOrder():
            return _switch(order, faults)


def _issue(order: IssueOrder, office: Office, at: datetime) -> Answer:
    issued = office.issue(
        order.label,
        at=at,
        common_name=order.common_name,
        csr=order.csr,
        organization=order.organization,
        lifetime=timedelta(days=order.days) if order.days is not None else None,
    )
    key = key_pem(issued.key).decode() if issued.key is not None else ""
    return Answer((_told(issued),), name=issued.file_name, stack=issued.stack, key=key)


def _told(issued: Issued) -> str:
    leaf = issued.certificate
    return f"issued {leaf.subject.common_name}, {leaf.serial_number:x}, until {leaf.not_after:%Y-%m-%d %H:%M} UTC"


def _status(office: Office, faults: Faults | None, at: datetime) -> Answer:
    said = ["running" if faults is not None else "stopped"]
    ports = office.cabinet.ports()
    said += [f"EST {ports.est_url}, OCSP {ports.ocsp_url}"] if ports.est_url else []
    for standing in office.standing():
        times = f", rollovers: {standing.generation}" if standing.generation else ""
        revoked = f", revoked {standing.revoked:%Y-%m-%d %H:%M}" if standing.revoked is not None else ""
        until = "has ended on" if standing.ends <= at else "until"
        said.append(f"{standing.name}: {standing.serial_number:x}, {until} {standing.ends:%Y-%m-%d}{times}{revoked}")
    said.append(f"{len(office.register)} issued, {len(office.revocations)} revoked")
    if faults is not None:
        said += [f"fault {fault.word}: it {faults.told(fault)}" for fault in faults.active]
    return Answer(tuple(said))


def _switch(order: FaultOrder, faults: Faults | None) -> Answer:
    fault = Fault.named(order.name)
    if faults is None:
        raise NotRunning
    if not order.is_on:
        faults.off(fault)
        return Answer((f"{fault.word} is off",))
    faults.on(fault, only=order.only, times=order.times)
    return Answer((f"{fault.word} is on: the test PKI {faults.told(fault)}",))
