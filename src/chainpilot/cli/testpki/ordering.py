"""Orders to a test PKI: carried out in the folder when it is stopped, handed to it when it runs."""

from pathlib import Path
from typing import Final

import msgspec
import typer

from chainpilot.cli.exits import Exit
from chainpilot.clock import SYSTEM
from chainpilot.pki.crl import RevocationReason
from chainpilot.testpki.cabinet import MARK, FolderInUseError, write_leaf
from chainpilot.testpki.control import give_order
from chainpilot.testpki.faults import Fault
from chainpilot.testpki.hierarchy import ORGANIZATION
from chainpilot.testpki.office import Office
from chainpilot.testpki.orders import (
    Answer,
    ExpireOrder,
    FaultOrder,
    IssueOrder,
    Order,
    RevokeOrder,
    RollOverOrder,
    StatusOrder,
    carry_out,
)
from chainpilot.wire.est.paths import Operation

__all__ = ["expire", "issue", "list_faults", "revoke", "roll_over", "status", "switch_fault"]

_MAX_FILE: Final = 64 * 1024
"""Bytes of a signing request's file read at most."""


def issue(
    directory: Path,
    *,
    label: str,
    common_name: str,
    csr: Path | None,
    organization: str | None,
    days: int | None,
    out: Path | None,
) -> Exit:
    """Issue a leaf and write its files."""
    if bool(common_name) == bool(csr):
        return _wrong("give a common name or a signing request (--csr), one of them")
    request = _request(csr) if csr is not None else None
    try:
        order = msgspec.convert(
            {
                "type": "issue",
                "label": label,
                "common_name": common_name,
                "csr": request,
                "organization": organization or ORGANIZATION,
                "days": days,
            },
            IssueOrder,
        )
    except msgspec.ValidationError as error:
        return _wrong(str(error))
    return _give(directory, order, out or directory / "issued")


def revoke(directory: Path, target: str, reason: str) -> Exit:
    """Revoke what is meant."""
    known = {each.value: each for each in RevocationReason if each is not RevocationReason.REMOVE_FROM_CRL}
    if reason not in known:
        return _wrong(f"{reason!r} is no reason; there are {', '.join(known)} (--reason)")
    return _give(directory, RevokeOrder(target, known[reason]))


def roll_over(directory: Path, name: str) -> Exit:
    """Give a CA another key."""
    return _give(directory, RollOverOrder(name))


def expire(directory: Path, target: str, out: Path | None) -> Exit:
    """End what is meant."""
    return _give(directory, ExpireOrder(target), out or directory / "issued")


def status(directory: Path) -> Exit:
    """Tell how things stand."""
    return _give(directory, StatusOrder())


def switch_fault(directory: Path, name: str, *, is_on: bool, times: int | None, only: str | None) -> Exit:
    """Switch a fault in a running test PKI."""
    operations = {each.value: each for each in Operation}
    if only is not None and only not in operations:
        return _wrong(f"{only!r} is no operation; there are {', '.join(operations)} (--only)")
    concerned = operations[only] if only is not None else None
    return _give(directory, FaultOrder(name, is_on=is_on, times=times, only=concerned))


def list_faults() -> Exit:
    """Every fault there is."""
    for fault in Fault:
        typer.echo(f"{fault.word:<24}{fault.meaning}")
    return Exit.DONE


def _give(directory: Path, order: Order, out: Path | None = None) -> Exit:
    """Give the order, print what is said and write what was made."""
    if not (directory / MARK).is_file():
        typer.echo(f"chainpilot: {directory}: no test PKI has ever run in this folder", err=True)
        return Exit.NOT_FOUND
    answer = _answer(directory, order)
    for line in answer.said:
        typer.echo(line)
    if out is not None and answer.name:
        files = write_leaf(out, answer.name, answer.stack.encode(), answer.key.encode() or None)
        typer.echo("\n".join(str(file) for file in files if file is not None))
    return Exit.DONE


def _answer(directory: Path, order: Order) -> Answer:
    """Who has the folder's lock carries the order out: this process, or the PKI that runs there."""
    at = SYSTEM.now()
    try:
        with Office(directory, at) as office:
            return carry_out(order, office, None, at)
    except FolderInUseError:
        return give_order(directory, order)


def _request(path: Path) -> str:
    """The request's text; one in DER as hexadecimal digits."""
    with path.open("rb") as file:
        content = file.read(_MAX_FILE)
    return content.hex() if content[:1] == b"\x30" else content.decode("utf-8", "replace")


def _wrong(why: str) -> Exit:
    typer.echo(f"chainpilot: {why}", err=True)
    return Exit.USAGE
